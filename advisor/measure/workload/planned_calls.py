"""What a measurement will run of the user's code, and how often, said before it does."""

from __future__ import annotations

from advisor.domain.fan_outs import names_of
from advisor.domain.options import Storing
from advisor.domain.quantities import seconds
from advisor.domain.workload import OpReference, WorkloadDescription
from advisor.measure import tuning
from advisor.measure.ops.orders import MOST_CALLS, MOST_HOOK_CALLS
from advisor.measure.workload.children import ProfileRequest


def planned_calls(request: ProfileRequest, budget_s: float) -> list[str]:
    """What a measurement runs, and how often, in words that follow "would" or "will".

    The first one names every op of the job that is run; then come the details. Nothing is run.
    """
    description = request.description
    actions = [_summary(request), *_fan_out(request)]
    if description.partition:
        actions.append(
            f"measure partition {description.partition!r} (default: the last one; --partition KEY "
            "takes another)."
        )
    actions += _repeated(request)
    actions += [_further(request, each) for each in request.further]
    if hooks := ", ".join(repr(hook) for op in description.mapped for hook in op.hooks):
        actions.append(
            f"call the hooks {hooks} after the first {MOST_HOOK_CALLS} measured calls of their ops "
            "in each process, as steps do."
        )
    if managers := ", ".join(map(repr, _own_io_managers(request))):
        actions.append(
            f"store and load values of these with the job's own IO manager {managers}, as steps "
            + (
                "do: what it keeps under the same name is replaced."
                if request.options.storing is Storing.ANY
                else "do, where it keeps them by run (--no-allow-side-effects: never)."
            )
        )
    if description.collects and request.options.measure_collect:
        actions.append(
            f"run {_names(description.collects)} once, on the sampled outputs alone "
            "(--measure-collect)."
        )
    if hooks := " and ".join(filter(None, (request.options.setup, request.options.teardown))):
        actions.append(f"call {hooks} in every process, around the calls.")
    actions.append(
        f"spend at most about {seconds(budget_s)}; an item that takes longer is run once."
    )
    return actions


def _own_io_managers(request: ProfileRequest) -> list[str]:
    """Keys of IO managers that are the project's and that are exercised."""
    description = request.description
    if request.each_item_once or description.pickles or description.job_name is None:
        return []
    keys = {key for op in description.mapped for key in op.io_manager_keys}
    return sorted(keys - {"io_manager"}) or ["io_manager"]


def _names(ops: tuple[OpReference, ...]) -> str:
    return ", ".join(repr(op.handle) for op in ops)


def _chain(description: WorkloadDescription) -> str:
    return " and ".join(repr(mapped.handle) for mapped in description.mapped)


def _most_samples(request: ProfileRequest) -> int:
    return request.options.samples or tuning.DEFAULT_SAMPLES


def _summary(request: ProfileRequest) -> str:
    """Every op that is run, and those that are not, in one line."""
    description = request.description
    once = () if description.fan_out is None else (*description.upstream, description.fan_out)
    parts = [f"{_names(once)} once"] if once and request.inputs is None else []
    often = "at most once per item" if request.each_item_once else "repeatedly"
    parts.append(f"{_chain(description)} {often} on up to {_most_samples(request)} items")
    parts += [
        f"and so {each.fan_out.handle!r} with {_chain(each)}"
        for each in request.further
        if each.fan_out
    ]
    not_run = () if request.inputs is None else once
    if request.options.measure_collect and description.collects:
        parts.append(f"{_names(description.collects)} once")
    else:
        not_run += description.collects
    others = (*(op.handle for op in not_run), *description.other_fan_outs, *description.other_ops)
    later = {name for each in request.further for name in names_of(each)}
    left = ", ".join(repr(name) for name in dict.fromkeys(others) if name not in later)
    return f"run {', '.join(parts)}" + (f"; not {left}." if left else ".")


def _further(request: ProfileRequest, each: WorkloadDescription) -> str:
    """What another fan-out of the job takes."""
    assert each.fan_out is not None
    again = _names(each.upstream)
    first = f", for which {again} run once more" if again else ""
    chain = _chain(each)
    return (
        f"run {each.fan_out.handle!r} once{first}, and {chain} repeatedly on up to "
        f"{_most_samples(request)} of its items, as far as the budget goes."
    )


def _fan_out(request: ProfileRequest) -> list[str]:
    description = request.description
    if request.inputs is not None:
        return [f"read the sample inputs from {request.inputs}."]
    if description.fan_out is None or not request.fan_out_again:
        return []
    again = _names((*description.upstream, description.fan_out))
    return [f"run {again} once more in every process if its outputs cannot be pickled."]


def _repeated(request: ProfileRequest) -> list[str]:
    """Where the repeated calls of the mapped chain take place."""
    if request.each_item_once:
        return []
    chain = _chain(request.description)
    return [
        (
            f"run {chain} on up to {_most_samples(request)} items in one process, "
            f"repeatedly if short (up to {MOST_CALLS} calls), and again at two other moments."
        ),
        f"run {chain} in up to {2 * tuning.FRESH_PROCESSES - 1} more fresh processes, once each.",
        (
            "run items in parallel, repeatedly if short, as 2 to 64 threads and as 2 to 32 "
            "processes until more do harm, and some of them alone before and after."
        ),
        "run items that compute on several cores with one thread each as well.",
        f"run some items under pyinstrument, for about {seconds(tuning.HOTSPOT_S)}.",
        "leave out of these what cannot change the advice.",
    ]
