"""The kinds ``batch`` and ``workers``: a module that runs the items of a job a batch a step."""

from collections.abc import Callable
from dataclasses import replace

from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError
from advisor.domain.workload import WorkerKind, WorkloadDescription
from advisor.emit.constants import (
    is_multi_core,
    preloads,
    size_lines,
    sizes_foretell,
    thread_lines,
    worker_lines,
)
from advisor.emit.further import (
    PlanLines,
    fields_as_code,
    further_batches,
    plan_fields,
    with_batches_first,
)
from advisor.emit.graph_plan import BatchedGraph, plan_batches
from advisor.emit.imports import (
    JobImport,
    asset_import,
    asset_name,
    beside_job,
    defined_elsewhere,
    held_job_import,
    in_place_of_asset,
    user_module,
)
from advisor.emit.items_form import (
    READING,
    described_as_job,
    has_items_form,
    items_form,
    items_source,
    job_of_op,
)
from advisor.emit.own_threads import thread_limit
from advisor.emit.plain_form import PlainForm, plain_form
from advisor.emit.python_form import executor_lines
from advisor.emit.request import EmitRequest
from advisor.emit.source_text import identifier, quoted
from advisor.emit.templating import copied, module_text
from advisor.emit.wording import decision, description_lines


def emit_batch(request: EmitRequest) -> str:
    """The job in batches, as the candidate says; its workers, if it has any, stay.

    Where the candidate has no batches, the best one of the advice that has is emitted.

    Raises:
        DynadviseError: None has, or the job cannot be batched automatically.
    """
    return _module(_best(request, lambda way: way.is_batched, "batches"))


def emit_workers(request: EmitRequest) -> str:
    """The job in batches whose items run on threads or processes inside the step.

    Raises:
        DynadviseError: No way of the advice has workers, or the job cannot be batched.
    """
    return _module(_best(request, lambda way: way.workers_in_op > 1, "workers inside a step"))


def _best(request: EmitRequest, fits: Callable[[Candidate], bool], what: str) -> EmitRequest:
    of_another = with_batches_first(request)
    if of_another is not request:
        return of_another
    allowed_first = sorted(request.advice.candidates, key=lambda way: not way.allowed)
    for prediction in (request.chosen, *allowed_first):
        if fits(prediction.candidate):
            return replace(request, prediction=prediction)
    raise DynadviseError(
        f"None of the ways that were considered has {what}.",
        hint="Emit `python` or `run-config` instead.",
    )


def _module(request: EmitRequest) -> str:
    """The short form where the job is plain enough for it, else the form that fits every job."""
    candidate = request.candidate
    workers = candidate.workers_in_op
    one_step = candidate.batch_size >= request.advice.workload.items and workers > 1
    kind = candidate.worker_kind if workers > 1 else None
    if has_items_form(request.description):
        source = items_source(request.description)
        form = items_form(request.description, source, one_step=one_step, kind=kind)
        return _plain_module(request, request.description.mapped[0].name, form, kind, one_step)
    described, imported, plan = _batched_job(_held(request, kind))
    request = replace(request, description=described)
    if not (
        request.keeps_executor
        or further_batches(request, plan)[0]
        or (sizes_foretell(request) and not one_step)
        or (is_multi_core(request) and kind == "process")
    ):
        plain = plain_form(request.description, plan, one_step=one_step, kind=kind)
        if plain is not None:
            return _plain_module(request, imported.name, plain, kind, one_step)
    return _general_module(request, imported, plan, kind, one_step)


def _held(request: EmitRequest, kind: str | None) -> WorkloadDescription:
    """The description; the job is taken from its definitions where the code needs it whole."""
    description = request.description
    resources = kind == "process" and any(op.resource_keys for op in description.mapped)
    return (
        replace(description, job_from=None) if resources or request.keeps_executor else description
    )


def _batched_job(
    description: WorkloadDescription,
) -> tuple[WorkloadDescription, JobImport, BatchedGraph]:
    """The job that is batched (made of a bare op where there is none), its import and plan."""
    if description.job_name is None:
        source = items_source(description)
        description = described_as_job(description)
        return description, job_of_op(description, source), plan_batches(description)
    return description, _imported(description), plan_batches(description)


def obstacle_to_batches(description: WorkloadDescription) -> DynadviseError | None:
    """Why no code for batches or workers inside a step can be emitted; None where it can.

    The same refusal as of :func:`emit_batch`: no way is advised that cannot be emitted.
    """
    try:
        batched_job_name(description)
        if has_items_form(description):
            items_source(description)
        else:
            _batched_job(description)
    except DynadviseError as refusal:
        return refusal
    return None


def _general_module(
    request: EmitRequest,
    imported: JobImport,
    plan: BatchedGraph,
    kind: WorkerKind | None,
    one_step: bool,
) -> str:
    """The lines that name the user's ops, around the code that fits every job."""
    description = request.description
    is_asset, is_process = description.kind == "asset", kind == "process"
    around = defined_elsewhere(description) if is_asset else ""
    if around and is_process and any(op.resource_keys for op in description.mapped):
        raise DynadviseError(
            "Worker processes need the asset's resources, which another module defines.",
            hint="Put them into a module of their own, and on the asset: resource_defs=...",
        )
    further, left_out = further_batches(request, plan)
    blocks = [
        imported.lines,
        description_lines(request),
        size_lines(request, one_step),
        worker_lines(request, kind),
        thread_lines(request) if is_process and is_multi_core(request) else "",
        executor_lines(request),
    ]
    first = PlanLines(
        "Which of your ops are run in batches, and how the items go from one to the next.",
        "BATCHES",
        _plan_in_code(request, plan, kind, one_step, given_resources=not around),
    )
    imports, code = copied("batching", "rewiring")
    return module_text(
        "batch.py.j2",
        [*_prose(request, imported), _together(list(further), left_out)],
        blocks,
        thread_limit=thread_limit(request),
        given=imports,
        plans=[first, *further.values()],
        runtime_code=code,
        asset=f"{imported.name}_batched" if is_asset else None,
        around=around,
        name=batched_job_name(description),
        job_name=quoted(batched_job_name(description)),
    )


