"""Items that compute on several cores by themselves, and the same items with one thread each.

BLAS and the like use every core of an item's process. Several items at once then fight for the
cores; limited to one thread each they do not, but each takes longer. Both were measured, so both
are predicted (`Candidate.op_threads`), and the search takes the better.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from advisor.domain.candidate import Candidate
from advisor.domain.workload import OpProfile, WorkloadProfile


def limited_profile(profile: WorkloadProfile) -> WorkloadProfile | None:
    """The workload as it is with one thread an item; None where that was not measured."""
    if not any(op.limited_calls for op in profile.ops):
        return None
    kinds = {probe.worker_kind for probe in profile.limited_probes}
    others = tuple(probe for probe in profile.probes if probe.worker_kind not in kinds)
    return replace(
        profile,
        ops=tuple(_limited_op(op) for op in profile.ops),
        probes=(*profile.limited_probes, *others),
    )


def _limited_op(op: OpProfile) -> OpProfile:
    """The op's calls with one thread; what a first call costs more stays as it was."""
    if not op.limited_calls or not op.later_calls:
        return op
    wall_s, cpu_s = (
        fmean(getattr(call, name) for call in op.limited_calls)
        - fmean(getattr(call, name) for call in op.later_calls)
        for name in ("wall_s", "cpu_s")
    )
    return replace(
        op,
        first_calls=tuple(call.longer(wall_s, cpu_s) for call in op.first_calls),
        preloaded_first_calls=tuple(
            call.longer(wall_s, cpu_s) for call in op.preloaded_first_calls
        ),
        later_calls=op.limited_calls,
        limited_calls=(),
    )


def with_one_thread(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The candidates that have several items at once, each with one thread an item."""
    return tuple(
        replace(way, op_threads=1)
        for way in candidates
        if way.max_concurrent * way.workers_in_op > 1
        and way.executor in ("in_process", "multiprocess")
    )
