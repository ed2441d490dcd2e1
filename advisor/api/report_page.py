"""What the report's page shows and computes with, from a saved profile; nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from advisor.domain.advice import Advice, Prediction
from advisor.domain.cluster import DELEGATING
from advisor.domain.options import AdviseOptions
from advisor.domain.quantities import count, percent, seconds, size
from advisor.domain.trial import Trial

if TYPE_CHECKING:
    from advisor.model.setting import Setting
    from advisor.store import SavedProfile


def page_of(saved: SavedProfile, advise: AdviseOptions | None = None) -> dict[str, Any]:
    """The profile as plain values: its model's scenario, its ways, its texts.

    Args:
        advise: What that advice was made for; None: as far as it tells itself.
    """
    from advisor.emit.run_config import path_of
    from advisor.model.measured_setting import setting_of
    from advisor.model.scenario import scenario_of

    advice, executor = saved.advice, saved.description.executor
    host = advice.host
    options = replace(
        advise or AdviseOptions(max_rate=advice.max_rate),
        items=advice.workload.items,
        cores=host.cpus,
        memory_bytes=host.memory_bytes,
    )
    setting = setting_of(saved, options)
    predictions = _predictions(advice)
    warm = [p.candidate.preload_modules for p in predictions if p.candidate.is_warm]
    kinds = {p.candidate.executor: p.candidate for p in predictions}
    return {
        "title": f"{advice.target}, {saved.written_at[:10]}",
        "target": advice.target,
        "workload": _workload(advice),
        "item_s": advice.workload.wall_s.median,
        "cautions": [*advice.cautions, *_in_pods(predictions), *_rate_of(setting)],
        "own_way": advice.own_way.label if advice.own_way and not advice.current else "",
        "sure": _how_sure(advice),
        "scenario": scenario_of(setting),
        "preload": list(warm[0]) if warm else [],
        "ways": [_way(each, advice, setting) for each in predictions],
        "runs": _runs(saved),
        "paths": {name: path_of(each, executor) for name, each in kinds.items()},
        "user_config": dict(executor.user_config) if executor else {},
        "run_config": advice.snippets.run_config or "",
        "code": advice.snippets.python if advice.recommendation.candidate.needs_code else "",
    }


def _predictions(advice: Advice) -> list[Prediction]:
    """Every way once: the named ones first."""
    named = (advice.recommendation, advice.config_only, advice.current, advice.default)
    every = [each for each in (*named, *advice.candidates) if each is not None]
    return list({each.candidate: each for each in reversed(every)}.values())[::-1]


def _way(prediction: Prediction, advice: Advice, setting: Setting) -> dict[str, Any]:
    from advisor.model.scenario import is_ported

    candidate = prediction.candidate
    return {
        **{k: v for k, v in asdict(candidate).items() if k != "preload_modules"},
        "warm": candidate.is_warm,
        "label": candidate.label,
        "needs_code": candidate.needs_code,
        "allowed": prediction.allowed,
        "tried": prediction.trial is Trial.TRIED,
        "ported": is_ported(candidate),
        "correction": setting.correction.get(candidate.kind, 1.0),
        "predicted_s": asdict(prediction.makespan_s),
        "peak_memory_bytes": prediction.peak_memory_bytes,
        "costs": list(prediction.costs),
        "roles": [
            name.partition(" ")[0] for name, way in advice.comparison if way.candidate == candidate
        ],
    }


def _workload(advice: Advice) -> str:
    work, host = advice.workload, advice.host
    left_out = ", ".join(each.sentence for each in work.not_included)
    return (
        f"{count(work.items, 'item')} of {seconds(work.wall_s.median)}, "
        f"{percent(work.waiting_share)} waiting ({work.samples} measured). "
        f"{count(host.cpus, 'core')}, {size(host.memory_bytes)}. {left_out}"
    ).strip()


def _how_sure(advice: Advice) -> list[str]:
    best = advice.recommendation
    lines = [
        f"The advised way is fastest in {percent(best.p_best)} of the resampled runs.",
        f"Expected regret: {percent(best.expected_regret)}.",
        f"{advice.workload.samples} of {count(advice.workload.items, 'item')} measured.",
    ]
    lines += [limit.evidence for limit in advice.limits if limit.evidence]
    lines += [finding.message for finding in advice.warnings]
    return lines


def _in_pods(predictions: Sequence[Prediction]) -> list[str]:
    """That the page cannot recompute what a cluster runs, and what can."""
    kinds = {each.candidate.executor for each in predictions} & DELEGATING
    if not kinds:
        return []
    starters = " and the ".join(sorted(kinds))
    sentence = (
        f"Steps that the {starters} executor starts are not recomputed by the sliders: these show "
        "what runs in the run's own process, on its cores and memory. For others: "
        "dynadvise recommend PROFILE --cluster NAME --items N."
    )
    return [sentence]


def _rate_of(setting: Setting) -> list[str]:
    if setting.rate is None:
        return []
    return [
        f"No way is faster than {setting.rate.per_s:.3g} items per second, what the service allows."
    ]


def _runs(saved: SavedProfile) -> list[dict[str, Any]]:
    return [
        {
            "label": each.candidate.label,
            "executor": each.candidate.executor,
            "batch_size": each.candidate.batch_size,
            "max_concurrent": each.candidate.max_concurrent,
            "seconds": [run.wall_s for run in each.runs if run.failed is None],
        }
        for each in saved.verifications
    ]
