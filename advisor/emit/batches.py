"""The kinds ``batch`` and ``workers``: a module that runs the items of a job a batch a step."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import correlation

from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError
from advisor.domain.quantities import seconds
from advisor.domain.workload import OWN_THREADS, WorkloadDescription
from advisor.emit.further import (
    FurtherBatches,
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
    from_import,
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
from advisor.emit.python_form import EXECUTOR_NAMES, executor_lines
from advisor.emit.request import EmitRequest
from advisor.emit.source_text import comment, identifier, literal, prose, quoted
from advisor.emit.templating import copied, module_text, runtime_code, sorted_imports
from advisor.emit.wording import decision, whole_config

_SIGNS = {
    "asyncio.run(": "import asyncio",
    "json.loads(": "import json",
    "Path(": "from pathlib import Path",
    "yaml.safe_load(": "import yaml",
}
"""How lines that read the items show what they import."""


def emit_batch(request: EmitRequest) -> str:
    """The job in batches, as the candidate says; its workers, if it has any, stay.

    Where the candidate has no batches, the best one of the advice that has is emitted.

    Raises:
        DynadviseError: None has, or the job cannot be batched automatically.
    """
    best = _best(request, lambda way: way.is_batched, "batches")
    return _module(best)


def emit_workers(request: EmitRequest) -> str:
    """The job in batches whose items run on threads or processes inside the step.

    Raises:
        DynadviseError: No way of the advice has workers, or the job cannot be batched.
    """
    best = _best(request, lambda way: way.workers_in_op > 1, "workers inside a step")
    return _module(best)


def _best(request: EmitRequest, fits: Callable[[Candidate], bool], what: str) -> EmitRequest:
    if with_batches_first(request) is not request:
        return request
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
    request = with_batches_first(request)
    candidate = request.candidate
    workers = candidate.workers_in_op
    one_step = candidate.batch_size >= request.advice.workload.items and workers > 1
    kind = candidate.worker_kind if workers > 1 else None
    shared: dict[str, object] = {
        "description": prose([decision(request)]),
        "size_comment": comment(_size_reason(request, one_step=one_step)),
        "batch_size": None if one_step else max(1, candidate.batch_size),
        "workers": workers,
        "workers_comment": comment(_workers_reason(request)),
        "thread": kind == "thread",
        "process": kind == "process",
        **_preloads(request),
        "name": batched_job_name(request.description),
    }
    if has_items_form(request.description):
        source = items_source(request.description)
        form = items_form(request.description, source, one_step=one_step, kind=kind)
        return _plain_module(request, request.description.mapped[0].name, form, shared)
    described, imported, plan = _batched_job(_held(request, kind))
    request = replace(request, description=described)
    longest_first = not one_step and sizes_foretell(request)
    limit_threads = _is_multi_core(request)
    further = further_batches(request, plan)
    if (
        not request.keeps_executor
        and not further[0]
        and not longest_first
        and not (kind == "process" and limit_threads)
    ):
        plain = plain_form(request.description, plan, one_step=one_step, kind=kind)
        if plain is not None:
            return _plain_module(request, imported.name, plain, shared)
    shared |= {"limit_threads": limit_threads, "longest_first": longest_first}
    return _general_module(request, imported, plan, further, shared)


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
    others: tuple[Sequence[FurtherBatches], Sequence[str]],
    shared: dict[str, object],
) -> str:
    """The lines that name the user's ops, around the code that fits every job."""
    description = request.description
    is_asset = description.kind == "asset"
    around = defined_elsewhere(description) if is_asset else ""
    if around and shared["process"] and any(op.resource_keys for op in description.mapped):
        raise DynadviseError(
            "Worker processes need the asset's resources, which another module defines.",
            hint="Put them into a module of their own, and on the asset: resource_defs=...",
        )
    further, left_out = others
    fields = {
        **plan_fields(plan),
        "path": list(plan.path[is_asset:]),
        "outer": list(plan.path[:is_asset]),
    }
    imports = [*copied("batching")[0].splitlines(), *_imports_of(imported.binding)]
    return module_text(
        "batch.py.j2",
        [*_prose(request, imported), *_together(further, left_out)],
        thread_limit(request),
        plain=None,
        further=further,
        plans=", ".join(["BATCHES", *(each.name for each in further)]),
        job=imported.lines,
        imports=sorted_imports(filter(None, imports)),
        executor=executor_lines(request, "dg."),
        runtime_code=runtime_code(),
        plan=[(name, literal(value, 1)) for name, value in fields.items() if value],
        asset=f"{imported.name}_batched" if is_asset else None,
        around=around,
        job_name=quoted(batched_job_name(description)),
        **shared,
    )


