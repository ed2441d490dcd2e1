"""The advice, one prediction, and a saved profile's page, as documents."""

from dataclasses import replace
from pathlib import Path

from advisor.domain.advice import Advice, Prediction
from advisor.domain.finding import Finding, Severity
from advisor.domain.host import HostProfile
from advisor.domain.measured import Calibration
from advisor.domain.overhead import OverheadModel
from advisor.domain.quantities import count, faster, interval, percent, seconds, size, spread
from advisor.domain.verification import Verification
from advisor.domain.workload import WorkloadDescription
from advisor.render import wording
from advisor.render.document import (
    Bars,
    Block,
    Code,
    Column,
    Details,
    Document,
    Heading,
    Headline,
    ListBlock,
    Note,
    Paragraph,
    Row,
    Span,
    Table,
    Text,
    Tone,
    plain_table,
)
from advisor.render.fan_outs import fan_outs_blocks
from advisor.render.forms.table import OnePrediction
from advisor.render.host import host_document
from advisor.render.verification import verification_document
from advisor.render.ways import SHOWN, marks, selected_ways, telling_rejections

TONES: dict[Severity, Tone] = {"error": "bad", "warning": "warn", "note": "note"}
_PAGE_WAYS = 14
_REJECTIONS = 100
_MUCH_OF_HOOKS = 0.02
"""Of an item's seconds, from which those of its hooks are worth a line."""
_MANY_EVENTS = 5
"""Events per item beside every step's own, from which they are worth a line: a step has 12."""


def advice_document(
    advice: Advice,
    *,
    path: Path | None = None,
    emitted: Code | None = None,
    ways: int = SHOWN,
    evidence: bool = False,
) -> Document:
    """The whole advice.

    ``path`` is where its profile was saved, ``emitted`` a snippet to show instead of the advice's
    own, ``ways`` how many ways to run are shown, about, ``evidence`` whether values and messages
    of the user's may be shown, as on a terminal.
    """
    return Document(
        (
            Heading(Span(advice.target, code=True), level=1),
            *([Paragraph(advice.cautions, "warn")] if advice.cautions else []),
            _headline(advice, evidence),
            *_start_times(advice),
            *fan_outs_blocks(advice),
            *_workload(advice),
            *_ways(advice, ways),
            *_reasons(advice),
            *_warnings(advice),
            *_next(advice),
            *_limits(advice),
            *_snippets(advice, emitted),
            _closing(advice, path),
        )
    )


def report_document(
    advice: Advice,
    description: WorkloadDescription,
    host: HostProfile,
    overhead: OverheadModel,
    verifications: tuple[Verification, ...] = (),
) -> Document:
    """All that a saved profile holds, below a page that has the advised code already."""
    if advice.recommendation.candidate.needs_code:
        advice = replace(advice, snippets=replace(advice.snippets, python=""))
    blocks = advice_document(advice, ways=_PAGE_WAYS).blocks
    if verifications:
        blocks += (Heading("Real runs"), *verification_document(verifications, "").blocks[1:])
    mapped: list[Text] = []
    for op in (mapped.reference for mapped in description.mapped):
        place = f" ({op.location})" if op.location else ""
        mapped.append((Span(op.handle, code=True), place))
    blocks += (Heading("Mapped ops"), ListBlock(tuple(mapped)))
    return Document(blocks + host_document(Calibration(host, overhead)).blocks)


