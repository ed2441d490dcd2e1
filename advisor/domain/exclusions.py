"""What a predicted total leaves out because it was not measured: by kind, never as 0 seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from advisor.domain.fan_outs import FurtherFanOut, names_of
from advisor.domain.workload import WorkloadDescription, WorkloadProfile


class ExclusionKind(str, Enum):
    """Why a part of the run is not in its predicted seconds."""

    COLLECT = "collect"
    COLLECT_GROWTH = "collect-growth"
    FAN_OUT = "fan-out"
    UPSTREAM = "upstream"
    OTHER_OP = "other-op"
    OTHER_FAN_OUT = "other-fan-out"
    BRANCH = "branch"


_NAMES = {
    ExclusionKind.COLLECT: "the collecting op {op!r}",
    ExclusionKind.COLLECT_GROWTH: "what the collecting op {op!r} takes beyond its measured sample",
    ExclusionKind.FAN_OUT: "the fan-out op {op!r}",
    ExclusionKind.UPSTREAM: "the upstream op {op!r}",
    ExclusionKind.OTHER_OP: "the op {op!r}",
    ExclusionKind.OTHER_FAN_OUT: "the other fan-out {op!r} and its items",
    ExclusionKind.BRANCH: "the branch {op!r}",
}
_REASONS = {
    ExclusionKind.COLLECT: (
        "its own seconds are not measured, only the loading of what it collects is predicted; "
        "--measure-collect runs it on the sample"
    ),
    ExclusionKind.COLLECT_GROWTH: (
        "it was measured on another number of items, and how it grows is not known"
    ),
    ExclusionKind.FAN_OUT: "it was not run, the items came from elsewhere (--inputs)",
    ExclusionKind.UPSTREAM: "its seconds were not measured",
    ExclusionKind.OTHER_OP: "it is outside of the mapped chain and was not run",
    ExclusionKind.OTHER_FAN_OUT: (
        "it was not measured: it did not fit the budget (--budget), may not run twice, or failed; "
        "with an op of it as TARGET it is measured alone"
    ),
    ExclusionKind.BRANCH: "no measured item took it; more --samples may find one that does",
}


_OUTSIDE = (ExclusionKind.OTHER_OP, ExclusionKind.OTHER_FAN_OUT, ExclusionKind.UPSTREAM)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A part of the job whose seconds the predicted total does not hold."""

    kind: ExclusionKind
    op: str

    @property
    def name(self) -> str:
        """The part in words, for "not included: ..."."""
        return _NAMES[self.kind].format(op=self.op)

    @property
    def sentence(self) -> str:
        """The part and the reason."""
        return f"Not included: {self.name}: {_REASONS[self.kind]}."


def exclusions(
    description: WorkloadDescription,
    workload: WorkloadProfile,
    items: int,
    further: Sequence[FurtherFanOut] = (),
) -> tuple[Exclusion, ...]:
    """What a total for ``items`` items leaves out, given what was measured of the job.

    ``further`` are other fan-outs that were measured: the total is of all.
    """
    all_parts = list(_of_one(description, workload, items))
    for each in further:
        all_parts += _of_one(each.description, each.workload, each.workload.items)
    parts = (description, *(each.description for each in further))
    measured = {op.handle for part in parts for op in part.mapped}
    measured |= {name for part in parts for name in names_of(part)}
    collects = {op.name for part in parts for op in part.collects}

    def is_elsewhere(part: Exclusion) -> bool:
        return part.op in measured or (part.kind in _OUTSIDE and part.op in collects)

    return tuple(
        each
        for each in dict.fromkeys(all_parts)
        if not further or each.kind is ExclusionKind.BRANCH or not is_elsewhere(each)
    )


def _of_one(
    description: WorkloadDescription, workload: WorkloadProfile, items: int
) -> tuple[Exclusion, ...]:
    kinds: list[tuple[ExclusionKind, tuple[str, ...]]] = []
    collects = tuple(op.name for op in description.collects)
    if workload.collect_s is None:
        kinds.append((ExclusionKind.COLLECT, collects))
    elif workload.collect_items != items:
        kinds.append((ExclusionKind.COLLECT_GROWTH, collects))
    kinds.append((ExclusionKind.OTHER_FAN_OUT, description.other_fan_outs))
    kinds.append((ExclusionKind.OTHER_OP, description.other_ops))
    if description.fan_out is not None and workload.fan_out_s is None:
        kinds.append((ExclusionKind.FAN_OUT, (description.fan_out.name,)))
    if workload.upstream_s == 0.0:
        kinds.append((ExclusionKind.UPSTREAM, tuple(op.name for op in description.upstream)))
    untaken = tuple(op.handle for op in workload.ops if op.skipped and not op.calls)
    kinds.append((ExclusionKind.BRANCH, untaken))
    return tuple(Exclusion(kind, op) for kind, ops in kinds for op in ops)
