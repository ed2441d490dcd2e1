"""Every kind on every example: what runs the job gives what the example gives as it is."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from dagster import (
    DagsterEventType,
    DagsterInstance,
    build_run_status_sensor_context,
    execute_job,
    reconstructable,
    validate_run_config,
)
from emission import is_plain, load_job, load_source, request_for, run_script
from factories import make_advice, make_prediction

from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError
from advisor.emit import KINDS, EmitRequest, emit

ROOT = Path(__file__).parents[2]
THREADS = Candidate(
    "execute_job", "in_process", batch_size=999, workers_in_op=8, worker_kind="thread"
)
BATCHES = replace(THREADS, batch_size=3, workers_in_op=1, worker_kind=None)
WARM = Candidate("execute_job", "multiprocess", "forkserver", ("sqlalchemy",), max_concurrent=2)
SERIAL = Candidate("execute_job", "in_process")
RUN_SUCCESS = DagsterEventType.RUN_SUCCESS
EXAMPLES = [
    ("seed_chunks", "seed_job", True),
    ("csv_files", "csv_job", True),
    ("http_calls", "http_job", False),
    ("sqlite_rows", "sqlite_job", False),
    ("train_segments", "train_job", True),
    ("two_stage", "two_stage_job", True),
    ("async_calls", "async_job", False),
]
# Kinds that give a job of their own, by the name of its variable.
CLUSTER_KINDS = {
    "k8s-run-config", "k8s-tags", "helm-values", "docker-run-config", "celery", "ecs", "run-queue"
}  # fmt: skip  # in tests/cluster
JOBS_OF_KINDS = {"python": "advised_job", "instrument": "instrumented_job"}


@pytest.mark.parametrize(("module", "attribute", "plain"), EXAMPLES)
def test_an_example_in_one_step_on_threads_gives_its_own_result(module, attribute, plain, tmp_path):
    name = f"advisor.examples.{module}"
    reference = parse_target(f"{name}:{attribute}", working_directory=ROOT)
    description = describe(load_target(reference))
    collecting = description.collects[0].name
    original = load_job(name, attribute).execute_in_process()
    source = emit("workers", request_for(description, THREADS))
    emitted = load_source(source, f"emitted_{attribute}", tmp_path)

    result = getattr(emitted, f"{attribute}_batched").execute_in_process()

    assert result.output_for_node(collecting) == original.output_for_node(collecting)
    steps = {event.step_key for event in result.all_events if event.step_key}
    assert is_plain(source) == plain
    assert len([step for step in steps if "[" in step]) == (0 if plain else 1)


@pytest.fixture
def quick(monkeypatch):
    """The slowest examples with shorter or fewer items."""
    shorter = [
        ("seed_chunks", "CHUNK_S", 0.01),
        ("two_stage", "DOCUMENTS", 4),
        ("csv_files", "FILES", 4),
        ("train_segments", "SEGMENTS", 3),
    ]
    for module, constant, value in shorter:
        loaded = importlib.import_module(f"advisor.examples.{module}")
        assert hasattr(loaded, constant)
        monkeypatch.setattr(loaded, constant, value)


@pytest.mark.parametrize(("module", "attribute"), [example[:2] for example in EXAMPLES])
def test_each_kind_runs_on_each_example_where_it_applies(
    module, attribute, quick, tmp_path, monkeypatch
):
    name = f"advisor.examples.{module}"
    description = describe(load_target(parse_target(f"{name}:{attribute}", working_directory=ROOT)))
    collecting = description.collects[0].name
    job = load_job(name, attribute)
    expected = job.execute_in_process().output_for_node(collecting)
    monkeypatch.setenv("DAGSTER_ENVIRONMENT", "dev")
    tried = {"workers"}  # above

    def text_of(kind, candidate=WARM):
        tried.add(kind)
        return emit(kind, request_for(description, candidate))

    def module_of(kind, candidate=WARM):
        return load_source(text_of(kind, candidate), f"{kind}_{attribute}", tmp_path)

    batched = getattr(module_of("batch", BATCHES), f"{attribute}_batched")
    assert batched.execute_in_process().output_for_node(collecting) == expected
    for kind, variable in JOBS_OF_KINDS.items():
        result = getattr(module_of(kind), variable).execute_in_process()
        assert result.output_for_node(collecting) == expected
    assert module_of("environments").run().output_for_node(collecting) == expected
    validate_run_config(job, yaml.safe_load(text_of("run-config")))
    (tmp_path / "dagster.yaml").write_text(text_of("dagster-yaml"))
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_concurrency_config()
    tried |= {"monitor", "troubleshooting"}  # below
    if not all(op.is_async for op in description.mapped):
        with pytest.raises(DynadviseError, match="not `async def`"):
            text_of("async")
    elif importlib.util.find_spec("dagster_async_executor"):
        module_of("async")
        maker = load_source(
            f"from async_{attribute} import advised_job\n\n\ndef made():\n    return advised_job\n",
            f"maker_of_{attribute}",
            tmp_path,
        )
        with (
            DagsterInstance.from_config(str(tmp_path)) as instance,
            execute_job(reconstructable(maker.made), instance=instance) as result,
        ):
            assert result.output_for_node(collecting) == expected
    else:
        text_of("async")

    assert tried == set(KINDS) - CLUSTER_KINDS


@pytest.mark.parametrize(("module", "attribute"), [example[:2] for example in EXAMPLES])
def test_the_troubleshooting_script_succeeds_and_the_monitor_judges_its_run(
    module, attribute, tmp_path
):
    name = f"advisor.examples.{module}"
    description = describe(load_target(parse_target(f"{name}:{attribute}", working_directory=ROOT)))
    script, home = tmp_path / "run_it.py", tmp_path / "new" / "home"
    script.write_text(emit("troubleshooting", request_for(description, SERIAL)), encoding="utf-8")

    done = run_script(script, home, PYTHONPATH=str(ROOT))

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("succeeded")
    with DagsterInstance.from_config(str(home)) as instance:
        (record,) = instance.get_run_records()
        assert record.dagster_run.job_name == attribute
        took_s = record.end_time - record.start_time
        verdicts = {took_s: "as predicted", 0.1 * took_s: "slower than predicted"}
        for number, (predicted_s, verdict) in enumerate(verdicts.items()):
            said = judged_by_monitor(description, predicted_s, record, instance, number, tmp_path)
            assert f"{attribute} {verdict}" in said


def judged_by_monitor(description, predicted_s, record, instance, number, folder):
    """What the emitted sensor says of a finished run, for a prediction."""
    run_id = record.dagster_run.run_id
    steps = instance.get_records_for_run(run_id, of_type=DagsterEventType.STEP_SUCCESS).records
    last = description.mapped[-1].name
    items = sum(f"{last}[" in str(step.event_log_entry.step_key) for step in steps)
    assert items > 1
    advice = make_advice()
    advice = replace(advice, workload=replace(advice.workload, items=items))
    request = EmitRequest(description, advice, prediction=make_prediction(SERIAL, predicted_s))
    emitted = load_source(emit("monitor", request), f"monitor_{number}", folder)
    (finished,) = instance.get_records_for_run(run_id, of_type=RUN_SUCCESS).records
    context = build_run_status_sensor_context(
        sensor_name="monitor",
        dagster_event=finished.event_log_entry.get_dagster_event(),
        dagster_instance=instance,
        dagster_run=record.dagster_run,
    )
    return emitted.drift_sensor(context).skip_message
