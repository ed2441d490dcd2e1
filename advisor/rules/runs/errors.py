"""What the errors in a run's log tell of why steps failed, shared by the rules of failures."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from advisor.domain.observed import ObservedStep
from advisor.domain.quantities import count, seconds
from advisor.rules.runs.facts import RunFacts, attempt_count, slot_time_s
from advisor.rules.runs.gain import Cause, Gain, duration, gain_of, number

_CRASH = re.compile(
    r"terminated by signal (?!9\b)|unexpectedly exited with code (?!137\b|-9\b)"
    r"|SIG(?:SEGV|BUS|ABRT|ILL|FPE)\b|Segmentation fault|Bus error"
)
"""As Dagster words it (``get_run_crash_explanation``), and as shells do."""

FAILURES: Mapping[str, tuple[re.Pattern[str], str]] = {
    "RUN012": (
        re.compile(
            r"SIGKILL|exit(?:ed with)? code (?:137|-9)\b|OOMKilled|out of memory|MemoryError"
            r"|Cannot allocate memory",
            re.IGNORECASE,
        ),
        "killed or out of memory",
    ),
    "RUN013": (
        re.compile(
            r"too many (?:clients|connections)|remaining connection slots|connection slots"
            r"|QueuePool limit|max_connections|pool exhausted|Connection pool is full"
            r"|Max(?:imum)? (?:client )?connections",
            re.IGNORECASE,
        ),
        "refused a database connection",
    ),
    "RUN014": (
        re.compile(r"database (?:table )?is locked|SQLITE_BUSY", re.IGNORECASE),
        "stopped by a locked SQLite database",
    ),
    "RUN017": (_CRASH, "ended by a crash, not by an exception"),
}
"""Of the failures that an attempt's error alone tells: how it reads, and what became of those."""


def has_crash(facts: RunFacts) -> bool:
    """Whether a step's process crashed: then one process for all steps would end the whole run."""
    return bool(_steps_with(facts, _CRASH))


def failed_gain(facts: RunFacts, steps: Sequence[ObservedStep], words: str) -> Gain:
    """What the run would have saved without these attempts."""
    lost = duration(f"slot time of {words}", slot_time_s(steps))
    return gain_of(facts, lost / number("slots", facts.slots))


def failures(facts: RunFacts) -> Iterator[tuple[str, Cause]]:
    """The attempts whose error is one of :data:`FAILURES`, each with its code."""
    at_once = count(facts.parallelism.holding_peak, "step")
    for code, (pattern, what) in FAILURES.items():
        if hit := _steps_with(facts, pattern):
            lost_s = seconds(slot_time_s(hit))
            yield (
                code,
                Cause(
                    "error",
                    message=f"{attempt_count(len(hit))} {what} ({at_once} in parallel).",
                    evidence=(
                        *distinct_errors(hit),
                        f"{lost_s} of slot time lost; at most {at_once} held a slot together",
                    ),
                    gain=failed_gain(facts, hit, "these attempts"),
                ),
            )


def distinct_errors(steps: Sequence[ObservedStep]) -> tuple[str, ...]:
    """The distinct errors with how often and where first."""
    steps_by_error: dict[str, list[str]] = defaultdict(list)
    for step in steps:
        steps_by_error[_without_text(step.error or "no error in the log")].append(step.step_key)
    return tuple(
        f"{error} ({keys[0]}{f' and {len(keys) - 1} more' if len(keys) > 1 else ''})"
        for error, keys in list(steps_by_error.items())[:3]
    )


def _without_text(error: str) -> str:
    """The type of an exception, and what a pattern of ours matched: its text may be a secret."""
    raised = re.match(r"([\w.]+): ", error)
    if raised is None:
        return error  # Dagster's own words
    matches = (pattern.search(error) for pattern, _ in FAILURES.values())
    return ": ".join([raised[1], *(match[0] for match in matches if match)])


def _steps_with(facts: RunFacts, pattern: re.Pattern[str]) -> list[ObservedStep]:
    return [step for step in facts.run.steps if step.error and pattern.search(step.error)]
