"""DYN021: the job's executor config is not what the committed profile advises."""

from collections.abc import Iterator

from advisor.domain.advice import Prediction
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import DELEGATING
from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.finding import Severity
from advisor.domain.quantities import percent
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN021"

_ELSEWHERE = (
    "The job runs as {}; the committed profile was made without its cluster, and its advice is for "
    "one machine."
)
_WITH_CLUSTER = (
    "Describe the cluster, [tool.dynadvise.clusters.NAME], and measure again: "
    "`dynadvise profile TARGET --cluster NAME`."
)


def check(facts: CheckFacts) -> Iterator[Fault]:
    """An error where the profile itself predicts more than ``max_regret`` for the job's own config.

    The advice's own configuration and its best that needs no code are both accepted. One that the
    profile does not know is a warning, as there is no prediction to judge it by.
    """
    setting, advice = facts.description.executor, facts.advice
    if setting is None or advice is None or facts.profiled is None:
        return
    accepted = (advice.recommendation, advice.config_only)
    if any(_is(setting, prediction.candidate) for prediction in accepted):
        return
    predictions = (*advice.candidates, *([advice.current] if advice.current else []))
    location = facts.description.mapped[0].location
    if setting.executor in DELEGATING and not any(
        way.candidate.executor == setting.executor for way in (*accepted, *predictions)
    ):
        yield Fault("warning", _ELSEWHERE.format(_words(setting)), _WITH_CLUSTER, location)
        return
    own = next((p for p in predictions if _is(setting, p.candidate)), None)
    severity, regret = _severity(own, advice.config_only, facts.profiled.max_regret)
    remedy = None
    if advice.snippets.definition:
        remedy = f"Change the job's definition:\n{advice.snippets.definition.rstrip()}"
    if advice.snippets.run_config:
        remedy = f"Paste the advised config:\n{advice.snippets.run_config.rstrip()}"
    yield Fault(
        severity,
        f"The job runs as {_words(setting)}{regret}; the committed profile advises "
        f"{advice.config_only.candidate.label}.",
        remedy,
        location,
    )


def _severity(own: Prediction | None, best: Prediction, limit: float) -> tuple[Severity, str]:
    if own is None or best.makespan_s.median <= 0:
        return "warning", ""
    regret = own.makespan_s.median / best.makespan_s.median - 1
    if regret <= 0:
        return "note", ""
    severity: Severity = "error" if regret > limit else "note"
    return severity, f", predicted {percent(regret)} slower"


def _is(setting: ExecutorSetting, candidate: Candidate) -> bool:
    """Whether the setting is this candidate, as far as an executor config tells."""
    if setting.executor != candidate.executor:
        return False
    if setting.executor == "in_process":
        return True
    at_once = setting.max_concurrent or setting.effective_max_concurrent
    if at_once is not None and at_once != candidate.max_concurrent:
        return False
    if setting.executor != "multiprocess":
        return True
    if (setting.start_method or "spawn") != (candidate.start_method or "spawn"):
        return False
    return set(candidate.preload_modules) <= set(setting.preload_modules or ())


def _words(setting: ExecutorSetting) -> str:
    if setting.executor == "in_process":
        return "in_process"
    parts = [setting.executor]
    if setting.executor == "multiprocess":
        parts.append(setting.start_method or "spawn")
    at_once = setting.max_concurrent or setting.effective_max_concurrent
    parts.append(f"{at_once} in parallel" if at_once else "no limit")
    return ", ".join(parts)
