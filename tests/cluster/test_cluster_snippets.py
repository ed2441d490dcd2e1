"""What is emitted for clusters is taken by the libraries whose settings it is."""

from __future__ import annotations

import re
from dataclasses import replace

import dagster as dg
import pytest
import yaml
from factories import make_description, make_saved_profile

from advisor.api.emitting import snippet, snippets_of
from advisor.api.recommend import recommend
from advisor.domain.cluster import BY_WORKERS, DESCRIBED, Cluster, StepSizing
from advisor.domain.errors import DynadviseError
from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.options import AdviseOptions
from advisor.emit.cluster_config import FARGATE, fargate_pair

OWN = {"retries": {"disabled": {}}, "tag_concurrency_limits": [{"key": "db", "limit": 2}]}
# The keys of the official chart's values that are emitted, by their place; the chart's own schema
# lets unknown ones pass, and Helm drops them without a word.
CHART = {
    "runLauncher": {
        "type": "",
        "config": {
            "k8sRunLauncher": {"imagePullPolicy": "", "resources": "any", "envVars": ""},
            "celeryK8sRunLauncher": {"workerQueues": ("name", "replicaCount", "configSource")},
        },
    },
    "dagsterDaemon": {
        "runCoordinator": {
            "enabled": "",
            "type": "",
            "config": {"queuedRunCoordinator": {"maxConcurrentRuns": ""}},
        }
    },
}


def unknown_keys(values: object, known: object, place: str = "") -> list[str]:
    if isinstance(values, dict) and isinstance(known, dict):
        found = [f"{place}.{key}" for key in values if key not in known]
        for key in values.keys() & known.keys():
            found += unknown_keys(values[key], known[key], f"{place}.{key}")
        return found
    if isinstance(values, list) and isinstance(known, tuple):
        return [f"{place}.{key}" for each in values for key in each if key not in known]
    return []


def saved_on(executor: str, **changes: object):
    slots = None if executor in BY_WORKERS else 4
    setting = ExecutorSetting(
        executor, f"{executor}_executor", max_concurrent=slots, user_config=OWN
    )
    saved = make_saved_profile(description=make_description(executor=replace(setting, **changes)))
    return replace(saved, workload=replace(saved.workload, items=200))


def cluster_with(executor: str, **changes: object) -> Cluster:
    described = Cluster("prod", executor, cpu=8, start_s=0.2, runs_at_once=2, slots=8)
    return replace(described, **changes)


def emitted(kind: str, executor: str, **changes: object) -> str:
    saved, cluster = saved_on(executor), cluster_with(executor, **changes)
    options = AdviseOptions(cluster=cluster, change="config")
    return snippet(kind, saved, recommend(saved, options), None, cluster)


def options_of(cluster: Cluster) -> AdviseOptions:
    return AdviseOptions(cluster=cluster, change="config")


def job_on(executor: dg.ExecutorDefinition) -> dg.JobDefinition:
    @dg.op
    def one() -> int:
        return 1

    @dg.job(executor_def=executor)
    def on_cluster() -> None:
        one()

    return on_cluster


def test_run_config_for_kubernetes_is_taken_by_dagster() -> None:
    k8s = pytest.importorskip("dagster_k8s", reason="pip install 'dynadvise[k8s]'")
    text = emitted("k8s-run-config", "k8s")
    config = yaml.safe_load(text)
    dg.validate_run_config(job_on(k8s.k8s_job_executor), config)
    executor = config["execution"]["config"]
    assert executor["max_concurrent"] <= 4  # eight slots and CPUs are shared by two runs
    assert executor.items() >= OWN.items()
    resources = executor["per_step_k8s_config"]["process_chunk"]["container_config"]["resources"]
    assert resources["requests"]["cpu"].endswith("m")
    assert int(resources["requests"]["memory"][:-2]) <= int(resources["limits"]["memory"][:-2])
    assert "cpu" not in resources["limits"]
    for reason in ("all start together", "measured peak", "op's name"):
        assert reason.lower() in " ".join(text.replace("#", " ").split()).lower()


def test_of_a_job_whose_own_pod_is_faster_the_best_of_its_cluster_is_emitted() -> None:
    """Not the job's own way, every pod in parallel: more than two would wait for a tag."""
    saved, cluster = saved_on("k8s", max_concurrent=None), cluster_with("k8s", cpu=4, slots=None)
    saved = replace(saved, workload=replace(saved.workload, items=12))
    text = snippet("k8s-run-config", saved, recommend(saved, options_of(cluster)), None, cluster)
    assert yaml.safe_load(text)["execution"]["config"]["max_concurrent"] == 2
    said = " ".join(text.replace("#", "").split())
    assert "2 x 0.75 CPU requested, of 4 in the quota that 2 runs share" in said
    assert "Faster, and without a pod per step (" in said


