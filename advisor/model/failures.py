"""What made steps of a run fail: told by the errors in its log. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from advisor.domain.analysis import Diagnosis
from advisor.domain.observed import ObservedStep
from advisor.model.run_facts import Facts, attempt_count, duration, held_s, step_count

_KILLED = re.compile(
    r"SIGKILL|exit(?:ed with)? code (?:137|-9)\b|OOMKilled|out of memory|MemoryError"
    r"|Cannot allocate memory",
    re.IGNORECASE,
)
_CONNECTIONS = re.compile(
    r"too many (?:clients|connections)|remaining connection slots|connection slots"
    r"|QueuePool limit|max_connections|pool exhausted|Connection pool is full"
    r"|Max(?:imum)? (?:client )?connections",
    re.IGNORECASE,
)
_CRASHED = re.compile(
    r"terminated by signal (?!9\b)|unexpectedly exited with code (?!137\b|-9\b)"
    r"|SIG(?:SEGV|BUS|ABRT|ILL|FPE)\b|Segmentation fault|Bus error"
)
"""As Dagster words it (``get_run_crash_explanation``), and as shells do."""

_LOCKED = re.compile(r"database (?:table )?is locked|SQLITE_BUSY", re.IGNORECASE)


def retries(facts: Facts) -> Diagnosis | None:
    """RUN011: attempts that had to be repeated."""
    failed = [step for step in facts.run.steps if step.status == "up_for_retry"]
    if not failed:
        return None
    lost_s = sum(held_s(step) for step in failed)
    again = {step.step_key for step in failed}
    gain = lost_s / facts.slots
    return Diagnosis(
        code="RUN011",
        kind="retries",
        severity="warning" if facts.worth(gain) else "note",
        message=(
            f"{step_count(len(again))} {'was' if len(again) == 1 else 'were'} retried; "
            f"{attempt_count(len(failed))} lost."
        ),
        evidence=(f"{duration(lost_s)} of slot time in failed attempts", *_errors(failed)),
        remedy=(
            "Remove the cause, or wait less before trying again. With batches, a retry repeats "
            "the whole batch. Retrying a whole run skips mapped steps (dagster#20925)."
        ),
        gain_s=gain,
        formula=f"slot time of failed attempts / slots = {lost_s:.2f} / {facts.slots}",
    )


def out_of_memory(facts: Facts) -> Diagnosis | None:
    """RUN012: children killed, or out of memory."""
    return _by_error(
        facts,
        _KILLED,
        code="RUN012",
        kind="memory",
        message="{attempts} killed or out of memory ({slots} at once).",
        remedy=(
            "Lower max_concurrent so that the steps' peaks fit the machine (SIGKILL nearly always "
            "means out of memory); `dynadvise profile` measures an item's peak and respects "
            "--memory."
        ),
    )


def connections_exhausted(facts: Facts) -> Diagnosis | None:
    """RUN013: the database had no connection left."""
    return _by_error(
        facts,
        _CONNECTIONS,
        code="RUN013",
        kind="connections",
        message="{attempts} refused a database connection ({slots} at once).",
        remedy=(
            "Limit the steps that hold a connection: lower max_concurrent, or give the op a pool "
            "with a limit; `dynadvise profile --max-connections N` advises within it."
        ),
    )


def sqlite_locking(facts: Facts) -> Diagnosis | None:
    """RUN014: SQLite writers that waited too long for each other."""
    return _by_error(
        facts,
        _LOCKED,
        code="RUN014",
        kind="sqlite-locking",
        message="{attempts} stopped by a locked SQLite database ({slots} at once).",
        remedy=(
            "Write from one step (collect the rows and write once), set a busy timeout and WAL "
            "mode, or use Postgres for the instance if it is Dagster's own storage."
        ),
    )


def crashed(facts: Facts) -> Diagnosis | None:
    """RUN017: children that ended without an exception, and were not killed for memory."""
    return _by_error(
        facts,
        _CRASHED,
        code="RUN017",
        kind="crashes",
        message="{attempts} ended by a crash, not by an exception ({slots} at once).",
        remedy=(
            "Usual causes: SIGSEGV or SIGBUS: a native library (an extension module, a mapped file "
            "that shrank, a full /dev/shm), often after a fork with threads running; SIGABRT: "
            "a native library's own check (two OpenMP runtimes, a damaged heap); SIGTERM: the "
            "platform ended it; an exit status: the op or a library called exit. "
            "`PYTHONFAULTHANDLER=1` writes where it happened. In one process the same crash ends "
            "the whole run."
        ),
    )


def other_failures(facts: Facts) -> Diagnosis | None:
    """RUN015: steps that failed for a reason of the user's own code."""
    known = (_KILLED, _CONNECTIONS, _LOCKED, _CRASHED)
    failed = [
        step
        for step in facts.run.steps
        if step.status == "failure"
        and not any(pattern.search(step.error or "") for pattern in known)
    ]
    if not failed:
        return None
    return Diagnosis(
        code="RUN015",
        kind="failures",
        severity="note",
        message=f"{step_count(len(failed))} failed: the figures are those of an incomplete run.",
        evidence=_errors(failed),
        remedy="Analyze a run that succeeded for figures to decide by.",
    )


def has_crash(facts: Facts) -> bool:
    """Whether a step's process crashed: then one process for all steps would end the whole run."""
    return bool(_steps_with(facts, _CRASHED))


def _steps_with(facts: Facts, pattern: re.Pattern[str]) -> list[ObservedStep]:
    return [step for step in facts.run.steps if step.error and pattern.search(step.error)]


def _by_error(
    facts: Facts, pattern: re.Pattern[str], *, code: str, kind: str, message: str, remedy: str
) -> Diagnosis | None:
    hit = _steps_with(facts, pattern)
    if not hit:
        return None
    lost_s = sum(held_s(step) for step in hit)
    return Diagnosis(
        code=code,
        kind=kind,
        severity="error",
        message=message.format(
            attempts=attempt_count(len(hit)), slots=step_count(facts.parallelism.holding_peak)
        ),
        evidence=(
            *_errors(hit),
            (
                f"{duration(lost_s)} of slot time lost; at most "
                f"{step_count(facts.parallelism.holding_peak)} held a slot at once"
            ),
        ),
        remedy=remedy,
        gain_s=lost_s / facts.slots,
        formula=f"slot time of these attempts / slots = {lost_s:.2f} / {facts.slots}",
    )


def _errors(steps: Sequence[ObservedStep]) -> tuple[str, ...]:
    """The distinct errors with how often and where first."""
    seen: dict[str, list[str]] = defaultdict(list)
    for step in steps:
        seen[step.error or "no error in the log"].append(step.step_key)
    return tuple(
        f"{error} ({keys[0]}{f' and {len(keys) - 1} more' if len(keys) > 1 else ''})"
        for error, keys in list(seen.items())[:3]
    )


FAILURES = (
    retries,
    out_of_memory,
    crashed,
    connections_exhausted,
    sqlite_locking,
    other_failures,
)
