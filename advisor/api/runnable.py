"""A candidate made ready to run for real: its target, its run config, its emitted module."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.api.asked_ways import AskedWay
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import unmodelled
from advisor.domain.errors import DynadviseError
from advisor.domain.executor_setting import ExecutorSetting

if TYPE_CHECKING:
    from advisor.domain.advice import Prediction
    from advisor.domain.workload import TargetReference, WorkloadDescription
    from advisor.measure.verification import Configuration
    from advisor.store import SavedProfile

_DEFAULT_EXECUTOR = ExecutorSetting(
    executor="multiprocess",
    class_name="multi_or_in_process_executor",
    config_path=("execution", "config", "multiprocess"),
    in_process_config_path=("execution", "config", "in_process"),
)
"""Of a job that names none."""


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
    settable = {key: value for key, value in own.items() if key not in setting.fixed_by_code}
    return with_executor_config(run_config, path, {**config, **settable})


def refuse_elsewhere(candidate: Candidate) -> None:
    """Raise for a way whose steps do not run on this machine.

    Raises:
        DynadviseError: It is such a way; the message says what to do instead.
    """
    here = ("in_process", "multiprocess", "async")
    if candidate.launch == "daemon" or candidate.executor not in here:
        raise DynadviseError(
            f"{candidate.label} needs more than this machine to run: run the job where it runs "
            "now, and `dynadvise analyze --instance DIR` tells what such runs took."
        )


def configuration_for(
    way: AskedWay,
    prediction: Prediction,
    saved: SavedProfile,
    *,
    target: TargetReference,
    run_config: Mapping[str, object],
    directory: Path,
) -> Configuration:
    """A candidate made ready to run; one that needs code gets its emitted module.

    Raises:
        DynadviseError: The job cannot run that way; the message says why.
    """
    from advisor.measure.verification import Configuration

    candidate, name = way.candidate, way.name
    python_path = (str(Path(target.file).parent),) if target.file else ()
    if candidate.executor == "async" and find_spec("dagster_async_executor") is None:
        raise DynadviseError("The async executor is not installed: pip install 'dynadvise[async]'.")
    if saved.description.job_name is None and not candidate.is_batched:
        target = _job_of_bare_op(candidate, saved.description, target, directory)
        config = executor_run_config(candidate, _DEFAULT_EXECUTOR, run_config)
    elif "current" in way.roles:
        config = dict(run_config)
    elif candidate.needs_code:
        target = _emitted(name, prediction, saved, target, directory)
        config = {key: part for key, part in run_config.items() if key != "execution"}
    else:
        config = executor_run_config(candidate, saved.description.executor, run_config)
    return Configuration(
        name=name,
        roles=way.roles,
        candidate=candidate,
        target=target,
        run_config=config,
        predicted_s=prediction.makespan_s,
        python_path=python_path,
        expected_work_s=prediction.breakdown_s.work_s,
        pool_limits=saved.description.pool_limits,
        partition=saved.description.partition,
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
    from advisor.api.emitting import code_kind
    from advisor.emit import EmitRequest, batched_job_name, emit

    candidate, attribute = prediction.candidate, "advised_job"
    if candidate.is_batched:
        attribute = batched_job_name(saved.description)
    # Run by itself, it needs what its definitions give; and it runs as predicted, here, where the
    # emitted code would keep an executor that needs a cluster.
    own = saved.description.executor
    executor = None if unmodelled(own) else own
    whole = dataclasses.replace(saved.description, job_from=None, executor=executor)
    request = EmitRequest(whole, saved.advice, prediction, saved.workload)
    source = emit(code_kind(candidate), request)
    stem = "".join(c if c.isalnum() else "_" for c in f"dynadvise_{name}")
    return _written(source, directory / f"{stem}.py", attribute, target)


def _job_of_bare_op(
    candidate: Candidate,
    description: WorkloadDescription,
    target: TargetReference,
    directory: Path,
) -> TargetReference:
    """The job that maps a bare op over its samples, one per step: what run config is advised for.

    Raises:
        DynadviseError: A function, or an op with several inputs, is not mapped so; or the way
            needs code of a job that there is not.
    """
    from advisor.emit.items_form import module_of_op

    one_input = len(description.mapped[0].inputs) == 1
    if description.kind != "op" or not one_input or candidate.needs_code:
        raise DynadviseError(
            f"{target.spelled} is no job: of it only batches can be run for real, and, of an op "
            "with one input, one item per step."
        )
    source = module_of_op(description)
    return _written(source, directory / "dynadvise_job_of_op.py", "original_job", target)


def _written(source: str, path: Path, attribute: str, target: TargetReference) -> TargetReference:
    """A job of a module of ours, as the target to run."""
    path.write_text(source, encoding="utf-8")
    return dataclasses.replace(
        target, spelled=str(path), module=None, file=str(path), attribute=attribute, job=None
    )
