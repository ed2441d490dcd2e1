"""A job's other fan-outs, as code that batches them beside the first."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError
from advisor.domain.workload import WorkloadDescription
from advisor.emit.graph_plan import BatchedGraph, plan_batches
from advisor.emit.request import EmitRequest
from advisor.emit.source_text import literal


@dataclass(frozen=True, slots=True)
class PlanLines:
    """A ``BatchPlan`` of an emitted module: its variable, and its fields as code."""

    comment: str
    name: str
    fields: dict[str, str]


def with_batches_first(request: EmitRequest) -> EmitRequest:
    """The request, for the first of the fan-outs that the advice batches.

    As it is where that is the advice's own, or none is.
    """
    if request.candidate.is_batched:
        return request
    ways = {each.op: each.best for each in request.advice.fan_outs}
    for place, description in enumerate(request.further):
        way = ways.get(_handle(description))
        if way is not None and way.is_batched:
            others = (*request.further[:place], *request.further[place + 1 :])
            return replace(
                request,
                description=description,
                prediction=replace(request.chosen, candidate=way),
                predicted=False,
                workload=None,
                further=others,
            )
    return request


def further_batches(
    request: EmitRequest, first: BatchedGraph
) -> tuple[dict[str, PlanLines], list[str]]:
    """The others that the advice batches, by op, and why one of them stays as it is."""
    batched: dict[str, PlanLines] = {}
    left_out: list[str] = []
    plans = [first]
    fan_outs = {each.op: each for each in request.advice.fan_outs}
    for description in request.further:
        handle = _handle(description)
        fan_out = fan_outs.get(handle)
        if fan_out is None or not fan_out.best.is_batched:
            continue
        try:
            plan = plan_batches(description)
            _check_apart(description, fan_out.best, [*plans, plan])
        except DynadviseError as refusal:
            left_out.append(f"{handle} stays as it is: {refusal.what}")
            continue
        plans.append(plan)
        batched[handle] = PlanLines(
            f"The same of the items of {handle}.",
            f"BATCHES_OF_{handle.replace('.', '_').upper()}",
            _fields(plan, fan_out.best, fan_out.items),
        )
    return batched, left_out


def _handle(description: WorkloadDescription) -> str:
    return description.fan_out.handle if description.fan_out else ""


def _check_apart(
    description: WorkloadDescription, way: Candidate, plans: list[BatchedGraph]
) -> None:
    """Refuse a plan that takes another's items, or needs what its workers are not given."""
    mapped = {name for plan in plans for name in plan.chain}
    for plan in plans:
        inputs = mapped.intersection(node for node, _ in plan.sources.values())
        if inputs:
            raise DynadviseError(
                f"{plan.batched} takes what {', '.join(sorted(inputs))} gave for other items"
            )
    if len({plan.batched for plan in plans}) < len(plans):
        raise DynadviseError(f"another op is called {plans[-1].batched}")
    if way.worker_kind == "process" and any(op.resource_keys for op in description.mapped):
        raise DynadviseError("its worker processes need resources")


def _fields(plan: BatchedGraph, way: Candidate, items: int) -> dict[str, str]:
    workers = way.workers_in_op
    one_step = workers > 1 and way.batch_size >= items
    fields: dict[str, object] = {
        **plan_fields(plan),
        "batch_size": None if one_step else way.batch_size,
        "workers": workers if workers > 1 else None,
        "worker_kind": way.worker_kind if workers > 1 else None,
    }
    preloads = {"preloaded": "[__name__]"} if fields["worker_kind"] == "process" else {}
    return fields_as_code("original_job.graph", fields, preloads)


def fields_as_code(
    graph: str, fields: Mapping[str, object], expressions: Mapping[str, str]
) -> dict[str, str]:
    """The fields of an emitted ``BatchPlan``: the graph, values without the empty ones, code."""
    values = {name: literal(value, 1) for name, value in fields.items() if value}
    return {"graph": graph, **values, **expressions}


def plan_fields(plan: BatchedGraph) -> dict[str, object]:
    """The fields of the emitted ``BatchPlan`` that say which ops are batched."""
    return {
        "fan_out": list(plan.fan_out),
        "chain": plan.chain,
        "fixed": {name: inputs for name, inputs in plan.fixed.items() if inputs},
        "sources": plan.sources,
        "results": plan.results,
        "collected": plan.collected,
        "batched": plan.batched,
        "configured": list(plan.configured),
        "path": list(plan.path),
    }
