"""The host's calibration while a profile is made: what is known, what may be worth adding."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from advisor.api.calibrating import FIRST_S, MODULE_S, cached, calibrated_host, first_look, keep
from advisor.domain.candidate import name_in_words
from advisor.domain.host import HostProfile
from advisor.domain.overhead import OverheadModel
from advisor.domain.quantities import seconds
from advisor.domain.stopping import MODULE, PartKind, Unknown
from advisor.measure.budget import Budget
from advisor.measure.workload.campaign import Part
from advisor.measure.workload.children import CutOffError

if TYPE_CHECKING:
    from advisor.measure.calibration import CalibrationSubject
    from advisor.measure.calibration.tiny_runs import Probe
    from advisor.measure.progress import Progress

REBUILD_S = 0.1
"""From here on building the definitions again is worth measuring before the first answer."""

QUICK_S = 0.05
"""A module that loads quicker takes a step less than the noise of its start: no run of its own."""

MOST_MOMENTS = 3
"""Further tiny runs of one method in one profile."""


@dataclass
class HostCalibration:
    """What is known of the host, and the parts that may be added.

    Attributes:
        profile: What is known; of other modules where this one was not calibrated.
        module_is_known: Whether what depends on the user's module is in it. Until then its steps
            are only estimated: each is charged what loading it took here.
    """

    subject: CalibrationSubject
    profile: HostProfile
    budget: Budget
    progress: Progress
    module_is_known: bool = True
    _attempts: Counter[str] = field(default_factory=Counter)

    @property
    def overhead(self) -> OverheadModel:
        """Fitted to the calibration as it is."""
        from advisor.model.fit import fit_overhead

        overhead = fit_overhead(self.profile, time.time())
        if self.module_is_known:
            return overhead
        return replace(overhead, estimated=tuple(overhead.multiprocess))

    def open_parts(self, methods: Sequence[str]) -> list[Part]:
        """A first run of each method that is only estimated, one more of each of ``methods``."""
        from advisor.measure.calibration import longest_ago_first

        if not self.module_is_known:
            tells = Unknown(PartKind.METHOD, method=MODULE)
            tried, cost_s = self._attempts[MODULE], self.budget.slowness * MODULE_S
            part = Part("steps with this module", tells, cost_s, self._measure_module)
            return [] if tried else [part]
        estimated = self.overhead.estimated
        if not self.profile.preload.modules:  # the calibration was cut short
            estimated = tuple(each for each in estimated if each != "warm_forkserver")
        return [
            self._part(PartKind.METHOD if probe.method in estimated else PartKind.MOMENT, probe)
            for probe in longest_ago_first(self.profile)
            if probe.method in (*estimated, *methods)
            if self._attempts[probe.method] < (1 if probe.method in estimated else MOST_MOMENTS)
        ]

    def _part(self, kind: PartKind, probe: Probe) -> Part:
        from advisor.measure.calibration import expected_s

        which = "a" if kind is PartKind.METHOD else "one more"
        name = f"{which} tiny run: {name_in_words(probe.method)}"
        cost_s = self.budget.slowness * expected_s(probe, self.profile)
        return Part(name, Unknown(kind, method=probe.method), cost_s, partial(self._run, probe))

    def _run(self, probe: Probe) -> None:
        from advisor.measure.calibration import with_run

        self._attempts[probe.method] += 1
        more = with_run(self.subject, self.profile, probe, left_s=lambda: self.budget.cut_off_s)
        self.profile = keep(self.subject, more)

    def _measure_module(self) -> None:
        self._attempts[MODULE] += 1
        with suppress(CutOffError):
            self.profile = _calibrated(self.subject, self.budget, self.progress)
            self.module_is_known = True


def host_calibration(
    subject: CalibrationSubject,
    budget: Budget,
    progress: Progress,
    *,
    recalibrate: bool,
    loading_s: float,
    rebuild_s: float,
) -> HostCalibration:
    """What is known of the host; of one that is not known, what a run in process tells.

    The module is calibrated too where loading the job once more takes ``rebuild_s``, which in
    process too is charged to every run; it needs no run of its own where it loads in no time. Until
    then, or where no time is left for it, it charges what loading it here took.
    """
    from advisor.measure.calibration import starts_are_known

    shared, profile = cached(subject.without_module()), cached(subject)
    waits = rebuild_s < REBUILD_S and not recalibrate
    fits = recalibrate or budget.slowness * (FIRST_S + MODULE_S) <= budget.left_s
    if (fits and not waits) or (profile is not None and starts_are_known(profile)):
        with suppress(CutOffError):
            host = _calibrated(subject, budget, progress, recalibrate=recalibrate)
            return HostCalibration(subject, host, budget, progress)
    if shared is None:
        short = budget.slowness * FIRST_S > budget.left_s
        shared = first_look(
            subject,
            progress=_of_host(progress),
            left_s=lambda: budget.left_s,
            start_s=max(0.1, budget.importing_s - loading_s) if short else None,
        )
    host = _with_loading(shared, subject, loading_s, rebuild_s)
    known = waits and loading_s < QUICK_S and starts_are_known(shared)
    return HostCalibration(subject, host, budget, progress, module_is_known=known)


def _with_loading(
    shared: HostProfile, subject: CalibrationSubject, loading_s: float, rebuild_s: float
) -> HostProfile:
    """The host with a module that takes this to import, and to build its job each time.

    It is not preloaded, as nobody looked whether that is safe: each step imports it by itself.
    """
    module = subject.user_module
    if module is None:
        return shared
    why = f"it loads in {seconds(loading_s)}; its import in steps was not measured"
    return replace(
        shared,
        user_module=module,
        user_import_s=max(0.0, loading_s - rebuild_s),
        user_build_s=rebuild_s,
        user_rebuild_s=rebuild_s,
        user_roots=(module,),
        preload=replace(shared.preload, left_out={**shared.preload.left_out, module: why}),
    )


def _of_host(progress: Progress) -> Progress:
    return lambda message, _share: progress(f"measuring this host: {message}", None)


def _calibrated(
    subject: CalibrationSubject, budget: Budget, progress: Progress, *, recalibrate: bool = False
) -> HostProfile:
    return calibrated_host(
        subject,
        recalibrate=recalibrate,
        left_s=lambda: budget.left_s,
        progress=_of_host(progress),
    )
