"""The real k8s_job_executor against a scripted Jobs API, and what its log teaches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cluster_runs import run_job
from scripted_kubernetes import Node, ScriptedKubernetes, dagster_yaml, served

from advisor.domain.observed import ObservedRun
from advisor.history.learning import overhead_from_runs
from advisor.history.pods import read_pods

START_S = 0.7


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("k8s")


@pytest.fixture(scope="module")
def cluster() -> ScriptedKubernetes:
    """One CPU: room for two pods of 500m, though three are launched in parallel."""
    return ScriptedKubernetes([Node(cpu=1.0)], start_s=START_S)


@pytest.fixture(scope="module")
def run(home: Path, cluster: ScriptedKubernetes) -> ObservedRun:
    resources = {"requests": {"cpu": "500m", "memory": "384Mi"}, "limits": {"memory": "1Gi"}}
    execution = {
        "max_concurrent": 3,
        "step_k8s_config": {"container_config": {"resources": resources}},
    }
    ops = {"split": {"items": 3}, "wait_item": {"item_s": 0.3}}
    with served(cluster, home) as kubeconfig:
        settings = dagster_yaml(kubeconfig)
        return run_job(home, "k8s_items", ops=ops, execution=execution, dagster_yaml=settings)


def test_pods_wait_for_the_room_that_they_request(
    run: ObservedRun, cluster: ScriptedKubernetes
) -> None:
    assert (run.executor, run.status, len(cluster.pods)) == ("k8s", "success", 5)
    pods = list(cluster.pods.values())
    for pod in pods:
        at_s = pod.scheduled_s
        ended = [each for each in pods if each.finished_s and each.finished_s <= at_s]
        begun = [each for each in pods if each.scheduled_s <= at_s]
        assert len(begun) - len(ended) <= 2


def test_what_kubectl_would_print_of_them_is_read(
    run: ObservedRun, cluster: ScriptedKubernetes, tmp_path: Path
) -> None:
    file = tmp_path / "pods.json"
    file.write_text(json.dumps(cluster.pod_list()))
    times = read_pods(file)
    assert (times.pods, times.restarts, times.killed_for_memory) == (5, 0, 0)


def test_the_log_teaches_what_a_step_costs_there(run: ObservedRun) -> None:
    seen = overhead_from_runs([run]).delegated["k8s"]
    assert seen.steps == 3
    assert seen.start_s.p10 > START_S
    assert seen.launch_s is not None
    assert seen.begin_s > 0


def test_a_pod_above_its_memory_limit_is_killed(tmp_path: Path) -> None:
    cluster = ScriptedKubernetes([Node()], start_s=0.0)
    limits = {"resources": {"limits": {"memory": "1Mi"}}, "args": ["dagster", "--version"]}
    template = {"spec": {"containers": [limits]}}
    pod = cluster.create({"metadata": {"name": "step"}, "spec": {"template": template}})
    with cluster.room:
        assert cluster.room.wait_for(lambda: pod.finished_s is not None, timeout=60)
    assert (pod.reason, cluster.job(pod)["status"]) == ("OOMKilled", {"failed": 1})
