// The model of advisor/model in the page: the same formulas and the same event-driven simulation,
// held against it by golden cases (tests/render/test_page_model.py). Not here: async, pods, branches,
// and limits of an item's own threads.
"use strict";

const TICK_S = 0.02, SMALLEST_S = 0.005, BEFORE = -1, AFTER = -2;
const FEW_STEPS = 100, MANY_STEPS = 400, SIMULATED_ITEMS = 1000;

class Heap {
  constructor() { this.a = []; }
  get top() { return this.a[0]; }
  static before(x, y) { return x.at < y.at || (x.at === y.at && x.sequence < y.sequence); }
  push(entry) {
    const a = this.a;
    let i = a.push(entry) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (!Heap.before(a[i], a[up])) break;
      [a[i], a[up]] = [a[up], a[i]];
      i = up;
    }
  }
  pop() {
    const a = this.a, first = a[0], last = a.pop();
    if (a.length) {
      a[0] = last;
      for (let i = 0; ;) {
        let least = i;
        for (const child of [2 * i + 1, 2 * i + 2])
          if (child < a.length && Heap.before(a[child], a[least])) least = child;
        if (least === i) break;
        [a[i], a[least]] = [a[least], a[i]];
        i = least;
      }
    }
    return first;
  }
}

// advisor/model/processor_sharing.py
class Sharing {
  constructor(cores) {
    Object.assign(this, {
      now: 0, cpuUsed: 0, cores, threads: 0, slowsComputing: 1, slowsWaiting: 1, pace: 1,
      computed: 0, waited: 0, computing: new Heap(), waiting: new Heap(), sequence: 0,
    });
  }
  compute(cpu, threads, then) {
    this.cpuUsed += cpu;
    this.runnable(threads);
    this.computing.push({ at: this.computed + cpu / threads, sequence: ++this.sequence, threads, then });
  }
  wait(seconds, then) {
    this.waiting.push({ at: this.waited + seconds, sequence: ++this.sequence, then });
  }
  slow(computing, waiting) {
    this.slowsComputing = computing;
    this.slowsWaiting = waiting;
    this.runnable(0);
  }
  runnable(more) {
    this.threads += more;
    const crowd = this.threads / this.cores;
    this.pace = crowd > 1 ? this.slowsComputing * crowd : this.slowsComputing;
  }
  next() {
    const woken = this.waiting.top
      ? this.now + (this.waiting.top.at - this.waited) * this.slowsWaiting : Infinity;
    const done = this.computing.top
      ? this.now + (this.computing.top.at - this.computed) * this.pace : Infinity;
    return done < woken ? [done, true] : [woken, false];
  }
  advanceTo(until) {
    const passed = until - this.now;
    this.computed += passed / this.pace;
    this.waited += passed / this.slowsWaiting;
    this.now = until;
  }
  happen(limit = Infinity) {
    const [at, computed] = this.next();
    if (at > limit || at === Infinity) {
      if (limit < Infinity) this.advanceTo(limit);
      return false;
    }
    const passed = at - this.now;
    this.now = at;
    let entry;
    if (computed) {
      this.waited += passed / this.slowsWaiting;
      entry = this.computing.pop();
      this.computed = entry.at;
      this.runnable(-entry.threads);
    } else {
      this.computed += passed / this.pace;
      entry = this.waiting.pop();
      this.waited = entry.at;
    }
    entry.then();
    return true;
  }
}

// advisor/model/event_loop.py: when each chain is complete.
function simulateLoop(chains, maxConcurrent, slower, atOnce) {
  const sharing = new Sharing(atOnce), ended = new Array(chains.length).fill(0);
  const runnable = chains.map((_, item) => [item, 0]);
  let head = 0, active = 0, slowedBy = 0;
  const fill = () => {
    while (head < runnable.length && active < maxConcurrent) {
      const [item, stage] = runnable[head++];
      const work = chains[item][stage];
      active++;
      sharing.compute(work.before, 1, () =>
        sharing.wait(work.wait, () =>
          sharing.compute(work.after, 1, () => {
            active--;
            if (stage + 1 < chains[item].length) runnable.push([item, stage + 1]);
            else ended[item] = sharing.now;
            fill();
          })));
    }
    if (active !== slowedBy) {
      slowedBy = active;
      const [waiting, computing] = slower(active);
      sharing.slow(computing, waiting);
    }
  };
  fill();
  while (sharing.happen());
  return ended;
}

