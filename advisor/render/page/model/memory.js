"use strict";

class Memory extends Batches {
  // advisor/model/memory.py
  firstTouch(way) {
    const s = this.s.items;
    const steps = Math.min(way.max_concurrent, this.steps(way));
    const calls = steps * Math.min(way.workers_in_op, way.batch_size);
    let bytes = calls * s.grown_rss_bytes / Math.max(1, Math.min(calls, this.cores));
    if (way.launch !== "execute_in_process") {
      const between = this.isBatched(way) ? 0 : (this.stages.length - 1) * s.between_bytes;
      const together = Math.max(1, Math.min(steps, this.cores));
      bytes += this.count * (s.input_bytes + (between + s.output_bytes) / together);
    }
    return s.first_touch_byte_s * bytes;
  }
  peak(way) {
    if (this.under(way) !== this) return this.under(way).peak(way);
    const m = this.s.items;
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
    if (way.executor === "async") return whole + Math.max(ends, steps * step);
    const warm = this.isWarm(way), child = warm ? forked : whole;
    return Math.max(base, 1) + (warm ? whole : 0) + Math.max(child + ends, steps * (child + step));
  }
  fits(way) { return this.peak(way) <= this.memory * (1 - this.s.memory_headroom); }
}
