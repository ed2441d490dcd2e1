"""The main job: discover, calibrate, measure, fit, advise, save."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from advisor.api.calibrating import (
    CALIBRATION_S,
    calibrated_host,
    calibration_s,
    refreshed_host,
    subject_of,
    target_of,
)
from advisor.api.obstacles import static_errors
from advisor.api.outcomes import ProfileOutcome
from advisor.dagster_bridge.run_config import read_run_config
from advisor.domain.errors import TargetError
from advisor.domain.options import ProfileOptions
from advisor.domain.quantities import seconds
from advisor.domain.workload import TargetReference
from advisor.measure.sole_use import sole_use
from advisor.measure.workspace import workspace

if TYPE_CHECKING:
    from advisor.dagster_bridge.discovery import Discovery
    from advisor.domain.advice import Advice
    from advisor.domain.host import HostProfile
    from advisor.domain.verification import Verification
    from advisor.domain.workload import WorkloadDescription, WorkloadProfile
    from advisor.measure.op_profile import ProfileRequest
    from advisor.measure.progress import Progress
    from advisor.store import SavedProfile

__all__ = [
    "discover_target",
    "plan",
    "profile",
    "profile_from_runs",
]

IMPORT_TIMEOUT_S = 120.0
MEASURING_SHARE = 0.6
"""Of the budget, for the op where the host's calibration is cached; the rest refreshes that."""

ADVISING_SHARE = 0.05
"""Of the budget, for the search over what was measured, and for parts that take longer than they
should."""

LEAST_MEASURING_S = 12.0
"""The op gets at least this much, however long the calibration took."""

REFRESH_S = 6.0
"""With less than this left, the calibration is not refreshed."""


def discover_target(target: TargetReference, run_config: Mapping[str, object] | None) -> Discovery:
    """Load and describe the target in a child process.

    Raises:
        TargetError: It cannot be loaded or is no workload that can be measured.
        UserCodeError: Importing it hangs, exits or crashes.
    """
    from advisor.dagster_bridge.discovery import DiscoveryRequest
    from advisor.measure.child import run_in_child

    found = run_in_child(
        "advisor.dagster_bridge.discovery:discover",
        DiscoveryRequest(target, run_config),
        timeout_s=IMPORT_TIMEOUT_S,
        target=target,
    )
    return cast("Discovery", found.unwrap(f"importing {target.spelled}"))


def plan(request: ProfileOptions) -> list[str]:
    """What ``profile`` would run, how often, and what it would measure; nothing is run.

    The user's module is imported to find the workload, as any of Dagster's commands does.
    """
    from advisor.measure.progress import silent

    target = target_of(request.workload)
    found = discover_target(target, read_run_config(request.workload.run_config))
    errors = static_errors(found)
    subject = subject_of(target)
    calibrating_s = CALIBRATION_S if request.measure.recalibrate else calibration_s(subject)
    if not calibrating_s:
        host = "The host's calibration is used and refreshed."
    elif calibrating_s < CALIBRATION_S:
        host = "The host is known; what depends on this module takes one tiny Dagster run, "
        host += f"about {seconds(calibrating_s)}."
    else:
        host = "The host is measured first: 5 tiny Dagster runs of our own ops, "
        host += f"about {seconds(calibrating_s)}."
    measured = _measure_request(request, found, request.measure.budget_s, silent)
    return [*errors, *_planned(request, measured), host]


def _planned(request: ProfileOptions, measured: ProfileRequest) -> list[str]:
    """What will be run of the user's code; the first line names every op of the job."""
    from advisor.measure.planned_calls import plan_executions

    lines = plan_executions(measured, measured.description)
    if _may_settle(request, measured.description):
        lines.append("Would run the whole job up to twice, if two ways to run it are close.")
    return lines


def _may_settle(request: ProfileOptions, description: WorkloadDescription) -> bool:
    """Whether real runs of the whole job are allowed: they run what is outside the chain too."""
    runs_more = bool(description.collects or description.other_steps)
    agreed = request.measure.allow_side_effects is True
    return agreed and (request.measure.measure_collect or not runs_more)


