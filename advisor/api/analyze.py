"""The use case behind ``dynadvise analyze``: learn from runs that happened; nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.domain.analysis import Analysis, Drift, ObservedOverhead
from advisor.domain.backfill import BackfillTimes, PlannedRun, RunStart
from advisor.domain.command_line import spelled_out
from advisor.domain.errors import ConfigurationError
from advisor.domain.measured import Measured
from advisor.domain.observed import ObservedRun
from advisor.domain.options import AdviseOptions, PlanOptions
from advisor.domain.quantities import Interval
from advisor.domain.workload import WorkloadDescription
from advisor.history.reading import PastRuns, Selection, read_backfill, read_runs
from advisor.measure.workspace import workspace

if TYPE_CHECKING:
    from advisor.store import SavedProfile

MOST_PROFILES = 100
"""Profiles looked through for the job's own."""


@dataclass(frozen=True, slots=True)
class AnalyzeOptions(Selection):
    """What ``analyze`` is asked: which runs, and what to make of them.

    Attributes:
        profile: A saved profile to lay the runs beside; None: the job's own, if there is one.
        items: Items in production for the saved profile's advice.
        pods: The pods of the runs, as ``kubectl get pods -o json`` prints them.
    """

    profile: str | None = None
    profiles_dir: Path = Path("profiles")
    save: bool = False
    items: int | None = None
    pods: Path | None = None


@workspace()
def analyze(options: AnalyzeOptions) -> Analysis:
    """Read runs and say what they tell.

    Raises:
        DynadviseError: The instance cannot be read, there is no such run or job, or nothing in
            the runs can be saved as a profile.
    """
    from advisor import store
    from advisor.history.delegated import delegated_ways
    from advisor.history.learning import overhead_from_runs
    from advisor.history.pods import read_pods
    from advisor.history.run_analysis import analyze_run
    from advisor.history.statistics import op_statistics

    pods = read_pods(options.pods) if options.pods else None
    backfill = read_backfill(options, options.backfill) if options.backfill else None
    past = read_runs(options)
    saved = _profile_of(options, past.runs[0].job)
    overhead = saved.overhead if saved else None
    described = _described(past, saved)
    analysis = Analysis(
        instance=str(options.instance),
        runs=tuple(analyze_run(run, overhead, described) for run in past.runs),
        combined=op_statistics(past.runs),
        overhead=overhead_from_runs(past.runs),
        drift=_drift(past.runs, saved),
        notes=(
            *(pods.sentences if pods else ()),
            *past.unread,
            *_notes(past.runs, saved),
        ),
        ways=delegated_ways(past.runs),
        pods=pods,
        backfill=backfill and _beside_plan(backfill, past.runs[0], saved),
    )
    if not options.save:
        return analysis
    learned = profile_from_runs(past, AdviseOptions(items=options.items), earlier=saved)
    return replace(analysis, saved_to=str(store.write(learned, options.profiles_dir)))


def analysis_of_pods(file: Path) -> Analysis:
    """What pods tell alone, where no instance is at hand.

    Raises:
        ConfigurationError: As `read_pods`.
    """
    from advisor.history.pods import read_pods

    pods = read_pods(file)
    overhead = ObservedOverhead(None, {}, {}, ())
    return Analysis("", (), (), overhead, notes=pods.sentences, pods=pods)


def profile_from_runs(
    past: PastRuns,
    options: AdviseOptions | None = None,
    *,
    earlier: SavedProfile | None = None,
    description: WorkloadDescription | None = None,
) -> SavedProfile:
    """A profile with its advice, from past runs of one job alone.

    Args:
        options: What to advise for; None: this host, and as many items as the newest run had.
        earlier: An earlier profile of the job, for what a log does not tell.
        description: The job as its code defines it; None: as the runs show it.

    Raises:
        DynadviseError: The runs hold no mapped step that succeeded, or no executor to learn from.
    """
    from advisor.api.recommend import advise
    from advisor.history.description import host_of, job_of
    from advisor.history.learning import overhead_model_from_runs, workload_from_runs
    from advisor.measure.machine import host_facts
    from advisor.store import with_advice

    if description is None:
        description = earlier.description if earlier else job_of(past.runs[0], past.rows[0].target)
    # A profile that was itself read from runs measured nothing.
    measured = earlier.workload if earlier and earlier.workload.op_executions else None
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    host = earlier.host if earlier else host_of(past.runs, host_facts(), now)
    workload = workload_from_runs(past.runs, measured=measured, cores=host.facts.cpus)
    profile = Measured(
        description=description,
        workload=replace(
            workload,
            measured_at=now,
            notes=tuple(spelled_out(note, description) for note in workload.notes),
        ),
        host=host,
        overhead=overhead_model_from_runs(past.runs, earlier.overhead if earlier else None),
        verifications=earlier.verifications if earlier else (),
    )
    return with_advice(profile, advise(profile, options or AdviseOptions()))


