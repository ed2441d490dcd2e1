"""Whether a change of the user's code is worth advising: the one place of that rule."""

from __future__ import annotations

from advisor.domain.candidate import Candidate

BATCHED_ERROR, PLAIN_ERROR = 0.09, 0.06
"""Median relative error of the predictions of batched and of plain ways: the published passes of
``make bench`` (p90: 31 % and 20 %)."""

LEAST_GAIN = 1.0
"""Seconds of a run (core-seconds where those are minimised) that a change of code must save: the
choice of a person who would read 50 to 300 lines for it, not measured."""


def pays(candidate: Candidate, score: float, score_without: float) -> bool:
    """Whether a way that changes the code gains more than its class errs, and enough to matter.

    Args:
        score_without: The same under the best way that leaves the code alone.
    """
    error = BATCHED_ERROR if candidate.is_batched else PLAIN_ERROR
    return score_without - score >= max(LEAST_GAIN, error * score_without)
