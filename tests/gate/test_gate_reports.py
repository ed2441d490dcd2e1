"""The six forms of the gate's report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from advisor.cli.showing import folded
from advisor.domain.finding import Finding
from advisor.domain.gate import AdviceCheck, GateReport, OpTiming, ProxyCount, TargetCheck, Verdict
from advisor.domain.workload import SourceLocation
from advisor.render import github, junit, sarif
from advisor.render.forms.documents import check_to_json
from advisor.render.forms.encoding import json_text
from advisor.render.forms.schema import schema_of
from advisor.render.gate import gate_document, gate_screen, located
from advisor.render.markdown import to_markdown
from advisor.render.terminal import to_text

ROOT = Path("/repo")
SLOWER = Finding(
    "DYN101",
    "error",
    "`work` became slower: 100 % | <b>\x1b[31m",
    "Do this:\nexecution:\n  config: {}",
    SourceLocation("/repo/shop/a b.py", 7),
    "shop:job",
)
PLACELESS = Finding("DYN104", "warning", "No place: at all, really", "", None, "shop:job")
REPORT = GateReport(
    verdict=Verdict.FAIL,
    targets=(
        TargetCheck(
            "shop:job",
            Verdict.FAIL,
            timings=(
                OpTiming("work", Verdict.FAIL, 1.5, 1.2, float("inf"), 0.01, 0.015, 10),
                OpTiming("wait", Verdict.INCONCLUSIVE, 1.02, 0.9, 1.2, 0.01, 0.01, 20, 70),
                OpTiming("dead", Verdict.NOT_MEASURED, reason="it died"),
                OpTiming("calm", Verdict.PASS, 1.0, 0.98, 1.03, 0.01, 0.01, 7),
            ),
            proxies=(ProxyCount("steps", 8, 12), ProxyCount("modules", 5, 5, "work")),
            advice=AdviceCheck(
                0.3, "spawn, 2 in parallel", "warm forkserver, 8 in parallel", "x: 1"
            ),
            findings=(SLOWER, PLACELESS),
        ),
    ),
    static=False,
    base="main",
    base_revision="abcdef1234567",
    measured=True,
    ignored=1,
    notes=("A note.",),
)
LOCATED = located(REPORT, ROOT)

# Written by hand from the OASIS standard (sections 3.13 to 3.52): what a log with one run may
# and must have, for the objects that are used here, without leave for others.
TEXT = {"type": "string", "minLength": 1}
SARIF_SCHEMA = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "items": {"$ref": "#/definitions/run"}},
    },
    "definitions": {
        "message": {
            "type": "object",
            "required": ["text"],
            "additionalProperties": False,
            "properties": {"text": TEXT, "markdown": TEXT, "id": TEXT},
        },
        "run": {
            "type": "object",
            "required": ["tool"],
            "additionalProperties": False,
            "properties": {
                "tool": {
                    "type": "object",
                    "required": ["driver"],
                    "additionalProperties": False,
                    "properties": {"driver": {"$ref": "#/definitions/driver"}},
                },
                "originalUriBaseIds": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"uri": {"type": "string", "pattern": "^file:///.*/$"}},
                    },
                },
                "invocations": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["executionSuccessful"],
                        "additionalProperties": False,
                        "properties": {
                            "executionSuccessful": {"type": "boolean"},
                            "exitCode": {"type": "integer"},
                            "exitCodeDescription": TEXT,
                        },
                    },
                },
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "results": {"type": "array", "items": {"$ref": "#/definitions/result"}},
            },
        },
        "driver": {
            "type": "object",
            "required": ["name"],
            "additionalProperties": False,
            "properties": {
                "name": TEXT,
                "version": TEXT,
                "rules": {
                    "type": "array",
                    "uniqueItems": True,
                    "items": {
                        "type": "object",
                        "required": ["id"],
                        "additionalProperties": False,
                        "properties": {
                            "id": TEXT,
                            "shortDescription": {"$ref": "#/definitions/message"},
                        },
                    },
                },
            },
        },
        "result": {
            "type": "object",
            "required": ["message"],
            "additionalProperties": False,
            "properties": {
                "ruleId": TEXT,
                "ruleIndex": {"type": "integer", "minimum": 0},
                "level": {"enum": ["none", "note", "warning", "error"]},
                "message": {"$ref": "#/definitions/message"},
                "locations": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "physicalLocation": {
                                "type": "object",
                                "required": ["artifactLocation"],
                                "additionalProperties": False,
                                "properties": {
                                    "artifactLocation": {
                                        "type": "object",
                                        "additionalProperties": False,
                                        "properties": {
                                            "uri": {"type": "string", "pattern": "^[^ \\\\]+$"},
                                            "uriBaseId": TEXT,
                                        },
                                    },
                                    "region": {
                                        "type": "object",
                                        "additionalProperties": False,
                                        "properties": {
                                            "startLine": {"type": "integer", "minimum": 1}
                                        },
                                    },
                                },
                            }
                        },
                    },
                },
                "partialFingerprints": {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                },
            },
        },
    },
}


def sarif_log(**changes):
    return json.loads(
        sarif.render(LOCATED, ROOT, rules={"DYN101": "slower"}, version="1.2", **changes)
    )


def test_sarif_is_valid_and_points_into_the_repository():
    log = sarif_log(exit_code=1)
    jsonschema.validate(log, SARIF_SCHEMA)
    (run,) = log["runs"]
    first, second = run["results"]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "shop/a%20b.py"
    assert place["region"]["startLine"] == 7
    assert (first["level"], second["level"]) == ("error", "warning")
    assert "locations" not in second
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert run["invocations"][0]["executionSuccessful"]


def test_sarif_fingerprints_survive_a_moved_line():
    from dataclasses import replace

    moved = replace(SLOWER, location=SourceLocation("shop/a b.py", 99))
    target = replace(REPORT.targets[0], findings=(moved, PLACELESS))
    other = json.loads(
        sarif.render(replace(REPORT, targets=(target,)), ROOT, rules={}, version="1")
    )
    prints = [
        [result["partialFingerprints"] for result in log["runs"][0]["results"]]
        for log in (sarif_log(), other)
    ]
    assert prints[0] == prints[1]


def test_github_annotations_escape_what_would_end_them():
    lines = github.render(LOCATED).splitlines()
    assert lines[0].startswith("::error file=shop/a b.py,line=7,title=dynadvise DYN101::")
    assert "100 %25" in lines[0]
    assert "%0Aexecution:%0A" in lines[0]
    assert lines[1].startswith("::warning title=dynadvise DYN104::shop:job: No place: at all")
    assert lines[-1].startswith("::error title=dynadvise::FAIL")
    assert len(lines) == 3


def test_junit_counts_what_it_holds():
    root = ET.fromstring(junit.render(LOCATED))
    suite = root[0]
    assert suite.get("tests") == str(len(suite)) == root.get("tests")
    outcome = {case.get("name"): case[0].tag if len(case) else "passed" for case in suite}
    assert outcome["timing of work"] == "failure"
    assert outcome["timing of wait"] == "skipped"
    assert outcome["timing of dead"] == "error"
    assert outcome["timing of calm"] == "system-out"
    assert outcome["DYN101 shop/a b.py:7"] == "failure"
    assert outcome["DYN104 shop:job"] == "system-out"
    assert root.get("failures") == "3"


def test_json_has_every_figure_and_no_infinity():
    document = json.loads(json_text(check_to_json(LOCATED)), parse_constant=pytest.fail)
    assert (document["schema"], document["version"]) == ("dynadvise/check", 1)
    jsonschema.validate(document, schema_of("check"))
    target = document["targets"][0]
    assert target["timings"][0]["ratio"] == 1.5
    assert target["timings"][0]["high"] is None
    assert target["timings"][1]["pairs_to_decide"] == 70
    assert target["findings"][0]["file"] == "shop/a b.py"
    assert target["findings"][0]["fails"] is True
    assert target["findings"][1]["fails"] is False


def test_markdown_cannot_be_broken_out_of():
    text = to_markdown(gate_document(LOCATED))
    assert "FAIL" in text.splitlines()[0]
    assert "<b>" not in text.replace("\\<", "")
    assert "\\|" in text
    assert "```\nexecution:\n  config: {}\n```" in text
    assert "12" in text


def test_a_comments_one_table_is_seen_and_the_rest_is_folded():
    shown = folded(gate_screen(LOCATED), gate_document(LOCATED))
    seen, _, rest = to_markdown(shown).partition("<details>")
    assert seen.startswith("## ❌ **FAIL**: 1 target")
    assert seen.count("\n| --- |") == 1
    assert "| shop/a b.py:7 | ❌ **error DYN101** |" in seen
    assert "Do this (it is in the details)." in seen
    assert "execution:" not in seen
    assert "execution:" in rest
    assert "FAIL**: 1 target" not in rest
    assert "--details" not in seen + rest


@pytest.mark.parametrize("many", [1, 3, 40])
@pytest.mark.parametrize("long", [1, 9])
@pytest.mark.parametrize("targets", [1, 2])
def test_the_screen_is_one_and_what_fails_stands_first(many, long, targets):
    path = "/repo/" + "a_folder/" * long + "ops.py"
    message = "`work` became slower than it was. " * long
    notes = [replace(PLACELESS, message=message)] * many
    fatal = replace(SLOWER, message=message, remedy=message, location=SourceLocation(path, 7))
    timings = REPORT.targets[0].timings * many
    failing = replace(REPORT.targets[0], timings=timings, findings=(*notes, fatal))
    calm = TargetCheck("shop:calm", Verdict.PASS, timings=timings[3:4] * many)
    report = replace(REPORT, targets=(calm, failing)[-targets:])
    lines = to_text(gate_screen(located(report, ROOT)), width=79).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 79
    text = "\n".join(lines)
    assert text.startswith(f"FAIL: {targets} target")
    assert text.index("FAIL  ") < text.index("error DYN101" if many < 40 else "more rows")
    assert "--details" in text


def test_text_shows_verdict_first_and_all_findings():
    # On 79 columns too: no two cells of a table touch.
    lines = to_text(gate_document(LOCATED), width=79, wrap=False).splitlines()
    assert lines[0].startswith("FAIL: 1 target, 4 ops against main (abcdef1234)")
    text = "\n".join(lines)
    assert "+50 %, at least +20 %" in text
    assert "about 70 pairs would decide" in text
    assert "error DYN101 (fails the gate) shop/a b.py:7" in text
    assert "warning DYN104 shop:job" in text
    assert "dead COULD NOT MEASURE it died" in " ".join(text.split())
    assert "\x1b" not in text
    assert "\x1b[" in to_text(gate_document(LOCATED), color=True)
