"""One self-contained HTML page of a saved profile: no script, nothing loaded from elsewhere."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from advisor.domain.advice import Advice, Prediction
from advisor.domain.host import HostProfile, OverheadModel
from advisor.domain.verification import Verification
from advisor.domain.workload import WorkloadDescription
from advisor.render import wording
from advisor.render.host_tables import host_tables
from advisor.render.ways import marks, selected_ways


def report_to_html(
    advice: Advice,
    description: WorkloadDescription,
    host: HostProfile,
    overhead: OverheadModel,
    verifications: tuple[Verification, ...] = (),
    *,
    written_at: str = "",
    dynadvise_version: str = "",
) -> str:
    """The page. Every text is escaped by the template."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        interval=wording.interval,
        seconds=wording.seconds,
        spread=wording.spread,
        size=wording.size,
        percent=wording.percent,
    )
    source = (files("advisor.render") / "templates" / "report.html.jinja").read_text("utf-8")
    advice = wording.printable(advice)
    return environment.from_string(source).render(
        advice=advice,
        head=wording.headline(advice),
        kind=wording.KIND[advice.workload.kind],
        machine=wording.other_machine(advice),
        measured=wording.profiles_line(advice),
        break_even=[wording.break_even(row) for row in advice.break_even],
        reasons=wording.reasons(advice),
        ways=_ways(advice),
        breakdown=[
            (name, meaning)
            for name, _, meaning in wording.breakdown(advice.recommendation.breakdown_s)
        ],
        mapped=[wording.printable(mapped.op) for mapped in description.mapped],
        sections=wording.printable(host_tables(host, overhead, ())),
        verified=[_verified(wording.printable(verification)) for verification in verifications],
        written_at=wording.printable(written_at),
        version=wording.printable(dynadvise_version),
    )


def _ways(advice: Advice) -> list[Mapping[str, Any]]:
    """Each shown way with its bars, as percentages of the widest interval."""
    shown = selected_ways(advice, limit=14)
    scale = max(prediction.makespan_s.high for prediction in shown) or 1.0
    return [
        {
            "prediction": prediction,
            "marks": marks(advice, prediction),
            "advised": prediction.candidate == advice.recommendation.candidate,
            "bars": _bars(prediction, scale),
            "low": _share(prediction.makespan_s.low, scale),
            "high": _share(prediction.makespan_s.high, scale),
        }
        for prediction in shown
    ]


def _bars(prediction: Prediction, scale: float) -> list[tuple[str, float, float, str]]:
    """The parts of the makespan side by side: name, start, width (percent), seconds."""
    bars, start = [], 0.0
    for name, value_s, _ in wording.breakdown(prediction.breakdown_s):
        width = _share(value_s, scale)
        bars.append((name, start, width, wording.seconds(value_s)))
        start = round(start + width, 2)
    return bars


def _share(value: float, scale: float) -> float:
    return round(100 * max(0.0, value) / scale, 2)


def _verified(verification: Verification) -> Mapping[str, Any]:
    """A way's real runs beside its prediction."""
    good = [run for run in verification.runs if run.failed is None]
    failed = [run.failed for run in verification.runs if run.failed is not None]
    median_s = statistics.median(run.wall_s for run in good) if good else None
    predicted = verification.predicted_s
    error = (
        f"{predicted.median / median_s - 1:+.0%}".replace("%", " %")
        if predicted and median_s
        else ""
    )
    return {
        "name": verification.name,
        "label": verification.candidate.label,
        "predicted": wording.interval(predicted) if predicted else "",
        "measured": wording.seconds(median_s) if median_s is not None else "",
        "runs": ", ".join(wording.seconds(run.wall_s) for run in good),
        "work": wording.seconds(statistics.median(run.work_s for run in good)) if good else "",
        "error": error,
        "failed": failed,
    }
