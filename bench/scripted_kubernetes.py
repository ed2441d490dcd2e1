"""A scripted Kubernetes: what dagster-k8s uses of its API, each Job a process of this host.

Pods wait until a node has the CPU and memory that they request, start after a scripted time, are
killed above their memory limit, and compute under their CPU limit where a control group can be had.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
from pod_process import ColdProcess, ContainerProcess, WarmProcess

from advisor.measure.whole_step import cpu_group

_SUFFIXES = {
    "m": 1e-3,
    "": 1.0,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
}
_LOOK_S = 0.1
"""How often a process's memory is looked at."""


@dataclass
class Node:
    """What is free on it."""

    cpu: float = 1e6
    memory_bytes: float = 2.0**60


@dataclass
class Pod:
    """A Job and its one pod; times are Unix seconds."""

    name: str
    body: dict[str, Any]
    created_s: float = field(default_factory=time.time)
    scheduled_s: float | None = None
    started_s: float | None = None
    finished_s: float | None = None
    exit_code: int | None = None
    reason: str = ""
    peak_bytes: int = 0
    process: ContainerProcess | None = None

    @property
    def container(self) -> dict[str, Any]:
        return self.body["spec"]["template"]["spec"]["containers"][0]

    def resource(self, kind: str, name: str) -> float | None:
        """A request or limit; None where it is not set."""
        spelled = ((self.container.get("resources") or {}).get(kind) or {}).get(name)
        return None if spelled is None else quantity(str(spelled))


def quantity(spelled: str) -> float:
    """``500m``, ``384Mi``, ``2``."""
    matched = re.fullmatch(r"([\d.]+)([a-zA-Z]*)", spelled)
    assert matched, spelled
    return float(matched[1]) * _SUFFIXES[matched[2]]


class ScriptedKubernetes:
    """The cluster.

    Args:
        nodes: What they have.
        start_s: From a pod's schedule to the start of its process.
        warm: Whether processes are forked from one that has imported Dagster.
    """

    def __init__(self, nodes: list[Node], *, start_s: float, warm: bool = False) -> None:
        self.nodes, self.start_s, self.warm = nodes, start_s, warm
        self.pods: dict[str, Pod] = {}
        self.room = threading.Condition()

    def create(self, body: dict[str, Any]) -> Pod:
        pod = Pod(body["metadata"]["name"], body)
        self.pods[pod.name] = pod
        threading.Thread(target=self._run, args=(pod,), daemon=True).start()
        return pod

    def delete(self, name: str) -> None:
        pod = self.pods.pop(name)
        if pod.process:
            pod.process.kill()

    def _run(self, pod: Pod) -> None:
        cpu = pod.resource("requests", "cpu") or 0.0
        memory_bytes = pod.resource("requests", "memory") or 0.0
        with self.room:
            self.room.wait_for(lambda: self._node(cpu, memory_bytes) is not None)
            node = self._node(cpu, memory_bytes)
            assert node is not None
            node.cpu -= cpu
            node.memory_bytes -= memory_bytes
        pod.scheduled_s = time.time()
        time.sleep(self.start_s)
        try:
            with cpu_group(pod.resource("limits", "cpu")) as group:
                self._process(pod, group)
        finally:
            with self.room:
                pod.finished_s = time.time()
                node.cpu += cpu
                node.memory_bytes += memory_bytes
                self.room.notify_all()

    def _node(self, cpu: float, memory_bytes: float) -> Node | None:
        fitting = (n for n in self.nodes if n.cpu >= cpu and n.memory_bytes >= memory_bytes)
        return next(fitting, None)

    def _process(self, pod: Pod, group: Path | None) -> None:
        env = {each["name"]: each.get("value") or "" for each in pod.container.get("env") or ()}
        limit = pod.resource("limits", "memory")
        kind = WarmProcess if self.warm else ColdProcess
        pod.started_s = time.time()
        pod.process = kind(pod.container["args"], env, group)
        while (code := pod.process.wait(_LOOK_S)) is None:
            with suppress(psutil.NoSuchProcess):
                pod.peak_bytes = max(
                    pod.peak_bytes, psutil.Process(pod.process.pid).memory_info().rss
                )
            if limit and pod.peak_bytes > limit:
                pod.reason = "OOMKilled"
                pod.process.kill()
        pod.exit_code = code

    # -- as the API gives it --------------------------------------------------------------------
    def job(self, pod: Pod) -> dict[str, Any]:
        """The Job with its status."""
        counts: dict[str, int] = {"active": 1}
        if pod.exit_code is not None:
            counts = {"succeeded": 1} if pod.exit_code == 0 else {"failed": 1}
        return {**pod.body, "kind": "Job", "apiVersion": "batch/v1", "status": counts}

    def pod_list(self) -> dict[str, Any]:
        """What ``kubectl get pods -o json`` prints."""
        return {"kind": "PodList", "apiVersion": "v1", "items": list(map(_pod, self.pods.values()))}


