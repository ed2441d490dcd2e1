"""The use case behind ``dynadvise plan``: which way to cut many runs; nothing is run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from advisor.domain.advice import Prediction
from advisor.domain.backfill import (
    DEFAULT_RUNS_AT_ONCE,
    DEQUEUE_INTERVAL_S,
    Backfill,
    BackfillPlan,
    RunCut,
    RunStart,
)
from advisor.domain.command_line import target_words
from advisor.domain.errors import ConfigurationError
from advisor.domain.options import AdviseOptions
from advisor.emit.backfill import backfill_snippets
from advisor.measure.progress import Progress, silent
from advisor.model.backfill import by_makespan, cut, grid

if TYPE_CHECKING:
    from advisor.store import SavedProfile

MOST_RUNS_AT_ONCE = 16
"""Largest number of runs in parallel that is considered where no limit is given."""
MOST_ITEMS_PER_RUN = 100_000
"""Largest fan-out of one run that is considered: Dagster's plan grows with it."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What ``plan`` is asked.

    Attributes:
        partitions: How many partitions the backfill has.
        advise: As for ``recommend``; its items are those of one partition.
        runs_at_once: Most runs in parallel; None: up to 16.
        run_start_s: From a run's dequeuing until its job begins; None: as measured here.
        dequeue_interval_s: How often the daemon looks at the queue.
    """

    partitions: int
    advise: AdviseOptions = field(default_factory=AdviseOptions)
    runs_at_once: int | None = None
    run_start_s: float | None = None
    dequeue_interval_s: float = DEQUEUE_INTERVAL_S


def plan(saved: SavedProfile, options: PlanOptions, progress: Progress = silent) -> BackfillPlan:
    """Cut the partitions into runs in many ways, and predict each.

    Args:
        saved: A profile of the job that runs for each partition.
        options: What is asked.
        progress: Told each cut that is looked at.

    Raises:
        DynadviseError: No way to run fits the machine.
    """
    from advisor.api.recommend import recommend

    backfill = Backfill(
        partitions=options.partitions,
        items=options.advise.items or saved.advice.workload.items,
        cores=options.advise.cores or saved.host.facts.cpus,
        start=_run_start(saved, options),
    )
    cuts: list[RunCut] = []
    config_cuts: list[RunCut] = []
    last: ConfigurationError | None = None
    shapes = tuple(_shapes(options, backfill.items))
    for place, (per_run, at_once) in enumerate(shapes):
        progress(f"{per_run} partitions per run, {at_once} in parallel", place / len(shapes))
        advise = _share(saved, options.advise, backfill.items * per_run, at_once)
        try:
            advice = recommend(saved, advise, snippets=False)
        except ConfigurationError as error:
            last = error  # with fewer runs in parallel, each has more of the machine
            continue
        cuts.append(cut(backfill, per_run, at_once, advice.recommendation))
        if per_run == 1:
            config_cuts.append(cut(backfill, 1, at_once, advice.config_only))
    if not cuts:
        assert last is not None
        raise last
    ordered = by_makespan(cuts)
    config_only = next(iter(by_makespan(config_cuts)), None)
    return BackfillPlan(
        target=saved.advice.target,
        backfill=backfill,
        cuts=ordered,
        now=_now(saved, options, backfill),
        config_only=config_only,
        snippets=backfill_snippets(backfill, ordered[0], target_words(saved.description)),
        notes=_notes(saved, ordered[0]),
    )


def _shapes(options: PlanOptions, items: int) -> Iterator[tuple[int, int]]:
    """Partitions per run, and runs in parallel."""
    for per_run in grid(options.partitions):
        if per_run > 1 and per_run * items > MOST_ITEMS_PER_RUN:
            continue
        runs = math.ceil(options.partitions / per_run)
        most = min(runs, options.runs_at_once or MOST_RUNS_AT_ONCE)
        at_once = 1
        while at_once < most:
            yield per_run, at_once
            at_once *= 2
        yield per_run, most


def _share(saved: SavedProfile, advise: AdviseOptions, items: int, at_once: int) -> AdviseOptions:
    """One run's share of the machine, of its memory, its connections and its rate."""
    facts = saved.host.facts
    connections = advise.max_connections
    return replace(
        advise,
        items=items,
        cores=(advise.cores or facts.cpus) / at_once,
        memory_bytes=(advise.memory_bytes or facts.memory_bytes) // at_once,
        max_connections=max(1, connections // at_once) if connections else None,
        max_rate=advise.max_rate and advise.max_rate / at_once,
    )


def _run_start(saved: SavedProfile, options: PlanOptions) -> RunStart:
    """A run of the daemon's starts Python and loads the definitions, as the command line does."""
    queue_s = options.dequeue_interval_s / 2
    if options.run_start_s is not None:
        return RunStart(queue_s, options.run_start_s, "yours")
    measured_s = saved.overhead.cli_start_s
    if measured_s is not None:
        return RunStart(queue_s, measured_s, "as `dagster job execute` starts on this host")
    spawn = saved.overhead.multiprocess.get("spawn")
    if spawn is not None:
        return RunStart(queue_s, spawn.boot_s + spawn.prepare_s, "as a spawned step starts here")
    raise ConfigurationError(
        "What a run takes to start is not known: this host was not calibrated for it.",
        hint="Give it: --run-start SECONDS, or measure it: `dynadvise calibrate`.",
    )


def _now(saved: SavedProfile, options: PlanOptions, backfill: Backfill) -> RunCut | None:
    """A run per partition, as the job is now, and as many in parallel as by default."""
    from advisor.api.recommend import predict

    current: Prediction | None = saved.advice.current
    if current is None:
        return None
    at_once = min(backfill.partitions, DEFAULT_RUNS_AT_ONCE)
    advise = _share(saved, options.advise, backfill.items, at_once)
    return cut(backfill, 1, at_once, predict(saved, current.candidate, advise))


_NOT_INCLUDED = "Not included: what the daemon and the code server need."


def _notes(saved: SavedProfile, best: RunCut) -> tuple[str, ...]:
    notes = ["Each run gets an equal share of cores, memory, connections and rate.", _NOT_INCLUDED]
    if best.partitions_per_run > 1 and saved.description.kind != "asset":
        notes.append(
            "BackfillPolicy is for assets; a job's backfill makes one run per partition, so its "
            "fan-out op has to yield the items of several partitions."
        )
    return tuple(notes)
