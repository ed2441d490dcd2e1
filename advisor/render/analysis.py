"""What past runs tell; on one screen: what they lost, the main cause, and the remedy."""

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.domain.analysis import (
    PHASES,
    Analysis,
    DelegatedWay,
    Diagnosis,
    ObservedOverhead,
    OpStatistics,
    RunAnalysis,
)
from advisor.domain.finding import SEVERITIES
from advisor.domain.quantities import Spread, count, interval, multiple, percent, seconds
from advisor.render.advice import TONES
from advisor.render.backfill import backfill_blocks
from advisor.render.document import (
    Block,
    Details,
    Document,
    Heading,
    Headline,
    ListBlock,
    Note,
    Paragraph,
    Span,
    Table,
    Timeline,
    and_more,
)
from advisor.render.drift import SHORT_ID, change_of, drift_sentences, drift_table, grid, when

SHOWN_IN_FULL = 3
"""Runs shown with chart and diagnosis; of more, the tables tell."""
SHOWN_WAYS = 8
"""Ways under a pod-starting executor; the JSON holds all."""
_LEGEND = (
    "work: time in your code, summed over all steps; overhead: run time minus work (below 0 where "
    "running in parallel saves more than it costs); speed-up: work / run time; efficiency: "
    "speed-up / slots. In brackets: the most slots seen in use."
)


def analysis_document(analysis: Analysis) -> Document:
    """The whole analysis: the newest runs in full, tables of all."""
    blocks: list[Block] = [
        Heading(heading(analysis), level=1),
        *(backfill_blocks(analysis.backfill) if analysis.backfill else ()),
        _runs_table(analysis.runs),
        Note((_LEGEND,)),
    ]
    for run in analysis.runs[:SHOWN_IN_FULL]:
        blocks += _run(run)
    if rest := analysis.runs[SHOWN_IN_FULL:]:
        more = f"{count(len(rest), 'more run')}"
        short = f"{more} in the tables; --run ID shows one in full, --format json all."
        folded = tuple(block for run in rest for block in _run(run))
        blocks.append(Details(more, folded, (Paragraph((short,)),)))
    for way in dict.fromkeys(op.way for op in analysis.combined):
        blocks.append(Heading(f"Phases of a step, {way}: median (10th to 90th percentile)"))
        blocks.append(_phases_table([op for op in analysis.combined if op.way == way]))
    if lessons := _lessons(analysis.overhead):
        blocks.append(Heading("Overheads learned from these runs"))
        blocks += [ListBlock(lessons), ListBlock(analysis.overhead.notes, "quiet")]
    blocks += _ways(analysis.ways)
    if (drift := analysis.drift) is not None:
        blocks.append(Heading("Over time" if drift.median_error is None else "Since the advice"))
        blocks += [drift_table(drift), ListBlock(drift_sentences(drift))]
    blocks.append(ListBlock(analysis.notes, "quiet"))
    if analysis.saved_to:
        blocks.append(Note((f"Profile saved: {analysis.saved_to}",)))
    return Document(tuple(blocks))


def _run(run: RunAnalysis) -> list[Block]:
    blocks: list[Block] = [
        Heading(run_heading(run)),
        Paragraph((parallel_sentence(run),)),
        ListBlock(run.notes, "quiet"),
        Timeline(run.bars, run.totals.makespan_s),
    ]
    if not run.diagnoses:
        blocks.append(Paragraph(("No problem found.",), "good"))
    for diagnosis in run.diagnoses:
        code = Span(
            f"{diagnosis.code} {diagnosis.severity}: ", strong=True, tone=TONES[diagnosis.severity]
        )
        blocks.append(Paragraph(((code, Span(diagnosis.message, strong=True)),)))
        blocks.append(ListBlock(_evidence(diagnosis), under=True))
    return blocks


def _method_of(run: RunAnalysis) -> str:
    """How the run went: its executor, and the start method."""
    return run.executor + (f" ({run.start_method})" if run.start_method else "")


