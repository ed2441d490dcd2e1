"""What the steps of a host would save by another log manager or another place of the storage.

Small runs of our own, under the warm forkserver, on temporary instances, in turn with the plain
one, so that a machine whose speed drifts does not pass for a gain.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median

from advisor.dagster_bridge.instances import InstanceKind, temporary_instance_home
from advisor.domain.dagster_facts import NO_COMPUTE_LOGS
from advisor.domain.host import CheaperStep, HostProfile, StepSaving
from advisor.domain.observed import ObservedRun
from advisor.measure.calibration.tiny_runs import ITEM_WAIT_S, CalibrationSubject, Probe, TinyRuns
from advisor.measure.progress import Progress
from advisor.measure.workspace import MEMORY_FOLDER, folder_in_memory

NO_LOGS = {"compute_logs": NO_COMPUTE_LOGS}
ITEMS = 3
RUN_S = 6.0
"""About what one such run takes, its process included."""

MOST_ROUNDS = 3


def with_cheaper_steps(
    subject: CalibrationSubject, host: HostProfile, *, budget_s: float, on_progress: Progress
) -> HostProfile:
    """The calibration with what cheaper steps would save, where that is not known yet.

    Nothing is run where the budget has no room for one round of all, or there is no warm list.
    """
    if host.cheaper_steps or not host.preload.modules:
        return host
    began = time.monotonic()
    by_saving: dict[StepSaving | None, list[float]] = {}
    with ExitStack() as stack:
        homes = {
            what: str(stack.enter_context(home)) for what, home in _homes(subject.instance).items()
        }
        for done in range(MOST_ROUNDS):
            if len(homes) < 2 or time.monotonic() - began + RUN_S * len(homes) > budget_s:
                break
            for what, home in homes.items():
                on_progress("cheaper steps: logs and storage", done / MOST_ROUNDS)
                steps_s = _step_s(subject, host, home)
                if steps_s is not None:
                    by_saving.setdefault(what, []).append(steps_s)
    plain = by_saving.get(None)
    if not plain:
        return host
    steps = tuple(
        CheaperStep(what, median(plain), median(steps_s), len(steps_s))
        for what, steps_s in by_saving.items()
        if what is not None
    )
    return replace(host, cheaper_steps=steps, cost_s=host.cost_s + time.monotonic() - began)


def _homes(kind: InstanceKind) -> Mapping[StepSaving | None, AbstractContextManager[Path]]:
    """A temporary instance for each: as the user's, and with one thing changed."""
    homes: dict[StepSaving | None, AbstractContextManager[Path]] = {
        None: temporary_instance_home(kind)
    }
    if "compute_logs" not in kind.settings:
        changed = replace(kind, settings={**kind.settings, **NO_LOGS})
        homes["no_compute_logs"] = temporary_instance_home(changed)
    if MEMORY_FOLDER.is_dir():
        homes["storage_in_memory"] = _home_in_memory(kind)
    return homes


@contextmanager
def _home_in_memory(kind: InstanceKind) -> Iterator[Path]:
    with temporary_instance_home(kind) as home, folder_in_memory() as folder:
        shutil.copy(home / "dagster.yaml", folder)
        yield folder


def _step_s(subject: CalibrationSubject, host: HostProfile, home: str) -> float | None:
    """Seconds of one step beside its work; None where the run failed."""
    tiny = TinyRuns(subject, home, {})
    runs = tiny.run(Probe("warm_forkserver", ITEMS), host.preload.modules)
    return mean_step_s(runs[0].run) if runs else None


def mean_step_s(run: ObservedRun) -> float | None:
    """From the start of a mapped step to that of the next, less its work; the mean."""
    starts = [
        (step.mapping_key, step.worker_starting_s)
        for step in run.steps
        if step.worker_starting_s is not None
    ]
    gaps = [
        after - before
        for (key, before), (_, after) in pairwise(starts)
        if key is not None and before is not None and after is not None
    ]
    return sum(gaps) / len(gaps) - ITEM_WAIT_S if gaps else None
