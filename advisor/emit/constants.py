"""The constants of a module in batches, each with its reason, and what they are decided by."""

from statistics import correlation

from advisor.domain.quantities import seconds
from advisor.domain.workload import OWN_THREADS, WorkerKind
from advisor.emit.request import EmitRequest
from advisor.emit.source_text import comment, literal


def size_lines(request: EmitRequest, one_step: bool) -> str:
    """The constant ``BATCH_SIZE``, with its reason."""
    item = seconds(request.advice.workload.wall_s.median)
    size = max(1, request.candidate.batch_size)
    if one_step:
        reason = f"None: all items in one step. At {item} per item, a second step takes more."
        return f"{comment(reason)}\nBATCH_SIZE = None"
    reason = (
        f"Items per step. {size} of {item} each outweigh the overhead per step on this machine."
    )
    return f"{comment(reason)}\nBATCH_SIZE = {size}"


def worker_lines(request: EmitRequest, kind: WorkerKind | None) -> str:
    """The constant ``WORKERS``, and what worker processes find imported; empty without them."""
    workers = request.candidate.workers_in_op
    if kind is None:
        return ""
    if kind == "thread":
        reason = (
            f"{workers} threads inside the step: the items mostly wait, and waiting threads need no"
            " CPU. The op must be safe to call from several threads."
        )
        return f"{comment(reason)}\nWORKERS = {workers}"
    reason = (
        f"{workers} processes inside the step: the items compute, and Python's threads would take"
        " turns."
    )
    return f"{comment(reason)}\nWORKERS = {workers}\n{_preloaded(request)}"


def _preloaded(request: EmitRequest) -> str:
    """The constant ``PRELOADED``: the candidate's own preload list, else that of any way."""
    ways = (request.candidate, *(way.candidate for way in request.advice.candidates))
    listed: tuple[str, ...] = next((w.preload_modules for w in ways if w.preload_modules), ())
    unsafe = request.workload.unsafe_modules if request.workload else {}
    why = "What the worker processes find imported already, beside this module."
    if reason := _unsafe_reason(request):
        why = (
            "What the worker processes find imported already. Not this module, which imports"
            f" {request.description.target.module_name}: that {reason}, and must not be there"
            " before a fork."
        )
    modules = literal([module for module in listed if module not in unsafe])
    return f"{comment(why)}\nPRELOADED = {modules}"


def preloads(request: EmitRequest) -> str:
    """All that worker processes find imported: the emitted module too, which imports the user's."""
    return "PRELOADED" if _unsafe_reason(request) else "[__name__, *PRELOADED]"


def _unsafe_reason(request: EmitRequest) -> str | None:
    """Why the user's module must not be imported before a fork; None where it may be."""
    unsafe = request.workload.unsafe_modules if request.workload else {}
    return unsafe.get(request.description.target.module_name)


def thread_lines(request: EmitRequest) -> str:
    """The constant ``THREADS_OF_A_WORKER``, with its reason."""
    reason = (
        "Threads of a worker's numeric libraries: the op computes on several cores by itself, and"
        f" {request.candidate.workers_in_op} workers that each did so would fight for them."
    )
    return f"{comment(reason)}\nTHREADS_OF_A_WORKER = 1"


def is_multi_core(request: EmitRequest) -> bool:
    """Whether an item computes on several cores by itself."""
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