def _headline(advice: Advice, evidence: bool) -> Headline:
    best, pasted, now = advice.recommendation, advice.config_only, advice.current
    sure = advice.tie or wording.is_sure(advice)
    lines: list[Text] = [f"{interval(best.makespan_s)} {wording.basis(advice.workload)}"]
    lines += [compared[:1].upper() + compared[1:] for compared in wording.compared(advice)]
    lines.append(Span(wording.certainty(advice), tone="" if sure else "warn"))
    evidences = [limit.evidence for limit in advice.limits if limit.evidence and evidence]
    lines += [Span(f"Seen in parallel: {each}.", tone="warn") for each in evidences]
    definition = _definition_change(advice)
    if best.candidate.needs_code:
        costs = f" Trade-offs: {'; '.join(best.costs)}." if best.costs else ""
        lines.append(f"Requires a code change.{costs}")
        gain = ""
        if now and now.candidate != pasted.candidate:
            gain = f", {faster(now.makespan_s, pasted.makespan_s)} now"
        label = Span(pasted.candidate.label, strong=True)
        instead = f"With a {definition}" if definition else "Config only"
        lines.append((f"{instead}: ", label, f": {interval(pasted.makespan_s)}{gain}"))
    elif definition:
        lines.append(f"It needs a {definition}.")
    keeps = "Keep it as it is: " if now and now.candidate == best.candidate else ""
    return Headline(f"{keeps}{best.candidate.label}", tuple(lines), "good" if sure else "warn")


def _start_times(advice: Advice) -> tuple[Block, ...]:
    """What is best on the cluster by the start time of a pod, where that is not known."""
    rows = tuple(
        Row((seconds(row.start_s), row.candidate.label, seconds(row.makespan_s)))
        for row in advice.start_times
    )
    if not rows:
        return ()
    in_run_s, crossing_s = seconds(advice.start_times[0].in_run_s), advice.start_crossing_s
    ends = "at no start time below 10 minutes"
    if crossing_s is not None:
        ends = f"once a start takes {seconds(crossing_s)}" if crossing_s else "at any start time"
    columns = (Column("a start takes"), Column("best way", left=True), Column("predicted"))
    sentence = f"In the run's own process it takes {in_run_s}, which is faster {ends}."
    return (
        Heading("On the cluster, by the start time of a step (not known)"),
        Table(columns, rows),
        Paragraph((sentence,)),
    )


def _definition_change(advice: Advice) -> str:
    """What pasting takes where the job's code fixes its executor; empty where it does not."""
    lines = advice.snippets.definition_lines
    return f"change of the job's definition ({count(lines, 'line')})" if lines else ""


def _workload(advice: Advice) -> tuple[Block, ...]:
    work = advice.workload
    if not work.resources_measured:
        figures = f"{spread(work.wall_s)}, CPU and memory not known; read from past runs of"
        sentence = f"{count(work.items, 'item')} of {figures} {count(work.samples, 'item')}."
        return (Heading("Workload"), Paragraph((sentence,)), ListBlock(advice.notes))
    facts = [f"CPU {seconds(work.cpu_s)} per item"]
    if work.first_call_extra_s > 0.01 * max(work.wall_s.median, 0.01):
        facts.append(f"{seconds(work.first_call_extra_s)} more for the first call in a process")
    facts.append(f"input {size(work.input_bytes)}, output {size(work.output_bytes)}")
    facts.append(f"peak memory {size(work.peak_rss_bytes)}")
    of_partition = f" of partition {work.partition!r}" if work.partition else ""
    branches = ", ".join(f"{items} took {op!r}" for op, items in work.branches.items())
    lines: list[Text] = [
        (
            f"{count(work.items, 'item')} of {spread(work.wall_s)}, {wording.KIND[work.kind]}; "
            f"measured on {count(work.samples, 'item')}{of_partition}."
        ),
        "; ".join(facts) + ".",
    ]
    if work.events >= _MANY_EVENTS:
        lines.append(
            f"{work.events:.0f} events per item, which Dagster records (materializations, "
            "observations, log lines, further outputs, hooks): events, not work."
        )
    if work.hooks_s > _MUCH_OF_HOOKS * work.wall_s.median:
        lines.append(
            f"Hooks take {seconds(work.hooks_s)} per step beside that: in each item's steps, and "
            "once in a batch."
        )
    if work.retried:
        lines.append(
            f"{work.retried} of {count(work.samples, 'measured item')} failed at first and worked "
            "at a retry: all attempts are counted, the delay between them and the step's new "
            "start are not. In batches, a failed item makes Dagster retry its whole batch."
        )
    if branches:
        lines.append(f"Branches, of the {count(work.samples, 'measured item')}: {branches}.")
    for spot in work.hotspots[:3]:
        where = Span(spot.where, code=True)
        lines.append((f"{percent(spot.share)} of the time in ", where, f" ({spot.category})"))
    notes = (ListBlock(advice.notes),) if advice.notes else ()
    return (Heading("Workload"), Paragraph(tuple(lines)), *notes)


