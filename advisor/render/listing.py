"""A project's workloads as a document: one screen, each with the command to type."""

from collections.abc import Sequence

from advisor.domain.project import ListedLocation, ListedWorkload, ProjectListing
from advisor.domain.quantities import count
from advisor.render.document import (
    Block,
    Code,
    Column,
    Document,
    Headline,
    ListBlock,
    Note,
    Paragraph,
    Row,
    Table,
)

_COLUMNS = (
    Column("what", left=True),
    Column("name", left=True),
    Column("ops"),
    Column("executor", left=True),
    Column("profile"),
    Column("runs"),
)


MOST, MOST_TROUBLES = 3, 2
"""Workloads, and lines of what is wrong, on one screen."""


def listing_screen(listing: ProjectListing) -> Document:
    """The same, as far as one screen holds it: those that can be measured first."""
    everything = [workload for each in listing.locations for workload in each.workloads]
    first = sorted(everything, key=lambda each: bool(each.obstacle))[:MOST]
    if len(everything) == len(first):
        return listing_document(listing, troubles=MOST_TROUBLES)
    shown = listing_document(listing, first, MOST_TROUBLES)
    return Document(shown.blocks, count(len(everything) - MOST, "more workload"))


def listing_document(
    listing: ProjectListing,
    shown: Sequence[ListedWorkload] | None = None,
    troubles: int | None = None,
) -> Document:
    """What fans out, the command for each, and what cannot be loaded.

    ``shown`` are the workloads to name (None: all), ``troubles`` how many lines of each trouble.
    """
    workloads = [workload for each in listing.locations for workload in each.workloads]
    others = sum(each.other_jobs for each in listing.locations)
    verdict = f"{count(len(workloads), 'workload')} with dynamic outputs in {listing.project}."
    lines = (f"{count(others, 'further job')} without: nothing to spread.",) if others else ()
    blocks: list[Block] = [Headline(verdict, lines)]
    if workloads:
        named = workloads if shown is None else shown
        blocks += [Table(_COLUMNS, tuple(map(_row, named)))]
        blocks += [
            Paragraph(("Measure one:",)),
            Code("\n".join(each.command for each in named)),
        ]
    obstacles = [block for location in listing.locations for block in _troubles(location, troubles)]
    blocks += obstacles[:troubles]
    if workloads and listing.instance is None:
        blocks.append(Note(("Past runs: set DAGSTER_HOME, or name an --instance.",)))
    return Document(tuple(blocks))


def _row(workload: ListedWorkload) -> Row:
    mapped = str(len(workload.mapped_ops)) if workload.mapped_ops else "-"
    if workload.fan_outs > 1:
        mapped += f" (1st of {workload.fan_outs} fan-outs)"
    return Row(
        (
            workload.kind,
            workload.name,
            mapped,
            _executor(workload),
            "saved" if workload.profile else "-",
            "-" if workload.runs is None else f"{workload.runs:,}",
        ),
        tone="warn" if workload.obstacle else "",
    )


def _executor(workload: ListedWorkload) -> str:
    """Executor, start method, and steps in parallel."""
    if workload.executor is None:
        return "-"
    words = [workload.executor, workload.start_method or ""]
    if workload.executor != "in_process":
        words.append(f"max {workload.max_concurrent}" if workload.max_concurrent else "no limit")
    return ", ".join(filter(None, words))


def _troubles(location: ListedLocation, most: int | None) -> list[Block]:
    hindered = [each for each in location.workloads if each.obstacle][:most]
    blocks: list[Block] = []
    if location.error:
        what = f"{location.source} cannot be loaded:"
        blocks.append(Paragraph((what, *location.error.splitlines()[:most]), tone="bad"))
    if hindered:
        items = tuple(f"{each.kind} {each.name}: {each.obstacle}" for each in hindered)
        blocks.append(ListBlock(items, tone="warn"))
    return blocks
