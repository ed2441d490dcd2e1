"""The use case behind ``dynadvise analyze``: learn from runs that happened; nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, cast

from advisor.domain.analysis import Analysis, Drift, RunAnalysis
from advisor.domain.errors import ConfigurationError, DynadviseError, ProfileError
from advisor.domain.measured import Measured
from advisor.domain.observed import ObservedRun
from advisor.domain.quantities import Interval
from advisor.domain.workload import (
    ExecutorSetting,
    MappedOp,
    OpReference,
    StartMethod,
    TargetReference,
    WorkloadDescription,
)
from advisor.measure.workspace import workspace

if TYPE_CHECKING:
    from advisor.dagster_bridge.event_log import RunRow, RunSource
    from advisor.domain.host import HostProfile, OverheadModel
    from advisor.store import SavedProfile

MOST_PROFILES = 100
"""Profiles looked through for the job's own."""


@dataclass(frozen=True, slots=True)
class AnalyzeOptions:
    """What ``analyze`` is asked.

    Attributes:
        instance: Folder of the Dagster instance (a ``DAGSTER_HOME``).
        run_ids: Runs to read (their ids, or the first 6 characters and more); empty: the newest.
        job: Only runs of this job; None: of the newest run's.
        last: How many of the newest runs.
        profile: A saved profile to lay the runs beside; None: the job's own, if there is one.
        profiles_dir: Where profiles live.
        save: Whether to write a profile from the runs.
        items: Items in production for the saved profile's advice.
    """

    instance: Path
    run_ids: tuple[str, ...] = ()
    job: str | None = None
    last: int = 1
    profile: str | None = None
    profiles_dir: Path = Path("profiles")
    save: bool = False
    items: int | None = None


@workspace()
def analyze(options: AnalyzeOptions) -> Analysis:
    """Read runs and say what they tell.

    Raises:
        DynadviseError: The instance cannot be read, there is no such run or job, or nothing in
            the runs can be saved as a profile.
    """
    from advisor.dagster_bridge.recorded_instance import open_instance_read_only
    from advisor.model.delegated import delegated_ways
    from advisor.model.learning import overhead_from_runs
    from advisor.model.run_statistics import op_statistics

    source = open_instance_read_only(options.instance)
    rows, runs, unread = _read(source, options)
    saved = _profile_of(options, runs[0].job)
    analysis = Analysis(
        instance=str(options.instance),
        runs=tuple(analyze_run(run, saved.overhead if saved else None) for run in runs),
        combined=op_statistics(runs),
        overhead=overhead_from_runs(runs),
        drift=_drift(runs, saved),
        notes=(*unread, *_notes(runs, saved)),
        ways=delegated_ways(runs),
    )
    if not options.save:
        return analysis
    return replace(analysis, saved_to=str(_save(options, rows, runs, saved)))


def analyze_run(run: ObservedRun, overhead: OverheadModel | None = None) -> RunAnalysis:
    """One run's phases, parallelism, totals and diagnosis."""
    from advisor.model.run_statistics import (
        gantt_bars,
        item_count,
        op_statistics,
        parallelism,
        totals,
    )
    from advisor.rules.runs import diagnose
    from advisor.rules.runs.facts import RunFacts

    ops = op_statistics([run])
    parallel = parallelism(run)
    sums = totals(run, 1 if run.executor == "in_process" else parallel.slots)
    return RunAnalysis(
        run_id=run.run_id,
        job=run.job,
        status=run.status,
        executor=run.executor,
        start_method=run.start_method,
        started_at_s=run.started_at_s + run.run_start_s,
        items=item_count(run),
        events=run.event_count,
        ops=ops,
        parallelism=parallel,
        totals=sums,
        diagnoses=diagnose(RunFacts(run, ops, parallel, sums, overhead)),
        bars=gantt_bars(run),
        notes=run.notes,
    )


def profile_from_runs(
    rows: Sequence[RunRow],
    runs: Sequence[ObservedRun],
    *,
    known: SavedProfile | None = None,
    description: WorkloadDescription | None = None,
    items: int | None = None,
) -> SavedProfile:
    """A profile with its advice, from past runs of one job alone.

    Args:
        rows: The runs as the instance's table tells of them, newest first.
        runs: The same runs, read.
        known: An earlier profile of the job, for what a log does not tell.
        description: The job as its code defines it; None: as the runs show it.
        items: Items in production; None: as many as the newest run had.

    Raises:
        DynadviseError: The runs hold no mapped step that succeeded, or no executor to learn from.
    """
    from advisor.api.recommend import advise
    from advisor.domain.options import AdviseOptions
    from advisor.model.learning import overhead_model_from_runs, workload_from_runs
    from advisor.store import with_advice

    # A profile that was itself read from runs measured nothing.
    measured = known.workload if known and known.workload.op_executions else None
    workload = workload_from_runs(runs, measured=measured)
    profile = Measured(
        description=description or (known.description if known else _description(rows, runs)),
        workload=replace(workload, measured_at=_now()),
        host=known.host if known else _host(runs),
        overhead=overhead_model_from_runs(runs, known.overhead if known else None),
        verifications=known.verifications if known else (),
    )
    return with_advice(profile, advise(profile, AdviseOptions(items=items)))