def _runs_table(runs: Sequence[RunAnalysis]) -> Table:
    """The seed's table, one row a run: method, total, work, overhead, efficiency."""
    rows = tuple(
        (
            run.run_id[:SHORT_ID],
            _method_of(run) + ("" if run.status == "success" else f", {run.status}"),
            str(run.parallelism.configured or f"({run.parallelism.holding_peak})"),
            f"{run.items:,}",
            seconds(run.totals.makespan_s),
            seconds(run.totals.work_s),
            seconds(run.totals.overhead_s),
            multiple(run.totals.speed_up),
            percent(run.totals.efficiency),
        )
        for run in runs
    )
    head = (
        "run",
        "method",
        "slots",
        "items",
        "run time",
        "work",
        "overhead",
        "speed-up",
        "efficiency",
    )
    return grid(head, rows)


def _phases_table(ops: Sequence[OpStatistics]) -> Table:
    shown = [name for name in PHASES if any(op.phase(name) for op in ops)]
    head = ("phase", *(f"{op.op} ({op.role})" for op in ops))
    rows: list[tuple[str, ...]] = [("steps", *(_steps(op) for op in ops))]
    for name in shown:
        cells = []
        for op in ops:
            phase = op.phase(name)
            cells.append(_spread(phase.spread_s, phase.steps) if phase else "-")
        rows.append((name, *cells))
    rows.append(("slot held", *(_spread(op.slot_s, op.attempts) for op in ops)))
    return grid(head, rows)


def parallel_sentence(run: RunAnalysis) -> str:
    """Achieved against configured concurrency."""
    p = run.parallelism
    configured = f"{p.configured} configured" if p.configured else "the executor's default"
    if p.configured is None and run.executor in {"celery", "celery_k8s"}:
        configured = "how many there may be is the Celery workers' to set"
    return (
        f"{p.working_mean:.2f} steps at work on average, {p.working_peak} at the most "
        f"({p.holding_peak} held a slot; {configured}); two or more overlap "
        f"{percent(p.overlap)} of the time at work."
    )


def _evidence(diagnosis: Diagnosis) -> tuple[str, ...]:
    lines = [*diagnosis.evidence, f"Remedy: {diagnosis.remedy}"]
    if diagnosis.gain_s is not None:
        bound = "at most " if diagnosis.at_most else ""
        lines.append(f"Gain: {bound}{seconds(diagnosis.gain_s)} = {diagnosis.formula}")
    return tuple(lines)


def _ways(ways: Sequence[DelegatedWay]) -> list[Block]:
    """Batches and steps in parallel under an executor that cannot be run here."""
    if not ways:
        return []
    rows = [
        (
            f"{way.executor}, max_concurrent {way.max_concurrent}"
            + (f", batches of {way.batch_size:,}" if way.batch_size > 1 else "")
            + (" [now]" if way.current else ""),
            interval(way.predicted_s),
            f"{way.pods:,}",
        )
        for way in ways[:SHOWN_WAYS]
    ]
    return [
        Heading("Other ways under this executor, from its own history"),
        grid(("way", "predicted (90 %)", "steps"), rows),
        Note(("Batches need a change of code: `dynadvise emit PROFILE --as batch` shows it.",)),
    ]


def _lessons(overhead: ObservedOverhead) -> tuple[str, ...]:
    """What the runs teach of the place where they ran."""
    lines: list[str] = []
    if overhead.in_process is not None:
        lines.append(f"in process: {seconds(overhead.in_process.step_s)} of overhead per step")
    for method, each in overhead.multiprocess.items():
        lines.append(
            f"multiprocess, {method.replace('_', ' ')}: launch {seconds(each.boot_s)}, prepare "
            f"{seconds(each.prepare_s)}, load {seconds(each.load_s)}, store "
            f"{seconds(each.finish_s)}, exit {seconds(each.exit_s)} per step"
        )
    for executor, delegated in overhead.delegated.items():
        poll = delegated.poll_interval_s
        lines.append(
            f"{executor}: start of a step {_spread(delegated.start_s)}, prepare "
            f"{_spread(delegated.prepare_s)}, load {_spread(delegated.load_s)}, store "
            f"{_spread(delegated.store_s)}"
            + (f", a freed slot taken after {_spread(poll)}" if poll else "")
            + f" ({count(delegated.steps, 'step')})"
        )
    return tuple(lines)


def heading(analysis: Analysis) -> str:
    """What was read, as a title."""
    jobs = sorted({run.job for run in analysis.runs})
    return f"{count(len(analysis.runs), 'run')} of {', '.join(jobs)} in {analysis.instance}"


