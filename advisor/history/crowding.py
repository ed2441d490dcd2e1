"""How much longer steps took because too many computed beside them. Pure."""

from collections.abc import Sequence
from statistics import fmean, median

from advisor.domain.observed import ObservedRun, ObservedStep
from advisor.model.run_statistics import compute_s, mapped_steps

ALONE, FEWEST_ALONE = 1.05, 2
"""Up to so many steps for each core a step was not crowded, and of so many others learn from it."""


def crowds_of(run: ObservedRun, cores: float) -> dict[str, float]:
    """Step key to the steps at work for each core, averaged over the step's own work; at least 1.

    The executor's own machine has ``cores``; steps that were delegated have machines of their own.
    """
    if run.executor != "multiprocess":
        return {}
    spans = [
        (step.step_key, step.inputs_s, step.last_output_s)
        for step in mapped_steps(run)
        if step.inputs_s is not None and step.last_output_s is not None
    ]

    def crowd(begin_s: float, end_s: float) -> float:
        beside_s = sum(max(0.0, min(end_s, e) - max(begin_s, b)) for _, b, e in spans)
        return max(1.0, beside_s / max(end_s - begin_s, 1e-9) / cores)

    return {key: crowd(begin_s, end_s) for key, begin_s, end_s in spans}


def computing_share(steps: Sequence[tuple[float, ObservedStep]]) -> float | None:
    """The share of a step's seconds that crowding stretches; None where no step was alone."""
    seconds = [(crowd, seconds) for crowd, step in steps if (seconds := compute_s(step))]
    alone = [seconds for crowd, seconds in seconds if crowd <= ALONE]
    crowded = [pair for pair in seconds if pair[0] > ALONE]
    if len(alone) < FEWEST_ALONE or not crowded:
        return None
    stretched = median(seconds for _, seconds in crowded) / median(alone) - 1.0
    return min(1.0, max(0.0, stretched / (fmean(crowd for crowd, _ in crowded) - 1.0)))


def stretch(crowd: float, share: float) -> float:
    """The factor by which a crowd makes a step longer of which ``share`` computes."""
    return 1.0 + share * (crowd - 1.0)
