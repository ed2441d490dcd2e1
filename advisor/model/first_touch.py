"""What a run pays for memory that it touches for the first time.

Items are timed in memory that was used a moment before (`advisor.measure.first_touch`). A run that
comes after a pause takes it for the first time: for its calls, for what they hand on, and for its
files in the system's cache.
"""

from __future__ import annotations

from dataclasses import replace

from advisor.domain.candidate import Candidate
from advisor.model.memory import peak_memory_bytes
from advisor.model.setting import Setting


def first_touch_s(candidate: Candidate, setting: Setting) -> float:
    """Seconds for the memory that a run holds, and for its files.

    What calls take together is touched on as many cores: 8 threads with 193 MB each had theirs in
    1.3 s on two, one alone its own in 0.35 s. What is handed on is touched by one after another.
    """
    items = setting.items
    if not items.first_touch_byte_s:
        return 0.0
    calls = _calls(candidate, items.count)
    together = max(1.0, min(calls, setting.machine.cores))
    touched_bytes = calls * items.grown_rss_bytes / together + _handed_on_bytes(candidate, setting)
    if candidate.launch != "execute_in_process":  # through files
        between = 0 if candidate.is_batched else (len(items.stages) - 1) * items.between_bytes
        steps = max(1.0, min(candidate.max_concurrent, together))
        touched_bytes += items.count * (items.input_bytes + (between + items.output_bytes) / steps)
    return items.first_touch_byte_s * touched_bytes


def _calls(candidate: Candidate, count: int) -> int:
    """How many there are at the same time; later ones use the memory of earlier ones."""
    steps = min(candidate.max_concurrent, candidate.steps(count))
    return steps * min(candidate.workers_in_op, candidate.batch_size)


def _handed_on_bytes(candidate: Candidate, setting: Setting) -> int:
    """Held beside the memory of the calls."""
    # not what imports left in the process: workers of a step have that in common
    items = setting.items
    items = replace(items, peak_rss_bytes=items.grown_rss_bytes + items.input_bytes)
    alone = replace(items, input_bytes=0, output_bytes=0, between_bytes=0)
    if candidate.worker_kind == "thread":
        candidate = replace(candidate, workers_in_op=1, worker_kind=None)
    held_bytes = peak_memory_bytes(candidate, replace(setting, items=items))
    return max(0, held_bytes - peak_memory_bytes(candidate, replace(setting, items=alone)))
