"""A Docker daemon of our own, with an image of nothing and this host's folders mounted in it."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pod_process import HERE, image_environment

_FLAGS = ("--storage-driver=vfs", "--iptables=false", "--ip6tables=false", "--bridge=none")
_WITHIN_S = 60.0
IMAGE = "dynadvise-host:1"
_PATHS = [Path(path).resolve().parts for path in (sys.prefix, sys.base_prefix, HERE)]
# /tmp itself is the container's own
_OWN = {"/" + "/".join(parts[1 : 3 if parts[1] == "tmp" else 2]) for parts in _PATHS}
READ_ONLY = sorted({"/bin", "/etc", "/lib", "/lib64", "/opt", "/sbin", "/usr", *_OWN})
"""Of this host, in each container."""


class DaemonMissingError(Exception):
    """No daemon could be started; says what was tried."""


@contextmanager
def dockerd() -> Iterator[str]:
    """The URL of a daemon in a folder of its own; it holds `IMAGE`.

    Raises:
        DaemonMissingError: It is not installed, or does not start here.
    """
    if shutil.which("dockerd") is None:
        raise DaemonMissingError("dockerd is not installed")
    folder = Path(tempfile.mkdtemp(prefix="dynadvise-docker-"))
    url = f"unix://{folder}/docker.sock"
    log = folder / "log"
    command = ["dockerd", "-H", url, "--data-root", str(folder / "data")]
    if (group := _own_group()) != "/":
        command += ["--cgroup-parent", group]
    command += ["--exec-root", str(folder / "exec"), "-p", str(folder / "pid"), *_FLAGS]
    with log.open("w") as out:
        daemon = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    try:
        _ready(url, daemon, log, " ".join(("dockerd", *_FLAGS)))
        yield url
    finally:
        daemon.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(daemon.pid, signal.SIGKILL)
        # The daemon leaves this mount, which cannot be removed as a file.
        left = folder / "exec" / "netns" / "default"
        subprocess.run(["umount", str(left)], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def _own_group() -> str:
    """This process's control group for CPU (cgroup v1): containers are weighed as it is."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, kinds, path = line.split(":", 2)
        if "cpu" in kinds.split(","):
            return path
    return "/"


def _ready(url: str, daemon: subprocess.Popen[bytes], log: Path, tried: str) -> None:
    import docker

    until_s = time.monotonic() + _WITHIN_S
    while daemon.poll() is None and time.monotonic() < until_s:
        try:
            client = docker.DockerClient(base_url=url)
            client.ping()
        except docker.errors.DockerException:
            time.sleep(0.2)
            continue
        client.api.import_image_from_data(_empty(), *IMAGE.split(":"))
        return
    last = (log.read_text().strip().splitlines() or ["no output"])[-1]
    raise DaemonMissingError(f"`{tried}` did not start: {last}")


def _empty() -> bytes:
    """An archive of the folders that are mounted, and of /tmp."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("tmp", *(folder.strip("/") for folder in READ_ONLY)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
    return file.getvalue()


def execution(url: str, home: Path, at_once: int) -> dict[str, Any]:
    """The executor's configuration: this host's Python in a container of nothing."""
    python = Path(sys.executable)
    paths = f"{python.parent}:{os.environ['PATH']}"
    env = {**image_environment({}), "PATH": paths, "DOCKER_HOST": url}
    volumes = [f"{folder}:{folder}:ro" for folder in READ_ONLY if Path(folder).is_dir()]
    return {
        "image": IMAGE,
        "max_concurrent": at_once,
        "env_vars": [f"{name}={value}" for name, value in env.items()],
        "container_kwargs": {
            "auto_remove": False,
            "network_mode": "host",
            "volumes": [*volumes, f"{home}:{home}"],
        },
    }
