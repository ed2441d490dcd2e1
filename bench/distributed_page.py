"""``docs/distributed.md`` from what was measured: errors by kind, and regret of the advised way."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "distributed.md"
Row = dict[str, Any]

_HEAD = """# Pods, containers and tasks: predicted beside real

Written by `make bench-distributed`. Real runs of Dagster's own executors: `k8s_job_executor`
against a scripted Jobs API (admission by requests, scripted starts; each Job a process of this
host), `celery_executor` with its worker on a Redis, `docker_executor` on a Docker daemon. Each run
is predicted by `predict --cluster` from another run of three items, one step at a time, near in
time; never from itself. Items wait half a second, and are dealt to
batches evenly, as the emitted code deals them. Forked pods come from a process that has
imported Dagster, so that queue, starts and polls count and not how many Pythons two cores boot.
"""

_FOOT = """
Load is the machine's load average before or after a run, the higher one; what is measured had 16
times the weight of others, where a control group could be made. Where a cell was run several times,
its median counts. Regret: the real seconds of the way that is predicted to be the fastest of a grid
(steps in parallel and batches), over those of the fastest, less 1.
"""

_BACKFILLS = """
## Backfills

Twelve partitions of four items under a `dagster-daemon` with its queue of runs, on Postgres. Items
and a run's start are learned from a backfill of three partitions, one run at a time, for `plan`.

| runs in parallel | start of a run | real | predicted | error | load |
|---|---|---|---|---|---|"""


def kind_of(row: Row) -> str:
    place = row["way"]["place"]
    boot = "forked" if place["boot"] == "warm" else "booted"
    pods = f" ({boot} pods)" if place["kind"] == "k8s" else ""
    return f"{place['kind']}{pods}{', chain of three' if place['shape'] == 'chain' else ''}"


def cells(rows: Sequence[Row]) -> list[Row]:
    """Runs alike as one: their median, and each one's seconds as ``reals_s``."""
    alike: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        alike[json.dumps({**row["way"], "repeat": 0}, sort_keys=True)].append(row)
    return [
        {
            "way": of[0]["way"],
            "reals_s": [row["real_s"] for row in of],
            "real_s": statistics.median(row["real_s"] for row in of),
            "predicted_s": statistics.median(row["predicted_s"] for row in of),
            "load": max(row["load"] for row in of),
        }
        for of in alike.values()
    ]


def error_of(row: Row) -> float:
    return float(row["predicted_s"] / row["real_s"] - 1.0)


def high(values: Sequence[float]) -> float:
    """The 90th percentile, the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]


def regrets(rows: Sequence[Row]) -> dict[str, list[float]]:
    """By kind, that of each grid: cells that differ in steps in parallel and batch alone."""
    grids: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        way = row["way"]
        # What a room of three does not limit is the same run in both grids.
        for room in (None, 3) if way["room"] is None else (3,):
            if room is None or way["room"] == 3 or way["at_once"] <= 3:
                grids[json.dumps([kind_of(row), way["place"], way["items"], room])].append(row)
    found: dict[str, list[float]] = defaultdict(list)
    for key, grid in grids.items():
        room = json.loads(key)[-1]
        if len(grid) > 1 and any(row["way"]["room"] == room for row in grid):
            advised = min(grid, key=lambda row: row["predicted_s"])
            fastest_s = min(row["real_s"] for row in grid)
            found[json.loads(key)[0]].append(advised["real_s"] / fastest_s - 1.0)
    return found


def summary(rows: Sequence[Row]) -> list[str]:
    """Errors and regret by kind of cell, and of all."""
    kinds: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        kinds[kind_of(row)].append(row)
    by_kind = regrets(rows)
    lines = [
        "| kind | cells | runs | error, median | 90th percentile | grids | regret, worst |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, of_kind in [*kinds.items(), ("all", list(rows))]:
        errors = [abs(error_of(row)) for row in of_kind]
        grids = (
            by_kind.get(kind, []) if kind != "all" else [r for of in by_kind.values() for r in of]
        )
        worst = f"{max(grids):.0%}" if grids else ""
        runs = sum(len(row["reals_s"]) for row in of_kind)
        lines.append(
            f"| {kind} | {len(of_kind)} | {runs} | {statistics.median(errors):.0%} | "
            f"{high(errors):.0%} | {len(grids)} | {worst} |"
        )
    return lines


def _seconds(row: Row) -> str:
    return f"{', '.join(f'{real_s:.1f}' for real_s in row['reals_s'])} s"


def _backfill(row: Row) -> str:
    return (
        f"| {row['runs_at_once']} | {row['run_start_s']:.1f} s | {row['real_s']:.1f} s | "
        f"{row['predicted_s']:.1f} s | {error_of(row):+.0%} | {row['load']:.1f} |"
    )


def write_page(recorded: dict[str, Any]) -> None:
    """Write the page."""
    rows = cells(recorded["runs"])
    lines = [
        "",
        "| kind | start | items | batch | in parallel | room | real | predicted | error | load |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        way = row["way"]
        start = f"{way['place']['start_s']:g} s" if way["place"]["kind"] == "k8s" else ""
        lines.append(
            f"| {kind_of(row)} | {start} | {way['items']} | {way['batch']} | {way['at_once']} | "
            f"{way['room'] or ''} | {_seconds(row)} | {row['predicted_s']:.1f} s | "
            f"{error_of(row):+.0%} | {row['load']:.1f} |"
        )
    if backfills := recorded.get("backfills"):
        lines += [_BACKFILLS, *map(_backfill, backfills)]
    else:
        lines.append("\nBackfills (`make bench-distributed KIND=backfill`) are not measured yet.")
    skipped = [f"\nNot run here: {kind}: {why}." for kind, why in recorded["skipped"].items()]
    text = "\n".join([_HEAD, *summary(rows), *lines, *skipped]) + "\n" + _FOOT
    PAGE.write_text(text, encoding="utf-8")