def test_a_described_cpu_limit_of_a_step_is_emitted_for_what_was_predicted_with_it() -> None:
    config = yaml.safe_load(emitted("k8s-run-config", "k8s", step_cpu=0.5))
    of_op = config["execution"]["config"]["per_step_k8s_config"]["process_chunk"]
    assert of_op["container_config"]["resources"]["limits"]["cpu"] == "500m"
    docker = yaml.safe_load(emitted("docker-run-config", "docker", slots=None, step_cpu=0.5))
    assert docker["execution"]["config"]["container_kwargs"]["nano_cpus"] == 5 * 10**8


def test_what_is_emitted_fits_the_quota_beside_the_runs_own_pods() -> None:
    """Two runs on eight CPUs, each of whose own pods has two: two CPUs are left for each."""
    text = emitted("k8s-run-config", "k8s", run_pod_cpu=2.0, slots=None)
    config = yaml.safe_load(text)["execution"]["config"]
    resources = config["per_step_k8s_config"]["process_chunk"]["container_config"]["resources"]
    assert config["max_concurrent"] * int(resources["requests"]["cpu"][:-1]) <= 2000
    assert "less 2 for each run's own pod" in " ".join(text.replace("#", "").split())


def test_without_a_start_time_the_jobs_own_pods_are_cut_to_the_quota() -> None:
    saved = saved_on("k8s", max_concurrent=None)
    cluster = cluster_with("k8s", cpu=4, start_s=None, slots=None)
    text = snippet("k8s-run-config", saved, recommend(saved, options_of(cluster)), None, cluster)
    config = yaml.safe_load(text)["execution"]["config"]
    resources = config["per_step_k8s_config"]["process_chunk"]["container_config"]["resources"]
    assert config["max_concurrent"] * int(resources["requests"]["cpu"][:-1]) <= 2000
    assert "not predicted" in text


def test_tags_for_kubernetes_are_taken_by_dagster() -> None:
    k8s = pytest.importorskip("dagster_k8s", reason="pip install 'dynadvise[k8s]'")
    namespace: dict[str, dict[str, object]] = {}
    text = emitted("k8s-tags", "k8s")
    exec(text, namespace)
    assert max(map(len, text.splitlines())) <= 100

    @dg.op(tags=namespace["K8S_CONFIG"])
    def tagged() -> None:
        pass

    parsed = k8s.job.get_user_defined_k8s_config(tagged.tags)
    assert parsed.container_config["resources"]["requests"]


def test_run_config_for_docker_is_taken_by_dagster_and_by_docker_py() -> None:
    docker = pytest.importorskip("dagster_docker", reason="pip install 'dynadvise[docker]'")
    from docker.models.containers import RUN_CREATE_KWARGS, RUN_HOST_CONFIG_KWARGS

    text = emitted("docker-run-config", "docker", slots=None)
    config = yaml.safe_load(text)
    dg.validate_run_config(job_on(docker.docker_executor), config)
    kwargs = config["execution"]["config"]["container_kwargs"]
    assert set(kwargs) <= {*RUN_CREATE_KWARGS, *RUN_HOST_CONFIG_KWARGS}
    assert kwargs["auto_remove"] is False
    assert "DockerRunLauncher" in text
    # One host's cores are shared; a limit below a core would slow each container's start.
    assert kwargs["nano_cpus"] == 10**9
    assert "they share the 8 cores of the host" in " ".join(text.replace("#", "").split())
    assert "requested" not in text


def test_run_config_for_ecs_is_taken_by_dagster() -> None:
    ecs = pytest.importorskip("dagster_aws.ecs", reason="pip install dagster-aws")
    config = yaml.safe_load(emitted("ecs", "ecs"))
    dg.validate_run_config(job_on(ecs.ecs_executor), config)
    executor = config["execution"]["config"]
    assert executor["memory"] in FARGATE[executor["cpu"]]


def test_a_fargate_pair_is_legal_and_large_enough_or_refused() -> None:
    assert fargate_pair(StepSizing(0.25, 100 * 2**20)) == (256, 512)
    assert fargate_pair(StepSizing(0.25, 3 * 2**30)) == (512, 4096)
    with pytest.raises(DynadviseError, match="No Fargate task"):
        fargate_pair(StepSizing(17, 2**30))


def test_helm_values_have_only_keys_of_the_chart() -> None:
    text = emitted("helm-values", "k8s")
    values = yaml.safe_load(text)
    assert unknown_keys(values, CHART) == []
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    assert launcher["envVars"] == ["DAGSTER_STEP_DELEGATING_EXECUTOR_SLEEP_SECONDS=0.3"]
    assert "No Helm value sets an executor's max_concurrent" in " ".join(
        text.replace("#", "").split()
    )


@pytest.mark.parametrize("kind", ["celery", "helm-values"])
def test_celery_k8s_gets_a_queue_of_its_own_with_as_many_slots(kind: str) -> None:
    """In the chart's values, whose launcher stays that of Celery."""
    text = emitted(kind, "celery_k8s")
    values = yaml.safe_load(text)
    assert unknown_keys(values, CHART) == []
    queues = values["runLauncher"]["config"]["celeryK8sRunLauncher"]["workerQueues"]
    assert {queue["name"] for queue in queues} == {"dagster", "fanout"}
    assert queues[1]["configSource"] == {"worker_concurrency": 8}
    assert '"dagster-celery/queue": "fanout"' in text


