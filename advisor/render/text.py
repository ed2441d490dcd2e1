"""The advice in a terminal: the headline first, then what it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from advisor.domain.advice import Advice, BreakEven, Prediction
from advisor.domain.host import HostProfile, OverheadModel
from advisor.render import wording
from advisor.render.host_tables import host_tables
from advisor.render.page import INDENT, SEVERITY_STYLES, Page
from advisor.render.ways import marks, selected_ways, telling_rejections
from advisor.render.wording import interval, percent, printable, seconds, size


def advice_to_text(
    advice: Advice,
    *,
    path: Path | None = None,
    emitted: str | None = None,
    width: int = 100,
    color: bool = False,
) -> str:
    """The whole advice.

    ``path`` is where its profile was saved, ``emitted`` a snippet to show instead of the
    advice's own.
    """
    advice = printable(advice)
    page = Page(width, color)
    _headline(page, advice)
    _workload(page, advice)
    _ways(page, advice, roomy=width >= 100)
    _floors(page, advice)
    _reasons(page, advice)
    _break_even(page, advice)
    _warnings(page, advice)
    _next(page, advice)
    _snippets(page, advice, emitted)
    _closing(page, advice, path)
    return page.text()


def _headline(page: Page, advice: Advice) -> None:
    head = wording.headline(advice)
    page.line(advice.target, "bold", indent=0)
    page.line("")
    page.line(head.what, "bold green" if head.sure else "bold yellow")
    page.line(head.predicted)
    for compared in head.compared:
        page.line(compared[:1].upper() + compared[1:])
    page.line(head.certainty, "" if head.sure else "yellow")
    if not head.needs_code:
        return
    costs = f" What it costs: {'; '.join(head.costs)}." if head.costs else ""
    page.line(f"It needs a change of code.{costs}")
    pasted = advice.config_only
    page.line("")
    line = Text("Without a change of code: ")
    line.append(pasted.candidate.label, style="bold")
    line.append(f": {interval(pasted.makespan_s)}")
    if advice.current and advice.current.candidate != pasted.candidate:
        gain = wording.faster(advice.current.makespan_s, pasted.makespan_s)
        line.append(f", {gain} as the job as it is")
    page.line(line)


def _workload(page: Page, advice: Advice) -> None:
    work = advice.workload
    page.title("Workload")
    page.line(
        f"{wording.count(work.items, 'item')} of {wording.spread(work.wall_s)}, "
        f"{wording.KIND[work.kind]}; measured on {wording.count(work.samples, 'item')}."
    )
    facts = [f"CPU {seconds(work.cpu_s)} an item"]
    if work.first_call_extra_s > 0.01 * max(work.wall_s.median, 0.01):
        facts.append(f"{seconds(work.first_call_extra_s)} more in a fresh process")
    facts.append(f"{size(work.input_bytes)} in and {size(work.output_bytes)} out")
    facts.append(f"{size(work.peak_rss_bytes)} of memory at its peak")
    page.line("; ".join(facts) + ".")
    for spot in work.hotspots[:3]:
        page.line(f"{percent(spot.share)} of the time in {spot.where} ({spot.category})")
    page.points(advice.notes)


def _ways(page: Page, advice: Advice, *, roomy: bool) -> None:
    page.title(f"Ways to run on {wording.other_machine(advice)}")
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="dim")
    table.padding = (0, 1) if roomy else 0
    table.add_column("way", ratio=1, overflow="fold")
    table.add_column("predicted (90 %)", no_wrap=True, justify="right")
    table.add_column("work", no_wrap=True, justify="right")
    table.add_column("overhead", no_wrap=True, justify="right")
    if roomy:
        table.add_column("memory", no_wrap=True, justify="right")
    table.add_column("best in", no_wrap=True, justify="right")
    shown = selected_ways(advice)
    for prediction in shown:
        named = marks(advice, prediction)
        label = Text(prediction.candidate.label)
        if named:
            label.append(f" [{', '.join(named)}]", style="bold")
        first = prediction.candidate == advice.recommendation.candidate
        table.add_row(
            label,
            interval(prediction.makespan_s),
            seconds(prediction.breakdown_s.work_s),
            seconds(wording.overhead_s(prediction.breakdown_s)),
            *([size(prediction.peak_memory_bytes)] if roomy else []),
            percent(prediction.p_best),
            style="green" if first else ("" if prediction.allowed else "dim"),
        )
    page.table(table, indent=INDENT - 1 if roomy else INDENT)
    more = len(advice.candidates) - len(shown)
    if more > 0:
        page.line(f"The best of each kind; {more:,} more in --format json.", "dim")
    rejected = telling_rejections(advice)
    for rejection in rejected[:3]:
        page.line(f"Rejected: {rejection.candidate.label}: {rejection.reason}", "dim")
    if len(advice.rejected) > min(3, len(rejected)):
        rest = len(advice.rejected) - min(3, len(rejected))
        page.line(f"{wording.count(rest, 'more way')} rejected, see --format json.", "dim")


def _floors(page: Page, advice: Advice) -> None:
    floors = advice.floors
    page.title("Floors")
    page.line(
        f"The longest item takes {seconds(floors.critical_path_s)}; the CPU work spread over all "
        f"cores {seconds(floors.perfect_parallel_s)}; one item after another, without any "
        f"overhead, {seconds(floors.serial_s)}."
    )


def _reasons(page: Page, advice: Advice) -> None:
    for label, reasons in wording.reasons(advice):
        page.title(f"Why {label}")
        page.points(reasons)


def _break_even(page: Page, advice: Advice) -> None:
    if advice.break_even:
        page.title(f"Break-even on this host, for {wording.count(advice.workload.items, 'item')}")
        page.points(wording.break_even(row) for row in advice.break_even)


def _warnings(page: Page, advice: Advice) -> None:
    if not advice.warnings:
        return
    page.title("Warnings")
    for finding in advice.warnings:
        line = Text(finding.code, style=f"bold {SEVERITY_STYLES[finding.severity]}")
        where = f" ({finding.location})" if finding.location else ""
        line.append(
            f" {finding.message}{where} {finding.remedy}".rstrip(), style="not bold default"
        )
        page.line(line)


def _next(page: Page, advice: Advice) -> None:
    if advice.next_measurement:
        page.title("What would settle it")
        page.line(advice.next_measurement.what)
        page.line(advice.next_measurement.command, "bold")


def _snippets(page: Page, advice: Advice, emitted: str | None) -> None:
    if emitted is not None:
        page.title("To paste")
        page.code(emitted, "yaml" if _looks_like_yaml(emitted) else "python")
        return
    snippets = advice.snippets
    if snippets.run_config:
        page.title("Run config to paste (launchpad, or a file for -c)")
        page.code(snippets.run_config, "yaml")
    if snippets.python:
        page.title("Code to paste")
        page.code(snippets.python, "python")


def _looks_like_yaml(text: str) -> bool:
    lines = (line for line in text.splitlines() if line and not line.startswith(("#", " ")))
    return next(lines, "").endswith(":") and "import" not in text


def _closing(page: Page, advice: Advice, path: Path | None) -> None:
    page.line("", indent=0)
    page.line(f"Measured: {wording.profiles_line(advice)}.", "dim", indent=0)
    if path is not None:
        page.line(f"Saved: {printable(str(path))}", "dim", indent=0)


def prediction_to_text(
    prediction: Prediction, target: str, items: int, *, width: int = 100, color: bool = False
) -> str:
    """One way's prediction with its breakdown."""
    prediction = printable(prediction)
    page = Page(width, color)
    page.line(printable(target), "bold", indent=0)
    page.line("")
    page.line(prediction.candidate.label, "bold")
    page.line(f"{interval(prediction.makespan_s)} for {wording.count(items, 'item')}, 90 %")
    page.line("")
    table = Table(box=None, show_header=False, pad_edge=True, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    total_s = prediction.makespan_s.median or 1.0
    for name, value_s, meaning in wording.breakdown(prediction.breakdown_s):
        bar = "█" * round(20 * max(0.0, min(1.0, value_s / total_s)))
        table.add_row(name, seconds(value_s), Text(bar, style="cyan"), Text(meaning, style="dim"))
    page.table(table)
    page.line("")
    page.line(
        f"Memory at its peak {size(prediction.peak_memory_bytes)}; "
        f"{prediction.core_seconds:.3g} core-seconds."
    )
    if prediction.candidate.needs_code:
        page.line("It needs a change of code.")
    page.points((*prediction.costs, *prediction.reasons))
    return page.text()


def calibration_to_text(
    host: HostProfile,
    overhead: OverheadModel,
    break_even: Iterable[tuple[int, tuple[BreakEven, ...]]],
    *,
    width: int = 100,
    color: bool = False,
) -> str:
    """What a calibration found; ``break_even`` is by number of items."""
    page = Page(width, color)
    for section in printable(host_tables(host, overhead, break_even)):
        page.title(section.title)
        if section.rows:
            table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="dim")
            for index, column in enumerate(section.header):
                table.add_column(column, justify="right" if index else "left")
            for row in section.rows:
                table.add_row(*map(Text, row))
            page.table(table)
        for note in section.notes:
            page.line(note)
    return page.text()
