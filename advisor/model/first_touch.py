"""What a run pays for memory that it touches for the first time.

Items are timed one after another, in memory that was used a moment before. A run also holds what
they hand on, pickles it into new pages, and writes files into the system's cache; and calls in
several processes use several times the memory of one. What of that is in the seconds of first calls
already is not paid twice.
"""

from __future__ import annotations

from dataclasses import replace

from advisor.domain.candidate import Candidate
from advisor.model.memory import peak_memory_bytes
from advisor.model.setting import Setting, call_kind


def first_touch_s(candidate: Candidate, setting: Setting) -> float:
    """Seconds for the memory that a run holds beyond one call in each process, and for its files.

    Processes that touch memory together get it no faster than one alone would: what they wait for
    is the kernel, or the host of a virtual machine.
    """
    items = setting.items
    if not items.first_touch_byte_s:
        return 0.0
    # not what imports left in the process: workers of a step have that in common
    items = replace(items, peak_rss_bytes=items.grown_rss_bytes + items.input_bytes)
    setting = replace(setting, items=items)
    alone = replace(items, input_bytes=0, output_bytes=0, between_bytes=0)
    kind = candidate.worker_kind
    calls = replace(candidate, workers_in_op=1, worker_kind=None) if kind == "thread" else candidate
    called_bytes = peak_memory_bytes(calls, replace(setting, items=alone))
    held_bytes = max(0, peak_memory_bytes(candidate, setting) - called_bytes)
    touched_s = items.first_touch_byte_s * (held_bytes + _stored_bytes(candidate, setting))
    return touched_s + _calls_s(candidate, setting)


def _calls_s(candidate: Candidate, setting: Setting) -> float:
    """Seconds for the memory of one call in each process; later ones there use the same."""
    items = setting.items
    touched_s = items.first_touch_byte_s * items.grown_rss_bytes
    in_workers = candidate.worker_kind == "process"
    kind = "first" if in_workers or candidate.executor == "in_process" else call_kind(candidate)
    paid_s = sum(stage.first_call_extra(kind).wall_s for stage in items.stages)
    processes = min(candidate.max_concurrent, candidate.steps(items.count))
    processes *= min(candidate.workers_in_op, candidate.batch_size) if in_workers else 1
    return processes * max(0.0, touched_s - paid_s)


def _stored_bytes(candidate: Candidate, setting: Setting) -> int:
    """All that goes through files."""
    if candidate.launch == "execute_in_process":
        return 0
    items = setting.items
    between = 0 if candidate.is_batched else (len(items.stages) - 1) * items.between_bytes
    return items.count * (items.input_bytes + between + items.output_bytes)
