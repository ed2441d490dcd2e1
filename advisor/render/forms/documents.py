"""The JSON of each command."""

import json
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from advisor.domain.advice import Advice, Prediction
from advisor.domain.gate import GateReport, TargetCheck
from advisor.domain.verification import LeftOut, Verification
from advisor.render.forms.encoding import content
from advisor.render.forms.table import (
    DOCUMENTS,
    Configuration,
    GateFinding,
    OnePrediction,
    PrintedAdvice,
    RealRuns,
)
from advisor.render.gate_wording import place
from advisor.render.verification import rows_of


def to_json(document: Any) -> dict[str, Any]:
    """What a command prints with ``--format json``, for one of the types of `DOCUMENTS`."""
    name = next(name for name, kind in DOCUMENTS.items() if kind is type(document))
    return {"schema": f"dynadvise/{name}", "version": 1, **content(document)}


def advice_to_json(
    advice: Advice, *, path: Path | None = None, emitted: str | None = None
) -> dict[str, Any]:
    """The advice; ``path`` is where its profile was saved, ``emitted`` the snippet asked for."""
    profile = None if path is None else str(path)
    return to_json(PrintedAdvice(advice, profile, emitted))


def prediction_to_json(
    prediction: Prediction, target: str, items: int, place: str = ""
) -> dict[str, Any]:
    """What ``predict --format json`` prints; ``place``: what is known of where it runs."""
    return to_json(OnePrediction(target, items, prediction, (place,) if place else ()))


def check_to_json(report: GateReport, root: Path) -> dict[str, Any]:
    """What ``check --format json`` prints; files are relative to ``root``.

    A bound that is not finite is null.
    """

    def with_places(target: TargetCheck) -> TargetCheck:
        findings = tuple(
            GateFinding(
                *(getattr(finding, part.name) for part in fields(finding)),
                fails=report.fails(finding),
            )
            for finding in target.findings
        )
        located = (replace(each, location=place(each.location, root)) for each in findings)
        return replace(target, findings=tuple(located))

    report = replace(report, targets=tuple(map(with_places, report.targets)))
    document = json.dumps(to_json(report))
    return json.loads(document, parse_constant=lambda _: None)  # type: ignore[no-any-return]


def verification_to_json(
    verifications: Iterable[Verification], job: str, *, left_out: Iterable[LeftOut] = ()
) -> dict[str, Any]:
    """What ``verify --format json`` prints."""
    by_name = {verification.name: verification for verification in verifications}
    configurations = tuple(
        Configuration(
            **{part.name: getattr(row, part.name) for part in fields(row)},
            candidate=by_name[row.name].candidate,
            measured=by_name[row.name].runs,
        )
        for row in rows_of(tuple(by_name.values()))
    )
    return to_json(RealRuns(job, configurations, tuple(left_out)))
