"""A candidate as a user writes it, ``warm:4:batch=8``: read and written, each undoing the other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from advisor.domain.candidate import Candidate
from advisor.domain.errors import ConfigurationError
from advisor.domain.workload import WorkerKind

FORM = (
    "METHOD[:AT_ONCE][:batch=N][:threads=N|:processes=N][:depth-first] with METHOD one of "
    "execute_in_process, in_process, spawn, forkserver, warm, async, each also with `cli-` before "
    "it"
)

_DEPTH_FIRST = "depth-first"
_WORKERS: Mapping[WorkerKind, str] = {"thread": "threads", "process": "processes"}
_METHODS: Mapping[str, Candidate] = {
    "execute_in_process": Candidate("execute_in_process", "in_process"),
    "in_process": Candidate("execute_job", "in_process"),
    "async": Candidate("execute_job", "async"),
    "spawn": Candidate("execute_job", "multiprocess", "spawn"),
    "forkserver": Candidate("execute_job", "multiprocess", "forkserver"),
    "warm": Candidate("execute_job", "multiprocess", "forkserver"),
}


def read_candidate(spelled: str, preload: Sequence[str]) -> Candidate:
    """The candidate that `FORM` spells.

    Args:
        spelled: For instance ``warm:4`` or ``in_process:batch=8:threads=8``.
        preload: The modules that ``warm`` preloads.

    Raises:
        ConfigurationError: It names no way to run.
    """
    method, *parts = (part.strip() for part in spelled.split(":"))
    plain = _method(method, tuple(preload), spelled)
    depth_first = _DEPTH_FIRST in parts
    numbers = _numbers([part for part in parts if part != _DEPTH_FIRST], spelled)
    if "at once" in numbers and plain.executor == "in_process":
        raise _unreadable(spelled, f"{method} runs one step at a time")
    if "threads" in numbers and "processes" in numbers:
        raise _unreadable(spelled, "a step has threads or processes, not both")
    kind: WorkerKind | None = next((k for k in _WORKERS if _WORKERS[k] in numbers), None)
    workers = numbers[_WORKERS[kind]] if kind else 1
    batch_size = numbers.get("batch", 1)
    if batch_size < workers:
        raise _unreadable(spelled, f"{workers} workers in a step need batch={workers} or more")
    candidate = replace(
        plain,
        max_concurrent=numbers.get("at once", 1),
        batch_size=batch_size,
        workers_in_op=workers,
        worker_kind=kind if workers > 1 else None,
        depth_first=depth_first,
    )
    if candidate.is_batched and (depth_first or candidate.executor == "async"):
        raise _unreadable(spelled, "a batch runs its items' chains whole, by threads or processes")
    return candidate


def spelling(candidate: Candidate) -> str:
    """A candidate as `read_candidate` reads it."""
    name: str = "warm" if candidate.is_warm else candidate.start_method or candidate.executor
    if candidate.launch == "execute_in_process":
        name = candidate.launch
    parts = [f"cli-{name}" if candidate.launch == "cli" else name]
    if candidate.executor != "in_process":
        parts.append(str(candidate.max_concurrent))
    if candidate.batch_size > 1:
        parts.append(f"batch={candidate.batch_size}")
    if candidate.worker_kind and candidate.workers_in_op > 1:
        parts.append(f"{_WORKERS[candidate.worker_kind]}={candidate.workers_in_op}")
    if candidate.depth_first:
        parts.append(_DEPTH_FIRST)
    return ":".join(parts)


def _method(name: str, preload: tuple[str, ...], spelled: str) -> Candidate:
    plain = _METHODS.get(name.removeprefix("cli-"))
    if plain is None or name == "cli-execute_in_process":
        raise _unreadable(spelled, f"there is no method {name!r}")
    if name.removeprefix("cli-") == "warm":
        if not preload:
            raise _unreadable(spelled, "the profile has no preload list")
        plain = replace(plain, preload_modules=preload)
    return replace(plain, launch="cli") if name.startswith("cli-") else plain


def _numbers(parts: Sequence[str], spelled: str) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for part in parts:
        name, equals, value = part.rpartition("=")
        name = name if equals else "at once"
        expected = ("at once", "batch", "threads", "processes")
        if name not in expected or name in numbers or not value.isdecimal() or int(value) < 1:
            raise _unreadable(spelled, f"{part!r} is not understood")
        numbers[name] = int(value)
    return numbers


def _unreadable(spelled: str, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"The configuration {spelled!r} names no way to run: {reason}.",
        where="--configurations",
        hint=f"Write advised, config-only, current, default, runner-up, grid, or {FORM}.",
    )