def _imports_of(binding: str) -> list[str]:
    """Imports that the lines which bind the user's objects need."""
    names = ("Definitions", "DynamicOut", "DynamicOutput", "job", "op")
    used = [name for name in names if re.search(rf"@{name}\b|\b{name}\(|, {name}\)", binding)]
    imports = [line for sign, line in _SIGNS.items() if sign in binding]
    return imports + ([from_import("dagster", used)] if used else [])


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
    request: EmitRequest, name: str, plain: PlainForm, shared: dict[str, object]
) -> str:
    batched, process = bool(shared["batch_size"]), bool(shared["process"])
    names = ["Failure", "job", "op", EXECUTOR_NAMES[request.candidate.executor]]
    names += ["DynamicOut"] if batched else []
    names += ["DynamicOutput"] if batched or plain.reading else []
    names += ["Permissive"] if whole_config(request) else []
    imports = ["from traceback import format_exception", from_import("dagster", sorted(names))]
    imports += [line for sign, line in _SIGNS.items() if sign in plain.run_item + plain.reading]
    imports += [f"import {name}" for name in ("itertools", "math", "random") if batched]
    imports += ["import multiprocessing"] if process else []
    if process or shared["thread"]:
        pool = "ProcessPoolExecutor" if process else "ThreadPoolExecutor"
        imports.append(f"from concurrent.futures import {pool}")
    return module_text(
        "plain_batch.py.j2",
        _plain_prose(request, name, plain, one_step=not batched),
        thread_limit(request),
        imports=sorted_imports(imports),
        job=plain.imports,
        executor=executor_lines(request),
        plain=plain,
        **shared,
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


def _together(further: Sequence[FurtherBatches], left_out: Sequence[str]) -> list[str]:
    """What becomes of the job's other fan-outs."""
    sentences = [f"The items of {each.op} are in batches too." for each in further]
    sentences += [f"{why}." for why in left_out]
    return [" ".join(sentences)] if sentences else []


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


def _size_reason(request: EmitRequest, *, one_step: bool) -> str:
    item = seconds(request.advice.workload.wall_s.median)
    if one_step:
        return f"None: all items in one step. At {item} per item, a second step takes more."
    size = request.candidate.batch_size
    return f"Items per step. {size} of {item} each outweigh the overhead per step on this machine."


def _workers_reason(request: EmitRequest) -> str:
    candidate = request.candidate
    if candidate.worker_kind == "process":
        return (
            f"{candidate.workers_in_op} processes inside the step: the items compute, and"
            " Python's threads would take turns."
        )
    return (
        f"{candidate.workers_in_op} threads inside the step: the items mostly wait, and waiting"
        " threads need no CPU. The op must be safe to call from several threads."
    )


def _preloads(request: EmitRequest) -> dict[str, object]:
    """What worker processes find imported: the measured preload list and the emitted module.

    The list is the candidate's own, else that of any way that has one. The module imports the
    user's, and stays out where that must not be imported before a fork.
    """
    ways = (request.candidate, *(way.candidate for way in request.advice.candidates))
    listed: tuple[str, ...] = next((w.preload_modules for w in ways if w.preload_modules), ())
    unsafe = request.workload.unsafe_modules if request.workload else {}
    target = request.description.target
    reason = unsafe.get(target.module_name)
    why = "What the worker processes find imported already, beside this module."
    if reason is not None:
        why = (
            "What the worker processes find imported already. Not this module, which imports"
            f" {target.module_name}: that {reason}, and must not be there before a fork."
        )
    return {
        "preload_comment": comment(why),
        "preloaded": literal([module for module in listed if module not in unsafe]),
        "preloads": "PRELOADED" if reason is not None else "[__name__, *PRELOADED]",
    }


def _is_multi_core(request: EmitRequest) -> bool:
    workload = request.advice.workload
    return workload.cpu_s > OWN_THREADS * max(workload.wall_s.median, 1e-9)


def sizes_foretell(request: EmitRequest) -> bool:
    """Whether the bytes of the inputs foretell the durations of uneven items.

    Asked of at least six items: a correlation of 0.9 or more, durations that differ by half.
    """
    if request.workload is None or not request.workload.ops:
        return False
    calls = request.workload.ops[0].later_calls
    sizes = [float(call.input_bytes) for call in calls]
    walls = [call.wall_s for call in calls]
    if len(calls) < 6 or len(set(sizes)) < 3 or max(walls) <= 1.5 * min(walls):
        return False
    return correlation(sizes, walls) >= 0.9