def _as_asked(request: ProfileOptions, description: WorkloadDescription) -> WorkloadDescription:
    """The description with the files that the user named: printed commands name them again."""
    file = request.workload.run_config
    return replace(
        description, inputs=request.workload.inputs, run_config_file=str(file) if file else None
    )


def _measure_request(
    request: ProfileOptions, found: Discovery, budget_s: float, progress: Progress
) -> ProfileRequest:
    from advisor.measure.op_profile import ProfileRequest

    return ProfileRequest(
        description=found.description,
        run_config=read_run_config(request.workload.run_config),
        inputs=request.workload.inputs,
        items=request.advise.items,
        samples=request.measure.samples,
        budget_s=budget_s,
        item_timeout_s=request.measure.item_timeout_s,
        setup=request.measure.setup,
        teardown=request.measure.teardown,
        flamegraph=request.measure.flamegraph,
        each_item_once=request.measure.allow_side_effects is False,
        fan_out_again=request.measure.allow_side_effects is True,
        measure_collect=request.measure.measure_collect,
        on_progress=progress,
    )


@sole_use()
@workspace()
def profile(
    request: ProfileOptions,
    progress: Progress | None = None,
    announce: Callable[[str], None] = lambda _text: None,
) -> ProfileOutcome:
    """Measure a workload and advise.

    Args:
        request: What is asked.
        progress: Told what is being done.
        announce: Told, before any of the user's ops is called, which are and how often; what it
            raises ends the call before any of them is.

    Raises:
        DynadviseError: Something of the user's is at fault; the message says what and where.
    """
    from advisor import store
    from advisor.measure.op_profile import profile_workload
    from advisor.measure.progress import silent

    tell = progress or silent
    begun = time.monotonic()

    def left_s() -> float:
        return (1.0 - ADVISING_SHARE) * request.measure.budget_s - (time.monotonic() - begun)

    target = target_of(request.workload)
    run_config = read_run_config(request.workload.run_config)
    tell(f"importing {target.spelled}", 0.0)
    found = discover_target(target, run_config)
    errors = static_errors(found)
    found = replace(found, description=_as_asked(request, found.description))
    subject = subject_of(target)
    calibrating_s = CALIBRATION_S if request.measure.recalibrate else calibration_s(subject)
    known = calibrating_s < CALIBRATION_S
    expected_s = (left_s() - calibrating_s) * (MEASURING_SHARE if known else 1.0)
    first_s = min(request.measure.budget_s, max(LEAST_MEASURING_S, expected_s))
    calibrated: list[HostProfile] = []

    def told_measuring(message: str, share: float | None = None) -> None:
        tell(message, 0.5 + 0.4 * (share or 0) if calibrated else 0.0)

    def calibrate() -> float:
        spent_s = time.monotonic() - measuring_since
        host = calibrated_host(
            subject,
            recalibrate=request.measure.recalibrate,
            budget_s=max(left_s() - max(0.0, LEAST_MEASURING_S - spent_s), 20.0),
            progress=lambda message, share: tell(
                f"measuring this host: {message}", 0.5 * (share or 0)
            ),
        )
        calibrated.append(host)
        whole_s = first_s if known else spent_s + left_s()
        return min(request.measure.budget_s, max(LEAST_MEASURING_S, whole_s))

    measured = _measure_request(request, found, first_s, told_measuring)
    planned = [line.replace("Would ", "Will ", 1) for line in _planned(request, measured)]
    announce("\n".join([*planned, *errors]))
    measuring_since = time.monotonic()
    workload = profile_workload(measured, once_it_works=calibrate)
    host = calibrated[0]
    if left_s() > REFRESH_S:
        host = refreshed_host(
            subject,
            host,
            budget_s=left_s(),
            progress=lambda message, share: tell(message, 0.9 + 0.1 * (share or 0)),
        )
    previous = _previous(request, host, target)
    saved = _advised(request, found, workload, host, _still_valid(previous, found))
    settled = _settle(saved, request, left_s(), tell)
    if settled:
        saved = _advised(request, found, workload, host, settled)
    advice = replace(saved.advice, measured_cost_s=time.monotonic() - begun)
    _check_snippet(found, advice)
    saved = replace(saved, advice=advice)
    path = store.write(saved, request.profiles.folder) if request.profiles.save else None
    return ProfileOutcome(advice=saved.advice, saved=saved, path=path)