function takingTurns(wall, cpu) {
  const busy = Math.min(wall, cpu);
  return { before: busy / 2, wait: wall - busy, after: busy / 2 };
}

// advisor/model/pools.py and tag_slots.py: what holds steps back, by pool or by tag.
class Limits {
  constructor({ pools = {}, tags = {}, stagePools = [], stageTags = [] }) {
    Object.assign(this, { pools, tags, stagePools, stageTags, again: new Heap(), sequence: 0, blocked: new Map() });
    const each = (start) => Object.fromEntries(Object.keys(pools).map((pool) => [pool, start()]));
    Object.assign(this, { assigned: each(() => new Set()), pending: each(() => []) });
    this.running = Object.fromEntries(Object.keys(tags).map((tag) => [tag, 0]));
  }
  get dueAt() { return this.again.top ? this.again.top.at : Infinity; }
  poolOf([item, stage]) { return (item >= 0 && this.stagePools[stage]) || null; }
  tagsOf([item, stage]) { return (item >= 0 && this.stageTags[stage]) || []; }
  isFull(step) { return this.tagsOf(step).some((tag) => this.running[tag] >= this.tags[tag]); }
  count(step, more) { for (const tag of this.tagsOf(step)) this.running[tag] += more; }
  claim(pool, step, now) {
    const assigned = this.assigned[pool], key = `${step}`, before = this.blocked.get(key) ?? 0;
    if (!before && assigned.size < this.pools[pool]) assigned.add(key);
    if (assigned.has(key)) { this.blocked.delete(key); return true; }
    if (!before) this.pending[pool].push(key);
    this.blocked.set(key, before + 1);
    this.again.push({ at: now + Math.min(15, 1 + 1.1 ** Math.min(before, 30) - 1), sequence: ++this.sequence, step, pool });
    return false;
  }
  free(pool, step) {
    this.assigned[pool].delete(`${step}`);
    if (this.pending[pool].length) this.assigned[pool].add(this.pending[pool].shift());
  }
}

