"""The use case behind ``dynadvise verify``: real runs beside what was predicted for them."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.api.asked_ways import AskedWay, asked_ways
from advisor.api.calibrating import target_of
from advisor.api.discovering import discover_target, static_errors
from advisor.api.profile import profile
from advisor.api.runnable import configuration_for, refuse_elsewhere
from advisor.dagster_bridge.instances import user_instance_kind
from advisor.dagster_bridge.yaml_file import read_run_config
from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError, ProfileError, TargetError
from advisor.domain.options import AdviseOptions, MeasureOptions, ProfileOptions, VerifyOptions
from advisor.domain.verification import LeftOut, Verification, VerifiedRun, comparable
from advisor.domain.workload import TargetReference, WorkloadDescription
from advisor.measure.progress import Progress, silent
from advisor.measure.workspace import workspace

if TYPE_CHECKING:
    from advisor.domain.advice import Prediction
    from advisor.measure.verification import Configuration
    from advisor.store import SavedProfile

COUNTING_S = 120.0
"""Within which sample inputs have to be read."""
MIN_TIMEOUT_S = 120.0
KEPT_VERIFICATIONS = 60
"""Of one profile; older ones are dropped, as the machine they tell of has changed."""


@dataclass(frozen=True, slots=True)
class VerifyPlan:
    """What will be run, announced before it is.

    Attributes:
        job: Name of the job; for a bare op or a function its own.
        configurations: Ready to run, without doubles.
        items: Items of the profile: how often each mapped op will be executed in a run.
        mapped_ops: Handles of the ops that are executed for each item.
        estimated_s: How long all runs take by the predictions; None where one is unknown.
        left_out: What was asked for and cannot be run here, with the reason.
        other_storage: Where the profile was calibrated, if not on the storage of these runs:
            they are not what it predicts, and are not stored in it.
        pause_s: Before each run.
    """

    job: str
    configurations: tuple[Configuration, ...]
    repeats: int
    items: int
    mapped_ops: tuple[str, ...]
    estimated_s: float | None
    left_out: tuple[LeftOut, ...] = ()
    other_storage: str | None = None
    pause_s: float = 0.0

    @property
    def runs(self) -> int:
        """Real runs in all."""
        return len(self.configurations) * self.repeats


@dataclass(frozen=True, slots=True)
class VerifyOutcome:
    """What the real runs took.

    Attributes:
        path: The profile they were stored in; None: nowhere.
        unsaved: Why they could not be stored.
    """

    plan: VerifyPlan
    verifications: tuple[Verification, ...]
    path: Path | None
    unsaved: ProfileError | None = None


def _profile_of(
    options: VerifyOptions,
    target: TargetReference,
    progress: Progress,
    announce: Callable[[str], None],
) -> SavedProfile:
    """The target's profile of this host; measured now where there is none."""
    from advisor import store
    from advisor.measure.machine import host_facts

    path = store.profile_path(options.profiles.folder, host_facts().id, target)
    if path.exists():
        return store.read(path)
    measure = MeasureOptions(scratch_postgres=options.scratch_postgres)
    request = ProfileOptions(options.workload, measure=measure, profiles=options.profiles)
    outcome = profile(request, progress, announce)
    if outcome.interrupted:
        raise KeyboardInterrupt
    return outcome.saved


def _for_partition(saved: SavedProfile, partition: str | None) -> SavedProfile:
    """The profile, whichever partition was measured, for runs of this one."""
    described = dataclasses.replace(saved.description, partition=partition)
    return dataclasses.replace(saved, description=described)


def _predicted(saved: SavedProfile, candidate: Candidate) -> Prediction:
    """What the profile says of a candidate.

    The advice's own words, as long as no real run has sharpened them since.
    """
    from advisor.api.recommend import predict

    advice = saved.advice
    named = (advice.recommendation, advice.config_only, advice.current, advice.default)
    for prediction in (*named, *advice.candidates) if not saved.verifications else ():
        if prediction is not None and prediction.candidate == candidate:
            return prediction
    return predict(saved, candidate, AdviseOptions(max_rate=advice.max_rate))


def _store(saved: SavedProfile, verifications: Sequence[Verification], profiles_dir: Path) -> Path:
    """Add the runs to the profile, as it is on disk by now."""
    from advisor import store

    path = store.profile_path(profiles_dir, saved.host.facts.id, saved.description.target)
    newest = store.read(path) if path.exists() else saved
    history = (*newest.verifications, *verifications)[-KEPT_VERIFICATIONS:]
    return store.write(dataclasses.replace(newest, verifications=history), profiles_dir)


def _ready(
    way: AskedWay,
    saved: SavedProfile,
    *,
    target: TargetReference,
    run_config: Mapping[str, object],
    directory: Path,
    setup: str | None,
) -> Configuration | LeftOut:
    """The way as it will be run, or why it cannot be."""
    from advisor.api.fan_outs import whole_run_s

    try:
        refuse_elsewhere(way.candidate)
        ready = configuration_for(
            way,
            _predicted(saved, way.candidate),
            saved,
            target=target,
            run_config=run_config,
            directory=directory,
        )
        options = AdviseOptions(max_rate=saved.advice.max_rate)
        whole_s = whole_run_s(saved, way.candidate, options) or ready.predicted_s
    except DynadviseError as error:
        return LeftOut(way.name, error.what)
    return dataclasses.replace(ready, setup=setup, predicted_s=whole_s)


