"""Whether a job's own configuration is still good enough, by an advice."""

from __future__ import annotations

from advisor.domain.advice import Advice, Prediction
from advisor.domain.gate import AdviceCheck


def own_configuration(advice: Advice) -> AdviceCheck:
    """The job's own configuration beside the best that its ``change`` allows."""
    best = advice.recommendation if advice.change == "code" else advice.config_only
    if advice.current is None:
        return AdviceCheck(None, reason="not checked: the target has no executor of its own")
    snippets = advice.snippets
    return AdviceCheck(
        regret=_regret(advice.current, best),
        current=advice.current.candidate.label,
        recommended=best.candidate.label,
        snippet=snippets.run_config or snippets.definition or snippets.python,
    )


def _regret(current: Prediction, best: Prediction) -> float:
    """Expected regret of ``current`` where only what leads to ``best`` may be chosen.

    ``expected_regret`` of a prediction is against the best of all candidates; on the same draws
    the shares (1 + regret) divide.
    """
    return max(0.0, (1 + current.expected_regret) / (1 + best.expected_regret) - 1)
