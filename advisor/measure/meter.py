"""What one call costs: wall clock, CPU of threads and child processes, memory, connections."""

import contextlib
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from advisor.dagster_bridge.process_usage import (
    delayed_by_others_s,
    own_cpu_s,
    resident_bytes,
    unshared_bytes,
)
from advisor.measure.supervisor import descendants

_SHORTEST_LOOK_S = 0.01
_LONGEST_LOOK_S = 0.2
_LOOK_SHARE = 0.1  # of the time gone so far, between two looks: 1 ms of looks in the first second


@dataclass
class Reading:
    """One call, measured. ``peak_rss_bytes`` is absolute, children included.

    ``grown_rss_bytes`` is what of it was not there before the call.
    ``wall_s`` is without ``delayed_s``, in which the call could have run but other programs had
    the cores: it is what the call takes on a machine that is not busy.
    """

    wall_s: float = 0.0
    delayed_s: float = 0.0
    cpu_s: float = 0.0
    peak_rss_bytes: int = 0
    grown_rss_bytes: int = 0
    connections: int = 0


def socket_inodes() -> frozenset[str]:
    """The open sockets of this process, by inode."""
    inodes = []
    with contextlib.suppress(OSError):
        for entry in os.listdir("/proc/self/fd"):  # noqa: PTH208 - on a timer: the cheap form
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/self/fd/{entry}")  # noqa: PTH115
                if target.startswith("socket:"):
                    inodes.append(target)
    return frozenset(inodes)


def _has_children() -> bool:
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return True
    try:
        # WNOWAIT: only asked, nothing is reaped; ChildProcessError: there is none
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _with_children_cpu_s() -> float:
    """CPU of this process's threads and of its children that were waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own_cpu_s() + children.ru_utime + children.ru_stime


def _living_cpu_s() -> dict[int, float]:
    """CPU so far of each descendant that still lives, with what it has waited for."""
    import psutil

    cpu_s: dict[int, float] = {}
    for pid in descendants(os.getpid()) if _has_children() else ():
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            cpu_s[pid] = sum(times[:4])
    return cpu_s


@contextlib.contextmanager
def clocked(further_cpu_s: Callable[[], float] = float) -> Iterator[Reading]:
    """The wall clock and the CPU of the block; the reading is complete when the block has ended.

    Args:
        further_cpu_s: Called after the block: seconds of CPU beside this process's own.
    """
    reading = Reading()
    delayed_s, cpu_s = delayed_by_others_s(), _with_children_cpu_s()
    started = time.perf_counter()
    try:
        yield reading
    finally:
        wall_s = time.perf_counter() - started
        cpu_s = _with_children_cpu_s() - cpu_s
        delayed_s = delayed_by_others_s() - delayed_s
        reading.cpu_s = max(0.0, cpu_s + further_cpu_s())
        reading.delayed_s = delay_of(wall_s, reading.cpu_s, delayed_s)
        reading.wall_s = wall_s - reading.delayed_s


def delay_of(wall_s: float, cpu_s: float, waited_s: float) -> float:
    """Of the seconds for which a call's thread waited for a core, those due to other programs.

    No less than its CPU time is left of the call: it may have waited between the readings of the
    clocks too, and its own threads and processes delay each other.
    """
    return min(waited_s, max(0.0, wall_s - cpu_s))


class Meter:
    """Measures calls one after another in this process.

    The kernel keeps the peak of resident memory itself (``VmHWM``, reset by writing 5 to
    ``clear_refs``, proc(5)), so that nothing needs to run beside a call for it. A thread that
    looks now and then sees what the kernel does not keep: child processes and connections. Its
    own CPU is not the call's.
    """

    def __init__(self) -> None:
        import psutil  # noqa: F401 - now, and not inside a measured call

        self._resets_peak = self._reset_peak()
        self._children_peak = 0
        self._connections = 0
        self._own_peak = 0
        self._known: frozenset[str] = frozenset()
        self._known_connections = 0
        self._looking_s = 0.0

    @staticmethod
    def _reset_peak() -> bool:
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return False
        return True

    def _peak_since_reset(self) -> int:
        with contextlib.suppress(OSError):
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        return 0

    def _look(self, *, thorough: bool = False) -> None:
        if not self._resets_peak:
            self._own_peak = max(self._own_peak, resident_bytes(os.getpid()))
        children = descendants(os.getpid()) if _has_children() else []
        used = sum(unshared_bytes(pid) for pid in children)
        self._children_peak = max(self._children_peak, used)
        sockets = socket_inodes()
        if sockets != self._known or (thorough and children):
            self._known = sockets
            self._known_connections = _connections([os.getpid(), *children])
        self._connections = max(self._connections, self._known_connections)

    def _watch(self, stop: threading.Event) -> None:
        began = time.perf_counter()
        pause_s = _SHORTEST_LOOK_S
        while not stop.wait(pause_s):
            self._look()
            pause_s = _LOOK_SHARE * (time.perf_counter() - began)
            pause_s = min(_LONGEST_LOOK_S, max(_SHORTEST_LOOK_S, pause_s))
            self._looking_s = time.thread_time()

    @contextlib.contextmanager
    def measuring(self) -> Iterator[Reading]:
        """Measure the block; the reading is complete when the block has ended."""
        self._children_peak = self._connections = 0
        before_bytes = self._own_peak = resident_bytes(os.getpid())
        self._looking_s = 0.0
        stop = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(stop,), daemon=True)
        living = _living_cpu_s()
        watcher.start()
        if self._resets_peak:
            self._reset_peak()

        def further_cpu_s() -> float:
            if self._resets_peak:
                self._own_peak = self._peak_since_reset()
            after = _living_cpu_s()
            spent_s = sum(spent - living.get(pid, 0.0) for pid, spent in after.items())
            return spent_s - self._looking_s

        try:
            with clocked(further_cpu_s) as reading:
                yield reading
        finally:
            stop.set()
            watcher.join()
            self._look(thorough=True)
            reading.peak_rss_bytes = self._own_peak + self._children_peak
            reading.grown_rss_bytes = max(0, reading.peak_rss_bytes - before_bytes)
            reading.connections = self._connections


def _connections(pids: list[int]) -> int:
    """Connections to somewhere else: with a remote address, or to a named Unix socket."""
    import psutil

    connections: set[frozenset[object]] = set()
    for pid in pids:
        with contextlib.suppress(psutil.Error, OSError, RuntimeError):
            for entry in psutil.Process(pid).net_connections(kind="all"):
                if entry.raddr:  # both ends of a connection to ourselves are one
                    connections.add(frozenset((entry.laddr, entry.raddr)))
    return len(connections)
