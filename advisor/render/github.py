"""Findings as GitHub workflow commands, which annotate the lines of a pull request."""

from pathlib import Path

from advisor.domain.finding import Finding
from advisor.domain.gate import GateReport, Verdict
from advisor.render import gate_wording as wording
from advisor.render.escaping import github_data, github_property


def render(report: GateReport, root: Path) -> str:
    """One annotation a finding, and one with the verdict."""
    lines = [_annotation(finding, report, root) for finding in report.findings]
    level = {Verdict.PASS: "notice", Verdict.FAIL: "error"}.get(report.verdict, "warning")
    headline = f"{report.verdict}: {wording.headline(report)}"
    lines.append(f"::{level} title=dynadvise::{github_data(headline)}")
    return "\n".join(lines) + "\n"


def _annotation(finding: Finding, report: GateReport, root: Path) -> str:
    level = "notice" if finding.severity == "note" else finding.severity
    if report.fails(finding):
        level = "error"
    properties = {"title": f"dynadvise {finding.code}"}
    location = wording.place(finding.location, root)
    if location is not None:
        properties = {"file": location.file, "line": str(location.line)} | properties
    listed = ",".join(f"{key}={github_property(value)}" for key, value in properties.items())
    message = f"{finding.message}\n{finding.remedy}"
    if location is None and finding.target:
        message = f"{finding.target}: {message}"
    return f"::{level} {listed}::{github_data(message)}"
