"""The facts of one run that its diagnoses rest on, and the words that they share. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.domain.analysis import OpStatistics, Parallelism, Phase, Totals
from advisor.domain.observed import ObservedRun, ObservedStep
from advisor.domain.overhead import OverheadModel
from advisor.domain.quantities import count
from advisor.model.run_statistics import (
    begin_s,
    collect_steps,
    held_s,
    item_count,
    makespan,
    mapped_steps,
)

WORTH = 0.10
"""A loss below this share of the makespan is not worth a user's time."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run with what was computed of it.

    Attributes:
        mapped: The mapped ops, the one that holds slots longest first.
        overhead: A calibration of the host, where there is one: it bounds what a warm
            forkserver or in-process run would cost.
    """

    run: ObservedRun
    ops: tuple[OpStatistics, ...]
    parallelism: Parallelism
    totals: Totals
    overhead: OverheadModel | None = None

    @property
    def mapped(self) -> list[OpStatistics]:
        """Mapped ops, the one with most slot time first."""
        ops = [op for op in self.ops if op.role == "mapped"]
        return sorted(ops, key=lambda op: op.slot_s.median * op.attempts, reverse=True)

    @property
    def slots(self) -> int:
        """Steps at once that really could be."""
        if self.run.executor == "in_process":
            return 1
        items = item_count(self.run) or len(self.run.steps)
        return max(1, min(self.parallelism.slots, items))

    @property
    def makespan_s(self) -> float:
        """Wall clock of the run."""
        return makespan(self.run)

    def worth(self, seconds: float) -> bool:
        """Whether a loss is large enough to speak of."""
        return seconds >= WORTH * self.makespan_s and seconds > 0


def slot_time_s(steps: Sequence[ObservedStep]) -> float:
    """Seconds for which steps held their slots; one whose log has not both ends counts 0."""
    return sum(held_s(step) or 0.0 for step in steps)


def own_code_s(run: ObservedRun, steps: Sequence[ObservedStep] | None = None) -> float:
    """At least what the ops' own code took, one step after another (of all steps where None).

    Between a step's last input and its output an event is written, and between two outputs one is
    stored: neither is the op's. What one event takes is seen between the storing and the end.
    """
    own_s = 0.0
    for step in run.steps if steps is None else steps:
        if step.inputs_s is None or step.end_s is None:
            continue
        until = step.first_output_s if step.first_output_s is not None else step.end_s
        event_s = 0.0 if step.stored_s is None else max(0.0, step.end_s - step.stored_s)
        own_s += max(0.0, until - step.inputs_s - event_s)
    return own_s


def typical_s(ops: Sequence[OpStatistics], *phases: Phase) -> float:
    """Median seconds of some phases of an item, over its chain of ops."""
    return sum(op.median_s(*phases) for op in ops)


def tail_alone_s(run: ObservedRun) -> float:
    """From the last mapped step's end to the launch of what follows it: an exit, undisturbed."""
    ends = [step.end_s for step in mapped_steps(run) if step.end_s is not None]
    after = [begin for step in collect_steps(run) if (begin := begin_s(step)) is not None]
    return max(0.0, min(after) - max(ends)) if ends and after else float("inf")


def boot_alone_s(facts: RunFacts) -> float | None:
    """Launch and import of a step that nothing else ran beside: the collecting one."""
    alone = [op.median_s("launch", "import and plan") for op in facts.ops if op.role == "collect"]
    return min(alone, default=None)


def attempt_count(number: int) -> str:
    """Attempts in words, as the subject of a sentence."""
    return count(number, "attempt was", "attempts were")
