"""A CPU limit as a container has one, by a control group of our own (Linux, root or delegated)."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PERIOD_US = 100_000
"""Of the kernel's bandwidth control: what Kubernetes and Docker set."""

_ROOTS = (
    (Path("/sys/fs/cgroup/cpu"), "cpu.cfs_quota_us", "{quota}"),
    (Path("/sys/fs/cgroup"), "cpu.max", "{quota} {period}"),
)
_numbers = itertools.count()


@contextmanager
def cpu_group(cpus: float | None) -> Iterator[Path | None]:
    """The file of a group with that limit: who writes ``0`` into it, is in it with its children.

    None where no limit is asked for, or none can be set here.
    """
    made = None if cpus is None else _made(cpus)
    try:
        yield made / "cgroup.procs" if made else None
    finally:
        if made:
            with suppress(OSError):  # a process of it that still ends
                made.rmdir()


def _made(cpus: float) -> Path | None:
    for root, setting, form in _ROOTS:
        folder = root / f"dynadvise-{os.getpid()}-{next(_numbers)}"
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            # The kernel makes the group's files; without the one there is no such limit here.
            with (folder / setting).open("r+") as file:
                file.write(form.format(quota=max(1000, int(cpus * PERIOD_US)), period=PERIOD_US))
        except OSError:
            with suppress(OSError):
                folder.rmdir()
            continue
        return folder
    return None
