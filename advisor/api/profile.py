"""The main job: discover, scout, calibrate, measure until it is settled, advise, save."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING

from advisor.api.calibrating import (
    FIRST_S,
    MODULE_S,
    calibration_s,
    subject_of,
    target_of,
)
from advisor.api.discovering import config_refusal, discover_target, static_errors
from advisor.api.host_calibration import HostCalibration, host_calibration
from advisor.dagster_bridge.yaml_file import read_run_config
from advisor.domain.advice import Advice
from advisor.domain.cluster import Cluster
from advisor.domain.errors import DynadviseError, ProfileError, TargetError
from advisor.domain.options import ProfileOptions
from advisor.domain.quantities import seconds
from advisor.domain.stopping import MeasuringEnd, StopReason
from advisor.measure.child.server import child_server
from advisor.measure.interrupts import deferred
from advisor.measure.sole_use import sole_use
from advisor.measure.workspace import workspace
from advisor.store import SavedProfile

if TYPE_CHECKING:
    from advisor.api.measuring import Measuring
    from advisor.dagster_bridge.discovery import Discovery
    from advisor.domain.host import HostProfile
    from advisor.domain.measured import Standing
    from advisor.domain.workload import WorkloadDescription
    from advisor.measure.budget import Budget
    from advisor.measure.progress import Progress
    from advisor.measure.workload.children import ProfileRequest


@dataclass(frozen=True, slots=True)
class ProfileOutcome:
    """What ``profile`` found.

    Attributes:
        path: Where it was saved; None: nowhere.
        unsaved: Why it could not be saved.
        interrupted: Whether a Ctrl-C came, after the first answer or while it was saved.
    """

    advice: Advice
    saved: SavedProfile
    path: Path | None
    interrupted: bool = False
    unsaved: ProfileError | None = None


@child_server()
def profile(
    request: ProfileOptions,
    progress: Progress | None = None,
    announce: Callable[[str], None] = lambda _text: None,
    watch: Callable[[Standing], None] = lambda _standing: None,
    *,
    begun_s: float | None = None,
) -> ProfileOutcome:
    """Measure a workload until its advice is settled, or a Ctrl-C ends that, and advise.

    Args:
        announce: Told, before any of the user's ops is called, which are and how often; what it
            raises ends the call before any of them is.
        watch: Told how things stand, from the first answer on.
        begun_s: From when on the budget counts, by `time.monotonic`: now, where None.

    Raises:
        DynadviseError: Something of the user's is at fault; the message says what and where.
        KeyboardInterrupt: One came before the measuring's first answer.
    """
    from advisor.api.further import measure_further
    from advisor.api.measuring import Measuring
    from advisor.api.recommend import advise
    from advisor.api.settling import settled
    from advisor.dagster_bridge.process_usage import slowness
    from advisor.measure.budget import Budget
    from advisor.measure.progress import silent
    from advisor.measure.workload.op_profile import measured_workload
    from advisor.measure.workload.scouting import scout
    from advisor.store import with_advice

    begun_s = time.monotonic() if begun_s is None else begun_s
    discovery = _discovered(request, progress or silent)
    importing_s = time.monotonic() - begun_s
    description, errors = discovery.description, static_errors(discovery)
    asked = _profile_request(request, discovery)
    announce("\n".join([*_planned(request, asked, "Will"), *errors]))
    with sole_use(), workspace():
        budget = Budget(request.measure.budget_s, importing_s, slowness())
        tell = budget.on_bar(progress or silent)
        campaign = scout(asked, budget, tell, spend_budget=request.measure.spend_budget)
        further = tuple(measure_further(asked, measured_workload(campaign), budget, tell))
        host = _calibrated(request, discovery, budget, tell)
        measuring = Measuring(campaign, host, request.advise, request.measure, watch)
        _go_on_from_earlier(measuring, request, host.profile, description)
        end = measuring.until_settled()
        with deferred(dropped=True) as came:
            measured = replace(measuring.measured(), further=further)
            saved = with_advice(measured, advise(measured, request.advise))
        if end.reason is StopReason.SETTLED and not came and _may_settle(request, description):
            try:
                saved = settled(saved, request.advise, discovery.run_config, budget, tell)
            except KeyboardInterrupt:
                came.append(SIGINT)
    with deferred(dropped=True) as later:
        advice = _checked(saved, discovery, end, request.advise.cluster)
        outcome = _saved(request, replace(saved, advice=advice))
    interrupted = end.reason is StopReason.INTERRUPTED or bool(came or later)
    return replace(outcome, interrupted=interrupted)


def _calibrated(
    request: ProfileOptions,
    discovery: Discovery,
    budget: Budget,
    progress: Progress,
) -> HostCalibration:
    """The host's calibration, and what a step costs as the cluster runs it."""
    host = host_calibration(
        subject_of(discovery.description.target, request.measure.scratch_postgres),
        budget,
        progress,
        recalibrate=request.measure.recalibrate,
        loading_s=discovery.loading_s,
        rebuild_s=discovery.rebuild_s,
    )
    _measure_whole_step(host, request.advise.cluster)
    return host


