"""The use case behind ``dynadvise calibrate``: the host's charges, cached, and what they mean."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from advisor.api.options import CalibrateOptions
from advisor.api.outcomes import BreakEvenRow, CalibrationOutcome
from advisor.domain.host import HostProfile
from advisor.domain.workload import TargetReference

if TYPE_CHECKING:
    from advisor.measure.calibration import CalibrationSubject
    from advisor.measure.progress import Progress

BREAK_EVEN_ITEMS = (10, 100, 1000)


def subject_of(target: TargetReference | None) -> CalibrationSubject:
    """This host, for the user's kind of instance and code."""
    from advisor.dagster_bridge.instances import user_instance_kind
    from advisor.measure.calibration import CalibrationSubject
    from advisor.measure.machine import host_facts

    return CalibrationSubject(
        facts=host_facts(),
        instance=user_instance_kind(),
        target=target,
        python_path=importable_folders(target),
    )


def importable_folders(target: TargetReference | None) -> tuple[str, ...]:
    """Folders in which the user's modules are found, as under Dagster's own command line."""
    from pathlib import Path

    if target is None:
        return ()
    folders = [target.working_directory]
    if target.file:
        folders.insert(0, str(Path(target.file).parent))
    return tuple(dict.fromkeys(folders))


def is_calibrated(subject: CalibrationSubject) -> bool:
    """Whether this host's calibration is cached, for the user's kind of instance and code."""
    from advisor.host_store import cache_path, read_host

    path = cache_path(subject.facts, subject.instance.storage, subject.user_module)
    return read_host(path) is not None


def calibrated_host(
    subject: CalibrationSubject, *, recalibrate: bool, budget_s: float, progress: Progress
) -> HostProfile:
    """The cached calibration, or a new one, which is cached."""
    from advisor.host_store import cache_path, read_host, write_host
    from advisor.measure.calibration import calibrate

    path = cache_path(subject.facts, subject.instance.storage, subject.user_module)
    known = None if recalibrate else read_host(path)
    if known is not None:
        return known
    host = calibrate(subject, budget_s=budget_s, on_progress=progress)
    write_host(path, host)
    return host


def refreshed_host(
    subject: CalibrationSubject, host: HostProfile, *, budget_s: float, progress: Progress
) -> HostProfile:
    """The calibration with more runs at another moment, as far as the time reaches; cached."""
    from advisor.host_store import cache_path, write_host
    from advisor.measure.calibration import refresh

    found = refresh(subject, host, budget_s=budget_s, on_progress=progress)
    write_host(cache_path(subject.facts, subject.instance.storage, subject.user_module), found)
    return found


def break_even_rows(host: HostProfile) -> tuple[BreakEvenRow, ...]:
    """For 10, 100 and 1,000 waiting items: from which duration each way beats in process."""
    from advisor.model.break_even import crossings
    from advisor.model.fit import fit_overhead

    overhead = fit_overhead(host)
    return tuple(
        BreakEvenRow(
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


def calibrate_host(
    options: CalibrateOptions, progress: Progress | None = None
) -> CalibrationOutcome:
    """Measure this host alone, or read its calibration from the cache."""
    from advisor.dagster_bridge.target import parse_target
    from advisor.measure.progress import silent
    from advisor.model.fit import fit_overhead

    target = None
    if options.target is not None:
        target = parse_target(
            options.target, job=options.job, working_directory=options.working_directory
        )
    begun = time.monotonic()
    host = calibrated_host(
        subject_of(target),
        recalibrate=options.recalibrate,
        budget_s=60.0 - (time.monotonic() - begun),
        progress=progress or silent,
    )
    return CalibrationOutcome(host, fit_overhead(host), break_even_rows(host))
