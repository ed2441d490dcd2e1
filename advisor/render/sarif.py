"""Findings as SARIF 2.1.0 (OASIS), which code scanning services and editors read."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from advisor.domain.finding import Finding
from advisor.domain.gate import GateReport
from advisor.render.escaping import printable
from advisor.render.forms.encoding import json_text

VERSION = "2.1.0"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_URI_BASE = "PROJECTROOT"


def render(
    report: GateReport, root: Path, *, rules: Mapping[str, str], version: str, exit_code: int = 0
) -> str:
    """A log with one run.

    Args:
        root: The folder below which the report's files lie.
        rules: Code to what it means, for every code that may occur.
    """
    codes = sorted({*rules, *(finding.code for finding in report.findings)})
    document = {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "dynadvise",
                        "version": version,
                        "rules": [_rule(code, rules.get(code, code)) for code in codes],
                    }
                },
                "originalUriBaseIds": {_URI_BASE: {"uri": root.resolve().as_uri() + "/"}},
                "invocations": [
                    {
                        "executionSuccessful": exit_code != 2,
                        "exitCode": exit_code,
                        "exitCodeDescription": report.verdict,
                    }
                ],
                "columnKind": "unicodeCodePoints",
                "results": [
                    _result(finding, report, codes.index(finding.code))
                    for finding in report.findings
                ],
            }
        ],
    }
    return json_text(document)


def _rule(code: str, meaning: str) -> dict[str, object]:
    return {"id": code, "shortDescription": {"text": meaning}}


def _result(finding: Finding, report: GateReport, index: int) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": "error" if report.fails(finding) else finding.severity,
        "message": {"text": printable(f"{finding.message}\n{finding.remedy}".strip())},
    }
    location = finding.location
    file = printable(location.file) if location else ""
    if location is not None:
        artifact: dict[str, object] = {"uri": quote(file), "uriBaseId": _URI_BASE}
        if Path(file).is_absolute():
            artifact = {"uri": Path(file).as_uri()}
        result["locations"] = [
            {
                "physicalLocation": {
                    "artifactLocation": artifact,
                    "region": {"startLine": location.line},
                }
            }
        ]
    # Without the line, which moves with every edit above it.
    identity = "\0".join([finding.code, finding.target or "", file])
    digest = hashlib.sha256(identity.encode(errors="surrogatepass")).hexdigest()
    result["partialFingerprints"] = {"dynadvise/v1": digest[:32]}
    return result