def profile_from_runs(request: ProfileOptions, instance: Path, last: int) -> ProfileOutcome:
    """Advise from the newest runs of the target's job in an instance; no op is called.

    The target's module is imported, to read the job's structure and executor as they are now.

    Raises:
        DynadviseError: The target is no job, or the instance holds no such runs.
    """
    from advisor import store
    from advisor.api.analyze import AnalyzeOptions, read_profile_from_runs
    from advisor.api.recommend import recommend

    found = discover_target(
        target_of(request.workload), read_run_config(request.workload.run_config)
    )
    static_errors(found)
    job = found.description.job_name
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
        items=request.advise.items,
    )
    saved = read_profile_from_runs(history, found.description)
    saved = replace(saved, advice=recommend(saved, request.advise))
    path = store.write(saved, request.profiles.folder) if request.profiles.save else None
    return ProfileOutcome(advice=saved.advice, saved=saved, path=path)


def _settle(
    saved: SavedProfile, request: ProfileOptions, left_s: float, tell: Progress
) -> tuple[Verification, ...]:
    """Real runs of the two leading ways, where the decision is open and the time is enough.

    Empty where nothing was run.
    """
    from advisor.api.settling import settling_runs

    if not _may_settle(request, saved.description):
        return ()
    run_config = read_run_config(request.workload.run_config) or {}
    runs = settling_runs(saved, run_config, left_s, tell)
    return (*saved.verifications, *runs) if runs else ()


def _previous(
    request: ProfileOptions, host: object, target: TargetReference
) -> SavedProfile | None:
    """The profile of the same target and host, whose verified runs still hold."""
    from advisor import store
    from advisor.domain.errors import ProfileError
    from advisor.domain.host import HostProfile

    assert isinstance(host, HostProfile)
    try:
        return store.read(store.profile_path(request.profiles.folder, host.facts.id, target))
    except ProfileError:
        return None


def _still_valid(previous: SavedProfile | None, found: Discovery) -> tuple[Verification, ...]:
    """Verified runs of an earlier profile, as long as the code of the ops is the same."""
    if previous is None:
        return ()
    before = [op.reference.source_hash for op in previous.description.mapped]
    now = [op.reference.source_hash for op in found.description.mapped]
    return previous.verifications if before == now else ()


def _advised(
    request: ProfileOptions,
    found: Discovery,
    workload: WorkloadProfile,
    host: HostProfile,
    verifications: tuple[Verification, ...],
) -> SavedProfile:
    from advisor.api.recommend import advise
    from advisor.domain.measured import Measured
    from advisor.model.fit import fit_overhead
    from advisor.rules.static import CheckFacts, run_checks
    from advisor.store import with_advice

    measured = Measured(
        description=found.description,
        workload=workload,
        host=host,
        overhead=fit_overhead(host),
        verifications=verifications,
    )
    advice = advise(measured, request.advise)
    facts = CheckFacts(
        description=found.description,
        host=host.facts,
        job=found.job,
        instance=found.instance_facts,
        advice=advice,
    )
    notes = (found.instance.note,) if found.instance.note else ()
    warned = replace(advice, warnings=run_checks(facts), notes=advice.notes + notes)
    return with_advice(measured, warned)


def _check_snippet(found: Discovery, advice: Advice) -> None:
    """Let Dagster validate the emitted run config against the user's job."""
    import yaml

    from advisor.dagster_bridge.discovery import ValidationRequest
    from advisor.measure.child import run_in_child

    target = found.description.target
    if found.description.job_name is None or not advice.snippets.run_config:
        return
    config = yaml.safe_load(advice.snippets.run_config) or {}
    only = {"execution": config["execution"]} if "execution" in config else {}
    if not only:
        return
    verdict = run_in_child(
        "advisor.dagster_bridge.discovery:validate",
        ValidationRequest(target, (only,)),
        timeout_s=IMPORT_TIMEOUT_S,
        target=target,
    ).unwrap("validating the emitted config")
    message = cast("tuple[str | None, ...]", verdict)[0]
    if message is not None and "Missing required config" not in message:
        raise TargetError(
            "The emitted run config is not valid for this job; this is a fault of dynadvise.",
            details=message,
            hint="Please report it with the job's executor definition.",
        )
