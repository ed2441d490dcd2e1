"use strict";

const sum = (values) => values.reduce((total, value) => total + value, 0);
// advisor/domain/overhead.py: EVENTS_PER_OUTPUT of an output that is stored in a file
const eventPrice = (o) => (o.fan_out_output_s - o.output_store_s) / (o.output_events ?? 3);
const mean = (values) => (values.length ? sum(values) / values.length : 0);

// A scenario with the sliders' values: what advisor/model/setting.py and items.py make of them.
class Setting {
  constructor(scenario, { items, scale = 1, cores, memory_bytes, lists = {}, deals = {}, limited = {} } = {}) {
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
    this.events = sum(m.stages.map((stage) => stage.events * stage.share));
    this.messages = sum(m.stages.map((stage) => stage.messages * stage.share));
    this.limited = s.limited && new this.constructor({ ...s, ...s.limited, limited: null }, { items, scale, cores, memory_bytes, ...limited });
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
    const held = stage.held && stage.held.map((x) => x * scale);
    return { ...stage, wall, held, cpu: stage.cpu.map((x) => x * scale) };
  }
  // The model of the ways that limit an item's own threads, where that was measured.
  under(way) { return (way.op_threads !== null && this.limited) || this; }
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
    const cores = Math.max(1, this.capacity / Math.max(1, this.aloneCpu / Math.max(this.alone, 1e-9)));
    const share = kind === "thread" ? this.s.contention.lock_share : 0;
    return share * cores <= 1 ? cores : 1 / share;
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
  isBatched(way) { return way.batch_size > 1 || way.workers_in_op > 1; }
  steps(way) { return Math.ceil(this.count / way.batch_size); }
  // Steps of an item's chain, on average.
  stepsOf(way) { return this.isBatched(way) ? 1 : sum(this.stages.map((stage) => stage.share)); }
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
  methodOf(way) { return way.start_method !== "forkserver" ? "spawn" : this.isWarm(way) ? "warm_forkserver" : "forkserver"; }
  isWarm(way) { return way.start_method === "forkserver" && way.preload_modules.length > 0; }
}
