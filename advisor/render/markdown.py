"""The advice as Markdown, for a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from advisor.domain.advice import Advice, BreakEven
from advisor.domain.host import HostProfile, OverheadModel
from advisor.render import wording
from advisor.render.host_tables import host_tables
from advisor.render.ways import marks, selected_ways, telling_rejections
from advisor.render.wording import interval, percent, printable, seconds, size


def escaped(text: str) -> str:
    """``text`` as plain words in Markdown: no markup, no HTML, no mention, one line."""
    text = re.sub(r"([\\`*_\[\]<>|~#])", r"\\\1", " ".join(text.split()))
    return text.replace("&", "&amp;").replace("@", "@\N{ZERO WIDTH SPACE}")


def code(text: str) -> str:
    """``text`` as inline code, whatever backticks it holds."""
    text = " ".join(text.split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"


def block(text: str, language: str) -> str:
    """``text`` as a fenced block, whatever fences it holds."""
    longest = max((len(run) for run in re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, its first column on the left and the others on the right; cells are escaped."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    lines = [map(escaped, header), rule, *(map(escaped, row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def advice_to_markdown(
    advice: Advice, *, path: Path | None = None, emitted: str | None = None
) -> str:
    """The whole advice; ``path`` and ``emitted`` as for the terminal."""
    advice = printable(advice)
    parts = [
        f"### dynadvise: {code(advice.target)}",
        *_headline(advice),
        _workload(advice),
        _ways(advice),
        *_reasons(advice),
        *_warnings(advice),
        *_next(advice),
        *_snippets(advice, emitted),
        _details(advice),
        f"<sub>{_closing(advice, path)}</sub>",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _headline(advice: Advice) -> list[str]:
    head = wording.headline(advice)
    lines = [f"**{escaped(head.what)}**: {head.predicted}.", ""]
    lines += [f"- {escaped(compared[:1].upper() + compared[1:])}" for compared in head.compared]
    lines.append(f"- {escaped(head.certainty)}")
    if head.needs_code:
        costs = f" What it costs: {escaped('; '.join(head.costs))}." if head.costs else ""
        lines.append(f"- It needs a change of code.{costs}")
        pasted = advice.config_only
        lines.append(
            f"- Without a change of code: **{escaped(pasted.candidate.label)}**: "
            f"{interval(pasted.makespan_s)}."
        )
    return ["\n".join(lines)]


def _workload(advice: Advice) -> str:
    work = advice.workload
    first = (
        f"**Workload:** {wording.count(work.items, 'item')} of {wording.spread(work.wall_s)}, "
        f"{wording.KIND[work.kind]}; {seconds(work.cpu_s)} of CPU an item; measured on "
        f"{wording.count(work.samples, 'item')}."
    )
    lines = [first]
    lines += [
        f"{percent(spot.share)} of the time in {code(spot.where)} ({spot.category})."
        for spot in work.hotspots[:3]
    ]
    lines += [escaped(note) for note in advice.notes]
    return "\n".join(lines)


def _ways(advice: Advice) -> str:
    rows = []
    for prediction in selected_ways(advice):
        named = marks(advice, prediction)
        rows.append(
            (
                prediction.candidate.label + (f" ({', '.join(named)})" if named else ""),
                interval(prediction.makespan_s),
                seconds(prediction.breakdown_s.work_s),
                seconds(wording.overhead_s(prediction.breakdown_s)),
                size(prediction.peak_memory_bytes),
                percent(prediction.p_best),
            )
        )
    header = ("way", "predicted (90 %)", "work", "overhead", "memory", "best in")
    return table(header, rows)


def _reasons(advice: Advice) -> list[str]:
    return [
        "\n".join([f"Why {escaped(label)}:", "", *(f"- {escaped(reason)}" for reason in reasons)])
        for label, reasons in wording.reasons(advice)
    ]


def _warnings(advice: Advice) -> list[str]:
    lines = []
    for finding in advice.warnings:
        where = f" ({code(str(finding.location))})" if finding.location else ""
        remedy = f" {escaped(finding.remedy)}" if finding.remedy else ""
        lines.append(f"- **{finding.code}** {escaped(finding.message)}{where}{remedy}")
    return ["\n".join(lines)] if lines else []


def _next(advice: Advice) -> list[str]:
    measurement = advice.next_measurement
    if measurement is None:
        return []
    what = escaped(measurement.what)
    return [f"**What would settle it:** {what} {code(measurement.command)}"]


def _snippets(advice: Advice, emitted: str | None) -> list[str]:
    if emitted is not None:
        return [block(emitted, "")]
    snippets = advice.snippets
    parts = []
    if snippets.run_config:
        parts += ["Run config to paste:", block(snippets.run_config, "yaml")]
    if snippets.python:
        parts += ["Code to paste:", block(snippets.python, "python")]
    return parts


def _details(advice: Advice) -> str:
    floors = advice.floors
    first = (
        f"Floors: the longest item {seconds(floors.critical_path_s)}; the CPU work on all cores "
        f"{seconds(floors.perfect_parallel_s)}; one after another {seconds(floors.serial_s)}."
    )
    lines = [first, ""]
    lines += [f"- {escaped(wording.break_even(row))}" for row in advice.break_even]
    lines += [
        f"- Rejected: {escaped(rejection.candidate.label)}: {escaped(rejection.reason)}"
        for rejection in telling_rejections(advice)[:10]
    ]
    body = "\n".join(lines)
    return f"<details><summary>Floors, break-even, rejected ways</summary>\n\n{body}\n\n</details>"


def _closing(advice: Advice, path: Path | None) -> str:
    saved = f" Profile: {escaped(printable(str(path)))}." if path else ""
    return (
        f"{escaped(wording.other_machine(advice))}; Python {escaped(advice.python_version)}, "
        f"Dagster {escaped(advice.dagster_version)}; {wording.profiles_line(advice)}.{saved}"
    )


def calibration_to_markdown(
    host: HostProfile,
    overhead: OverheadModel,
    break_even: Iterable[tuple[int, tuple[BreakEven, ...]]],
) -> str:
    """What a calibration found; ``break_even`` is by number of items."""
    parts = []
    for section in printable(host_tables(host, overhead, break_even)):
        parts.append(f"### {escaped(section.title)}")
        if section.rows:
            parts.append(table(section.header, section.rows))
        parts += [escaped(note) for note in section.notes]
    return "\n\n".join(parts) + "\n"