@workspace()
def read_profile_from_runs(
    options: AnalyzeOptions, description: WorkloadDescription | None = None
) -> SavedProfile:
    """A profile with its advice from an instance's runs: what ``profile --from-runs`` does.

    Args:
        options: Which runs, and the earlier profile to complete them from.
        description: As for :func:`profile_from_runs`.

    Raises:
        DynadviseError: As :func:`analyze` and :func:`profile_from_runs`.
    """
    from advisor.dagster_bridge.recorded_instance import open_instance_read_only

    source = open_instance_read_only(options.instance)
    rows, runs, _ = _read(source, options)
    known = _profile_of(options, runs[0].job)
    return profile_from_runs(rows, runs, known=known, description=description, items=options.items)


def _read(
    source: RunSource, options: AnalyzeOptions
) -> tuple[list[RunRow], list[ObservedRun], tuple[str, ...]]:
    """The chosen runs, and what is to be said of those whose log cannot be read.

    Raises:
        DynadviseError: A run that was named cannot be read, or none of the newest can.
    """
    read = [(row, _read_one(source, row)) for row in _chosen(source, options)]
    faults = [found for _, found in read if isinstance(found, DynadviseError)]
    if faults and (options.run_ids or len(faults) == len(read)):
        raise faults[0]
    told = [(row, found) for row, found in read if isinstance(found, ObservedRun)]
    return (
        [row for row, _ in told],
        [run for _, run in told],
        tuple(f"Left out: {fault.where}: {fault.what}" for fault in faults),
    )


def _read_one(source: RunSource, row: RunRow) -> ObservedRun | DynadviseError:
    from advisor.dagster_bridge.event_log import assemble_run

    try:
        return assemble_run(row, source.event_rows(row.run_id))
    except DynadviseError as error:
        return error


def _chosen(source: RunSource, options: AnalyzeOptions) -> list[RunRow]:
    newest = source.run_rows
    if options.run_ids:
        found = []
        for run_id in options.run_ids:
            row = source.run_row(run_id)
            if row is None:
                raise DynadviseError(
                    f"The instance has no run {run_id!r} (or several whose ids begin so).",
                    where=str(options.instance),
                    hint=_newest_hint(newest(None, 5)),
                )
            found.append(row)
        return sorted(found, key=lambda row: -row.created_at_s)
    job = options.job
    if job is None:
        head = newest(None, 1)
        if not head:
            raise DynadviseError(
                "The instance holds no runs.",
                where=str(options.instance),
                hint="Is it the right one? --instance DIR, or DAGSTER_HOME.",
            )
        job = head[0].job
    found = newest(job, options.last)
    if not found:
        jobs = sorted({row.job for row in newest(None, 200)})
        raise DynadviseError(
            f"The instance holds no runs of {job!r}.",
            where=str(options.instance),
            hint=f"Jobs with runs: {', '.join(jobs)}" if jobs else "It holds no runs at all.",
        )
    return found


def _newest_hint(rows: Sequence[RunRow]) -> str:
    if not rows:
        return "It holds no runs at all."
    return "Newest runs: " + ", ".join(f"{row.run_id} ({row.job})" for row in rows)


def _profile_of(options: AnalyzeOptions, job: str) -> SavedProfile | None:
    """The profile that was named, else the newest one of the job."""
    from advisor import store

    if options.profile is not None:
        return store.read(store.find_profile(options.profile, options.profiles_dir))
    found: list[SavedProfile] = []
    for path in store.existing_profiles(options.profiles_dir)[:MOST_PROFILES]:
        try:
            saved = store.read(path)
        except ProfileError:
            continue  # not named by the user: another command tells what is wrong with it
        if saved.description.job_name == job:
            found.append(saved)
    return max(found, key=lambda saved: saved.advice.advised_at, default=None)


