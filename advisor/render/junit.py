"""The gate's report as JUnit XML, for services that show test results."""

# Only written here, never parsed.
from xml.etree import ElementTree as ET

from advisor.domain.gate import GateReport, TargetCheck, Verdict
from advisor.render.escaping import printable
from advisor.render.gate import timing_sentence, where

_ELEMENTS = {
    Verdict.INCONCLUSIVE: "skipped",
    Verdict.NOT_MEASURED: "error",
    Verdict.FAIL: "failure",
}


def render(report: GateReport) -> str:
    """A suite a target; a case an op's timing, the configuration, and each finding.

    INCONCLUSIVE is ``skipped`` and COULD NOT MEASURE is ``error``; a finding that does not fail
    the gate is a passed case that carries its text.
    """
    suites = ET.Element("testsuites", name="dynadvise")
    for target in report.targets:
        suite = ET.SubElement(suites, "testsuite", name=printable(target.target))
        _cases(suite, target, report)
        _count(suite, "testcase")
    _count(suites, "testsuite/testcase")
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _count(element: ET.Element, cases: str) -> None:
    """Say of a suite, or of all, how many cases there are and how they ended."""
    element.set("tests", str(len(element.findall(cases))))
    for key, ending in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(key, str(len(element.findall(f"{cases}/{ending}"))))


def _cases(suite: ET.Element, target: TargetCheck, report: GateReport) -> None:
    for timing in target.timings:
        case = _case(suite, target, f"timing of {timing.op}")
        _end(case, timing.verdict, printable(timing_sentence(timing)), failure="slower")
    for finding in target.findings:
        case = _case(suite, target, f"{finding.code} {where(finding)}")
        text = printable(f"{finding.message}\n{finding.remedy}")
        if report.fails(finding):
            _end(case, Verdict.FAIL, printable(finding.message), failure=finding.severity)
            case[0].text = text
        else:
            _end(case, Verdict.PASS, f"{finding.severity}: {text}")
    verdict = _case(suite, target, "verdict")
    if target.verdict is not Verdict.PASS:
        _end(verdict, target.verdict, target.verdict, failure="gate")


def _case(suite: ET.Element, target: TargetCheck, name: str) -> ET.Element:
    return ET.SubElement(
        suite, "testcase", classname=printable(target.target), name=printable(name)
    )


def _end(case: ET.Element, verdict: Verdict, text: str, *, failure: str = "") -> None:
    """How a case ended; ``failure`` is the type of one that failed."""
    if verdict is Verdict.PASS:
        ET.SubElement(case, "system-out").text = text
        return
    ending = ET.SubElement(case, _ELEMENTS[verdict], message=text)
    types = {Verdict.FAIL: failure, Verdict.NOT_MEASURED: "not measured"}
    if verdict in types:
        ending.set("type", types[verdict])
