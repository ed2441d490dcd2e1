"""The most memory that a candidate needs."""

from __future__ import annotations

from advisor.domain.candidate import Candidate
from advisor.model.setting import Setting


def peak_memory_bytes(candidate: Candidate, setting: Setting) -> int:
    """Parent plus all concurrent steps, each with all its workers at their items' peak."""
    items = setting.items
    base = max(setting.machine.base_rss_bytes, 1)
    step_base = max(items.base_rss_bytes, base)
    workers = min(candidate.workers_in_op, candidate.batch_size)
    working = items.peak_rss_bytes * workers
    if candidate.worker_kind == "process":
        working += step_base * workers
    if candidate.is_batched:
        working += items.output_bytes * candidate.batch_size
    if candidate.executor == "in_process":
        in_memory = candidate.launch == "execute_in_process"
        return step_base + working + (items.output_bytes * items.count if in_memory else 0)
    steps = min(candidate.max_concurrent, candidate.steps(items.count))
    if candidate.executor == "async":
        return step_base + steps * working
    return base + steps * (step_base + working)
