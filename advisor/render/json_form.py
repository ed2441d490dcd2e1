"""The advice as JSON, version 1, as ``advice_schema.json`` describes it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from advisor.domain.advice import Advice, BreakEven, Prediction
from advisor.domain.candidate import Candidate
from advisor.domain.finding import Finding
from advisor.domain.host import HostProfile, OverheadModel

SCHEMA = "dynadvise/advice"
VERSION = 1


def schema_text() -> str:
    """The JSON Schema (2020-12) of :func:`advice_to_json`."""
    return (files("advisor.render") / "advice_schema.json").read_text(encoding="utf-8")


def advice_to_json(
    advice: Advice, *, path: Path | None = None, emitted: str | None = None
) -> dict[str, Any]:
    """The advice in the contract's form.

    ``path`` is where its profile was saved, ``emitted`` the snippet asked for with ``--emit``.
    """
    workload = dataclasses.asdict(advice.workload)
    workload["category_shares"] = dict(advice.workload.category_shares)
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        "target": advice.target,
        "dagster_version": advice.dagster_version,
        "python_version": advice.python_version,
        "objective": advice.objective,
        "change": advice.change,
        "environment": advice.environment,
        "host": dataclasses.asdict(advice.host),
        "workload": workload,
        "recommendation": prediction_to_json(advice.recommendation),
        "config_only": prediction_to_json(advice.config_only),
        "current": prediction_to_json(advice.current) if advice.current else None,
        "default": prediction_to_json(advice.default) if advice.default else None,
        "candidates": [prediction_to_json(candidate) for candidate in advice.candidates],
        "rejected": [
            {"candidate": candidate_to_json(rejection.candidate), "reason": rejection.reason}
            for rejection in advice.rejected
        ],
        "floors": dataclasses.asdict(advice.floors),
        "break_even": break_even_to_json(advice.break_even),
        "snippets": dataclasses.asdict(advice.snippets),
        "warnings": [finding_to_json(finding) for finding in advice.warnings],
        "notes": list(advice.notes),
        "tie": advice.tie,
        "next_measurement": dataclasses.asdict(advice.next_measurement)
        if advice.next_measurement
        else None,
        "measured": {"cost_s": advice.measured_cost_s, "op_executions": advice.op_executions},
        "advised_at": advice.advised_at,
    }
    if path is not None:
        document["profile"] = str(path)
    if emitted is not None:
        document["emitted"] = emitted
    return _plain(document)  # type: ignore[no-any-return]


def candidate_to_json(candidate: Candidate) -> dict[str, Any]:
    """A way to run, with its name for people."""
    return {
        **dataclasses.asdict(candidate),
        "needs_code": candidate.needs_code,
        "label": candidate.label,
    }


def prediction_to_json(prediction: Prediction) -> dict[str, Any]:
    """A way to run together with what is predicted of it, in one flat object."""
    breakdown = dataclasses.asdict(prediction.breakdown_s)
    return {
        **candidate_to_json(prediction.candidate),
        "predicted_s": dataclasses.asdict(prediction.makespan_s),
        "breakdown_s": {name.removesuffix("_s"): value for name, value in breakdown.items()},
        "peak_memory_bytes": prediction.peak_memory_bytes,
        "intermediate_bytes": prediction.intermediate_bytes,
        "first_result_s": prediction.first_result_s,
        "pool_wait_s": prediction.pool_wait_s,
        "core_seconds": prediction.core_seconds,
        "p_best": prediction.p_best,
        "expected_regret": prediction.expected_regret,
        "allowed": prediction.allowed,
        "costs": list(prediction.costs),
        "reasons": list(prediction.reasons),
    }


def break_even_to_json(rows: Iterable[BreakEven]) -> list[dict[str, Any]]:
    """Break-even durations; ``item_s`` null: never within the range looked at."""
    return [{"from": row.from_method, "to": row.to_method, "item_s": row.item_s} for row in rows]


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """A finding with its place."""
    location = finding.location
    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        "remedy": finding.remedy,
        "file": location.file if location else None,
        "line": location.line if location else None,
    }


def prediction_document(prediction: Prediction, target: str, items: int) -> dict[str, Any]:
    """What ``predict --format json`` prints."""
    document = {
        "schema": "dynadvise/prediction",
        "version": 1,
        "target": target,
        "items": items,
        "prediction": prediction_to_json(prediction),
    }
    return _plain(document)  # type: ignore[no-any-return]


def calibration_document(
    host: HostProfile,
    overhead: OverheadModel,
    break_even: Iterable[tuple[int, tuple[BreakEven, ...]]],
) -> dict[str, Any]:
    """What ``calibrate --format json`` prints; ``break_even`` is by number of items."""
    document = {
        "schema": "dynadvise/calibration",
        "version": 1,
        "host": dataclasses.asdict(host.facts),
        "storage": host.storage,
        "user_module": host.user_module,
        "calibrated_at": host.calibrated_at,
        "cost_s": host.cost_s,
        "preload": dataclasses.asdict(host.preload),
        "overhead": dataclasses.asdict(overhead),
        "cheaper_steps": [dataclasses.asdict(step) for step in host.cheaper_steps],
        "storing": [dataclasses.asdict(sample) for sample in host.storing],
        "unmeasured": dict(host.unmeasured),
        "break_even": [
            {"items": items, "crossings": break_even_to_json(rows)} for items, rows in break_even
        ],
    }
    return _plain(document)  # type: ignore[no-any-return]


def _plain(document: dict[str, Any]) -> Any:
    """Only what JSON has: lists for tuples, Python's own numbers, and these finite."""
    return json.loads(json.dumps(document, allow_nan=False, default=_number))


def _number(value: Any) -> Any:
    if hasattr(value, "item"):  # a numpy scalar that the model has left in a field
        return value.item()
    raise TypeError(f"{type(value).__name__} has no JSON form")
