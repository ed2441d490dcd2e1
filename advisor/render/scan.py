"""A scan as a document."""

import math
from dataclasses import replace
from itertools import accumulate

from advisor.domain.quantities import count, percent, seconds
from advisor.domain.scan import ConfigRemedy, Scan, ScannedJob
from advisor.render.document import Block, Column, Document, Headline, ListBlock, Note, Row, Table

REMEDIES = {
    ConfigRemedy.WARM_START: "forkserver",
    ConfigRemedy.IN_PROCESS: "in_process",
}
_COLUMNS = (
    Column("job", left=True),
    Column("runs"),
    Column("items", roomy=True),
    Column("per run", roomy=True),
    Column("in all"),
    Column("overhead"),
    Column("config saves"),
    Column("by", left=True),
)


MOST, OF_NAME = 9, 20
"""Lines of jobs on one screen, and characters of a job's name that one line holds."""


def scan_screen(scan: Scan) -> Document:
    """The same, as far as one screen holds it: the jobs where config saves most."""
    lines = accumulate(math.ceil(len(job.job) / OF_NAME) for job in scan.jobs)
    shown = sum(line <= MOST for line in lines)
    more = [count(len(scan.jobs) - shown, "more job")] if shown < len(scan.jobs) else []
    more += [count(len(scan.unread) - 1, "more log") + " not read"] if scan.unread[1:] else []
    if not more:
        return scan_document(scan)
    whole = scan_document(replace(scan, unread=scan.unread[:1]))
    blocks = (
        replace(block, rows=block.rows[:shown]) if isinstance(block, Table) else block
        for block in whole.blocks
    )
    return Document(tuple(blocks), ", ".join(more))


def scan_document(scan: Scan) -> Document:
    """The verdict, one line per job, and the command for the first of them."""
    saving_s = sum(job.saving_s for job in scan.jobs)
    total_s = sum(job.total_s for job in scan.jobs)
    at_most = "up to " if any(job.at_most for job in scan.jobs) else ""
    fan_outs = sum(bool(job.mapped_ops) for job in scan.jobs)
    verdict = (
        f"Config alone would save {at_most}{seconds(saving_s)} of {seconds(total_s)} "
        f"({percent(saving_s / total_s)})"
        if saving_s > 0 and total_s > 0
        else f"No change of config is seen to save time of {seconds(total_s)}"
    )
    jobs = f"{count(len(scan.jobs), 'job')}, {fan_outs} of them with dynamic outputs"
    runs = sum(job.runs for job in scan.jobs)
    blocks: list[Block] = [
        Headline(
            f"{verdict}.",
            (f"{jobs}; {count(runs, 'run')} in {scan.days:g} days; nothing was executed.",),
        ),
        Table(_COLUMNS, tuple(map(_row, scan.jobs))),
        Note(_notes(scan)),
    ]
    if scan.unread:
        blocks.append(ListBlock(scan.unread, tone="warn"))
    return Document(tuple(blocks))


def _row(job: ScannedJob) -> Row:
    saved = f"{'<= ' if job.at_most else ''}{seconds(job.saving_s)}" if job.saving_s > 0 else "-"
    return Row(
        (
            job.job,
            f"{job.runs:,}",
            f"{job.items:,}" if job.mapped_ops else "-",
            seconds(job.makespan_s),
            seconds(job.total_s),
            percent(job.overhead_s / job.total_s) if job.total_s > 0 else "-",
            saved,
            REMEDIES[job.remedy] if job.remedy else "",
        )
    )


def _notes(scan: Scan) -> tuple[str, ...]:
    notes = [
        "overhead: the share of the steps' slot time that is not your ops' own code.",
        "config saves: computed from the runs' own logs.",
    ]
    if any(job.remedy is ConfigRemedy.WARM_START for job in scan.jobs):
        notes.append("forkserver: with preload_modules, which `dynadvise calibrate` derives.")
    if any(job.at_most for job in scan.jobs):
        notes.append("<=: what a start with preload_modules takes here is not measured.")
    if any(job.read < job.runs for job in scan.jobs):
        notes.append("Of jobs with many runs the newest logs stand for all (--last).")
    target = next((job.target for job in scan.jobs if job.target and job.mapped_ops), None)
    if target:
        notes.append(f"Next: `dynadvise profile {target}`")
    return tuple(notes)