// advisor/model/timeline.py
class MultiprocessRun {
  constructor(overhead, plan, cores, maxConcurrent, stretch, drawn) {
    Object.assign(this, {
      o: overhead, plan, max: maxConcurrent, stretch, bars: drawn ? [] : null, lanes: [],
      sharing: new Sharing(cores), factors: new Map(), piecesOf: new Map(), items: plan.mapped.length,
      runnable: [], head: 0, parentCpu: 0, debt: 0, working: 0,
      serverStarted: overhead.server_start_s <= 0,
    });
    this.total = plan.total || this.items;
    this.stages = this.items ? plan.mapped[0].length : 0;
    this.left = this.items * this.stages;
    this.turn = overhead.parent_step_s / 12;
    this.limits = new Limits(plan.limits || {});
  }
  workOf(item, stage) {
    if (item >= 0) return this.plan.mapped[item][stage];
    return item === BEFORE ? this.plan.before[stage] : this.plan.after[stage];
  }
  pieces(work) {
    const o = this.o;
    const piece = (cpu, phase, messages = 0, wait = 0, threads = 1) =>
      ({ cpu, phase, messages, wait, threads });
    const own = (seconds, phase, messages, moved = 0, wait = 0) => piece(
      seconds * (1 - o.wait_share) + moved * (1 - work.ioWait), phase, messages,
      wait + seconds * o.wait_share + moved * work.ioWait);
    const prepared = own(o.prepare_s, "start", 4, 0, work.resourcesWait);
    prepared.cpu += o.plan_item_s * this.total + work.resources;
    const load = o.load_s + o.collect_input_s * Math.max(0, work.inputs - 1);
    return [
      own(o.boot_s, "start", 1),
      prepared,
      own(load, "store", 2 * Math.max(1, work.inputs), work.load),
      piece(work.first, "work", 0, work.firstWait),
      piece(work.cpu, "work", 0, work.wait, work.threads),
      ...(work.events > 0 ? [own(eventPrice(o) * work.events, "store", Math.round(work.messages))] : []),
      ...Array.from({ length: Math.max(0, work.outputs - 1) }, () => own(o.fan_out_output_s, "store", 2)),
      own(o.finish_s, "store", 4, work.store),
      own(o.exit_s, "exit", 0),
    ];
  }
  nextPiece(child) {
    const sharing = this.sharing;
    while (child.next < child.pieces.length) {
      const piece = child.pieces[child.next];
      let { cpu, wait } = piece;
      if (piece.phase === "work") {
        this.working++;
        if (!this.factors.has(this.working)) this.factors.set(this.working, this.stretch(this.working));
        cpu *= this.factors.get(this.working);
        wait *= this.factors.get(this.working);
      }
      child.entered = sharing.now;
      const done = () => { this.finishPiece(child); this.nextPiece(child); };
      if (cpu > 0) {
        sharing.compute(cpu, piece.threads, () => (wait > 0 ? sharing.wait(wait, done) : done()));
        return;
      }
      if (wait > 0) { sharing.wait(wait, done); return; }
      this.finishPiece(child);
    }
    child.exited = true;
  }
  finishPiece(child) {
    const piece = child.pieces[child.next];
    if (piece.phase === "work") this.working--;
    if (this.bars && this.sharing.now > child.entered)
      this.bars.push([child.lane, child.entered, this.sharing.now, piece.phase, child.item]);
    child.queued += piece.messages;
    child.next++;
    child.allSent = child.next >= child.pieces.length - 1;
  }
  spend(cpu) {
    this.debt += cpu;
    if (this.debt >= SMALLEST_S) {
      this.parentCpu += this.debt;
      this.block(this.debt);
      this.debt = 0;
    }
  }
  block(cpu, wait = 0) {
    let done = false;
    this.sharing.compute(cpu, 1, () => this.sharing.wait(wait, () => { done = true; }));
    while (!done) this.sharing.happen();
  }
  makeRunnable(item, stage, stages) {
    if (stage < stages) this.runnable.push([item, stage]);
    return stage < stages;
  }
  afterSerial(stage) {
    if (this.makeRunnable(BEFORE, stage, this.plan.before.length)) return;
    if (this.items) for (let i = 0; i < this.items; i++) this.runnable.push([i, 0]);
    else this.makeRunnable(AFTER, 0, this.plan.after.length);
  }
  hasSlot(step, pool = this.limits.poolOf(step)) {
    if (!pool) return true;
    this.spend(this.o.claim_s);
    const granted = this.limits.claim(pool, step, this.sharing.now);
    if (!granted) this.spend(this.turn);
    return granted;
  }
  nextStep() {
    const { limits, runnable } = this, passed = [];
    while (limits.dueAt <= this.sharing.now) {
      const { step, pool } = limits.again.pop();
      if (this.hasSlot(step, pool)) return step;
    }
    let found = null;
    while (this.head < runnable.length && !found) {
      const step = runnable[this.head++];
      if (limits.isFull(step)) {
        passed.push(step);
        if (Array.from({ length: this.stages }).every((_, stage) => limits.isFull([0, stage]))) break;
      } else if (this.hasSlot(step)) found = step;
    }
    while (passed.length) runnable[--this.head] = passed.pop();
    return found;
  }
  fill(active) {
    while (active.length < this.max) {
      const step = this.nextStep();
      if (step) {
        this.limits.count(step, 1);
        let lane = this.lanes.indexOf(false);
        if (lane < 0) lane = this.lanes.push(true) - 1;
        this.lanes[lane] = true;
        active.push({ item: step[0], stage: step[1], lane, pieces: [], next: 0, state: 0, queued: 0 });
      } else if (!active.length && this.limits.again.top) {
        while (this.sharing.happen(this.limits.dueAt));
      } else return;
    }
  }
  succeeded(child) {
    const step = [child.item, child.stage], pool = this.limits.poolOf(step);
    this.limits.count(step, -1);
    if (pool) { this.spend(this.o.claim_s); this.limits.free(pool, step); }
    if (child.item === BEFORE) this.afterSerial(child.stage + 1);
    else if (child.item === AFTER) this.makeRunnable(AFTER, child.stage + 1, this.plan.after.length);
    else {
      this.left--;
      if (child.stage + 1 < this.stages) {
        const following = [child.item, child.stage + 1];
        if (this.plan.depthFirst) this.runnable.splice(this.head, 0, following);
        else this.runnable.push(following);
      }
      if (this.left === 0) this.makeRunnable(AFTER, 0, this.plan.after.length);
    }
  }
  visit(child) {
    if (child.state === 0) {
      child.state = 1;
      this.spend(this.turn);
      if (this.o.parent_wait_s > 0) this.block(0, this.o.parent_wait_s);
      return false;
    }
    if (child.state === 1) {
      child.state = 2;
      if (!this.serverStarted) { this.serverStarted = true; this.block(this.o.server_start_s); }
      const work = this.workOf(child.item, child.stage);
      if (!this.piecesOf.has(work)) this.piecesOf.set(work, this.pieces(work));
      child.pieces = this.piecesOf.get(work);
      this.nextPiece(child);
    }
    const limit = this.sharing.now + TICK_S;
    while (!child.queued) if (!this.sharing.happen(limit)) return false;
    child.queued--;
    this.spend(this.turn);
    if (!child.allSent || child.queued > 1) return false;
    if (!child.handled) { child.handled = true; this.succeeded(child); }
    if (child.queued) return false;
    while (!child.exited) this.sharing.happen();
    this.lanes[child.lane] = false;
    return true;
  }
  skipAhead(active) {
    if (active.some((child) => child.queued || child.state < 2)) return;
    const round = TICK_S * active.length, due = active.length < this.max ? this.limits.dueAt : Infinity;
    const ahead = Math.min(this.sharing.next()[0], due) - this.sharing.now;
    if (round < ahead && ahead < Infinity)
      this.sharing.advanceTo(this.sharing.now + Math.floor(ahead / round) * round);
  }
  run() {
    this.spend(this.o.start_s);
    this.afterSerial(0);
    let active = [];
    while (active.length || this.head < this.runnable.length || this.limits.again.top) {
      this.fill(active);
      this.skipAhead(active);
      const queued = this.runnable.length - this.head;
      if (queued) this.spend(this.o.turn_item_s * (queued + (this.total - this.items) / 2));
      active = active.filter((child) => !this.visit(child));
    }
    this.spend(this.o.end_s);
    return this.sharing.now;
  }
}

