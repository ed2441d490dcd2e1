"""The real docker_executor on a Docker daemon of our own takes what is emitted for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from cluster_runs import run_job
from docker_kit import DaemonMissingError, dockerd, execution
from test_cluster_snippets import emitted

from advisor.history.learning import overhead_from_runs


def test_steps_run_in_containers_with_the_emitted_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dagster_docker", reason="pip install 'dynadvise[docker]'")
    config = yaml.safe_load(emitted("docker-run-config", "docker", slots=None))
    limits = config["execution"]["config"]["container_kwargs"]
    try:
        with dockerd() as url:
            monkeypatch.setenv("DOCKER_HOST", url)
            own = execution(url, tmp_path, at_once=2)
            own["container_kwargs"] |= limits
            ops = {"split": {"items": 2}, "wait_item": {"item_s": 0.2}}
            run = run_job(tmp_path, "docker_items", ops=ops, execution=own)
            held = _limits_of_containers(url)
    except DaemonMissingError as missing:
        pytest.skip(str(missing))
    assert (run.executor, run.status) == ("docker", "success")
    assert held == {(limits["nano_cpus"], int(limits["mem_limit"][:-1]) * 2**20)}
    assert overhead_from_runs([run]).delegated["docker"].steps == 2


def _limits_of_containers(url: str) -> set[tuple[int, int]]:
    """CPU and memory of the containers that are left; nothing removed them."""
    import docker

    listed = docker.DockerClient(base_url=url).api.containers(all=True)
    client = docker.APIClient(base_url=url)
    hosts = [client.inspect_container(each["Id"])["HostConfig"] for each in listed]
    return {(host["NanoCpus"], host["Memory"]) for host in hosts}