@workspace()
def read_profile_from_runs(
    options: AnalyzeOptions,
    advised_for: AdviseOptions | None = None,
    description: WorkloadDescription | None = None,
) -> SavedProfile:
    """A profile with its advice from an instance's runs: what ``profile --from-runs`` does.

    Raises:
        DynadviseError: As :func:`analyze` and :func:`profile_from_runs`.
    """
    past = read_runs(options)
    earlier = _profile_of(options, past.runs[0].job)
    return profile_from_runs(past, advised_for, earlier=earlier, description=description)


def _profile_of(options: AnalyzeOptions, job: str) -> SavedProfile | None:
    """The profile that was named, else the newest one of the job."""
    from advisor import store

    if options.profile is not None:
        return store.read(store.find_profile(options.profile, options.profiles_dir))
    every = store.readable_profiles(options.profiles_dir, MOST_PROFILES)
    profiles = (saved for saved in every if saved.description.job_name == job)
    return max(profiles, key=lambda saved: saved.advice.advised_at, default=None)


def _described(past: PastRuns, saved: SavedProfile | None) -> WorkloadDescription | None:
    """The job, for the commands in what is said of its runs; None where its code is unknown."""
    from advisor.history.description import job_of

    if saved is not None:
        return saved.description
    target = past.rows[0].target
    return job_of(past.runs[0], target) if target is not None else None


def _drift(runs: Sequence[ObservedRun], saved: SavedProfile | None) -> Drift | None:
    """Runs over time; None for one run without a profile, of which nothing can be said."""
    from advisor.history.drift import drift

    if saved is None:
        return drift(runs, None) if len(runs) > 1 else None
    advised_at_s = _unix(saved.advice.advised_at)
    since = {run.run_id: _predicted(run, saved) for run in runs if run.started_at_s >= advised_at_s}
    return drift(runs, saved.advice, since)


def _predicted(run: ObservedRun, saved: SavedProfile) -> Interval | None:
    """The saved model's prediction of the way and the number of items of this run."""
    from advisor.api.recommend import predict
    from advisor.history.drift import candidate_of
    from advisor.model.run_statistics import item_count

    candidate = candidate_of(run)
    items = item_count(run)
    if candidate is None or not items:
        return None
    try:
        return predict(saved, candidate, AdviseOptions(items=items)).makespan_s
    except ConfigurationError:
        return None  # a way that this host was not calibrated for


def _beside_plan(
    times: BackfillTimes, newest: ObservedRun, saved: SavedProfile | None
) -> BackfillTimes:
    """The times with what ``plan`` says of as many such runs, from measurements alone."""
    from advisor.api.plan import predicted_cut
    from advisor.history.drift import candidate_of
    from advisor.model import backfill as model
    from advisor.model.run_statistics import item_count

    candidate, items = candidate_of(newest), item_count(newest)
    if saved is None or not saved.workload.op_executions or candidate is None or not items:
        return times
    asked = PlanOptions(times.runs, AdviseOptions(items=items))
    at_once = max(1, times.runs_at_once)
    try:
        backfill, cut = predicted_cut(saved, asked, at_once, candidate)
    except ConfigurationError:
        return times  # a way that this host was not calibrated for
    start, cores = backfill.start, backfill.cores
    begin_s, run_s = start.begin_s(at_once, cores), cut.run.makespan_s.median
    waits = times.place_s if times.runs > at_once else times.queue_s
    own = RunStart(waits.median, times.start_s.median, "these runs", own_cores=True)
    return replace(
        times,
        predicted_s=cut.makespan_s,
        planned=PlannedRun(start.queue_s, begin_s, run_s),
        as_started_s=model.cut(replace(backfill, start=own), 1, at_once, cut.run).makespan_s,
    )


def _notes(runs: Sequence[ObservedRun], saved: SavedProfile | None) -> tuple[str, ...]:
    notes: list[str] = []
    bare = sum(not any(step.mapping_key for step in run.steps) for run in runs)
    if bare:
        which = "1 run has no mapped steps: its"
        if bare > 1:
            which = f"{bare} runs have no mapped steps: their"
        notes.append(f"{which} plain steps are shown.")
    if saved and all(run.started_at_s < _unix(saved.advice.advised_at) for run in runs):
        notes.append(
            f"All of these runs are older than the profile's advice ({saved.advice.advised_at}): "
            "there is nothing yet to compare it with."
        )
    return tuple(notes)


def _unix(moment: str) -> float:
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return 0.0
    return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp()