def _plan(
    options: VerifyOptions, saved: SavedProfile, ways: Sequence[Configuration | LeftOut]
) -> VerifyPlan:
    """What is run of what was asked."""
    from advisor.measure.first_touch import pause_before_run_s
    from advisor.measure.verification import estimated_s

    left_out = tuple(each for each in ways if isinstance(each, LeftOut))
    ready = tuple(each for each in ways if not isinstance(each, LeftOut))
    if not ready:
        reasons = "\n".join(f"{each.name}: {each.reason}" for each in left_out)
        raise DynadviseError("There is nothing to run.", details=reasons)
    pause_s = pause_before_run_s(saved.workload.first_touch_byte_s)
    return VerifyPlan(
        job=saved.description.job_name or saved.description.mapped[0].name,
        configurations=ready,
        repeats=options.repeats,
        items=saved.workload.items,
        mapped_ops=tuple(mapped.handle for mapped in saved.description.mapped),
        estimated_s=estimated_s(ready, options.repeats, pause_s),
        left_out=left_out,
        other_storage=_other_storage(options, saved),
        pause_s=pause_s,
    )


def _other_storage(options: VerifyOptions, saved: SavedProfile) -> str | None:
    there = user_instance_kind().on_postgres(options.scratch_postgres)
    alike = there.scratch_postgres is None or saved.host.storage == there.storage
    return None if alike else saved.host.storage


def _real_runs(
    plan: VerifyPlan, options: VerifyOptions, progress: Progress
) -> tuple[Verification, ...]:
    from advisor.measure.sole_use import sole_use
    from advisor.measure.verification import run_interleaved, run_once

    kind = user_instance_kind().on_postgres(options.scratch_postgres)

    def run(configuration: Configuration) -> VerifiedRun:
        limit = options.run_timeout_s
        if limit is None:
            predicted = configuration.predicted_s
            limit = max(MIN_TIMEOUT_S, 10 * predicted.median if predicted else 0.0)
        return run_once(configuration, timeout_s=limit, instance_kind=kind)

    with sole_use():
        return run_interleaved(
            plan.configurations,
            repeats=plan.repeats,
            run=run,
            seed=options.seed,
            pause_s=plan.pause_s,
            before_run=lambda done, configuration: progress(
                f"run {done + 1} of {plan.runs}: {configuration.name}", done / plan.runs
            ),
        )


def verify(
    options: VerifyOptions,
    progress: Progress = silent,
    *,
    confirm: Callable[[VerifyPlan], bool] = lambda _plan: True,
    announce: Callable[[str], None] = lambda _text: None,
) -> VerifyOutcome | None:
    """Run the target's job for real, interleaved and repeated, beside the predictions.

    Args:
        confirm: Shown the plan before anything of it runs; False ends it.
        announce: As of `profile`, where the target has no profile yet and is measured first.

    Raises:
        DynadviseError: The target cannot be profiled, or a configuration is unknown.
    """
    target = target_of(options.workload)
    file = read_run_config(options.workload.run_config)
    discovery = discover_target(target, file, options.workload)
    static_errors(discovery)
    saved = _for_partition(
        _profile_of(options, target, progress, announce), discovery.description.partition
    )
    if saved.description.job_name is None:
        saved = on_its_samples(saved, target)
    with workspace(), tempfile.TemporaryDirectory(prefix="dynadvise-verify-") as folder:
        ways = [
            _ready(
                way,
                saved,
                target=target,
                run_config=discovery.run_config,
                directory=Path(folder),
                setup=options.setup,
            )
            for way in asked_ways(saved, options.configurations)
        ]
        plan = _plan(options, saved, ways)
        if not confirm(plan):
            return None
        verifications = _real_runs(plan, options, progress)
    alike = comparable(verifications)
    keep = options.profiles.save and bool(alike) and plan.other_storage is None
    path, unsaved = None, None
    if keep:
        try:
            path = _store(saved, alike, options.profiles.folder)
        except ProfileError as error:  # what was run is worth to be shown nevertheless
            unsaved = error
    return VerifyOutcome(plan, verifications, path, unsaved)


@dataclass(frozen=True, slots=True)
class InputsRequest:
    """Sample inputs as ``--inputs`` spells them, of which workload, from which folder."""

    spelled: str
    description: WorkloadDescription
    folder: str


def count_inputs(request: InputsRequest) -> int:
    """How many items sample inputs hold: called in a fresh process, for the user's callables."""
    from advisor.measure.ops.sample_inputs import read_inputs

    return len(read_inputs(request.spelled, request.description, Path(request.folder)))


def on_its_samples(saved: SavedProfile, target: TargetReference) -> SavedProfile:
    """The profile of a bare op for as many items as its samples are: what the emitted job reads.

    Raises:
        DynadviseError: The samples are not known, or cannot be read.
    """
    from advisor.api.recommend import recommend
    from advisor.domain.inputs_tag import inputs_tag
    from advisor.measure.child import run_in_child

    description = saved.description
    spelled = description.inputs or inputs_tag(description)
    if spelled is None:
        raise TargetError(
            f"It is not known where the items of {target.spelled} come from.",
            hint="Profile it again with --inputs, or name the job that uses it.",
        )
    counted = run_in_child(
        "advisor.api.verify:count_inputs",
        InputsRequest(spelled, description, target.working_directory),
        timeout_s=COUNTING_S,
        target=target,
    )
    if counted.failure is not None:
        raise TargetError(
            f"The inputs of {target.spelled} cannot be read.", details=counted.failure.reason
        )
    items = counted.value
    assert isinstance(items, int)
    if items == saved.workload.items:
        return saved
    saved = dataclasses.replace(saved, workload=dataclasses.replace(saved.workload, items=items))
    advice = saved.advice
    options = AdviseOptions(
        objective=advice.objective,
        change=advice.change,
        environment=advice.environment,
        max_rate=advice.max_rate,
    )
    return dataclasses.replace(saved, advice=recommend(saved, options))
