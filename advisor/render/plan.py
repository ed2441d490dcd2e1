"""A plan of many runs as a document."""

from __future__ import annotations

from advisor.domain.backfill import BackfillPlan, RunCut
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

SHOWN = 8
"""Cuts in the table: the best ones."""
_COLUMNS = (
    Column("way", left=True),
    Column("runs"),
    Column("in parallel"),
    Column("time"),
    Column("memory", roomy=True),
    Column("fail together", roomy=True),
    Column("each run", left=True, wrap=True, roomy=True),
)


def plan_document(plan: BackfillPlan, *, every: bool = False) -> Document:
    """The verdict, the cuts, and what to paste for the best; ``every`` cut if asked."""
    best = plan.cuts[0]
    named = [("now", plan.now), ("config only", plan.config_only), ("best", best)]
    rows = [_row(name, each, plan) for name, each in named if each is not None]
    others = plan.cuts[1:] if every else plan.cuts[1:SHOWN]
    rows += [_row("", each, plan) for each in others if each is not plan.config_only]
    blocks: list[Block] = [
        Headline(_verdict(plan, best), (*plan.cautions, _workload(plan), _start(plan))),
        Table(_COLUMNS, tuple(rows)),
        Note(plan.notes),
    ]
    for place, text in plan.snippets.items():
        blocks += [Heading(place, 3), Code(text)]
    return Document(tuple(blocks))


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
