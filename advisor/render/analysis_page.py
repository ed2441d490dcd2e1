"""What the page of ``analyze`` draws, as plain values: verdict, causes, runs with steps, drift."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from advisor.domain.analysis import (
    Analysis,
    Drift,
    DriftPoint,
    GanttBar,
    OpStatistics,
    Phase,
    RunAnalysis,
)
from advisor.domain.quantities import Spread, count
from advisor.render.analysis import (
    Cause,
    causes_of,
    headline,
    parallel_sentence,
    run_heading,
)
from advisor.render.document import Block, Details, Document, Timeline
from advisor.render.drift import SHORT_ID, drift_sentences, when

MOST_STEPS = 1_000
"""Steps drawn over all runs of a page: some 60 bytes each."""
LONGEST = 100
"""Of a run that is not drawn whole, so many of the longest steps beside the first ones."""

_CLASSES: dict[Phase, str] = {
    "launch": "start",
    "import and plan": "start",
    "resources": "start",
    "log capture": "start",
    "load": "store",
    "compute": "work",
    "store": "store",
    "tail": "exit",
}
"""How the page draws a phase; waiting for a slot is no slot's time."""


class Parts(NamedTuple):
    """A step's seconds, one after another: before its slot, in it, and until that is taken."""

    wait_s: float
    start_s: float
    load_s: float
    code_s: float
    store_s: float
    exit_s: float


def page_of(analysis: Analysis) -> dict[str, Any]:
    """The analysis as the page takes it."""
    top = headline(analysis)
    left, runs = MOST_STEPS, []
    points = {point.run_id: point for point in analysis.drift.points} if analysis.drift else {}
    for run in analysis.runs:
        drawn = drawn_steps(run.bars, left)
        left -= len(drawn)
        runs.append(_run(run, drawn, points.get(run.run_id)))
    return {
        "verdict": top.verdict,
        "tone": top.tone,
        "causes": [_cause(each, len(analysis.runs)) for each in causes_of(analysis)],
        "runs": runs,
        "drift": _drift(analysis.drift) if analysis.drift else None,
        "notes": list(analysis.notes),
    }


def without_charts(document: Document) -> Document:
    """The document for a page that draws the runs itself."""
    return Document(tuple(_without_charts(document.blocks)))


def _without_charts(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        if isinstance(block, Details):
            yield replace(block, blocks=tuple(_without_charts(block.blocks)))
        elif not isinstance(block, Timeline):
            yield block


def drawn_steps(bars: Sequence[GanttBar], most: int) -> list[GanttBar]:
    """All steps, or the first ones and of the others those that failed or took longest."""
    if len(bars) <= most:
        return list(bars)
    first, others = bars[: max(0, most - LONGEST)], bars[max(0, most - LONGEST) :]
    odd = sorted(others, key=lambda bar: (not bar.failed, bar.begin_s - bar.end_s))
    return sorted((*first, *odd[: most - len(first)]), key=lambda bar: bar.begin_s)


def parts_of(bar: GanttBar) -> Parts:
    """A bar's stretches; what the log does not tell is 0."""
    wait_s = max(0.0, bar.begin_s - bar.ready_s) if bar.ready_s is not None else 0.0
    exit_s = max(0.0, bar.free_s - bar.end_s) if bar.free_s is not None else 0.0
    if bar.work_start_s is None:
        return Parts(wait_s, bar.end_s - bar.begin_s, 0.0, 0.0, 0.0, exit_s)
    start_s = bar.work_start_s - bar.begin_s
    if bar.code_start_s is None or bar.code_end_s is None:
        return Parts(wait_s, start_s, 0.0, bar.end_s - bar.work_start_s, 0.0, exit_s)
    return Parts(
        wait_s,
        start_s,
        max(0.0, bar.code_start_s - bar.work_start_s),
        max(0.0, bar.code_end_s - bar.code_start_s),
        max(0.0, bar.end_s - bar.code_end_s),
        exit_s,
    )


def _run(run: RunAnalysis, drawn: Sequence[GanttBar], point: DriftPoint | None) -> dict[str, Any]:
    predicted = point.predicted_s if point else None
    ops = sorted({bar.step_key.partition("[")[0] for bar in drawn})
    total = len(run.bars)
    return {
        "label": f"{run.run_id[:SHORT_ID]}, {when(run.started_at_s)}, {run.status}",
        "heading": run_heading(run),
        "parallel": parallel_sentence(run),
        "notes": list(run.notes),
        **asdict(run.totals),
        "slots": 1 if run.executor == "in_process" else run.parallelism.slots,
        "working_mean": run.parallelism.working_mean,
        "items": run.items,
        "predicted_s": asdict(predicted) if predicted else None,
        "cut": "" if len(drawn) == total else _cut(len(drawn), total),
        "names": ops,
        "steps": [_step(bar, ops) for bar in drawn],
        "slot_time_s": _slot_time_s(run),
        "ops": [_op(op) for op in run.ops],
    }


def _cut(drawn: int, total: int) -> str:
    if not drawn:
        return f"Its {count(total, 'step')} are not drawn: --run ID makes a page of this run."
    return (
        f"{drawn:,} of {total:,} steps are drawn: the first ones, and of the others those that "
        "failed or took longest. All figures are of all steps."
    )


def _step(bar: GanttBar, ops: Sequence[str]) -> list[Any]:
    """Lane, op, mapping key, begin and parts in milliseconds, and 1 where it failed."""
    op, _, key = bar.step_key.partition("[")
    parts = [round(1000 * seconds) for seconds in parts_of(bar)]
    failed = [1] if bar.failed else []
    return [bar.lane, ops.index(op), key.rstrip("]"), round(1000 * bar.begin_s), *parts, *failed]


def _slot_time_s(run: RunAnalysis) -> dict[str, float]:
    """What the slots' time went into, in seconds summed over the slots."""
    parts = [parts_of(bar) for bar in run.bars]
    spent = {
        "start": sum(each.start_s for each in parts),
        "work": sum(each.code_s for each in parts),
        "store": sum(each.load_s + each.store_s for each in parts),
        "exit": sum(each.exit_s for each in parts),
    }
    slots = 1 if run.executor == "in_process" else run.parallelism.slots
    return {**spent, "idle": max(0.0, slots * run.totals.makespan_s - sum(spent.values()))}


def _op(op: OpStatistics) -> dict[str, Any]:
    return {
        "name": f"{op.op} ({op.role})",
        "steps": op.steps,
        "phases": [
            [each.phase, _CLASSES.get(each.phase), each.total_s, *_spread(each.spread_s)]
            for each in op.phases
        ],
    }


def _spread(spread: Spread) -> tuple[float, float, float]:
    return spread.median, spread.p10, spread.p90


def _cause(cause: Cause, runs: int) -> dict[str, Any]:
    worst = cause.newest
    return {
        **asdict(worst),
        "often": f"in {cause.runs} of {runs} runs" if runs > 1 else "",
        "gain": cause.gain,
        "evidence": [*worst.evidence, *([worst.formula] if worst.formula else [])],
    }


def _drift(drift: Drift) -> dict[str, Any]:
    return {
        "sentences": list(drift_sentences(drift)),
        "changes": [[each.index, each.quantity, each.run_id] for each in drift.changes],
        "points": [
            {
                **asdict(point),
                "run": point.run_id[:SHORT_ID],
                "at": when(point.started_at_s)[5:],
            }
            for point in drift.points
        ],
    }
