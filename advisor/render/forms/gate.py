"""The JSON of ``check``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from advisor.domain.gate import AdviceCheck, GateReport, OpTiming, ProxyCount, TargetCheck, Verdict
from advisor.render.forms.advice import FindingForm, finding_parts
from advisor.render.forms.encoding import plain, same_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFindingForm(FindingForm):
    """A finding of the gate; ``fails``: it fails the gate."""

    target: str | None
    fails: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetForm:
    """All about one target."""

    target: str
    verdict: Verdict
    timings: tuple[OpTiming, ...]
    proxies: tuple[ProxyCount, ...]
    advice: AdviceCheck | None
    findings: tuple[GateFindingForm, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckForm:
    """The gate's report (``check``); a bound that is not finite is null."""

    schema: Literal["dynadvise/check"] = "dynadvise/check"
    version: Literal[1] = 1
    verdict: Verdict
    static: bool
    base: str | None
    base_revision: str | None
    max_regression: float
    max_regret: float
    fail_on: tuple[str, ...]
    measured: bool
    targets: tuple[TargetForm, ...]
    ignored: int
    op_executions: int
    cost_s: float
    notes: tuple[str, ...]


def check_to_json(report: GateReport, root: Path) -> dict[str, Any]:
    """What ``check --format json`` prints; files are relative to ``root``."""
    targets = tuple(_target(target, report, root) for target in report.targets)
    parts = same_parts(report, CheckForm) | {"fail_on": report.failing, "targets": targets}
    return plain(CheckForm(**parts), finite=False)


def _target(target: TargetCheck, report: GateReport, root: Path) -> TargetForm:
    findings = tuple(
        GateFindingForm(
            **finding_parts(finding, root), target=finding.target, fails=report.fails(finding)
        )
        for finding in target.findings
    )
    return TargetForm(**same_parts(target, TargetForm) | {"findings": findings})