def _measure_whole_step(host: HostCalibration, cluster: Cluster | None) -> None:
    """Add a step as the cluster runs it; Celery's workers have booted before its steps come."""
    from advisor.measure.whole_step import WHOLE_STEP_S, measure_whole_step

    if cluster is None or cluster.executor == "celery":
        return
    name, profile, budget = f"a step as {cluster.name} runs it", host.profile, host.budget
    if not budget.fits(budget.slowness * WHOLE_STEP_S, name):
        return
    host.progress(name, 0.0)
    try:
        step = measure_whole_step(host.subject, cluster.step_cpu, left_s=lambda: budget.cut_off_s)
    except DynadviseError as error:
        host.profile = replace(profile, unmeasured={**profile.unmeasured, name: error.what})
    else:
        host.profile = replace(profile, whole_step=step, cost_s=profile.cost_s + step.wall_s)


def plan(request: ProfileOptions) -> list[str]:
    """What ``profile`` would run, how often, and what it would measure; nothing is run.

    The user's module is imported to find the workload, as any of Dagster's commands does.
    """
    from advisor.measure.progress import silent

    discovery = _discovered(request, silent)
    errors = static_errors(discovery)
    server = request.measure.scratch_postgres
    subject = subject_of(discovery.description.target, server)
    host_s = FIRST_S + MODULE_S if request.measure.recalibrate else calibration_s(subject)
    if not host_s:
        host = "The host's calibration is used; more runs are added where they matter."
    else:
        host = "The host is known; "
        if host_s > MODULE_S:
            host = "The host is measured first: a tiny Dagster run of our own ops, "
            host += f"about {seconds(FIRST_S)}; "
        host += "where processes could win, this module takes one tiny Dagster run more, "
        host += f"about {seconds(MODULE_S)}."
    if host_s and subject.instance.scratch_postgres:
        host += " They are stored in a database that is made on your server and dropped."
    asked = _profile_request(request, discovery)
    return [*errors, *_planned(request, asked, "Would"), host]


def profile_from_runs(request: ProfileOptions, instance: Path, last: int) -> ProfileOutcome:
    """Advise from the newest runs of the target's job in an instance; no op is called.

    The target's module is imported, to read the job's structure and executor as they are now.

    Raises:
        DynadviseError: The target is no job, or the instance holds no such runs.
    """
    from advisor.api.analyze import AnalyzeOptions, read_profile_from_runs
    from advisor.measure.progress import silent

    discovery = _discovered(request, silent)
    static_errors(discovery)
    job = discovery.description.job_name
    if job is None:
        raise TargetError(
            f"{request.workload.target} is no job, and only jobs have runs.",
            hint="Name the job that uses it: dynadvise profile MODULE:JOB --from-runs",
        )
    history = AnalyzeOptions(
        instance=instance,
        job=job,
        last=last,
        profiles_dir=request.profiles.folder,
    )
    return _saved(request, read_profile_from_runs(history, request.advise, discovery.description))


def _discovered(request: ProfileOptions, progress: Progress) -> Discovery:
    run_config = read_run_config(request.workload.run_config)
    target = target_of(request.workload)
    progress(f"importing {target.spelled}", 0.0)
    discovery = discover_target(target, run_config, request.workload)
    return replace(
        discovery, instance=discovery.instance.on_postgres(request.measure.scratch_postgres)
    )