def run_heading(run: RunAnalysis) -> str:
    """One run in a line."""
    return (
        f"Run {run.run_id[:SHORT_ID]} of {when(run.started_at_s)}: {run.job}, {run.status}, "
        f"{_method_of(run)}, "
        f"{count(run.items, 'item')}, {seconds(run.totals.makespan_s)}, "
        f"{count(run.events, 'event')}"
    )


def _steps(op: OpStatistics) -> str:
    failed = f", {op.failed} failed" if op.failed else ""
    return f"{op.steps:,}{failed}"


def _spread(value: Spread, steps: int = 2) -> str:
    if steps < 2:
        return seconds(value.median)
    return f"{seconds(value.median)} ({seconds(value.p10)} to {seconds(value.p90)})"


# --- the screen --------------------------------------------------------------------------------

MOST_RUNS, MOST_LANES, MOST_NOTES = 3, 4, 2
"""Of a screen."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One kind of problem over all runs; ``newest`` is how the newest run had it."""

    newest: Diagnosis
    runs: int
    gain_s: float

    @property
    def gain(self) -> str:
        """What its remedy saves in all runs, in words."""
        bound = "up to " if self.newest.at_most else ""
        return f"{bound}{seconds(self.gain_s)}" if self.gain_s > 0 else "gain unknown"


def headline(analysis: Analysis) -> Headline:
    """What was read, how long it ran, and how much of that the worst problem costs."""
    runs, causes = analysis.runs, causes_of(analysis)
    total = f"{heading(analysis)}: {seconds(sum(run.totals.makespan_s for run in runs))}"
    if not causes:
        return Headline(f"{total}. No problem found.", tone="good")
    worst = causes[0]
    saved = f", of which {worst.gain} can be saved" if worst.gain_s > 0 else ""
    return Headline(f"{total}{saved}.", tone=TONES[worst.newest.severity])


def notes_document(analysis: Analysis) -> Document:
    """Its notes alone, where there are no runs."""
    return Document((ListBlock(analysis.notes),))


def analysis_screen(analysis: Analysis) -> Document:
    """The verdict over all runs, the worst problem, the newest runs' totals."""
    runs, causes = analysis.runs, causes_of(analysis)
    blocks: list[Block] = [headline(analysis)]
    if causes:
        worst, *others = causes
        blocks += _cause(worst, len(runs))
        also = ", ".join(f"{each.newest.code} ({each.gain})" for each in others)
        blocks.append(Note((f"Also: {also}; the gains overlap.",) if others else ()))
    if analysis.backfill is not None:
        blocks += backfill_blocks(analysis.backfill)
    blocks.append(_runs_table(runs[:MOST_RUNS]))
    bars = runs[0].bars
    if len(runs) == 1 and max((bar.lane for bar in bars), default=0) < MOST_LANES:
        blocks.append(Timeline(bars, runs[0].totals.makespan_s))
    drift = analysis.drift
    changes = [change_of(each, drift.points) for each in drift.changes] if drift else []
    blocks.append(ListBlock((*changes, *analysis.notes[:MOST_NOTES])))
    more = count(len(runs) - MOST_RUNS, "more run") if len(runs) > MOST_RUNS else ""
    return Document(tuple(blocks), and_more(more, "phases, charts, all evidence"))


def causes_of(analysis: Analysis) -> list[Cause]:
    """Problems by code, the worst first: by severity, and then by what they cost all runs."""
    by_code: dict[str, list[Diagnosis]] = {}
    for run in analysis.runs:
        for diagnosis in run.diagnoses:
            by_code.setdefault(diagnosis.code, []).append(diagnosis)
    causes = [
        Cause(same[0], len(same), sum(each.gain_s or 0.0 for each in same))
        for same in by_code.values()
    ]
    rank = {severity: place for place, severity in enumerate(SEVERITIES)}
    return sorted(causes, key=lambda each: (-rank[each.newest.severity], -each.gain_s))


def _cause(cause: Cause, runs: int) -> list[Block]:
    worst = cause.newest
    often = f", in {cause.runs} of {runs} runs" if runs > 1 else ""
    code = Span(f"{worst.code} {worst.severity}{often}: ", strong=True, tone=TONES[worst.severity])
    remedy = ListBlock((f"Remedy: {worst.remedy}",), under=True)
    return [Paragraph(((code, worst.message),)), remedy]
