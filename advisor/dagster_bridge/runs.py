"""Running a job for real in this process, under a given launch and run config, and reading it back.

Called in fresh child processes of ours, one run each, so that what a run charges once (the
forkserver's start, lazy imports of the parent) is charged every time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import pickle
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import yaml
from dagster import (
    DagsterInstance,
    DagsterInvariantViolationError,
    JobDefinition,
    execute_job,
)

from advisor.dagster_bridge.event_log import list_runs, read_run
from advisor.dagster_bridge.instances import import_instances, set_limits
from advisor.dagster_bridge.partitions import add_partition, run_tags
from advisor.dagster_bridge.plan import ops_by_handle
from advisor.dagster_bridge.process_usage import children_cpu_s, own_cpu_s
from advisor.dagster_bridge.target import load_target, reconstructable_of
from advisor.domain.candidate import Launch
from advisor.domain.observed import ObservedRun
from advisor.domain.verification import RunContent
from advisor.domain.workload import TargetReference

_ENDS = {"STEP_SUCCESS": True, "STEP_FAILURE": False, "STEP_SKIPPED": False}


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One real run: what, how, and on which (temporary) instance.

    ``results`` names ops whose outputs are read back; the job has Dagster's default IO manager.
    ``compared`` names ops (by handle) by whose outputs runs are compared. ``pool_limits`` are set
    on the instance before the run. ``partition`` is the one that the run is for.
    """

    target: TargetReference
    launch: Launch
    run_config: Mapping[str, object]
    instance_home: str
    results: tuple[str, ...] = ()
    pool_limits: Mapping[str, int] = field(default_factory=dict)
    compared: tuple[str, ...] = ()
    partition: str | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a real run took.

    Attributes:
        wall_s: From the call (or command) to its return.
        child_cpu_s: CPU of its step processes, the forkserver included.
        run: Read back from the event log; None for ``execute_in_process``.
        failed: Why the run did not succeed, in words that may be saved; None where it did.
        failure_text: What the user's exception says, for the terminal alone.
        started_at_s: Unix time.
        outputs: Of the ops that were asked for, by name; empty where the run failed.
        content: What the run did; None where its log cannot be found.
    """

    wall_s: float
    parent_cpu_s: float
    child_cpu_s: float
    run: ObservedRun | None
    failed: str | None = None
    failure_text: str | None = None
    started_at_s: float = 0.0
    outputs: Mapping[str, object] = field(default_factory=dict)
    content: RunContent | None = None


def _result(
    begun: float, own: float, children: float, failure: tuple[str, str] | None
) -> RunResult:
    """``failure``: what may be saved of it, and what the terminal shows."""
    wall = time.perf_counter() - begun
    return RunResult(
        wall_s=wall,
        parent_cpu_s=own_cpu_s() - own,
        child_cpu_s=children_cpu_s() - children,
        run=None,
        failed=failure[0] if failure else None,
        failure_text=failure[1] if failure else None,
        started_at_s=time.time() - wall,
    )


def execute(request: RunRequest) -> RunResult:
    """Run the target's job once, as asked; called in a fresh process.

    Raises:
        TargetError: The job cannot be loaded.
    """
    if request.pool_limits:
        set_limits(request.instance_home, request.pool_limits)
    if request.launch == "cli":
        return _execute_command(request)
    loaded = load_target(request.target)
    if loaded.job is None:
        message = f"{request.target.spelled} has no job to run"
        raise ValueError(message)
    if request.launch == "execute_in_process":
        return _execute_in_process(request, loaded.job)

    reconstructable = reconstructable_of(loaded)
    with DagsterInstance.from_config(request.instance_home) as instance:
        add_partition(instance, loaded.job, request.partition)
        tags = run_tags(loaded.job, request.partition)
        own, children, begun = own_cpu_s(), children_cpu_s(), time.perf_counter()
        # Not entered as a context manager: that would start the job's resources once more.
        done = execute_job(
            reconstructable, instance=instance, run_config=dict(request.run_config), tags=tags
        )
        failure = None if done.success else _first_failure(done.all_events)
        measured = _result(begun, own, children, failure)
        return _with_run(measured, instance, done.run_id, request)


def _execute_in_process(request: RunRequest, job: JobDefinition) -> RunResult:
    import_instances()  # a part of opening an instance, not of the call
    own, children, begun = own_cpu_s(), children_cpu_s(), time.perf_counter()
    with DagsterInstance.ephemeral() as instance:
        add_partition(instance, job, request.partition)
        bare = job.execute_in_process(
            run_config=dict(request.run_config),
            raise_on_error=False,
            instance=instance,
            tags=run_tags(job, request.partition),
        )
        failure = None if bare.success else _first_failure(bare.all_events)
        measured = _result(begun, own, children, failure)
        if failure is not None:
            return measured
        results = []
        for handle in request.compared:
            with contextlib.suppress(DagsterInvariantViolationError):  # it was not run
                results.append(bare.output_for_node(handle))
        content = run_content(instance, bare.run_id, ops_by_handle(job), results or None)
        outputs = {name: bare.output_for_node(name) for name in request.results}
        return replace(measured, outputs=outputs, content=content)


def _with_run(
    measured: RunResult, instance: DagsterInstance, run_id: str, request: RunRequest
) -> RunResult:
    """The run read back, and what the default IO manager has stored of the asked ops."""
    folder = Path(instance.storage_directory()) / run_id
    run = read_run(instance, run_id)
    if measured.failed:
        return replace(measured, run=run)
    results = [
        pickle.loads(file.read_bytes())  # noqa: S301 - just written
        for handle in request.compared
        if (file := folder / handle / "result").is_file()
    ]
    outputs = {
        name: pickle.loads((folder / name / "result").read_bytes())  # noqa: S301 - just written
        for name in request.results
    }
    ops = load_target(request.target).ops
    content = run_content(instance, run_id, ops, results or None)
    return replace(measured, run=run, outputs=outputs, content=content)


def _first_failure(events: object) -> tuple[str, str]:
    for event in events:  # type: ignore[attr-defined]
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error and error.cause:
                error = error.cause
            step = re.sub(r"\[.*\]", "", str(event.step_key))  # without the mapping key
            failed = f"step {step} failed: {error.cls_name if error else 'no reason'}"
            return failed, f"{failed}: {error.message.strip() if error else ''}"
    return "the run failed", "the run failed"


def has_dg() -> bool:
    """Whether ``dg launch`` is installed (the package ``dagster-dg-cli``)."""
    return find_spec("dagster_dg_cli") is not None


def command_line(
    target: TargetReference,
    config_file: Path,
    job: Callable[[], str] | None = None,
    partition: str | None = None,
) -> list[str]:
    """The command that runs the target's job from the command line.

    ``dg launch --job`` where it is installed, else ``dagster job execute``, which it supersedes:
    both call the same ``execute_job``.

    Args:
        job: Tells the job's name, which ``dg`` needs; None: the target does.
    """
    place = ["-m", target.module] if target.module else ["-f", str(target.file)]
    if target.attribute:
        place += ["-a", target.attribute]
    config = ["-c", str(config_file)]
    if has_dg():
        name = job() if job else str(target.job)
        launch = "from dagster_dg_cli.cli import main; main()"
        for_partition = ["--partition", partition] if partition else []
        return [
            *(sys.executable, "-c", launch, "launch", "--job", name),
            *(*for_partition, *place, *config),
        ]
    name_of_job = ["-j", target.job] if target.job and not target.attribute else []
    tags = ["--tags", json.dumps(run_tags(None, partition))] if partition else []
    return [sys.executable, "-m", "dagster", "job", "execute", *tags, *place, *name_of_job, *config]


def _job_name(target: TargetReference) -> str:
    job = load_target(target).job
    if job is None:
        message = f"{target.spelled} has no job to run"
        raise ValueError(message)
    return job.name


def _execute_command(request: RunRequest) -> RunResult:
    with DagsterInstance.from_config(request.instance_home):
        pass  # makes its tables, which a user's instance has
    with tempfile.TemporaryDirectory(prefix="dynadvise-run-") as directory:
        config = Path(directory) / "run_config.yaml"
        config.write_text(yaml.safe_dump(_plain(request.run_config)))
        environment = {**os.environ, "DAGSTER_HOME": request.instance_home}
        command = command_line(
            request.target, config, lambda: _job_name(request.target), request.partition
        )
        own, children, begun = own_cpu_s(), children_cpu_s(), time.perf_counter()
        done = subprocess.run(
            command,
            cwd=request.target.working_directory,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        failure = None
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).strip().splitlines()
            failed = f"the command ended with exit status {done.returncode}"
            failure = failed, f"{failed}: {lines[-1] if lines else ''}"
        measured = _result(begun, own, children, failure)
    with DagsterInstance.from_config(request.instance_home) as instance:
        runs = list_runs(instance, None, 1)
        if not runs:
            return measured
        return _with_run(measured, instance, runs[0].run_id, request)


def _plain(value: object) -> object:
    """The config as YAML can write it (tuples become lists)."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value


