"use strict";

const TICK_S = 0.02, SMALLEST_S = 0.005, BEFORE = -1, AFTER = -2;

// advisor/model/step_queue.py: what holds steps back, by pool or by tag.
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
      runnable: [], head: 0, debt: 0, working: 0,
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
        active.push({ item: step[0], stage: step[1], lane: freeLane(this.lanes), pieces: [], next: 0, state: 0, queued: 0 });
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
      const chain = this.plan.mapped[child.item];
      let stage = child.stage + 1;
      while (stage < this.stages && !chain[stage]) { this.left--; stage++; } // a branch not taken
      this.left--;
      if (stage < this.stages) {
        const following = [child.item, stage];
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
