"""Real runs of a workload under chosen candidates, beside what was predicted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from advisor.domain.candidate import Candidate
from advisor.domain.quantities import Interval

Role = Literal["advised", "config-only", "current", "default", "runner-up"]
"""The part of a way to run in an advice."""


@dataclass(frozen=True, slots=True)
class RunContent:
    """What one run did.

    Attributes:
        items: Mapping keys of which a step ran; of a batched way: batches.
        steps: Steps that succeeded.
        planned_steps: Steps that the run had; an op of which there was none counts as one.
        errors: Log records of level ERROR or above that the user's code wrote.
        result: Hash of what the collecting ops returned; None where it cannot be compared.
    """

    items: int
    steps: int
    planned_steps: int
    errors: int = 0
    result: str | None = None


@dataclass(frozen=True, slots=True)
class VerifiedRun:
    """One real run.

    ``failed`` holds the reason where it did not succeed, ``unlike`` the reason where it did other
    work than the others and is not compared with them. ``peak_rss_bytes`` is the most resident
    memory of all its processes together, as looked at ten times a second; 0: not looked at.
    """

    candidate: Candidate
    wall_s: float
    work_s: float
    parent_cpu_s: float
    child_cpu_s: float
    started_at: str
    failed: str | None = None
    content: RunContent | None = None
    unlike: str | None = None
    peak_rss_bytes: int = 0

    @property
    def counts(self) -> bool:
        """Whether its time may be compared."""
        return self.failed is None and self.unlike is None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A way to run that was asked for and cannot be run here, by its name."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verification:
    """One candidate: its real runs and the prediction made before them.

    ``roles`` are its parts in the advice that were asked for.
    """

    name: str
    candidate: Candidate
    predicted_s: Interval | None
    runs: tuple[VerifiedRun, ...]
    roles: tuple[Role, ...] = ()


def with_unlike_runs(verifications: Sequence[Verification]) -> tuple[Verification, ...]:
    """The same, with the reason at each run that did less than the one that did most.

    Ways with the same batches must run as many steps for as many items; a batched way as many
    batches as the items of the others make.
    """
    done = [
        (verification.candidate.batch_size, run.content)
        for verification in verifications
        for run in verification.runs
        if run.failed is None and run.content is not None
    ]
    items = max((content.items for batch, content in done if batch == 1), default=0)
    return tuple(
        replace(
            verification,
            runs=tuple(
                replace(run, unlike=_difference(run.content, verification, items, done))
                if run.failed is None and run.content is not None
                else run
                for run in verification.runs
            ),
        )
        for verification in verifications
    )


def _difference(
    content: RunContent,
    verification: Verification,
    items: int,
    done: Sequence[tuple[int, RunContent]],
) -> str | None:
    """Why the run did other work than the others; None where it did the same."""
    batch = verification.candidate.batch_size
    same = [other for size, other in done if size == batch]
    most = max(math.ceil(items / batch), *(other.items for other in same), 0)
    what = "items" if batch == 1 else "batches"
    # A batch of all items may be a plain step, whose key names no item.
    in_one_step = batch > 1 and content.items == 0 and content.steps == content.planned_steps
    if content.items == 0 and not in_one_step:
        return "its fan-out gave no work: what was to be done may be done already"
    if content.items != most and not (in_one_step and most <= 1):
        return f"it did {content.items} {what}, another run {most}"
    steps = max(other.steps for other in same)
    if content.steps != steps:
        return f"{content.steps} of its steps ran, of another run {steps}"
    return None


def comparable(verifications: Sequence[Verification]) -> tuple[Verification, ...]:
    """Those runs alone that did the same work; a way without any is left out."""
    same_code = (
        replace(verification, runs=tuple(run for run in verification.runs if run.unlike is None))
        for verification in verifications
    )
    return tuple(verification for verification in same_code if verification.runs)
