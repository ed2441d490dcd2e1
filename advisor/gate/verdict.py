"""What was measured of a target, as findings, notes and a verdict.

Findings that a comment in the user's code silences do not count.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from advisor.domain.command_line import spelled_out
from advisor.domain.finding import Finding
from advisor.domain.gate import (
    AdviceCheck,
    OpTiming,
    ProxyCount,
    TargetCheck,
    Verdict,
    judged,
    without_ignored,
)
from advisor.domain.options import CheckOptions
from advisor.gate.inspection import Inspected
from advisor.gate.orders import Survey
from advisor.gate.subject import NotSurveyed, Subject
from advisor.gate.survey import compared_counts
from advisor.rules import gate as gate_rules


def of_definitions(
    inspected: Inspected, options: CheckOptions, advice: AdviceCheck | None = None
) -> TargetCheck:
    """A target of which only the definitions were looked at, if they could be loaded."""
    check = TargetCheck(inspected.target, Verdict.PASS, advice=advice)
    return _closed(check, inspected, inspected.findings, options)


def of_measurements(
    subject: Subject, timings: tuple[OpTiming, ...], advice: AdviceCheck, options: CheckOptions
) -> TargetCheck:
    """A target that was measured."""
    base, head = subject.base, subject.head
    proxies: tuple[ProxyCount, ...] = ()
    if isinstance(base, Survey) and isinstance(head, Survey):
        proxies = tuple(compared_counts(base, head))
    check = TargetCheck(
        subject.target,
        Verdict.PASS,
        timings=timings,
        proxies=proxies,
        advice=advice,
        notes=tuple(_notes(subject)),
        user_code_failed=isinstance(head, NotSurveyed)
        or any(op.failed is not None for op in head.ops),
    )
    findings = (*subject.inspected.findings, *_findings(subject, check, options))
    return _closed(check, subject.inspected, findings, options)


def _findings(subject: Subject, check: TargetCheck, options: CheckOptions) -> Iterator[Finding]:
    """What is wrong with what was measured, with remedies whose commands run as they are."""
    mapped = subject.description.mapped
    places = {op.handle: op.location for op in subject.head_ops}
    places[""] = mapped[0].location if mapped else None
    for finding in gate_rules.findings_of(
        check, places, max_regression=options.max_regression, max_regret=options.max_regret
    ):
        yield replace(finding, remedy=spelled_out(finding.remedy, subject.description))


def _notes(subject: Subject) -> Iterator[str]:
    head = subject.head
    if isinstance(subject.base, Survey) and isinstance(head, Survey) and not head.reads_other:
        yield (
            "Base and head were timed on inputs of their own: what the base's fan-out op gives "
            "cannot be pickled, or head's ops take other inputs."
        )
    memoising = [op.handle for op in subject.head_ops if op.memoises]
    if memoising:
        yield (
            f"{', '.join(memoising)} keeps results between calls, so each item is timed once a "
            "process."
        )


def _closed(
    check: TargetCheck, inspected: Inspected, findings: Sequence[Finding], options: CheckOptions
) -> TargetCheck:
    """The verdict, on what is left after the ignore lists."""
    silenced = silenced_by_comments(findings, options.folder)
    left, ignored = without_ignored(findings, options.ignore, silenced)
    if inspected.error is not None:
        notes = (*check.notes, f"Could not be loaded: {inspected.error}")
        check = replace(check, notes=notes, user_code_failed=True)
    check = replace(check, findings=left, ignored=ignored)
    return judged(check, options.failing, static=options.static, error=check.user_code_failed)


_COMMENT = re.compile(r"#\s*dynadvise:\s*ignore(?:\[(?P<codes>[\w\s,]*)\])?")


def silenced_by_comments(findings: Iterable[Finding], folder: Path) -> list[Finding]:
    """Findings whose place carries ``# dynadvise: ignore[CODE]`` (or without codes: all).

    The comment stands in the line itself, in the line above, or anywhere from the decorators to
    the signature of the function that the line belongs to.
    """
    return [finding for finding in findings if _is_silenced(finding, folder)]


def _is_silenced(finding: Finding, folder: Path) -> bool:
    if finding.location is None:
        return False
    lines, headers = _source(str(folder / finding.location.file))
    line = finding.location.line
    numbers = {line - 1, line}
    for first, last, end in headers:
        if first <= line <= end:
            numbers.update(range(first - 1, last + 1))
    return any(
        _names(lines[number - 1], finding.code) for number in numbers if 0 < number <= len(lines)
    )


def _names(line: str, code: str) -> bool:
    comment = _COMMENT.search(line)
    if comment is None:
        return False
    codes = comment["codes"]
    return codes is None or code in {name.strip() for name in codes.split(",")}


@lru_cache(maxsize=64)
def _source(file: str) -> tuple[Sequence[str], Sequence[tuple[int, int, int]]]:
    """A file's lines, and of each function the header's first and last line and the end."""
    try:
        text = Path(file).read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError):
        return (), ()
    headers = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
            headers.append((first, node.body[0].lineno - 1 or first, node.end_lineno or first))
    return text.splitlines(), headers
