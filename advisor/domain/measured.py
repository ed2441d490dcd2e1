"""All that was measured of a host and of a workload on it, and how a measurement stands."""

from dataclasses import dataclass

from advisor.domain.advice import Crossings, Prediction
from advisor.domain.fan_outs import FurtherFanOut
from advisor.domain.host import HostProfile
from advisor.domain.overhead import OverheadModel
from advisor.domain.verification import Verification
from advisor.domain.workload import WorkloadDescription, WorkloadProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A workload and the host that it was measured on, before any advice.

    Attributes:
        overhead: Fitted to the host's calibration, or to past runs.
        further: The job's other fan-outs, as far as they were measured.
        verifications: Real runs under chosen candidates, beside their predictions.
    """

    description: WorkloadDescription
    workload: WorkloadProfile
    host: HostProfile
    overhead: OverheadModel
    verifications: tuple[Verification, ...] = ()
    further: tuple[FurtherFanOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Calibration:
    """A host's calibration (``calibrate``): what was measured, fitted, and follows from it."""

    host: HostProfile
    overhead: OverheadModel
    break_even: tuple[Crossings, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known at a moment of measuring.

    Attributes:
        leading: The ways that lead, the advised one first; not final.
        part: What is measured next, for people; empty: nothing was chosen yet.
        gain_s: Seconds of a run that the advice can gain from it at most; 0: it is not for that.
        spent_s, budget_s: Seconds since it began, and the most it may take.
    """

    leading: tuple[Prediction, ...]
    part: str
    gain_s: float
    spent_s: float
    budget_s: float
