"""Every kind of snippet runs as pasted, on a real instance, and gives the job's own results."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from dataclasses import replace

import pytest
import yaml
from dagster import (
    DagsterInstance,
    Definitions,
    build_run_status_sensor_context,
    execute_job,
    reconstructable,
    validate_run_config,
)
from emission import (
    JOBS,
    describe_job,
    load_job,
    load_source,
    request_for,
    ruff_complaints,
    run_script,
)
from factories import make_advice, make_prediction, make_sample, make_workload_profile

from advisor.api.emitting import ON_CLUSTERS
from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError
from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.workload import TargetReference
from advisor.emit import KINDS, EmitRequest, emit

SEED = ("emit_seed_job", "seed_job")
SMALL = ("emit_small_job", "small_job")
WARM_2 = Candidate(
    "execute_job", "multiprocess", "forkserver", ("emit_seed_job", "sqlalchemy"), max_concurrent=2
)
SPAWN_2 = Candidate("execute_job", "multiprocess", "spawn", max_concurrent=2)
IN_PROCESS = Candidate("execute_in_process", "in_process")
THREADS_ALL = Candidate(
    "execute_job", "in_process", batch_size=99, workers_in_op=8, worker_kind="thread"
)
PROCESSES_3 = Candidate(
    "execute_job",
    "multiprocess",
    "spawn",
    max_concurrent=2,
    batch_size=3,
    workers_in_op=2,
    worker_kind="process",
)
THREADS_3 = replace(THREADS_ALL, batch_size=3)
BATCHES_WARM_3 = replace(WARM_2, batch_size=3)


@pytest.fixture
def instance(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    with DagsterInstance.local_temp(str(home)) as made:
        yield made


def asynchronous(description):
    return replace(
        description, mapped=tuple(replace(op, is_async=True) for op in description.mapped)
    )


def emit_for(kind, module, attribute, candidate, *, plain=False):
    description = describe_job(module, attribute, plain=plain)
    if kind == "async":
        description = asynchronous(description)
    return emit(kind, request_for(description, candidate))


# --- run config


@pytest.mark.parametrize("candidate", [WARM_2, SPAWN_2, IN_PROCESS, THREADS_ALL])
@pytest.mark.parametrize("setting", ["default", "multiprocess", "in_process"])
def test_run_config_is_valid_for_the_job_whatever_its_executor(candidate, setting):
    from dagster import in_process_executor, multiprocess_executor

    job = load_job(*SEED)
    described = describe_job(*SEED)
    if setting == "multiprocess":
        job = job.graph.to_job(name="seed_job", executor_def=multiprocess_executor)
        paths = {"config_path": ("execution", "config"), "in_process_config_path": None}
        described = replace(
            described, executor=ExecutorSetting("multiprocess", "multiprocess", **paths)
        )
    elif setting == "in_process":
        job = job.graph.to_job(name="seed_job", executor_def=in_process_executor)
        paths = {"config_path": None, "in_process_config_path": ("execution", "config")}
        described = replace(
            described, executor=ExecutorSetting("in_process", "in_process", **paths)
        )

    text = emit("run-config", request_for(described, candidate))

    validate_run_config(job, yaml.safe_load(text) or {})


def test_run_config_nests_under_the_executor_that_the_job_chooses_by_default():
    text = emit("run-config", request_for(describe_job(*SEED), WARM_2))

    config = yaml.safe_load(text)["execution"]["config"]["multiprocess"]
    assert config["max_concurrent"] == 2
    assert config["start_method"]["forkserver"]["preload_modules"] == list(WARM_2.preload_modules)


def test_run_config_carries_date_figures_and_a_reason_for_each_setting():
    text = emit("run-config", request_for(describe_job(*SEED), WARM_2))

    header = " ".join(line.lstrip("# ") for line in text.split("execution:")[0].splitlines())
    assert "2026-01-02" in header
    assert "8 items of 0.50 s" in header
    assert "3.5x faster than the job as it is configured now" in header
    lines = text.splitlines()
    for key in ("max_concurrent:", "start_method:", "preload_modules:"):
        place = next(i for i, line in enumerate(lines) if line.strip().startswith(key))
        assert lines[place - 1].strip().startswith("# ")


def test_run_config_says_what_the_jobs_code_fixes_and_leaves_it_out():
    setting = ExecutorSetting(
        "multiprocess",
        "multiprocess",
        config_path=("execution", "config"),
        fixed_by_code=("max_concurrent",),
    )
    described = replace(describe_job(*SEED), executor=setting)

    text = emit("run-config", request_for(described, WARM_2))

    assert "configured(...), which ignores run config: max_concurrent" in " ".join(text.split())
    assert "max_concurrent" not in yaml.safe_load(text)["execution"]["config"]


def test_run_config_of_a_code_change_is_the_best_that_config_alone_gives():
    text = emit("run-config", request_for(describe_job(*SEED), THREADS_ALL))

    advised = make_advice().config_only.candidate
    config = yaml.safe_load(text)["execution"]["config"]["multiprocess"]
    assert config["max_concurrent"] == advised.max_concurrent
    assert "emit " in text
    assert " --as batch`" in text


# --- python, environments, async


@pytest.mark.parametrize("candidate", [SPAWN_2, IN_PROCESS], ids=["spawn", "in_process"])
def test_python_runs_the_job_and_run_config_can_still_override(candidate, tmp_path, instance):
    module = load_source(emit_for("python", *SEED, candidate), "emitted_python", tmp_path)
    job = module.advised_job

    assert "8 items of 0.50 s" in " ".join(job.description.split())
    assert isinstance(module.defs, Definitions)
    if candidate is IN_PROCESS:
        result = job.execute_in_process(instance=instance)
        assert result.output_for_node("merge") == list(range(0, 70, 10))
    else:
        from dagster._core.system_config.objects import ResolvedRunConfig

        given = {"execution": {"config": {"max_concurrent": 7}}}
        resolved = ResolvedRunConfig.build(job, given).execution.execution_engine_config
        assert resolved["max_concurrent"] == 7
        assert "spawn" in resolved["start_method"]


def test_python_for_an_op_without_a_job_gives_definitions_an_executor(tmp_path):
    described = bare_op()

    module = load_source(
        emit("python", request_for(described, WARM_2)), "emitted_python_bare", tmp_path
    )

    assert module.defs.executor is module.advised_executor


def bare_op():
    return replace(
        describe_job(*SEED),
        kind="op",
        job_name=None,
        fan_out=None,
        executor=None,
        graph=(),
        target=TargetReference(
            "emit_seed_job:process", "emit_seed_job", None, "process", None, "."
        ),
    )


@pytest.mark.parametrize("name", ["dev", "test", "prod"])
def test_environments_choose_the_way_by_variable(name, tmp_path, monkeypatch, instance):
    monkeypatch.setenv("DAGSTER_ENVIRONMENT", name)
    monkeypatch.setenv("DAGSTER_HOME", str(instance.root_directory))
    candidate = replace(WARM_2, preload_modules=("emit_seed_job", "dagster"))

    module = load_source(emit_for("environments", *SMALL, candidate), f"emitted_{name}", tmp_path)
    result = module.run()

    assert result.success
    started = [e for e in result.all_events if e.event_type_value == "STEP_WORKER_STARTING"]
    assert bool(started) == (name != "dev")


def test_environments_refuse_an_unknown_one(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_ENVIRONMENT", "staging")

    with pytest.raises(ValueError, match=r"staging.*dev, test, prod"):
        load_source(emit_for("environments", *SEED, WARM_2), "emitted_staging", tmp_path)


def test_async_refuses_an_op_that_would_block_the_loop():
    with pytest.raises(DynadviseError, match="process is not `async def`"):
        emit("async", request_for(describe_job(*SEED), WARM_2))


def test_async_says_that_it_was_not_predicted_where_the_model_has_not_seen_it():
    text = emit_for("async", "emit_odd_ops_job", "odd_ops_job", WARM_2)

    assert "not predicted" in text
    assert "4.1 s" not in text
    assert "from dagster_async_executor import async_executor" in text


@pytest.mark.skipif(
    importlib.util.find_spec("dagster_async_executor") is None, reason="the extra is not installed"
)
def test_async_runs_on_the_async_executor(tmp_path, instance):
    source = emit_for("async", "emit_odd_ops_job", "odd_ops_job", WARM_2)
    load_source(source, "emitted_async", tmp_path)
    load_source(
        "from emitted_async import advised_job\n\n\ndef made():\n    return advised_job\n",
        "emitted_async_maker",
        tmp_path,
    )
    maker = importlib.import_module("emitted_async_maker")

    with execute_job(reconstructable(maker.made), instance=instance) as result:
        assert result.success
        original = load_job("emit_odd_ops_job", "odd_ops_job").execute_in_process()
        assert result.output_for_node("merge_all") == original.output_for_node("merge_all")


# --- instrument, monitor, troubleshooting, dagster.yaml


@pytest.mark.parametrize(
    ("module", "attribute", "last"),
    [
        (*SEED, "merge"),
        ("emit_configured_job", "configured_job", "merge"),
        ("emit_odd_ops_job", "odd_ops_job", "merge_all"),
    ],
)
def test_instrument_adds_figures_to_the_outputs_and_keeps_the_results(
    module, attribute, last, tmp_path
):
    emitted = load_source(
        emit_for("instrument", module, attribute, WARM_2), f"timed_{attribute}", tmp_path
    )

    result = emitted.instrumented_job.execute_in_process()

    original = load_job(module, attribute).execute_in_process()
    assert result.output_for_node(last) == original.output_for_node(last)
    outputs = [
        event.event_specific_data.metadata
        for event in result.all_events
        if event.event_type_value == "STEP_OUTPUT" and "[" in event.step_key
    ]
    assert outputs
    for metadata in outputs:
        assert metadata["wall_s"].value >= 0
        assert {"cpu_s", "items", "wall_s_per_item", "cpu_share"} <= set(metadata)


def finished_run(module, attribute, instance):
    result = load_job(module, attribute).execute_in_process(instance=instance)
    event = next(e for e in result.all_events if e.event_type_value == "PIPELINE_SUCCESS")
    return result.dagster_run, event


@pytest.mark.parametrize(
    ("median_s", "verdict"), [(1000.0, "faster than"), (0.0001, "slower than")]
)
def test_monitor_reports_the_drift_of_a_finished_run(median_s, verdict, tmp_path, instance):
    request = replace(
        request_for(describe_job(*SEED), WARM_2), prediction=make_prediction(WARM_2, median_s)
    )
    module = load_source(emit("monitor", request), f"emitted_monitor_{verdict[:4]}", tmp_path)
    run, event = finished_run(*SEED, instance)
    context = build_run_status_sensor_context(
        sensor_name="seed_job_drift",
        dagster_event=event,
        dagster_instance=instance,
        dagster_run=run,
    )

    said = module.drift_sensor(context)

    assert verdict in said.skip_message
    assert "7 items" in said.skip_message
    assert float(instance.get_run_by_id(run.run_id).tags["dynadvise/drift"]) > 0


def test_monitor_leaves_other_jobs_alone(tmp_path, instance):
    source = emit("monitor", request_for(describe_job(*SEED), WARM_2))
    module = load_source(source, "emitted_monitor_other", tmp_path)
    run, event = finished_run("emit_chain_job", "chain_job", instance)
    context = build_run_status_sensor_context(
        sensor_name="seed_job_drift",
        dagster_event=event,
        dagster_instance=instance,
        dagster_run=run,
    )

    assert "not watched" in module.drift_sensor(context).skip_message


def test_troubleshooting_runs_as_a_script(tmp_path):
    script = tmp_path / "run_it.py"
    script.write_text(emit_for("troubleshooting", *SMALL, SPAWN_2_PRELOADED), encoding="utf-8")

    done = run_script(script, tmp_path / "new" / "home")

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("succeeded")
    assert (tmp_path / "new" / "home" / "dagster.yaml").exists()


SPAWN_2_PRELOADED = replace(WARM_2, preload_modules=("emit_seed_job",))


def test_dagster_yaml_says_nothing_where_the_advice_needs_nothing():
    prediction = make_prediction(IN_PROCESS, 4.0, peak_memory_bytes=2**20)
    request = EmitRequest(describe_job(*SEED), make_advice(), prediction=prediction)

    assert yaml.safe_load(emit("dagster-yaml", request)) is None


def test_dagster_yaml_holds_pool_run_limit_compute_logs_and_retention_and_dagster_takes_it(
    tmp_path,
):
    advice = make_advice()
    advice = replace(advice, workload=replace(advice.workload, items=5000))
    described = describe_job(*SEED)
    described = replace(described, mapped=tuple(replace(op, pool="db") for op in described.mapped))
    calls = (make_sample(0, connections=2),)
    profile = make_workload_profile()
    profile = replace(profile, ops=(replace(profile.ops[0], later_calls=calls),))
    request = EmitRequest(
        described,
        advice,
        prediction=make_prediction(WARM_2, 100.0),
        workload=profile,
        max_connections=9,
    )

    text = emit("dagster-yaml", request)

    (tmp_path / "dagster.yaml").write_text(text, encoding="utf-8")
    with DagsterInstance.from_config(str(tmp_path)) as made:
        pools = made.get_concurrency_config().pool_config
        assert pools.pool_granularity.value == "op"
        assert pools.default_pool_limit == 4
        assert made.get_concurrency_config().run_queue_config.max_concurrent_runs == 8
        assert type(made.compute_log_manager).__name__ == "NoOpComputeLogManager"
    assert "dagster instance concurrency set db 4" in text
    halved = replace(advice, host=replace(advice.host, memory_headroom=0.5))
    assert "max_concurrent_runs: 4" in emit("dagster-yaml", replace(request, advice=halved))


def test_a_pool_keeps_the_limit_that_the_instance_has_and_is_named_for_the_op_that_holds():
    described = describe_job("emit_chain_job", "chain_job")
    first, *_, last = (op.name for op in described.mapped)
    mapped = (*described.mapped[:-1], replace(described.mapped[-1], pool="db"))
    pooled = replace(described, mapped=mapped, pool_limits={"db": 3})
    text = emit("dagster-yaml", request_for(pooled, WARM_2))
    assert "dagster instance concurrency set db 3" in text

    profile = make_workload_profile().ops[0]
    calls = (make_sample(0, connections=2),)
    ops = tuple(replace(profile, handle=op.handle) for op in described.mapped)
    ops = (*ops[:-1], replace(ops[-1], later_calls=calls))
    workload = replace(make_workload_profile(), ops=ops)
    request = request_for(described, WARM_2, workload=workload, max_connections=4)
    text = emit("dagster-yaml", request)
    assert yaml.safe_load(text)["concurrency"]["pools"]["default_limit"] == 2
    assert f'@op(pool="db") on {last}' in " ".join(text.replace("#", "").split())
    assert first not in text


# --- all kinds


def everything_emitted():
    cases = [SEED, ("emit_chain_job", "chain_job"), ("emit_configured_job", "configured_job")]
    for kind in (kind for kind in KINDS if kind not in ON_CLUSTERS):
        for module, attribute in cases:
            for candidate in (WARM_2, IN_PROCESS, THREADS_ALL, PROCESSES_3):
                if kind == "workers" and candidate.workers_in_op == 1:
                    continue
                name = f"{kind}_{attribute}_{candidate.label}".replace("-", "_")
                yield name, kind, emit_for(kind, module, attribute, candidate)
    for module, attribute in (SEED, ("emit_plain_jobs", "long_chain_job")):
        for candidate in (BATCHES_WARM_3, THREADS_ALL, THREADS_3, PROCESSES_3):
            text = emit_for("batch", module, attribute, candidate, plain=True)
            yield f"plain_{attribute}_{candidate.label}", "batch", text


def test_emitted_python_is_as_ruff_formats_and_lints_it(tmp_path):
    for name, kind, text in everything_emitted():
        if kind not in ("run-config", "dagster-yaml"):
            safe = "".join(c if c.isalnum() else "_" for c in name)
            (tmp_path / f"{safe}.py").write_text(text, encoding="utf-8")

    assert not ruff_complaints(tmp_path, "--config", f"src = ['{JOBS}']")


def test_emitted_code_imports_nothing_of_dynadvise_and_is_the_same_twice():
    for name, kind, text in everything_emitted():
        if kind in ("run-config", "dagster-yaml"):
            continue
        imported = [
            alias.name if isinstance(node, ast.Import) else node.module
            for node in ast.walk(ast.parse(text))
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        ]
        assert not [module for module in imported if module.split(".")[0] == "advisor"], name
    again = {name: text for name, _, text in everything_emitted()}
    assert again == {name: text for name, _, text in everything_emitted()}


def test_an_unknown_kind_names_the_known_ones():
    with pytest.raises(DynadviseError, match="'poem'") as caught:
        emit("poem", request_for(describe_job(*SEED), WARM_2))

    assert all(kind in caught.value.hint for kind in KINDS)