const sum = (values) => values.reduce((total, value) => total + value, 0);
// advisor/domain/overhead.py: EVENTS_PER_OUTPUT of an output that is stored in a file
const eventPrice = (o) => (o.fan_out_output_s - o.output_store_s) / (o.output_events ?? 3);
const mean = (values) => (values.length ? sum(values) / values.length : 0);

// A scenario with the sliders' values: what advisor/model/setting.py and items.py make of them.
class Model {
  constructor(scenario, { items, scale = 1, cores, memory_bytes, lists = {}, deals = {} } = {}) {
    const s = scenario, m = s.items;
    this.s = s;
    this.count = items ?? m.count;
    this.cores = cores ?? s.cores;
    this.memory = memory_bytes ?? s.memory_bytes;
    const busy = s.cpu_scaling.filter((x) => x.workers > 1 && x.workers <= this.cores);
    const widest = busy.reduce((best, x) => (best && best.workers >= x.workers ? best : x), null);
    this.capacity = Math.max(1, widest
      ? Math.max(1, this.cores / Math.max(1, widest.slowdown)) : this.cores);
    this.stages = m.stages.map((stage) => this.onCores(stage, scale));
    const totals = (name) => m.stages[0].wall.map((_, i) => sum(this.stages.map((x) => x[name][i])));
    this.wall = totals("wall");
    this.cpu = totals("cpu");
    this.events = sum(m.stages.map((stage) => stage.events));
    this.messages = sum(m.stages.map((stage) => stage.messages));
    this.fanOut = m.fan_out_item_s * this.count;
    Object.assign(this, { lists, deals });
    this.order = this.orderOf(this.count);
    this.alone = s.contention.alone_s * scale;
    this.aloneCpu = s.contention.cpu_s * scale;
  }
  // advisor/model/other_cores.py, from one core on: an item's own threads have fewer cores.
  onCores(stage, scale) {
    const threads = stage.wall.map((wall, i) => Math.max(1, stage.cpu[i] / Math.max(wall, 1e-12)));
    const wall = stage.wall.map((x, i) => scale
      * (Math.max(0, x - stage.cpu[i] / threads[i]) + stage.cpu[i] / Math.min(threads[i], this.capacity)));
    return { ...stage, wall, cpu: stage.cpu.map((x) => x * scale) };
  }
  orderOf(length) {
    const m = this.s.items;
    if (this.lists[length]) return this.lists[length];
    if (length === m.count) return m.order;
    return Array.from({ length }, (_, i) => m.rounds[i % m.rounds.length]);
  }
  // advisor/model/contention.py
  between(points, workers) {
    if (!points.length || workers <= 1) return 1;
    const counts = [1], slowed = [1];
    for (const [n, x] of points) {
      counts.push(n);
      slowed.push(Math.max(x, slowed[slowed.length - 1]));
    }
    const log = Math.log, last = counts.length - 1;
    if (workers <= counts[last]) {
      const i = Math.max(1, counts.findIndex((n) => workers <= n));
      const at = (log(workers) - log(counts[i - 1])) / (log(counts[i]) - log(counts[i - 1]));
      return Math.exp(log(slowed[i - 1]) + at * (log(slowed[i]) - log(slowed[i - 1])));
    }
    const slope = Math.min(1, (log(slowed[last]) - log(slowed[last - 1])) / (log(counts[last]) - log(counts[last - 1])));
    return slowed[last] * (workers / counts[last]) ** slope;
  }
  outside(items) {
    const { thread_points: threads, process_points: processes, in_process } = this.s.contention;
    const last = Math.max(1, ...processes.map(([n]) => n));
    if (this.between(threads, last) > in_process * this.between(processes, last))
      return this.between(processes, items);
    return this.between([...processes, ...threads.filter(([n]) => n > last)], items);
  }
  beyond(kind, workers) {
    return kind === "process" ? this.outside(workers) : this.between(this.s.contention.thread_points, workers);
  }
  turnsAt(kind) {
    if (kind === "thread" && !this.s.contention.gives_up_lock) return 1;
    return Math.max(1, this.capacity / Math.max(1, this.aloneCpu / Math.max(this.alone, 1e-9)));
  }
  // advisor/model/listing.py, save that nothing is drawn here: lists and deals may be given.
  thinned(length) {
    if (length >= this.count) return this.order;
    if (this.lists[length]) return this.lists[length];
    return Array.from({ length }, (_, i) => this.order[Math.floor((i + 0.5) * this.count / length)]);
  }
  dealt(way, limit = Infinity) {
    const count = this.steps(way), given = this.deals[count];
    return Array.from({ length: Math.min(limit, count) }, (_, n) => (given
      ? given[n].filter((place) => place >= 0).map((place) => this.order[place])
      : this.order.filter((_, i) => i % count === n)));
  }
  // advisor/model/batches.py
  batches(way, limit) {
    const kind = way.worker_kind, dealt = this.dealt(way, limit);
    const workers = Math.min(way.workers_in_op, Math.ceil(this.count / this.steps(way)));
    const total = (calls) => sum(calls.map((i) => this.wall[i]));
    if (workers <= 1 || !kind) return dealt.map(total);
    const chains = this.wall.map((wall, i) => [takingTurns(wall, this.cpu[i])]);
    const slows = (n) => { const x = this.beyond(kind, n); return n ? [x, x] : [1, 1]; };
    const run = (calls) =>
      Math.max(...simulateLoop(calls.map((i) => chains[i]), workers, slows, this.turnsAt(kind)));
    return dealt.map((batch) => {
      const most = Math.max(SIMULATED_ITEMS, 4 * workers);
      if (batch.length <= most) return run(batch);
      const many = Array.from({ length: most }, (_, i) => batch[Math.floor((i + 1) * batch.length / most) - 1]);
      const few = many.slice(Math.floor(most / 2));
      const whole = run(many), work = total(many);
      return whole + (whole - run(few)) / Math.max(1e-12, work - total(few)) * (total(batch) - work);
    });
  }
  transfers(way, limit) {
    const stages = this.stages, first = stages[0].load, last = stages[stages.length - 1].store;
    const { yielded, collected } = this.s.items;
    const rest = first.map((x, i) => (yielded ? 0 : x) + (collected ? 0 : last[i]));
    const fixed = Math.min(this.s.overhead.transfer_s, mean(rest));
    const load = (further) => (yielded ? yielded.load_s + yielded.load_more_s * further : 0);
    const store = (further) => (collected ? collected.store_s + collected.store_more_s * further : 0);
    return this.dealt(way, limit).map((batch) => load(batch.length - 1) + store(batch.length - 1)
      + fixed + sum(batch.map((i) => Math.max(0, rest[i] - fixed))));
  }
  workerStart(way) {
    if (way.worker_kind !== "process") return { cpu: 0, wait: 0 };
    const extras = this.stages.flatMap((stage) => [stage.first, stage.resources]);
    const rounds = Math.max(1, way.workers_in_op / this.capacity);
    return {
      cpu: this.s.overhead.process_start_s + rounds * sum(extras.map((x) => x.cpu_s)),
      wait: sum(extras.map((x) => x.wait_s)),
    };
  }
  firstCalls(way, stages, call) {
    if (way.worker_kind === "process" || call === "later") return { cpu: 0, wait: 0 };
    return { cpu: sum(stages.map((x) => x[call].cpu_s)), wait: sum(stages.map((x) => x[call].wait_s)) };
  }
  isBatched(way) { return way.batch_size > 1 || way.workers_in_op > 1; }
  steps(way) { return Math.ceil(this.count / way.batch_size); }
  endsTransfer(way) {
    const m = this.s.items, o = this.s.overhead, steps = this.steps(way), rest = this.count - steps;
    const tiny = steps * o.transfer_s / 2, { yielded, collected } = m;
    return [
      yielded ? Math.max(0, steps * yielded.store_s + rest * yielded.store_more_s - tiny)
        : o.store_byte_s * m.input_bytes * this.count,
      !this.s.after_steps ? 0
        : collected ? Math.max(0, steps * collected.load_s + rest * collected.load_more_s - tiny)
        : o.load_byte_s * m.output_bytes * this.count,
    ];
  }
  // advisor/model/estimators/serial.py
  serial(way) {
    const s = this.s, m = s.items, bare = way.launch === "execute_in_process";
    const o = bare ? s.overhead.execute_in_process : s.overhead.in_process;
    const stages = this.isBatched(way) ? 1 : this.stages.length, steps = this.steps(way);
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
      + steps * sum(this.stages.map((x) => x.hooks.cpu_s + x.hooks.wait_s));
    const launch = o.start_s + o.end_s + steps * (started.cpu + started.wait);
    return { launch, seconds: own + items + launch + moved + coordinate, before: launch + this.fanOut + m.upstream_s, items };
  }
  // advisor/model/setting.py
  poolsOf(way) {
    const pools = this.s.stage_pools;
    return this.isBatched(way) ? [pools.find(Boolean) || null] : pools;
  }
  tagsOf(way) {
    const tags = this.s.stage_tags;
    return this.isBatched(way) && tags.length ? [[...new Set(tags.flat())]] : tags;
  }
  stepsAtOnce(way) {
    const pools = this.poolsOf(way), tags = this.tagsOf(way), limit = this.s.tag_limits;
    const most = [way.max_concurrent];
    if (tags.length && tags.every((names) => names.length))
      most.push(sum([...new Set(tags.map((names) => names.reduce((a, b) => (limit[b] < limit[a] ? b : a))))].map((name) => limit[name])));
    if (pools.length && pools.every(Boolean)) most.push(sum([...new Set(pools)].map((pool) => this.s.pool_limits[pool])));
    return Math.min(...most);
  }
  // advisor/model/rate.py: seconds that no way can be below at the service's rate.
  leastAtRate(way) {
    const { rate, items, overhead, before_steps, after_steps } = this.s;
    if (!rate) return 0;
    let least = this.fanOut + items.upstream_s + items.collect_s;
    if (way.executor === "multiprocess") {
      const o = overhead.multiprocess[this.methodOf(way)], child = o.boot_s + o.prepare_s + o.load_s + o.finish_s + o.exit_s;
      least += o.start_s + o.end_s + o.server_start_s + (2 + before_steps + after_steps) * child;
    } else least += this.serial(way).launch;
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
  // advisor/model/estimators/multiprocess.py
  methodOf(way) { return way.start_method !== "forkserver" ? "spawn" : this.isWarm(way) ? "warm_forkserver" : "forkserver"; }
  isWarm(way) { return way.start_method === "forkserver" && way.preload_modules.length > 0; }
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
      for (const i of order) if (!chains.has(i)) chains.set(i, this.stages.map((x) =>
        this.step(x.wall[i], x.cpu[i], x.load[i], x.store[i], [x], this.firstCalls(way, [x], call), x.events, x.messages)));
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
  multiprocess(way) {
    const steps = this.steps(way), slots = this.stepsAtOnce(way);
    const waves = Math.floor((steps - FEW_STEPS) / slots);
    if (steps <= 2 * MANY_STEPS || waves < 2) return this.timeline(way, steps).seconds;
    const few = steps - waves * slots;
    const many = steps - Math.min(Math.floor((steps - MANY_STEPS) / slots), waves - 1) * slots;
    const fewer = this.timeline(way, few).seconds, more = this.timeline(way, many).seconds;
    return more + (more - fewer) / (many - few) * (steps - many);
  }
  // Seconds of one way, at the rate that the service allows.
  estimate(way) {
    const alone = way.executor === "multiprocess" ? this.multiprocess(way) : this.serial(way).seconds;
    const touch = this.firstTouch(way) * (way.correction ?? 1);
    return Math.max(alone * (way.correction ?? 1) + this.startOf(way), this.leastAtRate(way)) + touch;
  }
  // advisor/model/first_touch.py, memory.py
  firstTouch(way) {
    const s = this.s.items;
    if (!s.first_touch_byte_s) return 0;
    const m = { ...s, peak_rss_bytes: s.grown_rss_bytes + s.input_bytes };
    const calls = way.worker_kind === "thread" ? { ...way, workers_in_op: 1, worker_kind: null } : way;
    const called = this.peak(calls, { ...m, input_bytes: 0, output_bytes: 0, between_bytes: 0 });
    const between = this.isBatched(way) ? 0 : (this.stages.length - 1) * m.between_bytes;
    const stored = way.launch === "execute_in_process" ? 0 : this.count * (m.input_bytes + between + m.output_bytes);
    return m.first_touch_byte_s * (Math.max(0, this.peak(way, m) - called) + stored) + this.callsTouch(way);
  }
  callsTouch(way) {
    const s = this.s.items, inWorkers = way.worker_kind === "process";
    const kind = !inWorkers && way.executor === "multiprocess" && this.isWarm(way) ? "preloaded" : "first";
    const paid = sum(this.stages.map((x) => x[kind].cpu_s + x[kind].wait_s));
    const processes = Math.min(way.max_concurrent, this.steps(way))
      * (inWorkers ? Math.min(way.workers_in_op, way.batch_size) : 1);
    return processes * Math.max(0, s.first_touch_byte_s * s.grown_rss_bytes - paid);
  }
  peak(way, m = this.s.items) {
    const base = this.s.base_rss_bytes, whole = Math.max(m.base_rss_bytes, base, 1);
    const forked = Math.min(m.forked_rss_bytes || whole, whole), batch = Math.min(way.batch_size, this.count);
    const workers = Math.min(way.workers_in_op, batch);
    const call = Math.max(0, m.peak_rss_bytes - m.input_bytes - m.output_bytes);
    const grown = m.grown_rss_bytes ? Math.max(m.grown_rss_bytes, m.retained_bytes) : call;
    const working = way.worker_kind === "process"
      ? whole + workers * (forked + m.input_bytes + m.output_bytes + call)
      : call + (workers - 1) * Math.min(call, grown);
    if (way.launch === "execute_in_process") {
      const between = this.isBatched(way) ? 0 : (this.stages.length - 1) * m.between_bytes;
      return whole + this.count * (m.input_bytes + between + m.output_bytes) + working;
    }
    const [stored, loaded] = m.copies;
    const fanning = Math.round(((this.isBatched(way) ? this.count : 1) + stored * batch) * m.input_bytes);
    const collecting = this.s.after_steps ? Math.round((this.count + loaded * batch) * m.output_bytes) : 0;
    const ends = Math.max(fanning, collecting);
    const step = Math.round(Math.max(batch * (m.input_bytes + m.output_bytes) + working,
      batch * (m.input_bytes + (1 + stored) * m.output_bytes), (1 + loaded) * batch * m.input_bytes));
    if (way.executor === "in_process") return whole + Math.max(ends, step);
    const steps = Math.min(way.max_concurrent, this.steps(way));
    const warm = this.isWarm(way), child = warm ? forked : whole;
    return Math.max(base, 1) + (warm ? whole : 0) + Math.max(child + ends, steps * (child + step));
  }
  fits(way) { return this.peak(way) <= this.memory * (1 - this.s.memory_headroom); }
}

if (typeof module !== "undefined") module.exports = { Model };
