"""The use case behind ``dynadvise calibrate``: the host's charges, cached, and what they mean."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.api.discovering import import_target
from advisor.domain.advice import Crossings
from advisor.domain.host import HostProfile
from advisor.domain.measured import Calibration
from advisor.domain.options import WorkloadOptions
from advisor.domain.workload import TargetReference
from advisor.measure.sole_use import sole_use
from advisor.measure.workspace import workspace

if TYPE_CHECKING:
    from pathlib import Path

    from advisor.measure.calibration import CalibrationSubject
    from advisor.measure.progress import Progress

CALIBRATE_S = 60.0
"""That ``calibrate`` takes at most, about."""

BREAK_EVEN_ITEMS = (10, 100, 1000)

FIRST_S, MODULE_S = 7.0, 13.0
"""About what a first run in process takes, and a module's steps with a process each."""


def target_of(workload: WorkloadOptions) -> TargetReference:
    """The target that the user spelled.

    Raises:
        TargetError: It is not spelled as a target.
    """
    from advisor.dagster_bridge.target import parse_target

    return parse_target(
        workload.target,
        job=workload.job,
        asset=workload.asset,
        working_directory=workload.working_directory,
    )


def subject_of(
    target: TargetReference | None, scratch_postgres: str | None = None
) -> CalibrationSubject:
    """This host, for the user's kind of instance and code, or on a Postgres server."""
    from advisor.dagster_bridge.instances import user_instance_kind
    from advisor.measure.calibration import CalibrationSubject
    from advisor.measure.machine import host_facts

    return CalibrationSubject(
        facts=host_facts(),
        instance=user_instance_kind().on_postgres(scratch_postgres),
        target=target,
    )


def calibration_s(subject: CalibrationSubject) -> float:
    """About how long a calibration for the user's code will take: nothing where it is cached."""
    if cached(subject) is not None:
        return 0.0
    return MODULE_S if cached(subject.without_module()) is not None else FIRST_S + MODULE_S


def _path(subject: CalibrationSubject) -> Path:
    from advisor.host_store import cache_path

    return cache_path(subject.facts, subject.instance.storage, subject.user_module)


def cached(subject: CalibrationSubject) -> HostProfile | None:
    """The calibration that was kept of a host; None where there is none that can be used."""
    from advisor.host_store import read_host

    return read_host(_path(subject))


def keep(subject: CalibrationSubject, host: HostProfile) -> HostProfile:
    """Cache a calibration, and what it says of this host for other modules."""
    from advisor.host_store import write_host
    from advisor.measure.calibration import pooled, without_module

    stored = pooled(host, cached(subject.without_module()))
    for of in (subject.without_module(), subject):
        write_host(_path(of), stored if of.target else without_module(stored))
    return stored


def calibrated_host(
    subject: CalibrationSubject,
    *,
    recalibrate: bool,
    progress: Progress,
    left_s: Callable[[], float] = lambda: math.inf,
) -> HostProfile:
    """The cached calibration, or a new one, which is cached.

    Where this host is known for other modules, only what depends on the module is measured.

    Raises:
        CutOffError: No time was left for that.
    """
    from advisor.measure.calibration import calibrate, for_module, pooled, starts_are_known
    from advisor.measure.calibration.cache_rules import UNKNOWN_S
    from advisor.measure.workload.children import CutOffError

    shared = None if recalibrate else cached(subject.without_module())
    earlier_host = None if recalibrate else cached(subject)
    if earlier_host is not None and starts_are_known(earlier_host):
        steps = earlier_host.cheaper_steps or (shared.cheaper_steps if shared else ())
        return replace(pooled(earlier_host, shared), cheaper_steps=steps)
    if not recalibrate and earlier_host is None and _path(subject).exists():
        progress("the cached calibration is too old, damaged or of another version", 0.0)
    host = for_module(subject, shared, left_s=left_s, on_progress=progress) if shared else None
    if host is None:
        if shared is not None and left_s() <= UNKNOWN_S:
            raise CutOffError
        host = calibrate(subject, left_s=left_s, on_progress=progress)
        if left_s() <= UNKNOWN_S:
            return host  # cut short: the next profile begins anew
    return keep(subject, host)


def first_look(
    subject: CalibrationSubject,
    *,
    progress: Progress,
    left_s: Callable[[], float],
    start_s: float | None = None,
) -> HostProfile:
    """What a run in process tells of a host that is not known, for any module; cached if whole.

    ``start_s``: about how long a Python with Dagster takes to start, where there is no time for it.
    """
    from advisor.measure.calibration import calibrate

    alone = subject.without_module()
    host = calibrate(alone, left_s=left_s, on_progress=progress, starts=False, start_s=start_s)
    return keep(alone, host) if host.storing else host


def break_even_rows(host: HostProfile) -> tuple[Crossings, ...]:
    """For 10, 100 and 1,000 waiting items: from which duration each way beats in process."""
    from advisor.model.break_even import crossings
    from advisor.model.fit import fit_overhead

    overhead = fit_overhead(host)
    return tuple(
        Crossings(
            items,
            crossings(
                overhead,
                items=items,
                cores=host.facts.cpus,
                cpu_share=0.0,
                preload=host.preload.modules,
            ),
        )
        for items in BREAK_EVEN_ITEMS
    )


@sole_use()
@workspace()
def calibrate_host(
    workload: WorkloadOptions | None = None,
    *,
    recalibrate: bool = False,
    scratch_postgres: str | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Measure this host alone, or read its calibration from the cache.

    Args:
        workload: What the calibration imports, as the steps of its job will; None: Dagster alone.
    """
    from advisor.measure.calibration import completed
    from advisor.measure.calibration.cheaper_steps import with_cheaper_steps
    from advisor.measure.progress import silent
    from advisor.model.fit import fit_overhead

    target = None
    if workload is not None:
        target = target_of(workload)
        import_target(target)
    begun = time.monotonic()
    subject = subject_of(target, scratch_postgres)
    tell = progress or silent
    host = calibrated_host(subject, recalibrate=recalibrate, progress=tell)
    for further in (completed, with_cheaper_steps):
        left_s = CALIBRATE_S - (time.monotonic() - begun)
        more = further(subject, host, budget_s=left_s, on_progress=tell)
        host = host if more is host else keep(subject, more)
    return Calibration(host, fit_overhead(host), break_even_rows(host))
