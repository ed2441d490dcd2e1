"""The use case behind ``dynadvise verify``: real runs beside what was predicted for them."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.domain.candidate import Candidate
from advisor.domain.candidate_spelling import read_candidate, spelling
from advisor.domain.errors import DynadviseError, TargetError
from advisor.domain.options import AdviseOptions, ProfileOptions, VerifyOptions
from advisor.domain.verification import Verification, VerifiedRun, comparable
from advisor.domain.workload import ExecutorSetting

if TYPE_CHECKING:
    from advisor.domain.advice import Advice, Prediction
    from advisor.domain.workload import TargetReference, WorkloadDescription
    from advisor.measure.progress import Progress
    from advisor.measure.verification import Configuration
    from advisor.store import SavedProfile

GRID_CONCURRENCY = (1, 2, 4, 8)
MIN_TIMEOUT_S = 120.0
KEPT_VERIFICATIONS = 60
"""Of one profile; older ones are dropped, as the machine they tell of has changed."""


@dataclass(frozen=True, slots=True)
class VerifyPlan:
    """What will be run, announced before it is.

    Attributes:
        job: Name of the job; for a bare op or a function its own.
        configurations: Ready to run, without doubles.
        repeats: Runs of each.
        items: Items of the profile: how often each mapped op will be executed in a run.
        mapped_ops: Handles of the ops that are executed for each item.
        estimated_s: How long all runs take by the predictions; None where one is unknown.
        left_out: What was asked for and cannot be run here, with the reason.
    """

    job: str
    configurations: tuple[Configuration, ...]
    repeats: int
    items: int
    mapped_ops: tuple[str, ...]
    estimated_s: float | None
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def runs(self) -> int:
        """Real runs in all."""
        return len(self.configurations) * self.repeats


@dataclass(frozen=True, slots=True)
class VerifyOutcome:
    """What the real runs took. ``path`` is the profile they were stored in; None: nowhere."""

    plan: VerifyPlan
    verifications: tuple[Verification, ...]
    path: Path | None


def grid(items: int, cpus: float, preload: Sequence[str]) -> tuple[Candidate, ...]:
    """The ways to run that are compared exhaustively, from the serial ones to batches."""
    cores = max(2, round(cpus))
    spelled = ["execute_in_process", "in_process"]
    spelled += [f"spawn:{slots}" for slots in GRID_CONCURRENCY if slots <= 4]
    spelled += ["forkserver:2", "forkserver:4"]
    if preload:
        spelled += [f"warm:{slots}" for slots in GRID_CONCURRENCY]
    if items > 1:
        whole = f"in_process:batch={items}"
        spelled += [whole, f"{whole}:processes={min(items, cores)}"]
        spelled += [f"{whole}:threads={n}" for n in sorted({min(items, n) for n in (4, 16)})]
        if preload and items > cores:
            spelled.append(f"warm:{cores}:batch={-(-items // (2 * cores))}")
    return tuple(dict.fromkeys(read_candidate(text, preload) for text in spelled))


# --- from candidates to what can be run ------------------------------------------------------


def _chosen(saved: SavedProfile, names: Sequence[str]) -> dict[str, Candidate]:
    """The asked configurations by name, in the order asked; equal ones share a row."""
    from advisor.api.ways import preload_list

    advice = saved.advice
    of_advice = {
        "advised": advice.recommendation,
        "config-only": advice.config_only,
        "current": advice.current,
        "default": advice.default,
        "runner-up": _runner_up(advice),
    }
    preload = preload_list(saved)
    found: dict[Candidate, list[str]] = {}
    for name in names:
        if name == "grid":
            ways = grid(saved.workload.items, saved.host.facts.cpus, preload)
        elif name in of_advice:
            prediction = of_advice[name]
            if prediction is not None:
                found.setdefault(prediction.candidate, []).append(name)
            continue
        else:
            ways = (read_candidate(name, preload),)
        for way in ways:
            found.setdefault(way, [])
    return {", ".join(dict.fromkeys(n)) or spelling(way): way for way, n in found.items()}


def _runner_up(advice: Advice) -> Prediction | None:
    """The best way by another method than the advised one."""
    method = advice.recommendation.candidate.method
    others = (p for p in advice.candidates if p.allowed and p.candidate.method != method)
    return next(others, None)


def executor_run_config(
    candidate: Candidate, setting: ExecutorSetting | None, run_config: Mapping[str, object]
) -> dict[str, object]:
    """``run_config`` with the candidate's executor put where the job takes it.

    Raises:
        DynadviseError: The job's executor cannot be chosen by run config.
    """
    from advisor.dagster_bridge.runs import with_executor_config
    from advisor.emit.wording import executor_config, user_config

    if candidate.launch == "execute_in_process":
        return {key: part for key, part in run_config.items() if key != "execution"}
    in_process = candidate.executor == "in_process"
    config = executor_config(candidate)
    if setting is None:
        raise DynadviseError("The profile does not tell which executor the job has.")
    path = setting.in_process_config_path if in_process else setting.config_path
    if path is None or not set(config).isdisjoint(setting.fixed_by_code):
        raise DynadviseError(
            f"The job's code fixes its executor ({setting.class_name}); run config cannot make it "
            f"{candidate.label}."
        )
    own = user_config(candidate, setting)
    kept = {key: value for key, value in own.items() if key not in setting.fixed_by_code}
    return with_executor_config(run_config, path, {**config, **kept})


def configuration_for(
    name: str,
    prediction: Prediction,
    saved: SavedProfile,
    *,
    target: TargetReference,
    run_config: Mapping[str, object],
    directory: Path,
) -> Configuration:
    """A candidate made ready to run; one that needs code gets its emitted module.

    Args:
        name: Name of the configuration.
        prediction: What was predicted for the candidate.
        saved: The profile.
        target: The user's job.
        run_config: For ops and resources.
        directory: Where an emitted module is written.

    Raises:
        DynadviseError: The job cannot run that way; the message says why.
    """
    from advisor.measure.verification import Configuration

    candidate = prediction.candidate
    here = ("in_process", "multiprocess", "async")
    if candidate.launch == "daemon" or candidate.executor not in here:
        raise DynadviseError(f"{candidate.label} needs more than this machine to run.")
    python_path = (str(Path(target.file).parent),) if target.file else ()
    if candidate.executor == "async" and find_spec("dagster_async_executor") is None:
        raise DynadviseError("The async executor is not installed: pip install 'dynadvise[async]'.")
    if saved.description.job_name is None and not candidate.is_batched:
        target = _job_of_bare_op(candidate, saved.description, target, directory)
        config = executor_run_config(candidate, _DEFAULT_EXECUTOR, run_config)
    elif candidate.needs_code and "current" not in name.split(", "):
        target = _emitted(name, prediction, saved, target, directory)
        config = {key: part for key, part in run_config.items() if key != "execution"}
    elif "current" in name.split(", "):
        config = dict(run_config)
    else:
        config = executor_run_config(candidate, saved.description.executor, run_config)
    return Configuration(
        name=name,
        candidate=candidate,
        target=target,
        run_config=config,
        predicted_s=prediction.makespan_s,
        python_path=python_path,
        expected_work_s=prediction.breakdown_s.work_s,
        pool_limits=saved.description.pool_limits,
        compared=(
            tuple(op.handle for op in saved.description.collects)
            if saved.description.pickles
            else ()
        ),
    )


def _emitted(
    name: str,
    prediction: Prediction,
    saved: SavedProfile,
    target: TargetReference,
    directory: Path,
) -> TargetReference:
    """The emitted module for a candidate that needs code, as the target to run."""
    from advisor.emit import EmitRequest, batched_job_name, emit

    candidate = prediction.candidate
    kind, attribute = "python", "advised_job"
    if candidate.is_batched:
        kind = "workers" if candidate.workers_in_op > 1 else "batch"
        attribute = batched_job_name(saved.description)
    request = EmitRequest(saved.description, saved.advice, prediction, saved.workload)
    source = emit(kind, request)
    stem = "".join(c if c.isalnum() else "_" for c in f"dynadvise_{name}")
    return _written(source, directory / f"{stem}.py", attribute, target)


def _written(source: str, path: Path, attribute: str, target: TargetReference) -> TargetReference:
    """A job of a module of ours, as the target to run."""
    path.write_text(source, encoding="utf-8")
    return dataclasses.replace(
        target, spelled=str(path), module=None, file=str(path), attribute=attribute, job=None
    )


_DEFAULT_EXECUTOR = ExecutorSetting(
    executor="multiprocess",
    class_name="multi_or_in_process_executor",
    config_path=("execution", "config", "multiprocess"),
    in_process_config_path=("execution", "config", "in_process"),
)
"""Of a job that names none."""

_JOB_OF_BARE_OP = """\
import json
from pathlib import Path

