"""The gate's report as JSON, ``dynadvise/check`` version 1: keys are added, never changed."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

from advisor.domain.finding import Finding
from advisor.domain.gate import GateReport, TargetCheck
from advisor.render import gate_wording as wording

SCHEMA = "dynadvise/check"
VERSION = 1


def render(report: GateReport, root: Path) -> str:
    """One JSON object; what is not a finite number is null."""
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        "verdict": report.verdict,
        "static": report.static,
        "base": report.base,
        "base_revision": report.base_revision,
        "max_regression": report.max_regression,
        "max_regret": report.max_regret,
        "fail_on": list(report.failing),
        "measured": report.measured,
        "targets": [_target(target, report, root) for target in report.targets],
        "ignored": report.ignored,
        "op_executions": report.op_executions,
        "cost_s": report.cost_s,
        "notes": list(report.notes),
    }
    return json.dumps(_finite(document), indent=2, ensure_ascii=False) + "\n"


def _target(target: TargetCheck, report: GateReport, root: Path) -> dict[str, object]:
    return {
        "target": target.target,
        "verdict": target.verdict,
        "timings": [asdict(timing) for timing in target.timings],
        "proxies": [asdict(proxy) for proxy in target.proxies],
        "advice": asdict(target.advice) if target.advice else None,
        "findings": [_finding(finding, report, root) for finding in target.findings],
        "notes": list(target.notes),
    }


def _finding(finding: Finding, report: GateReport, root: Path) -> dict[str, object]:
    location = wording.place(finding.location, root)
    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        "remedy": finding.remedy,
        "target": finding.target,
        "file": location.file if location else None,
        "line": location.line if location else None,
        "fails": report.fails(finding),
    }


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value
