"""How long this process was ready to compute and had no core, as Linux counts it."""

from __future__ import annotations

import time
from pathlib import Path


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