import yaml
from dagster import Definitions, DynamicOut, DynamicOutput, job, op
"""


def _job_of_bare_op(
    candidate: Candidate,
    description: WorkloadDescription,
    target: TargetReference,
    directory: Path,
) -> TargetReference:
    """The job that maps a bare op over its samples, one a step: what run config is advised for.

    Raises:
        DynadviseError: A function, or an op with several inputs, is not mapped so; or the way
            needs code of a job that there is not.
    """
    from advisor.emit.items_form import described_as_job, items_source, job_of_op

    one_input = len(description.mapped[0].inputs) == 1
    if description.kind != "op" or not one_input or candidate.needs_code:
        raise DynadviseError(
            f"{target.spelled} is no job: of it only batches can be run for real, and, of an op "
            "with one input, one item a step."
        )
    made = job_of_op(described_as_job(description), items_source(description))
    source = f"{_JOB_OF_BARE_OP}\n{made.from_import}\n\n{made.binding}"
    return _written(source, directory / "dynadvise_job_of_op.py", "original_job", target)


def count_inputs(asked: tuple[str, WorkloadDescription, str]) -> int:
    """How many items sample inputs hold: called in a fresh process, for the user's callables."""
    from advisor.dagster_bridge.sampling import read_inputs

    return len(read_inputs(asked[0], asked[1], Path(asked[2])))


