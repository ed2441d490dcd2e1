"""Ways to run that are not considered further: what rules each out, and the words for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from advisor.domain.candidate import Candidate
from advisor.domain.quantities import percent, seconds, size

_PLURAL = {"thread": "threads", "process": "processes", "item": "items"}


class RejectionKind(str, Enum):
    """Why a candidate is not considered further."""

    IMPOSSIBLE = "impossible"
    NO_SNIPPET = "no-snippet"
    SLOWER = "slower"
    CROWDED = "crowded"  # only in an advice that an older version saved
    DOES_NOT_FIT = "does-not-fit"


class Cause(str, Enum):
    """What rules a way out."""

    NOT_PICKLED = "not-pickled"
    NOT_REBUILT = "not-rebuilt"
    NOT_STORED = "not-stored"
    LIST_NOT_STORED = "list-not-stored"
    UNSAFE_IMPORT = "unsafe-import"
    BLOCKED_LOOP = "blocked-loop"
    NO_EVENT_LOOP = "no-event-loop"
    NO_SNIPPET = "no-snippet"
    NOT_MEASURED = "not-measured"
    SLOWER = "slower"
    CROWDED = "crowded"  # only in an advice that an older version saved
    MEMORY = "memory"
    POD_MEMORY = "pod-memory"
    CONNECTIONS = "connections"
    POOL = "pool"
    TAG_LIMIT = "tag-limit"
    ITEMS_FAILED = "items-failed"
    WORKERS_FAILED = "workers-failed"
    WORKERS_DIFFER = "workers-differ"
    NOT_COMPARED = "not-compared"
    NOTHING_TRIED = "nothing-tried"
    BEYOND_TRIED = "beyond-tried"


def _slower(bound_s: float, core_seconds: float | None, rival_s: float) -> str:
    least = f"takes at least {seconds(bound_s)}"
    least += f" and {core_seconds:.1f} core-seconds" if core_seconds is not None else ""
    return f"{least}; another way takes {seconds(rival_s)}"


def _memory(need_bytes: int, have_bytes: int, headroom: float) -> str:
    free = f", of which {percent(headroom)} stay free" if headroom else ""
    return f"needs {size(need_bytes)}, the host has {size(have_bytes)}{free}"


_WORDS: Mapping[Cause, Callable[..., str]] = {
    Cause.NOT_PICKLED: lambda *values: (
        f"what cannot be pickled cannot cross a process: {'; '.join(values)}"
    ),
    Cause.NOT_REBUILT: lambda why: why or "the job cannot be rebuilt",
    Cause.NOT_STORED: lambda *values: (
        f"the default IO manager pickles what a step hands on: {'; '.join(values)}"
    ),
    Cause.LIST_NOT_STORED: "its IO manager does not take a list of items ({})".format,
    Cause.UNSAFE_IMPORT: "a forkserver without a preload list imports {}, which {}".format,
    Cause.BLOCKED_LOOP: lambda *ops: (
        f"{', '.join(ops)} is not `async def` and would block the loop of the others"
    ),
    Cause.NO_EVENT_LOOP: str,
    Cause.NO_SNIPPET: str,
    Cause.NOT_MEASURED: lambda why: f"there is no measurement of it ({why or 'it was not run'})",
    Cause.SLOWER: _slower,
    Cause.MEMORY: _memory,
    Cause.POD_MEMORY: lambda need_bytes, have_bytes: (
        f"needs {size(need_bytes)} in a step, its pod may have {size(have_bytes)}"
    ),
    Cause.CONNECTIONS: "holds {} connections, the limit is {}".format,
    Cause.POOL: "runs {} items in parallel in steps of the pool {!r}, which allows {}".format,
    Cause.TAG_LIMIT: "runs {} items in parallel in steps tagged {}, limited to {}".format,
    Cause.ITEMS_FAILED: lambda items, workers, kind, why: (
        f"has {items} items at work, and {workers} {_PLURAL[kind]} failed: {why}"
    ),
    Cause.WORKERS_FAILED: lambda workers, kind, why: f"{workers} {_PLURAL[kind]} failed: {why}",
    Cause.WORKERS_DIFFER: lambda kind, why: (
        f"{_PLURAL[kind]} in parallel give other results: {why}"
    ),
    Cause.NOT_COMPARED: "results were not compared: {}".format,
    Cause.NOTHING_TRIED: lambda kind: f"no {_PLURAL[kind]} were tried in parallel",
    Cause.BEYOND_TRIED: lambda most, kind: (
        f"no more than {most} {_PLURAL[kind]} were tried in parallel"
    ),
}
_MISFITS = (Cause.MEMORY, Cause.POD_MEMORY, Cause.CONNECTIONS, Cause.POOL, Cause.TAG_LIMIT)
_KINDS = {
    Cause.NO_SNIPPET: RejectionKind.NO_SNIPPET,
    Cause.SLOWER: RejectionKind.SLOWER,
    Cause.LIST_NOT_STORED: RejectionKind.DOES_NOT_FIT,
    **dict.fromkeys(_MISFITS, RejectionKind.DOES_NOT_FIT),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What rules a way out, with its figures in the order of its words."""

    cause: Cause
    figures: tuple[object, ...] = ()

    @property
    def words(self) -> str:
        """The cause with its figures; the way is the subject."""
        return _WORDS[self.cause](*self.figures)

    def rejects(self, candidate: Candidate) -> Rejection:
        """The candidate, not considered further."""
        kind = _KINDS.get(self.cause, RejectionKind.IMPOSSIBLE)
        return Rejection(candidate, self.words, kind, self.cause)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A candidate that was not considered further, and the figure that rejected it.

    ``cause`` is None in an advice that an older version saved.
    """

    candidate: Candidate
    reason: str
    kind: RejectionKind = RejectionKind.IMPOSSIBLE
    cause: Cause | None = None
