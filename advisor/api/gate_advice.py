"""Whether a job's own configuration is still good enough, by the profile's advice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.domain.command_line import target_name
from advisor.domain.gate import AdviceCheck

if TYPE_CHECKING:
    from advisor.domain.advice import Prediction
    from advisor.gate.options import CheckOptions
    from advisor.store import SavedProfile


def advise(options: CheckOptions, saved: SavedProfile) -> AdviceCheck:
    """Advise anew on ``saved`` and lay the job's own configuration beside the best."""
    from advisor.api.recommend import recommend

    target = target_name(saved.description.target)
    items = options.items.get(target, options.items.get("*"))
    advice = recommend(saved, replace(options.advise, items=items))
    best = advice.recommendation if advice.change == "code" else advice.config_only
    if advice.current is None:
        return AdviceCheck(None, reason="not checked: the target has no executor of its own")
    return AdviceCheck(
        regret=regret(advice.current, best),
        current=advice.current.candidate.label,
        recommended=best.candidate.label,
        snippet=(
            advice.snippets.run_config or advice.snippets.definition or advice.snippets.python
        ),
    )


def regret(current: Prediction, best: Prediction) -> float:
    """Expected regret of ``current`` where only what leads to ``best`` may be chosen.

    ``expected_regret`` of a prediction is against the best of all candidates; on the same draws
    the shares (1 + regret) divide.
    """
    return max(0.0, (1 + current.expected_regret) / (1 + best.expected_regret) - 1)
