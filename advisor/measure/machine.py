"""What this machine is: effective cores and memory, by affinity and cgroups, not ``cpu_count``."""

import hashlib
import math
import multiprocessing
import os
import platform
import re
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from advisor.domain.host import HostFacts

# cgroup v1 says "no limit" as the largest page-aligned signed 64-bit number
_NO_LIMIT_BYTES = 1 << 60


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _cgroup_directories(root: Path, controller: str) -> list[Path]:
    """The process's own cgroup and all above it, for one controller, in version 1 or 2.

    A limit of any of them binds. In a container the path in ``/proc/self/cgroup`` may be the
    host's and not exist here; the mount's root then stands for it.
    """
    directories: list[Path] = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        parts = line.split(":", 2)
        if len(parts) != 3:
            continue
        _, controllers, path = parts
        if controllers == "":  # version 2
            mounts = [root / "sys/fs/cgroup", root / "sys/fs/cgroup/unified"]
        elif controller in controllers.split(","):
            mounts = [root / "sys/fs/cgroup" / name for name in (controllers, controller)]
        else:
            continue
        for mount in mounts:
            relative = Path(path.lstrip("/"))
            directories += [mount / part for part in (relative, *relative.parents)]
    unique = dict.fromkeys(directories)
    return [directory for directory in unique if directory.is_dir()]


def _quota_cpus(root: Path) -> float:
    """Cores that the tightest CPU quota allows; infinite without one."""
    cpus = math.inf
    for directory in _cgroup_directories(root, "cpu"):
        quota, _, period = _read(directory / "cpu.max").partition(" ")
        if not quota:
            quota = _read(directory / "cpu.cfs_quota_us")
            period = _read(directory / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            cpus = min(cpus, int(quota) / int(period))
    return cpus


def _memory_bytes(root: Path) -> int:
    """Physical memory, or the tightest cgroup limit below it."""
    total = re.search(r"^MemTotal:\s+(\d+) kB", _read(root / "proc/meminfo"), re.MULTILINE)
    if total:
        memory = int(total[1]) * 1024
    else:
        import psutil

        memory = psutil.virtual_memory().total
    for directory in _cgroup_directories(root, "memory"):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            limit = _read(directory / name)
            if limit.isdigit() and 0 < int(limit) < _NO_LIMIT_BYTES:
                memory = min(memory, int(limit))
    return memory


def _affinity() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def _processor(root: Path) -> str:
    model = re.search(r"^model name\s*:\s*(.+)$", _read(root / "proc/cpuinfo"), re.MULTILINE)
    return model[1].strip() if model else platform.processor() or platform.machine()


def host_facts(root: Path = Path("/")) -> HostFacts:
    """This machine, read from the system.

    Args:
        root: Where ``/proc`` and ``/sys`` are found: for tests on recorded trees. Affinity,
            Python and Dagster are always this process's own.
    """
    return _host_facts(root, _affinity())


@lru_cache(maxsize=8)
def _host_facts(root: Path, affinity: int) -> HostFacts:
    cpus = min(float(affinity), _quota_cpus(root))
    memory = _memory_bytes(root)
    processor = _processor(root)
    system = f"{platform.system()} {platform.release()}"
    python = platform.python_version()
    minor = ".".join(python.split(".")[:2])
    family = f"{platform.system()}-{platform.machine()}".lower()
    mark = hashlib.sha256(f"{processor} {minor}".encode()).hexdigest()[:6]
    size = f"{cpus:.3g}cpu-{memory / 2**30:.0f}g"
    return HostFacts(
        id=f"{family}-{size}-{mark}",
        cpus=cpus,
        cpu_count=multiprocessing.cpu_count(),
        memory_bytes=memory,
        processor=processor,
        system=system,
        python_version=python,
        dagster_version=version("dagster"),
    )
