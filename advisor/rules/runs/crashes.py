"""RUN017: children that ended without an exception, and were not killed for memory."""

from __future__ import annotations

from advisor.rules.runs.errors import CRASHED, by_error
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause

CODE, KIND = "RUN017", "crashes"
MEANING = "processes of steps crashed"
LOOKS = "1 attempt was ended by a crash, not by an exception (2 steps at once)."
REMEDY = (
    "Usual causes: SIGSEGV or SIGBUS: a native library (an extension module, a mapped file that "
    "shrank, a full /dev/shm), often after a fork with threads running; SIGABRT: a native "
    "library's own check (two OpenMP runtimes, a damaged heap); SIGTERM: the platform ended it; an "
    "exit status: the op or a library called exit. `PYTHONFAULTHANDLER=1` writes where it "
    "happened. In one process the same crash ends the whole run."
)


def diagnose(facts: RunFacts) -> Cause | None:
    """Told by the attempts' errors."""
    return by_error(facts, CRASHED, "ended by a crash, not by an exception")
