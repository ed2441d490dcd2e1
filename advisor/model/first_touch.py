"""What a run pays for memory that it touches for the first time.

Items are timed in memory that was used a moment before (`advisor.measure.first_touch`). A run that
comes after a pause takes what its calls need for the first time.
"""

from __future__ import annotations

from advisor.domain.candidate import Candidate
from advisor.model.setting import Setting


def first_touch_s(candidate: Candidate, setting: Setting) -> float:
    """Seconds for the memory of the calls that a run has in parallel.

    It is touched on as many cores: 8 threads with 193 MB each had theirs in 1.3 s on two, one
    alone its own in 0.35 s. Later calls use the memory of earlier ones. What is handed on is not
    in it: 640 MB of values and files took 0.1 to 0.2 s more after a pause of 12 s than without
    one, a tenth of that price, since pages of 4 KiB come from memory that was not given back.
    """
    items = setting.items
    steps = min(candidate.max_concurrent, candidate.steps(items.count))
    calls = steps * min(candidate.workers_in_op, candidate.batch_size)
    together = max(1.0, min(calls, setting.machine.cores))
    return items.first_touch_byte_s * calls * items.grown_rss_bytes / together
