"""One thread an item, where the advice says so: environment variables, in the form of the snippet.

Math libraries read them when they are loaded. The processes of a multiprocess run inherit them
from the process of the run, so that setting them there is enough; what that process has loaded
already is limited by threadpoolctl, where it is installed.
"""

from advisor.domain.candidate import THREAD_VARIABLES
from advisor.domain.quantities import seconds
from advisor.emit.request import EmitRequest
from advisor.emit.source_text import comment


def thread_limit(request: EmitRequest) -> str:
    """Lines that set the limit, for the top of a module; empty where there is none."""
    limit = request.candidate.op_threads
    if limit is None:
        return ""
    reason = f"{_reason(request)} This stands before anything that loads a math library."
    lines = [
        "import os",
        "",
        comment(reason),
        *(f'os.environ.setdefault("{name}", "{limit}")' for name in THREAD_VARIABLES),
        "try:",
        "    from threadpoolctl import threadpool_limits",
        "except ImportError:",
        "    pass",
        "else:  # what this process has loaded already",
        f"    threadpool_limits({limit})",
    ]
    return "\n".join(lines)


def _reason(request: EmitRequest) -> str:
    workload, candidate = request.advice.workload, request.candidate
    cores = workload.cpu_s / max(workload.wall_s.median, 1e-9)
    return (
        f"An item computes on {cores:.1f} cores by itself ({seconds(workload.wall_s.median)});"
        f" {candidate.max_concurrent * candidate.workers_in_op} in parallel with one thread each"
        " are faster than with all theirs (measured)."
    )


def above_yaml(text: str, request: EmitRequest) -> str:
    """Run config, with a comment that names the variables where there is a limit."""
    limit = request.candidate.op_threads
    if limit is None:
        return text
    spelled = " ".join(f"{name}={limit}" for name in THREAD_VARIABLES)
    reason = (
        f"{_reason(request)} Start the run with {spelled} in its environment: its steps inherit it."
    )
    return f"{comment(reason)}\n{text}"
