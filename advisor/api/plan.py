"""The use case behind ``dynadvise plan``: which way to cut many runs; nothing is run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from advisor.api.cluster_advice import caution
from advisor.api.emitting import OF_EXECUTOR
from advisor.api.recommend import in_words, predict, searched
from advisor.domain.backfill import (
    DEFAULT_RUNS_AT_ONCE,
    Backfill,
    BackfillPlan,
    RunCut,
    RunStart,
)
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import Cluster
from advisor.domain.command_line import target_words
from advisor.domain.errors import ConfigurationError
from advisor.domain.options import AdviseOptions, PlanOptions
from advisor.domain.quantities import count, seconds
from advisor.emit.backfill import backfill_snippets
from advisor.measure.progress import Progress, silent
from advisor.model.backfill import by_makespan, cannot_win, cut, grid
from advisor.model.search import SearchResult

if TYPE_CHECKING:
    from advisor.store import SavedProfile

MOST_RUNS_AT_ONCE = 16
"""Largest number of runs in parallel that is considered where no limit is given."""
MOST_ITEMS_PER_RUN = 100_000
"""Largest fan-out of one run that is considered: Dagster's plan grows with it."""
CHOSEN_AT_ITEMS = 1_000
"""Items of a run for which all ways are compared; for more, the best of them."""
_KEPT_WAYS = 3
_NOT_INCLUDED = "Not included: what the daemon and the code server need."


def plan(saved: SavedProfile, options: PlanOptions, progress: Progress = silent) -> BackfillPlan:
    """Cut the partitions into runs in many ways, and predict each.

    Raises:
        DynadviseError: No way to run fits the machine, or the cluster is not described enough.
    """
    if (cluster := options.advise.cluster) is not None:
        cluster = cluster.as_seen(saved.overhead)
        options = replace(options, advise=replace(options.advise, cluster=cluster))
    _refuse(options)
    backfill = _backfill(saved, options)
    runs = _Runs(saved, options, backfill)
    cuts: list[RunCut] = []
    config_cuts: list[RunCut] = []
    last: ConfigurationError | None = None
    shapes = tuple(_shapes(options, backfill.items))
    for place, (per_run, at_once) in enumerate(shapes):
        progress(f"{per_run} partitions per run, {at_once} in parallel", place / len(shapes))
        if per_run > 1 and cannot_win(backfill, per_run, at_once, cuts):
            continue
        try:
            result = runs.of(per_run, at_once)
        except ConfigurationError as error:
            last = error  # with fewer runs in parallel, each has more of the machine
            continue
        cuts.append(cut(backfill, per_run, at_once, result.recommendation))
        if per_run == 1:
            config_cuts.append(cut(backfill, 1, at_once, result.config_only))
    if not cuts:
        assert last is not None
        raise last
    ordered = by_makespan(cuts)
    config_only = next(iter(by_makespan(config_cuts)), None)
    elsewhere = caution(saved.description.executor, cluster, saved.overhead)
    cautions = (elsewhere, _of_crowded_host(saved, options))
    return BackfillPlan(
        target=saved.advice.target,
        backfill=backfill,
        cuts=ordered,
        now=runs.now(),
        config_only=config_only,
        snippets=_snippets(backfill, ordered[0], saved),
        notes=_notes(saved, ordered[0], cluster),
        cautions=tuple(filter(None, cautions)),
    )


def predicted_cut(
    saved: SavedProfile, options: PlanOptions, runs_at_once: int, candidate: Candidate
) -> tuple[Backfill, RunCut]:
    """A run per partition, each run as ``candidate``, and what is worked off so.

    Raises:
        ConfigurationError: There is no model of it on the profile's host.
    """
    backfill = _backfill(saved, options)
    share = _share(saved, options.advise, backfill.items, runs_at_once)
    return backfill, cut(backfill, 1, runs_at_once, predict(saved, candidate, share))


def _backfill(saved: SavedProfile, options: PlanOptions) -> Backfill:
    cluster = options.advise.cluster
    return Backfill(
        partitions=options.partitions,
        items=options.advise.items or saved.advice.workload.items,
        cores=options.advise.cores or saved.host.facts.cpus,
        start=_run_start(saved, options),
        cluster=cluster.name if cluster else "",
    )