def with_executor_config(
    run_config: Mapping[str, object], path: tuple[str, ...], executor: Mapping[str, object]
) -> dict[str, object]:
    """``run_config`` with ``executor`` at ``path``; what is already there is replaced."""
    merged: dict[str, object] = {k: v for k, v in run_config.items() if k != "execution"}
    branch: object = dict(executor)
    for key in reversed(path):
        branch = {key: branch}
    assert isinstance(branch, dict)
    merged.update(branch)
    return merged


def run_content(
    instance: DagsterInstance, run_id: str, ops: Iterable[str], result: object = None
) -> RunContent:
    """Read from the run's whole log.

    Args:
        ops: Handles of all ops of its job: one without any step counts as a planned step.
        result: What the run gave; None where that is not known.
    """
    ran: dict[str, bool] = {}
    errors = 0
    for entry in instance.all_logs(run_id):
        event = entry.dagster_event
        if event is None:
            errors += int(entry.level) >= logging.ERROR
        elif event.event_type_value in _ENDS and event.step_key:
            ran[event.step_key] = _ENDS[event.event_type_value]
    executed = [key for key, has_run in ran.items() if has_run]
    unseen = set(ops) - {key.partition("[")[0] for key in ran}
    return RunContent(
        items=len({key.partition("[")[2] for key in executed if "[" in key}),
        steps=len(executed),
        planned_steps=len(ran) + len(unseen),
        errors=errors,
        result=_digest(result),
    )


def _digest(result: object) -> str | None:
    """A hash of the value as text; None for no value, or for one that shows addresses."""
    text = "None" if result is None else repr(result)
    if text == "None" or " at 0x" in text:
        return None
    return hashlib.sha256(text.encode()).hexdigest()[:16]