def _on_its_samples(saved: SavedProfile, target: TargetReference) -> SavedProfile:
    """The profile of a bare op for as many items as its samples are: what the emitted job reads.

    Raises:
        DynadviseError: The samples are not known, or cannot be read.
    """
    from advisor.api.recommend import recommend
    from advisor.emit.items_form import INPUTS_TAG
    from advisor.measure.child import run_in_child

    description = saved.description
    spelled = description.inputs or description.mapped[0].tags.get(INPUTS_TAG)
    if spelled is None:
        raise TargetError(
            f"It is not known where the items of {target.spelled} come from.",
            hint="Profile it again with --inputs, or name the job that uses it.",
        )
    counted = run_in_child(
        "advisor.api.verify:count_inputs",
        (spelled, description, target.working_directory),
        timeout_s=MIN_TIMEOUT_S,
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
    given = saved.advice
    asked = AdviseOptions(
        objective=given.objective, change=given.change, environment=given.environment
    )
    return dataclasses.replace(saved, advice=recommend(saved, asked))


def _saved_profile(
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
    from advisor.api.profile import profile

    request = ProfileOptions(options.workload, profiles=options.profiles)
    return profile(request, progress, announce).saved


def _predicted(saved: SavedProfile, candidate: Candidate) -> Prediction:
    """What the profile says of a candidate.

    The advice's own words, as long as no real run has sharpened them since.
    """
    from advisor.api.recommend import predict

    advice = saved.advice
    named = (advice.recommendation, advice.config_only, advice.current, advice.default)
    for known in (*named, *advice.candidates) if not saved.verifications else ():
        if known is not None and known.candidate == candidate:
            return known
    return predict(saved, candidate, AdviseOptions())


def _store(saved: SavedProfile, verifications: Sequence[Verification], profiles_dir: Path) -> Path:
    """Add the runs to the profile, as it is on disk by now."""
    from advisor import store

    path = store.profile_path(profiles_dir, saved.host.facts.id, saved.description.target)
    newest = store.read(path) if path.exists() else saved
    kept = (*newest.verifications, *verifications)[-KEPT_VERIFICATIONS:]
    return store.write(dataclasses.replace(newest, verifications=kept), profiles_dir)


def _ready_or_reason(
    name: str,
    candidate: Candidate,
    saved: SavedProfile,
    *,
    target: TargetReference,
    run_config: Mapping[str, object],
    directory: Path,
) -> Configuration | str:
    """The configuration, or why it cannot be run."""
    try:
        return configuration_for(
            name,
            _predicted(saved, candidate),
            saved,
            target=target,
            run_config=run_config,
            directory=directory,
        )
    except DynadviseError as error:
        return error.what


@contextlib.contextmanager
def planned(
    options: VerifyOptions, progress: Progress, announce: Callable[[str], None]
) -> Iterator[tuple[VerifyPlan, SavedProfile]]:
    """The plan of the runs; emitted modules exist while the block runs.

    Raises:
        DynadviseError: The target cannot be profiled, or a configuration is not known.
    """
    from advisor.api.calibrating import target_of
    from advisor.api.obstacles import static_errors
    from advisor.api.profile import discover_target
    from advisor.dagster_bridge.run_config import read_run_config
    from advisor.measure.verification import estimated_s
    from advisor.measure.workspace import workspace

    target = target_of(options.workload)
    run_config = dict(read_run_config(options.workload.run_config) or {})
    static_errors(discover_target(target, run_config))
    saved = _saved_profile(options, target, progress, announce)
    if saved.description.job_name is None:
        saved = _on_its_samples(saved, target)
    with workspace(), tempfile.TemporaryDirectory(prefix="dynadvise-verify-") as folder:
        made = {
            name: _ready_or_reason(
                name,
                candidate,
                saved,
                target=target,
                run_config=run_config,
                directory=Path(folder),
            )
            for name, candidate in _chosen(saved, options.configurations).items()
        }
        ready = [
            dataclasses.replace(found, setup=options.setup)
            for found in made.values()
            if not isinstance(found, str)
        ]
        left_out = [(name, found) for name, found in made.items() if isinstance(found, str)]
        if not ready:
            raise DynadviseError(
                "There is nothing to run.", details="\n".join(f"{n}: {r}" for n, r in left_out)
            )
        plan = VerifyPlan(
            job=saved.description.job_name or saved.description.mapped[0].name,
            configurations=tuple(ready),
            repeats=options.repeats,
            items=saved.workload.items,
            mapped_ops=tuple(mapped.handle for mapped in saved.description.mapped),
            estimated_s=estimated_s(ready, options.repeats),
            left_out=tuple(left_out),
        )
        yield plan, saved


def verify(
    options: VerifyOptions,
    progress: Progress,
    *,
    confirm: Callable[[VerifyPlan], bool] = lambda _plan: True,
    announce: Callable[[str], None] = lambda _text: None,
) -> VerifyOutcome | None:
    """Run the target's job for real, interleaved and repeated, beside the predictions.

    Args:
        options: What is asked.
        progress: Told what is being done.
        confirm: Shown the plan before anything of it runs; False ends it.
        announce: As of `profile`, where the target has no profile yet and is measured first.

    Returns:
        The outcome; None where ``confirm`` said no.

    Raises:
        DynadviseError: The target cannot be profiled, or a configuration is unknown.
    """
    from advisor.dagster_bridge.instances import user_instance_kind
    from advisor.measure.sole_use import sole_use
    from advisor.measure.verification import run_interleaved, run_once

    with planned(options, progress, announce) as (plan, saved):
        if not confirm(plan):
            return None
        kind = user_instance_kind()

        def run(configuration: Configuration) -> VerifiedRun:
            limit = options.run_timeout_s
            if limit is None:
                predicted = configuration.predicted_s
                limit = max(MIN_TIMEOUT_S, 10 * predicted.median if predicted else 0.0)
            return run_once(configuration, timeout_s=limit, instance_kind=kind)

        verifications = sole_use()(run_interleaved)(
            plan.configurations,
            repeats=plan.repeats,
            run=run,
            seed=options.seed,
            before_run=lambda done, configuration: progress(
                f"run {done + 1} of {plan.runs}: {configuration.name}", done / plan.runs
            ),
        )
        alike = comparable(verifications)
        keep = options.profiles.save and bool(alike)
        path = _store(saved, alike, options.profiles.folder) if keep else None
        return VerifyOutcome(plan, verifications, path)
