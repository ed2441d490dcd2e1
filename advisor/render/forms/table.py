"""What each command prints as JSON: the domain's dataclasses, and in what their JSON differs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from advisor.domain.advice import (
    Advice,
    Breakdown,
    BreakEven,
    Prediction,
    WorkloadSummary,
)
from advisor.domain.analysis import Analysis, OpStatistics, PhaseStatistics, RunAnalysis
from advisor.domain.backfill import BackfillPlan
from advisor.domain.candidate import Candidate
from advisor.domain.exclusions import Exclusion
from advisor.domain.finding import Finding
from advisor.domain.gate import GateReport, TargetCheck
from advisor.domain.host import HostProfile
from advisor.domain.measured import Calibration
from advisor.domain.project import ProjectListing
from advisor.domain.scan import Scan
from advisor.domain.stopping import StopReason
from advisor.domain.trial import Trial, WorkerLimit
from advisor.domain.verification import LeftOut, VerifiedRun
from advisor.render.verification import VerifiedRow

_OF_HOST = frozenset({
    "facts", "storage", "user_module", "calibrated_at", "cost_s", "preload", "user_import_s",
    "user_build_s", "user_rebuild_s", "cheaper_steps", "storing", "unmeasured",
})  # fmt: skip
"""Fields of a host's profile that are printed."""


@dataclass(frozen=True, slots=True)
class PrintedAdvice:
    """The advice (``profile``, ``recommend``).

    Attributes:
        emitted: The snippet asked for with --emit.
    """

    advice: Advice
    profile: str | None = None
    emitted: str | None = None


@dataclass(frozen=True, slots=True)
class Measuring:
    """What the measuring took.

    Attributes:
        stopped: Why it ended; null where nothing was measured for this advice.
        load: The machine's mean load meanwhile; null where it is not known.
        skipped: Parts that were not measured, since they could not change the advice.
    """

    cost_s: float
    op_executions: int
    stopped: StopReason | None = None
    load: float | None = None
    skipped: tuple[str, ...] = ()


def _measuring(advice: Advice) -> Measuring:
    end, executions = advice.measuring, advice.op_executions
    if end is None:
        return Measuring(advice.measured_cost_s, executions)
    return Measuring(advice.measured_cost_s, executions, end.reason, end.load, end.skipped)


@dataclass(frozen=True, slots=True)
class OnePrediction:
    """One way's prediction (``predict``); ``cautions``: of what is known of its place."""

    target: str
    items: int
    prediction: Prediction
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFinding(Finding):
    """A finding of the gate; ``fails``: it fails the gate."""

    fails: bool


@dataclass(frozen=True, slots=True)
class RealRuns:
    """Real runs beside their predictions (``verify``), fastest first."""

    job: str
    configurations: tuple[VerifiedRow, ...]
    left_out: tuple[LeftOut, ...]


DOCUMENTS: Mapping[str, type] = {
    "advice": PrintedAdvice,
    "analysis": Analysis,
    "calibration": Calibration,
    "check": GateReport,
    "list": ProjectListing,
    "plan": BackfillPlan,
    "prediction": OnePrediction,
    "scan": Scan,
    "verification": RealRuns,
}

Part = tuple[Any, Callable[[Any], Any]]
"""A key's type, and what gives its value."""


@dataclass(frozen=True, slots=True)
class Shape:
    """In what the JSON of a dataclass differs from its fields.

    Attributes:
        name: Of the schema's definition; empty: the class's own.
        without: Fields that are not printed.
        inlined: Fields whose own keys stand in their place.
        added: Key to its type and value; where it is a field's name, in place of that.
    """

    name: str = ""
    without: tuple[str, ...] = ()
    inlined: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, Part] = field(default_factory=dict)


_PLACE: Mapping[str, Part] = {
    "file": (str | None, lambda finding: finding.location and finding.location.file),
    "line": (int | None, lambda finding: finding.location and finding.location.line),
}


SHAPES: Mapping[type, Shape] = {
    PrintedAdvice: Shape(inlined=("advice",)),
    Advice: Shape(
        without=("measured_cost_s", "op_executions", "own_way", "measuring"),
        added={
            "measured": (Measuring, _measuring),
            # The job's own way stays where nothing can be predicted of it.
            "current": (Prediction | Candidate | None, lambda a: a.current or a.own_way),
        },
    ),
    Analysis: Shape(renamed={"combined": "ops", "saved_to": "profile"}),
    Breakdown: Shape(renamed={part.name: part.name[:-2] for part in fields(Breakdown)}),
    BackfillPlan: Shape(inlined=("backfill",)),
    BreakEven: Shape(renamed={"from_method": "from", "to_method": "to"}),
    Calibration: Shape(inlined=("host",)),
    Candidate: Shape(
        added={"needs_code": (bool, attrgetter("needs_code")), "label": (str, attrgetter("label"))}
    ),
    Exclusion: Shape(added={"sentence": (str, attrgetter("sentence"))}),
    Finding: Shape(without=("location", "target"), added=_PLACE),
    GateFinding: Shape(without=("location",), added=_PLACE),
    GateReport: Shape(renamed={"failing": "fail_on"}),
    HostProfile: Shape(
        without=tuple(part.name for part in fields(HostProfile) if part.name not in _OF_HOST),
        renamed={"facts": "host"},
    ),
    OpStatistics: Shape(
        "Op",
        added={
            "phases": (Mapping[str, PhaseStatistics], lambda op: {p.phase: p for p in op.phases})
        },
    ),
    PhaseStatistics: Shape("Phase", without=("phase",), inlined=("spread_s",)),
    Prediction: Shape(
        inlined=("candidate",),
        renamed={"makespan_s": "predicted_s"},
        added={"tried": (bool, lambda prediction: prediction.trial is Trial.TRIED)},
    ),
    RunAnalysis: Shape("Run", without=("bars",)),
    TargetCheck: Shape(
        "Target",
        without=("user_code_failed", "ignored"),
        added={"findings": (tuple[GateFinding, ...], attrgetter("findings"))},
    ),
    VerifiedRow: Shape("Configuration"),
    VerifiedRun: Shape("RealRun", without=("candidate",)),
    WorkerLimit: Shape(without=("evidence",)),  # it may hold values of the user's
    WorkloadSummary: Shape("Workload", added={"measured_items": (int, attrgetter("samples"))}),
}