def _ways(advice: Advice, limit: int) -> tuple[Block, ...]:
    shown = selected_ways(advice, limit)
    scale = max(prediction.makespan_s.high for prediction in shown) or 1.0
    columns = [
        Column("way", left=True),
        Column("predicted (90 %)"),
        Column("work"),
        Column("overhead"),
        Column("memory", roomy=True),
        Column("P(fastest)"),
    ]
    if advice.objective != "time":
        held = advice.objective == "cost"
        columns.append(Column("core-seconds held" if held else "core-seconds"))
    rows = tuple(_way(advice, prediction, scale, len(columns)) for prediction in shown)
    blocks: list[Block] = [
        Heading(f"Configurations on {wording.other_machine(advice)}"),
        Table(tuple(columns), rows),
    ]
    if (more := len(advice.candidates) - len(shown)) > 0:
        blocks.append(Note((f"The best of each kind; {more:,} more in --format json.",)))
    return (*blocks, *_rejected(advice))


def _way(advice: Advice, prediction: Prediction, scale: float, columns: int) -> Row:
    named = marks(advice, prediction)
    label: Text = prediction.candidate.label
    if named:
        label = (prediction.candidate.label, Span(f" [{', '.join(named)}]"))
    advised = prediction.candidate == advice.recommendation.candidate
    cells: tuple[Text, ...] = (
        label,
        interval(prediction.makespan_s),
        seconds(prediction.breakdown_s.work_s),
        seconds(wording.overhead_s(prediction.breakdown_s)),
        size(prediction.peak_memory_bytes),
        percent(prediction.p_best),
        f"{_core_seconds(advice, prediction):.3g}",
    )
    tone: Tone = "good" if advised else ("" if prediction.allowed else "quiet")
    return Row(cells[:columns], tone, strong=advised, bars=_bars(prediction, scale))


def _core_seconds(advice: Advice, prediction: Prediction) -> float:
    """Those that are minimised: held, or computed in."""
    held = advice.objective == "cost"
    return prediction.rented_core_seconds if held else prediction.core_seconds


def _bars(prediction: Prediction, scale: float) -> Bars:
    """The parts of the makespan side by side, in percent of ``scale`` seconds."""
    parts, start = [], 0.0
    for name, value_s, _ in wording.breakdown(prediction.breakdown_s):
        width = _share(value_s, scale)
        parts.append((name, start, width, seconds(value_s)))
        start = round(start + width, 2)
    makespan = prediction.makespan_s
    return Bars(tuple(parts), _share(makespan.low, scale), _share(makespan.high, scale))


def _share(value: float, scale: float) -> float:
    return round(100 * max(0.0, value) / scale, 2)


def _rejected(advice: Advice) -> tuple[Block, ...]:
    if not advice.rejected:
        return ()
    lines = [f"{r.candidate.label}: {r.reason}" for r in telling_rejections(advice)]
    short = [f"Not considered: {line}" for line in lines[:3]]
    if (rest := len(advice.rejected) - len(short)) > 0:
        short.append(f"{count(rest, 'more way')} not considered, see --format json.")
    summary = f"{count(len(advice.rejected), 'way')} not considered"
    return (Details(summary, (ListBlock(tuple(lines[:_REJECTIONS])),), (Note(tuple(short)),)),)


def _reasons(advice: Advice) -> tuple[Block, ...]:
    return tuple(
        block
        for label, reasons in wording.reasons(advice)
        for block in (Heading(f"Why {label}"), ListBlock(reasons))
    )


