"""The most memory that a candidate needs: its processes, their calls, and the values they hold.

A value that is stored or loaded is there with its copies, as many as were seen; else with one, its
pickled form. Values count with their pickled bytes.
"""

from advisor.domain.candidate import Candidate
from advisor.model.setting import Setting
from advisor.model.transfers import RETAINED_BYTES


def peak_memory_bytes(candidate: Candidate, setting: Setting) -> int:
    """Resident bytes at the fullest moment of a run, all its processes together."""
    parent, process = max(setting.machine.base_rss_bytes, 1), _process_bytes(setting)
    if candidate.launch == "execute_in_process":
        return process + _kept_bytes(candidate, setting) + _workers_bytes(candidate, setting)
    ends = max(_fanning_out_bytes(candidate, setting), _collecting_bytes(candidate, setting))
    step = _mapped_step_bytes(candidate, setting)
    if candidate.executor == "in_process":
        return process + max(ends, step)
    steps = min(candidate.max_concurrent, candidate.steps(setting.items.count))
    if candidate.executor == "async":
        return process + max(ends, steps * step)
    child = process
    if candidate.is_warm:
        parent += process  # the server that the steps are forked from
        child = _forked_bytes(setting)
    return parent + max(child + ends, steps * (child + step))


def step_peak_bytes(candidate: Candidate, setting: Setting) -> int:
    """Resident bytes of one mapped step in a process of its own, at its fullest moment."""
    return _process_bytes(setting) + _mapped_step_bytes(candidate, setting)


def _process_bytes(setting: Setting) -> int:
    """A process with the user's code and resources loaded."""
    return max(setting.items.base_rss_bytes, setting.machine.base_rss_bytes, 1)


def _forked_bytes(setting: Setting) -> int:
    """What a forked process has of its own, as far as it was seen; else all of it."""
    whole = _process_bytes(setting)
    return min(setting.items.forked_rss_bytes or whole, whole)


def _batch(candidate: Candidate, setting: Setting) -> int:
    return min(candidate.batch_size, setting.items.count)


def _workers_bytes(candidate: Candidate, setting: Setting) -> int:
    """What the calls of a step take beside their inputs and outputs, and their processes."""
    items = setting.items
    workers = min(candidate.workers_in_op, _batch(candidate, setting))
    call = max(0, items.peak_rss_bytes - items.input_bytes - items.output_bytes)
    if candidate.worker_kind != "process":
        grown = max(items.grown_rss_bytes, RETAINED_BYTES) if items.grown_rss_bytes else call
        return call + (workers - 1) * min(call, grown)  # imports are there once for all threads
    values = items.input_bytes + items.output_bytes  # its own beside those of the step
    return _process_bytes(setting) + workers * (_forked_bytes(setting) + values + call)


def _mapped_step_bytes(candidate: Candidate, setting: Setting) -> int:
    """A step's inputs and outputs, and the larger of its calls and of a value's pickled form."""
    items, batch = setting.items, _batch(candidate, setting)
    calling = batch * (items.input_bytes + items.output_bytes) + _workers_bytes(candidate, setting)
    stored, loaded = (1.0 + copies for copies in items.copies)
    storing = batch * (items.input_bytes + stored * items.output_bytes)
    return round(max(calling, storing, loaded * batch * items.input_bytes))


def _fanning_out_bytes(candidate: Candidate, setting: Setting) -> int:
    """What the fan-out holds: one value where it yields them, all where they go into batches."""
    items, batch = setting.items, _batch(candidate, setting)
    held = items.count if candidate.is_batched else 1
    return round((held + items.copies[0] * batch) * items.input_bytes)


def _collecting_bytes(candidate: Candidate, setting: Setting) -> int:
    """All outputs, loaded into the collecting op's process, and the last one's pickled form."""
    if not setting.after_steps:
        return 0
    items, batch = setting.items, _batch(candidate, setting)
    return round((items.count + items.copies[1] * batch) * items.output_bytes)


def _kept_bytes(candidate: Candidate, setting: Setting) -> int:
    """What ``execute_in_process`` keeps to its end: what every step gave."""
    items = setting.items
    between = _between_bytes(candidate, setting)
    return items.count * (items.input_bytes + between + items.output_bytes)


def _between_bytes(candidate: Candidate, setting: Setting) -> int:
    """What an item's chain hands on from op to op; a batch keeps it to itself."""
    items = setting.items
    return 0 if candidate.is_batched else (len(items.stages) - 1) * items.between_bytes


def first_touch_s(candidate: Candidate, setting: Setting) -> float:
    """Seconds for the memory of the calls that a run has in parallel, and for its files.

    Items are timed in memory that was used a moment before (`advisor.measure.first_touch`). A run
    that comes after a pause takes what its calls need for the first time, and its files' place in
    the system's cache. Calls touch theirs on as many cores: 8 threads with 193 MB each had it in
    1.3 s on two, one alone its own in 0.35 s. Later calls use the memory of earlier ones. Storing
    ten values of 32 MB twice took 1.65 s after a pause of 3 or 12 s, 0.45 s without one, loading
    them the same.
    """
    items = setting.items
    steps = min(candidate.max_concurrent, candidate.steps(items.count))
    calls = steps * min(candidate.workers_in_op, candidate.batch_size)
    together = max(1.0, min(calls, setting.machine.cores))
    touched_bytes = calls * items.grown_rss_bytes / together
    if candidate.launch != "execute_in_process":
        stored_together = max(1.0, min(steps, setting.machine.cores))
        given_bytes = _between_bytes(candidate, setting) + items.output_bytes
        stored_bytes = items.input_bytes + given_bytes / stored_together
        touched_bytes += items.count * stored_bytes
    return items.first_touch_byte_s * touched_bytes
