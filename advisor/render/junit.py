"""The gate's report as JUnit XML, for services that show test results."""

from pathlib import Path

# Only written here, never parsed.
from xml.etree import ElementTree as ET

from advisor.domain.gate import GateReport, TargetCheck, Verdict
from advisor.render import gate_wording as wording
from advisor.render.escaping import printable


def render(report: GateReport, root: Path) -> str:
    """A suite a target; a case an op's timing, the configuration, and each finding.

    INCONCLUSIVE is ``skipped`` and COULD NOT MEASURE is ``error``; a finding that does not fail
    the gate is a passed case that carries its text.
    """
    suites = ET.Element("testsuites", name="dynadvise")
    totals = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for target in report.targets:
        suite = ET.SubElement(suites, "testsuite", name=printable(target.target))
        _cases(suite, target, report, root)
        counts = {
            "tests": len(suite),
            "failures": len(suite.findall("testcase/failure")),
            "errors": len(suite.findall("testcase/error")),
            "skipped": len(suite.findall("testcase/skipped")),
        }
        for key, count in counts.items():
            suite.set(key, str(count))
            totals[key] += count
    for key, count in totals.items():
        suites.set(key, str(count))
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _cases(suite: ET.Element, target: TargetCheck, report: GateReport, root: Path) -> None:
    for timing in target.timings:
        case = _case(suite, target, f"timing of {timing.op}")
        sentence = printable(wording.timing_sentence(timing))
        if timing.verdict is Verdict.FAIL:
            ET.SubElement(case, "failure", message=sentence, type="slower")
        elif timing.verdict is Verdict.INCONCLUSIVE:
            ET.SubElement(case, "skipped", message=sentence)
        elif timing.verdict is Verdict.NOT_MEASURED:
            ET.SubElement(case, "error", message=sentence, type="not measured")
        else:
            ET.SubElement(case, "system-out").text = sentence
    for finding in target.findings:
        case = _case(suite, target, f"{finding.code} {wording.where(finding, root)}")
        text = f"{finding.message}\n{finding.remedy}"
        if report.fails(finding):
            failure = ET.SubElement(
                case, "failure", message=printable(finding.message), type=finding.severity
            )
            failure.text = printable(text)
        else:
            ET.SubElement(case, "system-out").text = printable(f"{finding.severity}: {text}")
    verdict = _case(suite, target, "verdict")
    if target.verdict is Verdict.INCONCLUSIVE:
        ET.SubElement(verdict, "skipped", message=target.verdict)
    elif target.verdict is Verdict.NOT_MEASURED:
        ET.SubElement(verdict, "error", message=target.verdict, type="not measured")
    elif target.verdict is Verdict.FAIL:
        ET.SubElement(verdict, "failure", message=target.verdict, type="gate")


def _case(suite: ET.Element, target: TargetCheck, name: str) -> ET.Element:
    return ET.SubElement(
        suite, "testcase", classname=printable(target.target), name=printable(name)
    )
