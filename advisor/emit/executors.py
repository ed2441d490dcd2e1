"""The kinds ``environments`` and ``async``: executors chosen in code."""

from dataclasses import replace

from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError
from advisor.emit.imports import job_import
from advisor.emit.own_threads import thread_limit
from advisor.emit.python_form import emit_python, executor_lines
from advisor.emit.request import EmitRequest
from advisor.emit.source_text import literal
from advisor.emit.templating import module_text
from advisor.emit.wording import (
    decision,
    description_lines,
    user_config,
    without_code,
)

IN_TWO_PROCESSES = Candidate("execute_job", "multiprocess", max_concurrent=2)
MOST_AT_ONCE = 100  # a service that is asked more at once than this should agree first


def emit_environments(request: EmitRequest) -> str:
    """One module that runs the job in process, by ``execute_job``, or as advised.

    The environment variable ``DAGSTER_ENVIRONMENT`` chooses: ``dev``, ``test`` or ``prod``.
    """
    request, note = without_code(request)
    candidate = request.candidate
    imported = job_import(request.description)
    in_test = {"max_concurrent": 2, **user_config(IN_TWO_PROCESSES, request.description.executor)}
    if candidate.executor not in ("in_process", "multiprocess"):
        raise DynadviseError(
            f"`environments` knows the in-process and the multiprocess executor, not"
            f" {candidate.executor}.",
            hint="Emit `python`.",
        )
    return module_text(
        "environments.py.j2",
        [
            (f"One {imported.name}, three ways to run it, by the environment variable"
            " DAGSTER_ENVIRONMENT: dev in process (quick, one traceback, a debugger works); test"
            " by execute_job with two steps in parallel (each step in a process of its own, as in"
            " production: what cannot be pickled or imported shows here); prod as advised."),
            decision(request),
            note,
        ],
        [imported.lines, description_lines(request), executor_lines(request)],
        thread_limit=thread_limit(request),
        in_test=literal(in_test),
    )  # fmt: skip


def emit_async(request: EmitRequest) -> str:
    """The job on ``dagster-async-executor``, whose steps share one event loop.

    Raises:
        DynadviseError: A mapped op is not ``async def``: it would block the loop.
    """
    blocking = [op.name for op in request.description.mapped if not op.is_async]
    if blocking:
        raise DynadviseError(
            f"{', '.join(blocking)} is not `async def`: on the async executor it would block the"
            " event loop, and with it every other item.",
            hint="Make it asynchronous, or emit `workers`: threads overlap its waiting.",
        )
    if request.candidate.executor == "async":
        return emit_python(request)
    advised = next(
        (way for way in request.advice.candidates if way.candidate.executor == "async"), None
    )
    if advised is not None:
        return emit_python(replace(request, prediction=advised))
    asynchronous = Candidate(
        "execute_job",
        "async",
        max_concurrent=min(request.advice.workload.items, MOST_AT_ONCE),
        depth_first=request.candidate.depth_first,
        op_threads=request.candidate.op_threads,
    )
    unseen = replace(request.chosen, candidate=asynchronous)
    return emit_python(replace(request, prediction=unseen, predicted=False))
