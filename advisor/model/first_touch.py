"""What a run pays for memory that it touches for the first time.

Items are timed in memory that was used a moment before (`advisor.measure.first_touch`). A run that
comes after a pause takes what its calls need for the first time, and its files' place in the
system's cache.
"""

from advisor.domain.candidate import Candidate
from advisor.model.setting import Setting


def first_touch_s(candidate: Candidate, setting: Setting) -> float:
    """Seconds for the memory of the calls that a run has in parallel, and for its files.

    Calls touch theirs on as many cores: 8 threads with 193 MB each had it in 1.3 s on two, one
    alone its own in 0.35 s. Later calls use the memory of earlier ones. Storing ten values of 32 MB
    twice took 1.65 s after a pause of 3 or 12 s, 0.45 s without one, loading them the same.
    """
    items = setting.items
    steps = min(candidate.max_concurrent, candidate.steps(items.count))
    calls = steps * min(candidate.workers_in_op, candidate.batch_size)
    together = max(1.0, min(calls, setting.machine.cores))
    touched_bytes = calls * items.grown_rss_bytes / together
    if candidate.launch != "execute_in_process":
        between = 0 if candidate.is_batched else (len(items.stages) - 1) * items.between_bytes
        stored_together = max(1.0, min(steps, setting.machine.cores))
        stored_bytes = items.input_bytes + (between + items.output_bytes) / stored_together
        touched_bytes += items.count * stored_bytes
    return items.first_touch_byte_s * touched_bytes