def _plan_in_code(
    request: EmitRequest,
    plan: BatchedGraph,
    kind: WorkerKind | None,
    one_step: bool,
    *,
    given_resources: bool,
) -> dict[str, str]:
    """The fields of the first ``BatchPlan``; ``given_resources``: whether the module has them."""
    is_asset = request.description.kind == "asset"
    fields = {
        **plan_fields(plan),
        "path": list(plan.path[is_asset:]),
        "outer": list(plan.path[:is_asset]),
    }
    code = {"batch_size": "BATCH_SIZE"}
    if sizes_foretell(request) and not one_step:
        code["longest_first"] = "True"
    if kind:
        code |= {"workers": "WORKERS", "worker_kind": quoted(kind)}
    if kind == "process":
        code["preloaded"] = preloads(request)
        if is_multi_core(request):
            code["worker_threads"] = "THREADS_OF_A_WORKER"
        if not is_asset:
            code["resource_defs"] = "original_job.resource_defs"
            code["resource_config"] = '(original_job.run_config or {}).get("resources", {})'
        elif given_resources:
            code["resource_defs"] = "{**given_resources, **original_asset.resource_defs}"
        else:
            code["resource_defs"] = "original_asset.resource_defs"
    graph = "original_asset.node_def" if is_asset else "original_job.graph"
    return fields_as_code(graph, fields, code)


def batched_job_name(description: WorkloadDescription) -> str:
    """Variable of the emitted module that holds the batched job.

    Raises:
        DynadviseError: The job's name is not one in Python.
    """
    if description.kind == "asset":
        return f"{asset_name(description)}_batched_job"
    name = description.job_name or description.mapped[0].name
    return f"{identifier(name, 'The job')}_batched"


def _imported(description: WorkloadDescription) -> JobImport:
    if description.kind == "asset":
        if not description.graph_path:
            raise DynadviseError(
                f"{description.target.spelled} is an asset whose graph its profile does not hold.",
                hint="Profile it again.",
            )
        return asset_import(description)
    if description.of_assets:
        raise DynadviseError(
            f"{description.job_name} materializes assets, and a job alone has none to batch.",
            hint="Name the asset whose graph fans out: dynadvise profile MODULE:ASSET",
        )
    return held_job_import(description)


def _plain_module(
    request: EmitRequest, name: str, plain: PlainForm, kind: WorkerKind | None, one_step: bool
) -> str:
    """The short form; ``name`` is what the items are of."""
    functions = "# The functions under your ops, to be called without a step of their own.\n"
    return module_text(
        "plain_batch.py.j2",
        _plain_prose(request, name, plain, one_step=one_step),
        [
            plain.imports,
            description_lines(request),
            "" if one_step else size_lines(request, one_step),
            worker_lines(request, kind),
            f"{functions}{plain.functions}" if plain.functions else "",
            executor_lines(request),
        ],
        thread_limit=thread_limit(request),
        plain=plain,
        kind=kind,
        one_step=one_step,
        preloads=preloads(request),
        name=batched_job_name(request.description),
    )


def _prose(request: EmitRequest, imported: JobImport) -> list[str]:
    description, name = request.description, imported.name
    place = beside_job(
        description, request.candidate.launch, imported.module, batched_job_name(description)
    )
    return [
        f"{name} with the items of its dynamic output in batches: one step runs many items.",
        decision(request),
        (
            "Your ops are called as they are, the results and their order are those of the original"
            " job. What changes: a batch has one log, one retry, one call of its hooks and one"
            " re-execution instead of one per item; metadata of single outputs and the type checks"
            " between the mapped ops are left out. When an item fails, the others of its batch"
            " still run, then the step fails and names the keys of those that failed."
        ),
        in_place_of_asset(name) if description.kind == "asset" else place,
    ]


def _together(further: list[str], left_out: list[str]) -> str:
    """What becomes of the job's other fan-outs; empty where there are none."""
    sentences = [f"The items of {op} are in batches too." for op in further]
    return " ".join([*sentences, *(f"{why}." for why in left_out)])


def _plain_prose(request: EmitRequest, name: str, plain: PlainForm, *, one_step: bool) -> list[str]:
    candidate = request.candidate
    plural = "processes" if candidate.worker_kind == "process" else "threads"
    module = "" if plain.reading else user_module(request.description)
    place = beside_job(
        request.description, candidate.launch, module, batched_job_name(request.description)
    )
    inside = f", on {candidate.workers_in_op} {plural}" if candidate.workers_in_op > 1 else ""
    if plain.reading:
        return [
            f"A whole job for {name}: {'all items' if one_step else 'a batch'} per step{inside}.",
            (
                f"{READING}() reads the samples of the profile: read your real items there. The"
                " results come as one list, in the order of the items. When items fail, the others"
                " of the step still run, then it fails and names the keys of those that failed."
            ),
            place,
        ]
    return [
        f"{name} with {'all its' if one_step else 'a batch of its'} items in one step{inside}.",
        (
            "The functions under your ops are called as they are; the results and their order are"
            f" those of {name}. What changes: the items of a step share one log, one retry and one"
            " re-execution, and are not type-checked one by one. When items fail, the others of"
            " the step still run, then it fails and names the keys of those that failed."
        ),
        place,
    ]
