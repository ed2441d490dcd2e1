"""Pods as ``kubectl get pods -o json`` prints them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from advisor.cli import cli
from advisor.domain.errors import ConfigurationError
from advisor.history.pods import read_pods


def pod(scheduled: str, started: str | None, **last: str) -> dict[str, Any]:
    state = {"running": {"startedAt": f"2026-11-12T10:00:{started}Z"}} if started else {}
    return {
        "metadata": {"creationTimestamp": "2026-11-12T10:00:00Z"},
        "status": {
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "True",
                    "lastTransitionTime": f"2026-11-12T10:00:{scheduled}Z",
                }
            ],
            "containerStatuses": [
                {"restartCount": len(last), "state": state, "lastState": {"terminated": last}}
            ],
        },
    }


def test_pending_and_start_are_told_apart_and_what_was_killed(tmp_path: Path) -> None:
    file = tmp_path / "pods.json"
    pods = [pod("01", "09"), pod("20", "28"), pod("02", "10", reason="OOMKilled"), pod("05", None)]
    file.write_text(json.dumps({"items": pods}))
    times = read_pods(file)
    assert (times.pods, times.started, times.restarts, times.killed_for_memory) == (4, 3, 1, 1)
    assert times.start_s.median == pytest.approx(8.0)
    assert times.pending_s.median == pytest.approx(2.0)
    said = " ".join(times.sentences)
    assert 'start = "8.0s"' in said
    assert "3 of 4 pods of steps started" in said
    assert "1 container killed above the memory limit (OOMKilled)" in said


def test_the_first_pod_on_a_node_tells_what_its_pull_took(tmp_path: Path) -> None:
    """Later ones find the image there; what starts while it is pulled waits for it as well."""
    file = tmp_path / "pods.json"
    times = {"a": [("01", "31"), ("02", "32"), ("40", "42")], "b": [("03", "25"), ("26", "28")]}
    pods = [
        pod(*moments) | {"spec": {"nodeName": node}}
        for node, of_node in times.items()
        for moments in of_node
    ]
    file.write_text(json.dumps({"items": pods}))
    assert read_pods(file).pull_s == pytest.approx(24.0)  # 28 on a, 20 on b
    assert "the first on a node 24 s more: its image" in read_pods(file).sentences[0]
    file.write_text(json.dumps({"items": pods[:2]}))
    assert read_pods(file).pull_s is None
    assert "pull and start" in read_pods(file).sentences[0]


def test_the_pod_of_the_run_itself_is_no_step(tmp_path: Path) -> None:
    file = tmp_path / "pods.json"
    own = pod("10", "40")
    own["metadata"]["labels"] = {"app.kubernetes.io/component": "run_worker"}
    file.write_text(json.dumps({"items": [own, pod("01", "03")]}))
    times = read_pods(file)
    assert (times.pods, times.start_s.median, times.run_start_s) == (1, 2.0, 40.0)
    assert 'start = "2.0s", run-start = "40.0s".' in times.sentences[0]
    file.write_text(json.dumps({"items": [own]}))
    with pytest.raises(ConfigurationError, match="No pod of a step"):
        read_pods(file)


def test_pods_are_read_where_no_instance_is_at_hand(tmp_path: Path, monkeypatch) -> None:
    """The command that a prediction without a start time names."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    file = tmp_path / "pods.json"
    file.write_text(json.dumps({"items": [pod("01", "09")]}))
    told = CliRunner().invoke(cli, ["analyze", "--pods", str(file)])
    assert (told.exit_code, 'start = "8.0s"' in told.stdout) == (0, True)
    given = CliRunner().invoke(cli, ["analyze", "--pods", str(file), "--format", "json"])
    assert json.loads(given.stdout)["pods"]["start_s"]["median"] == 8.0


@pytest.mark.parametrize("text", ["{}", "[1]", "no JSON", '{"items": []}'])
def test_what_is_no_list_of_pods_is_refused_with_the_command(tmp_path: Path, text: str) -> None:
    file = tmp_path / "pods.json"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        read_pods(file)
    assert "kubectl get pods" in str(refused.value)
