"""What a measurement will run of the user's code, and how often, said before it does."""

from __future__ import annotations

from advisor.domain.quantities import seconds
from advisor.domain.workload import OpReference, WorkloadDescription
from advisor.measure.op_profile import (
    DEFAULT_SAMPLES,
    FRESH_PROCESSES,
    ProfileRequest,
    hotspots_s,
)
from advisor.measure.orders import MOST_CALLS


def plan_executions(request: ProfileRequest, description: WorkloadDescription) -> list[str]:
    """What `profile_workload` would run, and how often, in sentences; nothing is run.

    The first one names every op of the job that is run; then come the details.
    """
    lines = [_summary(request, description), *_fan_out(request, description)]
    lines += _repeated(request, description)
    if description.collects and request.measure_collect:
        lines.append(
            f"Would run {_names(description.collects)} once, on the sampled outputs alone "
            "(--measure-collect)."
        )
    if request.setup or request.teardown:
        hooks = " and ".join(hook for hook in (request.setup, request.teardown) if hook)
        lines.append(f"Would call {hooks} in every process, around the calls.")
    lines.append(
        f"Would spend at most about {seconds(request.budget_s)}; an item that takes longer is run "
        "once."
    )
    return lines


def _names(ops: tuple[OpReference, ...]) -> str:
    return ", ".join(repr(op.handle) for op in ops)


def _chain(description: WorkloadDescription) -> str:
    return " and ".join(repr(mapped.handle) for mapped in description.mapped)


def _most_samples(request: ProfileRequest) -> int:
    return request.samples or DEFAULT_SAMPLES


def _summary(request: ProfileRequest, description: WorkloadDescription) -> str:
    """Every op that is run, and those that are not, in one line."""
    once = () if description.fan_out is None else (*description.upstream, description.fan_out)
    parts = [f"{_names(once)} once"] if once and request.inputs is None else []
    often = "at most once per item" if request.each_item_once else "repeatedly"
    parts.append(f"{_chain(description)} {often} on up to {_most_samples(request)} items")
    not_run = () if request.inputs is None else once
    if request.measure_collect and description.collects:
        parts.append(f"{_names(description.collects)} once")
    else:
        not_run += description.collects
    others = (*map(repr, description.other_fan_outs), *map(repr, description.other_ops))
    left = ", ".join([*(repr(op.handle) for op in not_run), *others])
    return f"Would run {', '.join(parts)}" + (f"; not {left}." if left else ".")


def _fan_out(request: ProfileRequest, description: WorkloadDescription) -> list[str]:
    if request.inputs is not None:
        return [f"Would read the sample inputs from {request.inputs}."]
    if description.fan_out is None or not request.fan_out_again:
        return []
    again = _names((*description.upstream, description.fan_out))
    return [f"Would run {again} once more in every process if its outputs cannot be pickled."]


def _repeated(request: ProfileRequest, description: WorkloadDescription) -> list[str]:
    """Where the repeated calls of the mapped chain take place."""
    if request.each_item_once:
        return []
    chain = _chain(description)
    return [
        (
            f"Would run {chain} on up to {_most_samples(request)} items in one process, "
            f"repeatedly if short (up to {MOST_CALLS} calls), and again at two other moments."
        ),
        f"Would run {chain} in up to {FRESH_PROCESSES + 2} more fresh processes, once each.",
        (
            "Would run items in parallel, repeatedly if short, as 2 to 64 threads and as 2 to 32 "
            "processes until more do harm, and some of them alone before and after."
        ),
        "Would run items that compute on several cores with one thread each as well.",
        f"Would run some items under pyinstrument, for about {seconds(hotspots_s(request))}.",
    ]
