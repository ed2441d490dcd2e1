"""What a calibration is for, and the tiny runs that it is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace

from advisor.dagster_bridge.calibration_job import forkserver_preloads_the_job
from advisor.dagster_bridge.instances import InstanceKind
from advisor.domain.host import CalibrationMethod, HostFacts
from advisor.domain.workload import TargetReference


@dataclass(frozen=True, slots=True)
class CalibrationSubject:
    """For which Python environment, storage and user code the host is measured."""

    facts: HostFacts
    instance: InstanceKind
    target: TargetReference | None

    @property
    def user_module(self) -> str | None:
        """The user's module or file, as a cache key and for people."""
        return self.target.source if self.target else None

    @property
    def is_preloaded(self) -> bool:
        """Whether a forkserver without a preload list preloads the user's module."""
        named = self.target is not None and self.target.module is not None
        return named and forkserver_preloads_the_job()

    def without_module(self) -> CalibrationSubject:
        """The same host for no user code: what its calibrations have in common."""
        return replace(self, target=None)


@dataclass(frozen=True, slots=True)
class Probe:
    """One kind of tiny run: its method, mapped steps, and steps at once."""

    method: CalibrationMethod
    items: int
    max_concurrent: int = 1


IN_PROCESS = Probe("in_process", 16)

RUNS = (
    Probe("warm_forkserver", 3),
    IN_PROCESS,
    Probe("execute_in_process", 32),
    Probe("forkserver", 1),
    Probe("spawn", 1),
)
"""One of each method, about 20 s on 2 cores."""

PROOF = Probe("warm_forkserver", 2)
"""What a further module is tried with."""
