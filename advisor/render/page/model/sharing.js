// The model of advisor/model in the page: the same formulas and the same event-driven simulation,
// held against it by golden cases (tests/render/test_page_model.py). Not here: steps in pods.
"use strict";

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

// Takes the first lane of a picture that is free.
function freeLane(lanes) {
  const free = lanes.indexOf(false), lane = free < 0 ? lanes.length : free;
  lanes[lane] = true;
  return lane;
}

// advisor/model/event_loop.py: when each chain is complete.
function simulateLoop(chains, maxConcurrent, slower, atOnce, bars = null) {
  const sharing = new Sharing(atOnce), ended = new Array(chains.length).fill(0);
  const runnable = chains.map((_, item) => [item, 0]);
  let head = 0, active = 0, slowedBy = 0;
  const lanes = [];
  const draw = (lane, from, phase, item) => { if (bars) bars.push([lane, from, sharing.now, phase, item]); };
  const fill = () => {
    while (head < runnable.length && active < maxConcurrent) {
      const [item, stage] = runnable[head++];
      const work = chains[item][stage], lane = freeLane(lanes);
      let from = sharing.now;
      active++;
      sharing.compute(work.before, 1, () => {
        draw(lane, from, "start", item);
        from = sharing.now;
        sharing.wait(work.wait, () => {
          draw(lane, from, "work", item);
          from = sharing.now;
          sharing.compute(work.after, 1, () => {
            draw(lane, from, "store", item);
            lanes[lane] = false;
            active--;
            if (stage + 1 < chains[item].length) runnable.push([item, stage + 1]);
            else ended[item] = sharing.now;
            fill();
          });
        });
      });
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
