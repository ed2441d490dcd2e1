"use strict";

const FEW_STEPS = 100, MANY_STEPS = 400;

// Seconds and bytes of every way to run.
class Model extends Memory {
  // advisor/model/estimators/serial.py
  serial(way) {
    const s = this.s, m = s.items, bare = way.launch === "execute_in_process";
    const o = bare ? s.overhead.execute_in_process : s.overhead.in_process;
    const stages = this.stepsOf(way), steps = this.steps(way);
    const step = o.step_s + o.step_growth_s * steps * stages;
    let coordinate = step * (steps * stages + s.before_steps + 1 + s.after_steps) + o.fan_out_output_s * steps;
    if (s.after_steps) coordinate += o.collect_input_s * steps;
    coordinate += eventPrice(o) * this.events * this.count;
    if (!bare) coordinate += 2 * o.claim_s * steps * this.poolsOf(way).filter(Boolean).length;
    let moved = 0;
    if (!bare || !s.in_memory) {
      moved = sum(this.endsTransfer(way));
      if (this.isBatched(way)) moved += sum(this.transfers(way));
      else moved += sum(this.order.map((i) => sum(this.stages.map((x) => x.load[i] + x.store[i]))));
    }
    const first = this.firstCalls(way, this.stages, "first"), started = this.workerStart(way);
    const items = Math.min(way.workers_in_op, way.batch_size) > 1
      ? sum(this.batches(way)) : sum(this.order.map((i) => this.wall[i]));
    const own = this.fanOut + m.upstream_s + m.collect_s + first.cpu + first.wait
      + sum(this.stages.map((x) => x.resources.cpu_s + x.resources.wait_s))
      + steps * sum(this.stages.map((x) => x.share * (x.hooks.cpu_s + x.hooks.wait_s)));
    const launch = o.start_s + o.end_s + steps * (started.cpu + started.wait);
    return { launch, seconds: own + items + launch + moved + coordinate, before: launch + this.fanOut + m.upstream_s, items };
  }
  overheadOf(way) {
    const price = this.s.overhead.multiprocess[this.methodOf(way)];
    if (!this.isWarm(way)) return price;
    const wall = (x) => x.cpu_s + x.wait_s;
    const imported = sum(this.stages.map((x) => wall(x.first) - Math.min(wall(x.first), wall(x.preloaded))));
    return { ...price, server_start_s: price.server_start_s + imported };
  }
  step(wall, cpu, load, store, stages, first, events, messages) {
    const threads = wall > 0 ? Math.max(1, cpu / wall) : 1;
    return {
      cpu, wait: Math.max(0, wall - cpu / threads), threads, load, store,
      first: first.cpu + sum(stages.map((x) => x.hooks.cpu_s)),
      firstWait: first.wait + sum(stages.map((x) => x.hooks.wait_s)),
      outputs: 0, inputs: 0, events, messages,
      ioWait: Math.max(...stages.map((x) => x.io_wait_share)),
      resources: sum(stages.map((x) => x.resources.cpu_s)),
      resourcesWait: sum(stages.map((x) => x.resources.wait_s)),
    };
  }
  mapped(way, limit) {
    const call = this.isWarm(way) ? "preloaded" : "first";
    if (!this.isBatched(way)) {
      const chains = new Map(), order = this.thinned(limit);
      for (const i of order) if (!chains.has(i)) chains.set(i, this.stages.map((x) => (x.taken && !x.taken[i]) ? null
        : this.step(x.wall[i], x.cpu[i], x.load[i], x.store[i], [x], this.firstCalls(way, [x], call), x.events, x.messages)));
      return order.map((i) => chains.get(i));
    }
    const started = this.workerStart(way), extra = this.firstCalls(way, this.stages, call);
    const first = { cpu: started.cpu + extra.cpu, wait: started.wait + extra.wait };
    const walls = this.batches(way, limit), moved = this.transfers(way, limit);
    return this.dealt(way, limit).map((batch, n) => {
      const half = moved[n] / 2;
      return [this.step(walls[n], sum(batch.map((i) => this.cpu[i])), half, half, this.stages, first,
        this.events * way.batch_size, this.messages * way.batch_size)];
    });
  }
  timeline(way, steps, drawn = false) {
    const s = this.s, m = s.items;
    const mapped = this.mapped(way, steps), share = mapped.length / this.steps(way);
    const [stored, loaded] = this.endsTransfer(way);
    const plain = (cpu, changes = {}) => ({
      cpu, wait: 0, threads: 1, load: 0, store: 0, first: 0, firstWait: 0, resources: 0,
      resourcesWait: 0, outputs: 0, inputs: 0, ioWait: 0, events: 0, messages: 0, ...changes,
    });
    const upstream = plain(m.upstream_s / Math.max(1, s.before_steps));
    const before = [...new Array(s.before_steps).fill(upstream),
      plain(this.fanOut * share, { store: share * stored, outputs: mapped.length, ioWait: m.yielded?.wait_share ?? 0 })];
    const after = s.after_steps
      ? [plain(m.collect_s * share, { load: share * loaded, inputs: mapped.length, ioWait: m.collected?.wait_share ?? 0 }),
        ...new Array(s.after_steps - 1).fill(plain(0))] : [];
    const alone = this.outside(way.workers_in_op);
    const run = new MultiprocessRun(
      this.overheadOf(way),
      {
        before, mapped, after, depthFirst: s.depth_first || way.depth_first, total: this.steps(way),
        limits: { pools: s.pool_limits, tags: s.tag_limits, stagePools: this.poolsOf(way), stageTags: this.tagsOf(way) },
      },
      this.capacity, way.max_concurrent, (working) => this.outside(way.workers_in_op * working) / alone, drawn,
    );
    return { seconds: run.run(), bars: run.bars };
  }
  // advisor/model/scheduling.py: a long run's seconds, from two shorter ones.
  extrapolated(steps, slots, run) {
    const waves = Math.floor((steps - FEW_STEPS) / slots);
    if (steps <= 2 * MANY_STEPS || waves < 2) return run(steps);
    const few = steps - waves * slots;
    const many = steps - Math.min(Math.floor((steps - MANY_STEPS) / slots), waves - 1) * slots;
    const fewer = run(few), more = run(many);
    return more + (more - fewer) / (many - few) * (steps - many);
  }
  multiprocess(way) {
    return this.extrapolated(this.steps(way), this.stepsAtOnce(way), (steps) => this.timeline(way, steps).seconds);
  }
  // advisor/model/estimators/event_loop.py
  loopChains() {
    const o = this.s.overhead.in_process, half = (o.step_s + o.step_growth_s * this.count * this.stages.length) / 2;
    return this.wall.map((_, i) => this.stages.map(({ wall, cpu, held, load, store }) => {
      const holding = Math.min(wall[i], (held ?? cpu)[i]);
      return { before: half + load[i] + holding, wait: wall[i] - holding, after: half + store[i] };
    }));
  }
  loop(way, steps, chains = this.loopChains(), bars = null) {
    const slows = (n) => [n ? this.beyond("thread", n) : 1, 1];
    return Math.max(...simulateLoop(this.thinned(steps).map((i) => chains[i]), this.stepsAtOnce(way), slows, 1, bars));
  }
  async(way) {
    const chains = this.loopChains();
    const alone = chains.map((chain) => sum(chain.map((work) => work.before + work.wait + work.after)));
    const together = this.extrapolated(this.count, this.stepsAtOnce(way), (steps) => this.loop(way, steps, chains));
    return this.serial(way).seconds - sum(this.order.map((i) => alone[i])) + together;
  }
  // advisor/model/rate.py: seconds that no way can be below at the service's rate.
  leastAtRate(way) {
    const { rate, items, overhead, before_steps, after_steps } = this.s;
    if (!rate) return 0;
    let least = this.fanOut + items.upstream_s + items.collect_s;
    if (way.executor === "multiprocess") {
      const o = overhead.multiprocess[this.methodOf(way)], child = o.boot_s + o.prepare_s + o.load_s + o.finish_s + o.exit_s;
      least += o.start_s + o.end_s + o.server_start_s + (2 + before_steps + after_steps) * child;
    } else if (way.executor === "in_process") least += this.serial(way).launch;
    return least * (way.correction ?? 1) + Math.max(0, this.count - rate.after_calls) / rate.per_s + this.startOf(way);
  }
  // Whether the rate feeds all that run in parallel.
  keepsBusy(way) {
    const { rate, overhead } = this.s;
    if (!rate) return true;
    const o = way.executor === "multiprocess" ? overhead.multiprocess[this.methodOf(way)] : null;
    const bare = way.launch === "execute_in_process" ? overhead.execute_in_process : overhead.in_process;
    const step = o ? o.parent_step_s / 3 + o.parent_wait_s + o.boot_s + o.prepare_s + o.load_s + o.finish_s + o.exit_s : bare.step_s;
    const each = mean(this.wall) + step * way.workers_in_op / way.batch_size;
    return way.max_concurrent * way.workers_in_op <= rate.per_s * each + 1;
  }
  startOf(way) { return (way.launch === "cli" ? this.s.overhead.cli_start_s || 0 : 0) + this.s.run_start_s; }
  // Seconds of one way, at the rate that the service allows.
  estimate(way) {
    if (this.under(way) !== this) return this.under(way).estimate(way);
    const alone = way.executor === "in_process" ? this.serial(way).seconds : this[way.executor](way);
    const touch = this.firstTouch(way) * (way.correction ?? 1);
    return Math.max(alone * (way.correction ?? 1) + this.startOf(way), this.leastAtRate(way)) + touch;
  }
}