def _snippets(backfill: Backfill, best: RunCut, saved: SavedProfile) -> dict[str, str]:
    way = best.run.candidate
    kind = "batch" if way.is_batched else OF_EXECUTOR.get(way.executor, "run-config")
    return backfill_snippets(backfill, best, target_words(saved.description), kind)


def _refuse(options: PlanOptions) -> None:
    """Raise where the cluster's description leaves the plan open, or the runs do not fit it."""
    cluster = options.advise.cluster
    if cluster is None:
        return
    table = f"[tool.dynadvise.clusters.{cluster.name}]"
    if cluster.start_s is None:
        raise ConfigurationError(
            f"How long a {cluster.unit} of the cluster {cluster.name!r} takes to start is not"
            " known, and the plan depends on it.",
            hint=f'Set start = "8s" in {table}, or learn it: dynadvise analyze --pods pods.json.',
        )
    most = cluster.most_runs()
    runs = options.runs_at_once or 1
    if most is not None and runs > most:
        raise ConfigurationError(
            f"{runs} runs in parallel do not fit the cluster {cluster.name!r}: its quota and"
            f" connections hold the processes of {most}.",
            hint=f"--runs-at-once {most}, a smaller run-pod, or a larger quota in {table}."
            if most
            else f"A smaller run-pod, or a larger quota in {table}.",
        )


@dataclass(frozen=True, slots=True)
class _Runs:
    """The best ways of one run, by its partitions and by the runs in parallel with it.

    The ways of a long run are chosen among those that are best for `CHOSEN_AT_ITEMS`, with
    batches as many times as large: the choice hardly moves there, and a search takes seconds.
    """

    saved: SavedProfile
    options: PlanOptions
    backfill: Backfill
    searches: dict[tuple[int, int], SearchResult] = field(default_factory=dict)

    def of(self, per_run: int, at_once: int) -> SearchResult:
        """The search for a run of so many partitions.

        Raises:
            ConfigurationError: Its share of the machine is too small for any way.
        """
        items = self.backfill.items * per_run
        few = min(items, CHOSEN_AT_ITEMS)
        best = self.searches.get((few, at_once))
        if best is None:
            best = self._search(few, at_once)
            self.searches[few, at_once] = best
        if items == few:
            return best
        named = (best.recommendation, best.config_only, best.current)
        among = [each for each in (*named, *best.candidates[:_KEPT_WAYS]) if each is not None]
        larger = [_with_batches(each.candidate, items / few) for each in among]
        return self._search(items, at_once, tuple(dict.fromkeys(larger)))

    def _search(self, items: int, at_once: int, among: tuple[Candidate, ...] = ()) -> SearchResult:
        advise = _share(self.saved, self.options.advise, items, at_once)
        return in_words(searched(self.saved, advise, among), self.saved)

    def now(self) -> RunCut | None:
        """A run per partition, as the job is now, and as many in parallel as by default."""
        cluster = self.options.advise.cluster
        limits = [self.backfill.partitions, DEFAULT_RUNS_AT_ONCE]
        if cluster is not None:
            described = cluster.runs_at_once if "runs_at_once" in cluster.sources else None
            limits += [each for each in (described, cluster.most_runs()) if each]
        at_once = min(limits)
        while cluster is not None and at_once > 1 and cluster.share(at_once) is None:
            at_once -= 1  # its steps are pods, too
        try:
            current = self.of(1, at_once).current
        except ConfigurationError:
            return None
        return cut(self.backfill, 1, at_once, current) if current else None


def _with_batches(candidate: Candidate, factor: float) -> Candidate:
    if not candidate.is_batched:
        return candidate
    return replace(candidate, batch_size=math.ceil(candidate.batch_size * factor))