def test_celery_gets_the_command_of_its_workers_and_no_chart_that_does_not_know_its_task() -> None:
    text = emitted("celery", "celery")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) == 1
    assert lines[0].endswith("-A dagster_celery.app -y celery.yaml -q fanout -- --concurrency=8")
    assert '"dagster-celery/queue": "fanout"' in text
    assert "celery_k8s_job_executor" in text


@pytest.mark.parametrize(
    ("sources", "runs", "origin"),
    [({"runs_at_once": "yours"}, 2, "As you described it"), ({}, 10, "Dagster's default")],
)
def test_the_run_queue_is_taken_by_dagster(sources: dict[str, str], runs: int, origin: str) -> None:
    from dagster._config import Shape, validate_config
    from dagster._core.instance.config import dagster_instance_config_schema

    text = emitted("run-queue", "k8s", sources=sources)
    config = yaml.safe_load(text)
    assert config["concurrency"]["runs"]["max_concurrent_runs"] == runs
    assert origin in text
    assert validate_config(Shape(dagster_instance_config_schema()), config).success


def test_the_run_queue_needs_no_calibration_of_steps() -> None:
    """As a profile that was read from past runs on Ray has none."""
    saved, cluster = saved_on("ray"), cluster_with("ray")
    advice = recommend(saved, options_of(cluster))
    bare = replace(saved, overhead=replace(saved.overhead, multiprocess={}))
    assert "max_concurrent_runs: " in snippet("run-queue", bare, advice, None, cluster)


def test_the_advice_itself_carries_the_clusters_run_config() -> None:
    saved = saved_on("k8s")
    cluster = cluster_with("k8s", run_start_s=0.0)
    advice = recommend(saved, AdviseOptions(cluster=cluster, change="config"))
    on_pods = next(p for p in advice.candidates if p.candidate.executor == "k8s" and p.allowed)
    snippets = snippets_of(saved, replace(advice, config_only=on_pods), cluster)
    assert "per_step_k8s_config" in snippets.run_config


@pytest.mark.parametrize("executor", DESCRIBED)
def test_code_of_an_advice_for_a_cluster_imports_its_executor(executor: str) -> None:
    saved, cluster = saved_on(executor), cluster_with(executor)
    advice = recommend(saved, options_of(cluster))
    on_cluster = next(way for way in advice.candidates if way.candidate.executor == executor)
    code = snippets_of(saved, replace(advice, recommendation=on_cluster), cluster).python
    (name,) = re.findall(r"from dagster_\S+ import (\w+_executor)\n", code)
    assert f"advised_executor = {name}" in code


def test_code_with_workers_is_for_a_way_that_the_environment_allows() -> None:
    saved = saved_on("k8s")
    options = AdviseOptions(cluster=cluster_with("k8s"), environment="prod")
    text = snippet("workers", saved, recommend(saved, options), None, options.cluster)
    assert "execute_in_process" not in text


def test_what_cannot_be_emitted_is_refused_with_the_way_out() -> None:
    saved = make_saved_profile()
    with pytest.raises(DynadviseError) as refused:
        snippet("k8s-run-config", saved, recommend(saved, AdviseOptions()))
    assert "--cluster NAME" in str(refused.value)
    unmeasured = saved_on("k8s")
    workload = replace(unmeasured.workload, resources_measured=False)
    unmeasured = replace(unmeasured, workload=workload)
    with pytest.raises(DynadviseError, match="memory was not measured"):
        snippet("k8s-run-config", unmeasured, recommend(unmeasured, AdviseOptions()))


def test_run_config_that_dagster_would_ignore_says_where_it_goes_instead() -> None:
    k8s = pytest.importorskip("dagster_k8s", reason="pip install 'dynadvise[k8s]'")
    saved, cluster = saved_on("k8s", fixed_by_code=("max_concurrent",)), cluster_with("k8s")
    advice = recommend(saved, AdviseOptions(cluster=cluster, change="config"))
    text = snippet("k8s-run-config", saved, advice, None, cluster)
    assert "put what stands below `config` into that call" in " ".join(
        text.replace("#", "").split()
    )
    inner = yaml.safe_load(text)["execution"]["config"]
    dg.validate_run_config(job_on(k8s.k8s_job_executor.configured(inner)))


def test_ways_of_a_cluster_that_are_too_slow_are_the_reason_of_the_refusal() -> None:
    saved = make_saved_profile()
    cluster = cluster_with("ecs", start_s=400.0)
    advice = recommend(saved, AdviseOptions(cluster=cluster))
    with pytest.raises(DynadviseError, match="takes at least"):
        snippet("ecs", saved, advice, None, cluster)
