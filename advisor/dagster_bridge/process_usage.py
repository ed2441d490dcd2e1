"""What a process uses, as Linux counts it: memory, CPU, and how long it waited for a core."""

import contextlib
import os
import resource
import sys
import time
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 where it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - on a timer: the cheap form
            return int(file.read().split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        if sys.platform.startswith("linux"):
            return 0
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def unshared_bytes(pid: int) -> int:
    """Resident memory that a process has for itself, and its part of what it shares on purpose.

    A forked process has most of its resident pages in common with the one that it was forked
    from. All of it counts where the system does not tell them apart.
    """
    return _rolled_up_bytes(pid, "Private_Clean:", "Private_Dirty:", "Pss_Shmem:")


def proportional_bytes(pid: int) -> int:
    """Resident memory of a process, with its part alone of what it shares."""
    return _rolled_up_bytes(pid, "Pss:")


def _rolled_up_bytes(pid: int, *names: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return resident_bytes(pid)
    return sum(int(line.split()[1]) for line in lines if line.startswith(names)) * 1024


def own_cpu_s() -> float:
    """CPU seconds of this process, all its threads included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def children_cpu_s() -> float:
    """CPU of finished children, and of living ones (the forkserver) with their children."""
    import psutil

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = used.ru_utime + used.ru_stime
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def delayed_by_others_s(of: int | str = "thread-self") -> float:
    """Seconds for which this thread has been runnable without a core (schedstat); 0: unknown.

    What a cgroup's quota held back counts as well.

    Args:
        of: A process instead, by its id: its main thread.
    """
    try:
        return int(Path(f"/proc/{of}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def slowness() -> float:
    """How many times as long as alone on its core this thread has taken to compute, so far."""
    return 1.0 + delayed_by_others_s() / max(time.thread_time(), 0.1)
