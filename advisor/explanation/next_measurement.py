"""What would make the advice more certain, with the command that measures it."""

import math

from advisor.domain.advice import NextMeasurement
from advisor.domain.command_line import rate_option, target_words
from advisor.domain.measured import Measured
from advisor.domain.quantities import percent
from advisor.domain.trial import RateLimit, Trial
from advisor.model.search import SearchResult

LEAST_BUDGET_S = 120


def next_measurement(
    result: SearchResult, measured: Measured, rate: RateLimit | None
) -> NextMeasurement | None:
    """A probe of a way that may be faster, or real runs of the two that lead; None: all is sure.

    Args:
        result: What is advised, and the ways beside it that are not sure.
        measured: Where it is from. A probe gets twice the time that was spent: with as much
            again, the same would be left out.
    """
    advised, untried, rival = result.recommendation, result.untried, result.rival
    target = target_words(measured.description)
    if untried is not None and untried.trial is Trial.NOT_TRIED:
        budget_s = max(LEAST_BUDGET_S, math.ceil(2 * measured.workload.cost_s))
        return NextMeasurement(
            f"try '{untried.candidate.label}', which runs items repeatedly: that it works, and how "
            "fast, is assumed so far",
            f"dynadvise profile {target} --budget {budget_s}{rate_option(rate)}",
        )
    if rival is None:
        return None
    gap = rival.makespan_s.median / advised.makespan_s.median - 1.0
    return NextMeasurement(
        f"run both '{advised.candidate.label}' and '{rival.candidate.label}' for real: "
        f"they are predicted {percent(abs(gap))} apart",
        f"dynadvise verify {target} --configurations advised,runner-up",
    )