def _profile_request(request: ProfileOptions, discovery: Discovery) -> ProfileRequest:
    from advisor.api.further import measurable
    from advisor.measure.workload.children import ProfileRequest

    first = ProfileRequest(
        description=discovery.description,
        run_config=discovery.run_config,
        inputs=request.workload.inputs,
        items=request.advise.items,
        options=request.measure,
    )
    return measurable(first, discovery.further)


def _planned(request: ProfileOptions, asked: ProfileRequest, verb: str) -> list[str]:
    """What of the user's code is run; its first line names every op of the job."""
    from advisor.measure.workload.planned_calls import planned_calls

    actions = planned_calls(asked, request.measure.budget_s)
    if _may_settle(request, asked.description):
        actions.append("run the whole job up to twice, if two ways to run it are close.")
    return [f"{verb} {action}" for action in actions]


def _may_settle(request: ProfileOptions, description: WorkloadDescription) -> bool:
    """Whether real runs of the whole job are allowed: they run what is outside the chain too."""
    runs_more = bool(description.collects or description.other_steps)
    if description.other_fan_outs:  # what is predicted is one of them
        return False
    agreed = request.measure.allow_side_effects is True
    return agreed and (request.measure.measure_collect or not runs_more)


def _earlier(
    request: ProfileOptions, host: HostProfile, description: WorkloadDescription
) -> SavedProfile | None:
    """An earlier profile on this host, as long as the code of the ops is the same."""
    from advisor import store

    path = store.profile_path(request.profiles.folder, host.facts.id, description.target)
    try:
        earlier = store.read(path)
    except ProfileError:
        return None
    before = [op.reference.source_hash for op in earlier.description.mapped]
    now = [op.reference.source_hash for op in description.mapped]
    return earlier if before == now and None not in now else None


def _go_on_from_earlier(
    measuring: Measuring,
    request: ProfileOptions,
    host: HostProfile,
    description: WorkloadDescription,
) -> None:
    if earlier := _earlier(request, host, description):
        measuring.verifications = earlier.verifications
        if _same_inputs(earlier.description, description):
            measuring.go_on_from(earlier.workload)


def _same_inputs(before: WorkloadDescription, now: WorkloadDescription) -> bool:
    """Whether an earlier profile ran the ops on what they are run on now."""
    asked = attrgetter("inputs", "run_config_file", "partition", "fan_out")
    return bool(asked(before) == asked(now))


def _checked(
    saved: SavedProfile, discovery: Discovery, end: MeasuringEnd, cluster: Cluster | None
) -> Advice:
    """The advice with the findings of the static rules, once Dagster has taken its run config."""
    from advisor.domain.rule_facts import CheckFacts
    from advisor.emit import EmitRequest
    from advisor.emit.run_config import run_config_values
    from advisor.rules.static import run_checks

    advice, description = saved.advice, saved.description
    facts = CheckFacts(
        description=description,
        host=saved.host.facts,
        job=discovery.job,
        instance=discovery.instance_facts,
        advice=advice,
        step_peak_bytes=saved.workload.step_peak_bytes,
        clusters=(cluster.as_seen(saved.overhead),) if cluster else (),
    )
    emitted = EmitRequest(description, advice, advice.config_only, saved.workload)
    config = run_config_values(emitted) if description.job_name else {}
    refusal = config_refusal(description.target, config) if config else None
    if refusal is not None:
        raise TargetError(
            "The emitted run config is not valid for this job; this is a fault of dynadvise.",
            details=refusal,
            hint="Please report it with the job's executor definition.",
        )
    notes = (discovery.instance.note,) if discovery.instance.note else ()
    return replace(
        advice,
        warnings=run_checks(facts),
        notes=advice.notes + notes,
        measured_cost_s=end.spent_s,
        measuring=end,
    )


def _saved(request: ProfileOptions, saved: SavedProfile) -> ProfileOutcome:
    from advisor import store

    path, unsaved = None, None
    if request.profiles.save:
        try:
            path = store.write(saved, request.profiles.folder)
        except ProfileError as error:  # what was measured is worth to be shown nevertheless
            unsaved = error
    return ProfileOutcome(saved.advice, saved, path, unsaved=unsaved)