def _drift(runs: Sequence[ObservedRun], saved: SavedProfile | None) -> Drift | None:
    """Runs over time; None for one run without a profile, of which nothing can be said."""
    from advisor.model.drift import drift

    if saved is None:
        return drift(runs, None) if len(runs) > 1 else None
    advised_at_s = _unix(saved.advice.advised_at)
    since = {run.run_id: _predicted(run, saved) for run in runs if run.started_at_s >= advised_at_s}
    return drift(runs, saved.advice, since)


def _predicted(run: ObservedRun, saved: SavedProfile) -> Interval | None:
    """The saved model's prediction of the way and the number of items of this run."""
    from advisor.api.recommend import predict
    from advisor.domain.options import AdviseOptions
    from advisor.model.drift import candidate_of
    from advisor.model.run_statistics import item_count

    candidate = candidate_of(run)
    items = item_count(run)
    if candidate is None or not items:
        return None
    try:
        return predict(saved, candidate, AdviseOptions(items=items)).makespan_s
    except ConfigurationError:
        return None  # a way that this host was not calibrated for


def _notes(runs: Sequence[ObservedRun], saved: SavedProfile | None) -> tuple[str, ...]:
    notes: list[str] = []
    bare = sum(not any(step.mapping_key for step in run.steps) for run in runs)
    if bare:
        told = (
            "1 run has no mapped steps: its"
            if bare == 1
            else f"{bare} runs have no mapped steps: their"
        )
        notes.append(f"{told} plain steps are shown.")
    if saved and all(run.started_at_s < _unix(saved.advice.advised_at) for run in runs):
        notes.append(
            f"All of these runs are older than the profile's advice ({saved.advice.advised_at}): "
            "there is nothing yet to compare it with."
        )
    return tuple(notes)


def _save(
    options: AnalyzeOptions,
    rows: Sequence[RunRow],
    runs: Sequence[ObservedRun],
    known: SavedProfile | None,
) -> Path:
    from advisor import store

    saved = profile_from_runs(rows, runs, known=known, items=options.items)
    return store.write(saved, options.profiles_dir)


def _description(rows: Sequence[RunRow], runs: Sequence[ObservedRun]) -> WorkloadDescription:
    """What the runs show of the job; its code is not imported."""
    from advisor.model.run_statistics import collect_steps, fan_out_step, mapped_steps

    run, row = runs[0], rows[0]
    target = row.target or TargetReference(
        spelled=run.job, module=None, file=None, attribute=None, job=run.job, working_directory=""
    )
    fan_out = fan_out_step(run)
    collects = {step.op for step in collect_steps(run)}
    mapped = dict.fromkeys(step.op for step in mapped_steps(run))
    plain = {step.op for step in run.steps if step.mapping_key is None}
    others = plain - collects - ({fan_out.op} if fan_out else set())
    return WorkloadDescription(
        target=target,
        kind="job",
        job_name=run.job,
        mapped=tuple(
            MappedOp(reference=_reference(op), item_input=None, inputs=(), outputs=())
            for op in mapped
        ),
        fan_out=_reference(fan_out.op) if fan_out else None,
        collects=tuple(_reference(op) for op in sorted(collects)),
        other_steps=len(others),
        other_ops=tuple(sorted(others)),
        executor=_executor(run),
        reconstructable=True,
    )


def _reference(op: str) -> OpReference:
    path = tuple(op.split("."))
    return OpReference(name=path[-1], node_path=path)


def _executor(run: ObservedRun) -> ExecutorSetting:
    multiprocess = run.executor == "multiprocess"
    return ExecutorSetting(
        executor=run.executor,
        class_name=run.executor,
        start_method=cast("StartMethod | None", run.start_method) if multiprocess else None,
        preload_modules=run.preload_modules,
        max_concurrent=run.max_concurrent,
        effective_max_concurrent=run.max_concurrent,
        config_path=("execution", "config", "multiprocess"),
        in_process_config_path=("execution", "config", "in_process"),
    )


def _host(runs: Sequence[ObservedRun]) -> HostProfile:
    """The machine where the advice will be read; the runs do not tell theirs."""
    from advisor.domain.host import HostProfile, PreloadList
    from advisor.measure.machine import host_facts

    warm = next((run.preload_modules for run in runs if run.preload_modules), ())
    return HostProfile(
        facts=host_facts(),
        storage="from runs",
        user_module=None,
        preload=PreloadList(modules=warm or ()),
        runs=(),
        storing=(),
        cpu_scaling=(),
        cli_start_s=None,
        base_rss_bytes=0,
        cost_s=0.0,
        calibrated_at=_now(),
        unmeasured={
            "cores and memory": "the runs' logs do not tell their machine: this one is assumed",
            "CPU scaling": "read from past runs",
            "command line start": "read from past runs",
        },
    )


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _unix(moment: str) -> float:
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return 0.0
    return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp()