def _shapes(options: PlanOptions, items: int) -> Iterator[tuple[int, int]]:
    """Partitions per run, the most first, and runs in parallel."""
    cluster = options.advise.cluster
    limit = options.runs_at_once or MOST_RUNS_AT_ONCE
    if cluster is not None:
        limit = min(limit, cluster.most_runs() or limit)
    for per_run in reversed(grid(options.partitions)):
        if per_run > 1 and per_run * items > MOST_ITEMS_PER_RUN:
            continue
        runs = math.ceil(options.partitions / per_run)
        most = min(runs, limit)
        at_once = 1
        while at_once < most:
            yield per_run, at_once
            at_once *= 2
        yield per_run, most


def _share(saved: SavedProfile, advise: AdviseOptions, items: int, at_once: int) -> AdviseOptions:
    """One run's share of the machine or cluster, of its memory, its connections and its rate."""
    facts, cluster = saved.host.facts, advise.cluster
    connections = advise.max_connections
    machines = 1 if cluster is not None and cluster.own_pods else at_once
    return replace(
        advise,
        items=items,
        cores=(advise.cores or facts.cpus) / machines,
        memory_bytes=(advise.memory_bytes or facts.memory_bytes) // machines,
        max_connections=max(1, connections // at_once) if connections else None,
        max_rate=advise.max_rate and advise.max_rate / at_once,
        cluster=cluster and cluster.share(at_once),
    )


def _run_start(saved: SavedProfile, options: PlanOptions) -> RunStart:
    """A run of the daemon's starts Python and loads the definitions, as the command line does."""
    queue_s, cluster = options.dequeue_interval_s / 2, options.advise.cluster
    if options.run_start_s is not None:
        return RunStart(
            queue_s,
            options.run_start_s,
            "yours",
            own_cores=cluster is not None and cluster.own_pods,
        )
    measured_s = saved.overhead.cli_start_s
    spawn = saved.overhead.multiprocess.get("spawn")
    if measured_s is not None:
        boot = RunStart(queue_s, measured_s, "as `dagster job execute` starts on this host")
    elif spawn is not None:
        boot = RunStart(queue_s, spawn.boot_s + spawn.prepare_s, "as a spawned step starts here")
    else:
        raise ConfigurationError(
            "What a run takes to start is not known: this host was not calibrated for it.",
            hint="Give it: --run-start SECONDS, or measure it: `dynadvise calibrate`.",
        )
    return boot if cluster is None else _on_cluster(boot, cluster)


def _on_cluster(boot: RunStart, cluster: Cluster) -> RunStart:
    """The start of a run's pod, as described or else as a step's, and its process in it."""
    pod_s = cluster.run_start_s or cluster.start_s or 0.0
    whose = "yours" if cluster.run_start_s else "assumed as a step's: set run-start"
    return replace(
        boot,
        origin=f"{seconds(pod_s)} for its pod ({whose}), then {boot.origin}"
        if pod_s
        else boot.origin,
        pod_s=pod_s,
        start_s=boot.start_s / min(1.0, cluster.run_pod_cpu or 1.0),
        own_cores=cluster.own_pods,
    )


def _of_crowded_host(saved: SavedProfile, options: PlanOptions) -> str:
    """What a run's start is worth that was measured beside other programs; or nothing."""
    measuring = saved.advice.measuring
    if options.run_start_s is not None or measuring is None:
        return ""
    if not measuring.is_crowded(saved.host.facts.cpus):
        return ""
    return (
        f"The profile was made at a load of {measuring.load:.0f} on"
        f" {count(saved.host.facts.cpus, 'core')}: a run may start sooner than is counted here."
        " --run-start SECONDS gives yours, and `dynadvise analyze --backfill ID` tells it from past"
        " runs."
    )


def _notes(saved: SavedProfile, best: RunCut, cluster: Cluster | None) -> tuple[str, ...]:
    shared = "cores, memory" if cluster is None else "the quota, which holds the runs' own pods too"
    notes = [f"Each run gets an equal share of {shared}, connections and rate.", _NOT_INCLUDED]
    if best.partitions_per_run > 1 and saved.description.kind != "asset":
        notes.append(
            "BackfillPolicy is for assets; a job's backfill makes one run per partition, so its "
            "fan-out op has to yield the items of several partitions."
        )
    return tuple(notes)
