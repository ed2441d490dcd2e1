"""The kind ``python``: the advised executor for the job, and the description that records why."""

from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError
from advisor.domain.executor_setting import ExecutorSetting
from advisor.emit.imports import JobImport, job_import
from advisor.emit.own_threads import thread_limit
from advisor.emit.request import EmitRequest
from advisor.emit.run_config import path_of
from advisor.emit.source_text import comment, literal
from advisor.emit.templating import imports_of, module_text
from advisor.emit.wording import (
    decision,
    description_lines,
    executor_config,
    reasons_for,
    whole_config,
    without_code,
)

EXECUTOR_NAMES = {
    "in_process": "in_process_executor",
    "multiprocess": "multiprocess_executor",
    "async": "async_executor",
    "k8s": "k8s_job_executor",
    "docker": "docker_executor",
    "celery": "celery_executor",
    "celery_k8s": "celery_k8s_job_executor",
    "ecs": "ecs_executor",
    "ray": "ray_executor",
}


def emit_python(request: EmitRequest) -> str:
    """The job with the advised executor; for a bare op, ``Definitions`` with it."""
    note = ""
    if request.candidate.is_batched:
        request, note = without_code(request)
    candidate = request.candidate
    imported = imported_job(request)
    own_executor = request.keeps_executor
    if own_executor and imported is None:
        raise DynadviseError(
            f"{request.description.target.spelled} keeps the executor that it has: there is no code"
            " to change for it.",
            hint="Emit `batch` or `workers`.",
        )
    job = imported.lines if imported else ""
    return module_text(
        "python.py.j2",
        [*_prose(request, imported), note],
        [job, description_lines(request), executor_lines(request)],
        thread_limit=thread_limit(request),
        kept=own_executor,
        job=job,
        priorities=literal(_priorities(request)) if candidate.depth_first else "",
    )


def executor_lines(request: EmitRequest) -> str:
    """The lines that define the advised executor."""
    if request.keeps_executor:
        own = "None" if request.description.kind == "asset" else "original_job.executor_def"
        return f"# Yours, with all that it is configured with.\nadvised_executor = {own}"
    name, config = EXECUTOR_NAMES[request.candidate.executor], whole_config(request)
    if not config:
        reason = "How many steps run in parallel is set on the Celery workers."
        if request.candidate.executor == "in_process":
            reason = (
                "One step after another, in the process of the run: no process to start for a step."
            )
        return f"{comment(reason)}\nadvised_executor = {name}"
    defaults = (
        f"Defaults that run config can still override. `{name}.configured({{...}})` would fix"
        " them: run config given later for the same keys is then silently ignored."
    )
    return (
        f"{comment(defaults)}\n"
        f"EXECUTOR_CONFIG = {_with_reasons(config, reasons_for(request))}\n\n"
        f"advised_executor = {name}.configured(\n"
        "    lambda given: {**EXECUTOR_CONFIG, **given},\n"
        f"    config_schema=Permissive(),\n"
        ")"
    )


def _priorities(request: EmitRequest) -> dict[str, str]:
    """Priority by node: the later in the chain, the sooner; the first op keeps the default, 0."""
    ops = [op.reference for op in request.description.mapped]
    if imported_job(request) is None or any(len(op.node_path) > 1 for op in ops):
        raise DynadviseError(
            "The tags that make this chain depth first cannot be put in from outside: its ops are"
            " not nodes of a job's own graph.",
            hint=f'Write @op(tags={{"dagster/priority": "1"}}) on {ops[-1].name!r}.',
        )
    return {op.node_path[0]: str(place) for place, op in enumerate(ops) if place}


def imported_job(request: EmitRequest) -> JobImport | None:
    """The job's import; None for a bare op or function and for an asset."""
    if request.description.job_name is None or request.description.kind in (
        "op",
        "function",
        "asset",
    ):
        return None
    return job_import(request.description)


def _with_reasons(config: dict[str, object], reasons: dict[str, str]) -> str:
    """The config as a Python literal with each setting's reason above it."""
    lines = ["{"]
    for key, value in config.items():
        named = [key, "preload_modules"] if key == "start_method" else [key]
        lines += [comment(reasons[name], 1) for name in named if name in reasons]
        lines.append(f"    {literal(key)}: {literal(value, 1)},")
    return "\n".join([*lines, "}"])


def _prose(request: EmitRequest, imported: JobImport | None) -> list[str]:
    candidate = request.candidate
    subject = imported.name if imported else request.description.target.spelled
    paragraphs = [f"How to run {subject}.", decision(request)]
    if request.keeps_executor:
        return paragraphs
    if candidate.launch == "execute_in_process":
        paragraphs.append(
            "Advised: call execute_in_process(), which takes no executor. Launched otherwise, the"
            " executor below runs the steps the same way."
        )
    if candidate.depth_first:
        paragraphs.append(
            "Depth first: Dagster runs a chain of mapped ops breadth first, so all intermediate"
            " results wait together and the first item is done late. The priorities below turn that"
            " round."
        )
    setting = request.description.executor
    if setting is not None and setting.executor == candidate.executor and setting.other_keys:
        paragraphs.append(
            f"Put back what your executor sets besides: {', '.join(setting.other_keys)}. The values"
            " are not in the profile, since they may be secret."
        )
    if candidate.executor == "async":
        paragraphs.append(
            "All steps run on one event loop (pip install dagster-async-executor): what they await"
            " overlaps. A synchronous op, or a call that blocks inside an async one (time.sleep,"
            " requests, a database driver that does not await), holds up every other item."
        )
    return paragraphs


def is_fixed(candidate: Candidate, setting: ExecutorSetting | None) -> bool:
    """Whether the job's code fixes its executor, so that run config cannot make it this way."""
    if setting is None or candidate.launch == "execute_in_process" or candidate.needs_code:
        return False
    fixed = not set(executor_config(candidate)).isdisjoint(setting.fixed_by_code)
    return fixed or path_of(candidate, setting) is None


def executor_definition(request: EmitRequest) -> str:
    """The lines that define the advised executor; run config can still override its settings."""
    lines = executor_lines(request)
    place = comment("In the job's definition, in place of the executor that it names now:")
    use = "#     @job(executor_def=advised_executor), or to_job(executor_def=advised_executor)"
    return f"{imports_of(lines)}\n\n{place}\n{use}\n{lines}\n"