def _moment(unix_s: float | None) -> str | None:
    """In whole seconds, as Kubernetes has it."""
    return unix_s and datetime.fromtimestamp(unix_s, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _pod(pod: Pod) -> dict[str, Any]:
    condition = {"type": "PodScheduled", "lastTransitionTime": _moment(pod.scheduled_s)}
    condition["status"] = "False" if pod.scheduled_s is None else "True"
    started = {"startedAt": _moment(pod.started_s)}
    if pod.exit_code is not None:
        ended = {**started, "finishedAt": _moment(pod.finished_s), "exitCode": pod.exit_code}
        state = {"terminated": {**ended, "reason": pod.reason or "Completed"}}
    else:
        state = {"running": started} if pod.started_s else {"waiting": {}}
    labels = (pod.body["metadata"].get("labels")) or {}
    return {
        "metadata": {
            "name": pod.name, "labels": labels, "creationTimestamp": _moment(pod.created_s)
        },
        "spec": pod.body["spec"]["template"]["spec"],
        "status": {
            "conditions": [condition],
            "containerStatuses": [{"name": "dagster", "restartCount": 0, "state": state}],
        },
    }  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    cluster: ScriptedKubernetes

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(201, self.cluster.job(self.cluster.create(body)))

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].split("/")
        if "jobs" not in path:
            self._answer(200, self.cluster.pod_list())
            return
        pod = self.cluster.pods.get(path[path.index("jobs") + 1])
        found = {"kind": "Status", "reason": "NotFound"} if pod is None else self.cluster.job(pod)
        self._answer(404 if pod is None else 200, found)

    def do_DELETE(self) -> None:
        self.cluster.delete(self.path.partition("?")[0].rpartition("/")[2])
        self._answer(200, {"kind": "Status", "status": "Success"})

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nothing: the console is for results."""


@contextmanager
def served(cluster: ScriptedKubernetes, folder: Path) -> Iterator[Path]:
    """The cluster behind a port of its own; gives the kubeconfig that leads to it."""
    handler = type("Handler", (_Handler,), {"cluster": cluster})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    file = folder / "kubeconfig.json"  # JSON is YAML
    file.write_text(json.dumps(_kubeconfig(server.server_address[1])))
    try:
        yield file
    finally:
        server.shutdown()
        server.server_close()
        for pod in cluster.pods.values():
            if pod.process and pod.exit_code is None:
                pod.process.kill()


def _kubeconfig(port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "scripted",
        "clusters": [{"name": "scripted", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [
            {"name": "scripted", "context": {"cluster": "scripted", "user": "nobody"}}
        ],
    }  # fmt: skip


def dagster_yaml(kubeconfig: Path) -> dict[str, Any]:
    """The instance's run launcher, from which the executor takes its image and configuration."""
    return {
        "run_launcher": {
            "module": "dagster_k8s",
            "class": "K8sRunLauncher",
            "config": {
                "service_account_name": "dagster",
                "job_image": "scripted:1",
                "instance_config_map": "dagster-instance",
                "dagster_home": "/opt/dagster",
                "load_incluster_config": False,
                "kubeconfig_file": str(kubeconfig),
            },
        },
        "telemetry": {"enabled": False},
    }