def _warnings(advice: Advice) -> tuple[Block, ...]:
    if not advice.warnings:
        return ()
    return (Heading("Warnings"), *(_warning(finding) for finding in advice.warnings))


def _warning(finding: Finding) -> Paragraph:
    code = Span(finding.code, strong=True, tone=TONES[finding.severity])
    where = (" (", Span(str(finding.location), code=True), ")") if finding.location else ()
    return Paragraph(((code, f" {finding.message}", *where, f" {finding.remedy}"),))


def _next(advice: Advice) -> tuple[Block, ...]:
    measurement = advice.next_measurement
    if measurement is None:
        return ()
    command = Span(measurement.command, code=True, strong=True)
    return (Heading("To be more certain"), Paragraph((measurement.what, command)))


def _limits(advice: Advice) -> tuple[Block, ...]:
    floors = advice.floors
    sentence = (
        f"Longest item {seconds(floors.critical_path_s)}; perfect parallelism "
        f"{seconds(floors.perfect_parallel_s)}; sequential without overhead "
        f"{seconds(floors.serial_s)}."
    )
    blocks: tuple[Block, ...] = (Paragraph((sentence,)),)
    if advice.break_even:
        rows = tuple(wording.break_even(row) for row in advice.break_even)
        blocks += (
            Heading(f"Break-even on this host, for {count(advice.workload.items, 'item')}", 3),
            ListBlock(rows),
        )
    return (Details("Lower bounds", blocks),)


def _snippets(advice: Advice, emitted: Code | None) -> tuple[Block, ...]:
    if emitted is not None:
        return (Heading("To paste"), emitted)
    snippets = advice.snippets
    blocks: list[Block] = []
    if snippets.run_config:
        blocks.append(Heading("Run config to paste (launchpad, or a file for -c)"))
        blocks.append(Code(snippets.run_config, "yaml"))
    if snippets.definition:
        blocks.append(Heading(_definition_change(advice).capitalize()))
        blocks.append(Code(snippets.definition, "python"))
    if snippets.python:
        blocks += [Heading("Code to paste"), Code(snippets.python, "python")]
    return tuple(blocks)


def _closing(advice: Advice, path: Path | None) -> Note:
    versions = f"Python {advice.python_version}, Dagster {advice.dagster_version}"
    lines = [f"Measured: {wording.profiles_line(advice)}; {versions}."]
    if advice.measuring and advice.measuring.skipped:
        skipped = ", ".join(advice.measuring.skipped)
        lines.append(f"Not measured, since it could not change the advice: {skipped}.")
    lines += [f"Saved: {path}"] if path else []
    return Note(tuple(lines))


def prediction_document(one: OnePrediction) -> Document:
    """One way's prediction with its breakdown."""
    prediction = one.prediction
    total_s = prediction.makespan_s.median or 1.0
    rows = (
        (name, seconds(value_s), _bar(value_s / total_s), Span(meaning, tone="quiet"))
        for name, value_s, meaning in wording.breakdown(prediction.breakdown_s)
    )
    predicted = f"{interval(prediction.makespan_s)} for {count(one.items, 'item')}, 90 %"
    memory = (
        f"Memory at its peak {size(prediction.peak_memory_bytes)}; "
        f"{prediction.core_seconds:.3g} core-seconds of CPU, "
        f"{prediction.rented_core_seconds:.3g} held."
    )
    code = ("It needs a change of code.",) if prediction.candidate.needs_code else ()
    return Document(
        (
            Heading(Span(one.target, code=True), level=1),
            Headline(prediction.candidate.label, (predicted, *one.cautions)),
            Heading("Where it goes"),
            plain_table(("part", "time", "", "meaning"), rows, words=("", "meaning")),
            Paragraph((memory, *code)),
            ListBlock((*prediction.costs, *prediction.reasons)),
        )
    )


def _bar(share: float) -> str:
    return "█" * round(20 * max(0.0, min(1.0, share)))
