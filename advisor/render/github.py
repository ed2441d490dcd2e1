"""Findings as GitHub workflow commands, which annotate the lines of a pull request."""

from advisor.domain.finding import Finding
from advisor.domain.gate import GateReport, Verdict
from advisor.render.escaping import github_data, github_property
from advisor.render.gate import headline


def render(report: GateReport) -> str:
    """One annotation a finding, and one with the verdict."""
    lines = [_annotation(finding, report) for finding in report.findings]
    level = {Verdict.PASS: "notice", Verdict.FAIL: "error"}.get(report.verdict, "warning")
    text = f"{report.verdict}: {headline(report)}"
    lines.append(f"::{level} title=dynadvise::{github_data(text)}")
    return "\n".join(lines) + "\n"


def _annotation(finding: Finding, report: GateReport) -> str:
    level = "notice" if finding.severity == "note" else finding.severity
    if report.fails(finding):
        level = "error"
    properties = {"title": f"dynadvise {finding.code}"}
    location = finding.location
    if location is not None:
        properties = {"file": location.file, "line": str(location.line)} | properties
    listed = ",".join(f"{key}={github_property(value)}" for key, value in properties.items())
    message = f"{finding.message}\n{finding.remedy}"
    if location is None and finding.target:
        message = f"{finding.target}: {message}"
    return f"::{level} {listed}::{github_data(message)}"
