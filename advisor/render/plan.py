"""A plan of many runs as a document."""

from dataclasses import replace

from advisor.domain.backfill import EACH_RUN, BackfillPlan, RunCut
from advisor.domain.quantities import count, faster, interval, seconds, size
from advisor.render.document import (
    Block,
    Code,
    Column,
    Document,
    Heading,
    Headline,
    Note,
    Row,
    Table,
)

_EACH_RUN = Column("each run", left=True)
_COLUMNS = (
    Column("way", left=True),
    Column("runs"),
    Column("in parallel"),
    Column("time"),
    Column("memory", roomy=True),
    Column("fail together", roomy=True),
    replace(_EACH_RUN, roomy=True),
)
_SCREEN = (*_COLUMNS[:4], _EACH_RUN)
_WIDTH = 79
"""Columns of a screen: a longer command goes on in a second line."""


def plan_screen(plan: BackfillPlan) -> Document:
    """The verdict, now, config only and best, and the command for the best one's runs."""
    rows = [_row(name, each, plan) for name, each in _named(plan)]
    shown = [replace(row, cells=(*row.cells[:4], row.cells[-1])) for row in rows]
    command = plan.snippets[EACH_RUN].splitlines()[-1]
    if len(command) > _WIDTH:
        command = command.replace(" --as ", " \\\n    --as ")
    pasted = ", ".join(place for place in plan.snippets if place != EACH_RUN)
    return Document(
        (
            _headline(plan),
            Table(_SCREEN, tuple(shown)),
            Note(plan.notes),
            Code(command),
        ),
        more=f"To paste ({pasted}), all cuts",
    )


def plan_document(plan: BackfillPlan) -> Document:
    """The verdict, every cut, and what to paste for the best."""
    rows = [_row(name, each, plan) for name, each in _named(plan)]
    rows += [_row("", each, plan) for each in plan.cuts[1:] if each is not plan.config_only]
    blocks: list[Block] = [_headline(plan), Table(_COLUMNS, tuple(rows)), Note(plan.notes)]
    for place, text in plan.snippets.items():
        blocks += [Heading(place, 3), Code(text)]
    return Document(tuple(blocks))


def _named(plan: BackfillPlan) -> list[tuple[str, RunCut]]:
    ways = [("now", plan.now), ("config only", plan.config_only), ("best", plan.cuts[0])]
    return [(name, each) for name, each in ways if each is not None]


def _headline(plan: BackfillPlan) -> Headline:
    verdict = _verdict(plan, plan.cuts[0])
    return Headline(verdict, (*plan.cautions, _workload(plan), _start(plan)))


def _verdict(plan: BackfillPlan, best: RunCut) -> str:
    gain = f", {faster(plan.now.makespan_s, best.makespan_s)} now" if plan.now else ""
    return (
        f"{count(best.runs, 'run')} of {count(best.partitions_per_run, 'partition')}, "
        f"{best.runs_at_once} in parallel: {interval(best.makespan_s)}{gain}."
    )


def _workload(plan: BackfillPlan) -> str:
    backfill = plan.backfill
    size_of = f"{count(backfill.partitions, 'partition')} of {count(backfill.items, 'item')}"
    cores = count(backfill.cores, "core")
    place = f"cluster {backfill.cluster!r}, {cores} in a run's pod" if backfill.cluster else cores
    return f"{plan.target}: {size_of}, {place}."


def _start(plan: BackfillPlan) -> str:
    start = plan.backfill.start
    return (
        f"A run waits {seconds(start.queue_s)} in the queue (mean) and takes "
        f"{seconds(start.pod_s + start.start_s)} to start alone ({start.origin})."
    )


def _row(name: str, each: RunCut, plan: BackfillPlan) -> Row:
    lost = min(each.items_lost, plan.backfill.items * each.partitions_per_run)
    return Row(
        (
            name,
            f"{each.runs:,} of {each.partitions_per_run:,}",
            str(each.runs_at_once),
            seconds(each.makespan_s.median),
            size(each.peak_memory_bytes),
            count(lost, "item"),
            each.run.candidate.label,
        ),
        strong=name == "best",
    )
