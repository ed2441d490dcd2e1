"use strict";

const SIMULATED_ITEMS = 1000;

class Batches extends Setting {
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
}
