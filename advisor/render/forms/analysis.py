"""The JSON of ``analyze``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from advisor.domain.analysis import (
    Analysis,
    DelegatedWay,
    Diagnosis,
    Drift,
    ObservedOverhead,
    OpRole,
    OpStatistics,
    Parallelism,
    RunAnalysis,
    Totals,
)
from advisor.domain.observed import RunStatus
from advisor.domain.quantities import Spread
from advisor.render.forms.encoding import plain, same_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseForm(Spread):
    """One phase over all steps of an op: seconds per step, and in all."""

    total_s: float
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpForm:
    """One op of one or more runs under the same executor; its phases by name."""

    op: str
    role: OpRole
    executor: str
    way: str
    steps: int
    attempts: int
    failed: int
    slot_s: Spread
    phases: Mapping[str, PhaseForm]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunForm:
    """One analyzed run; ``started_at_s`` is seconds since 1970, UTC."""

    run_id: str
    job: str
    status: RunStatus
    executor: str
    start_method: str | None
    started_at_s: float
    items: int
    events: int
    totals: Totals
    parallelism: Parallelism
    ops: tuple[OpForm, ...]
    diagnoses: tuple[Diagnosis, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisForm:
    """What past runs tell (``analyze``); ``profile`` is the path of the saved profile."""

    schema: Literal["dynadvise/analysis"] = "dynadvise/analysis"
    version: Literal[1] = 1
    instance: str
    runs: tuple[RunForm, ...]
    ops: tuple[OpForm, ...]
    overhead: ObservedOverhead
    drift: Drift | None
    ways: tuple[DelegatedWay, ...]
    notes: tuple[str, ...]
    profile: str | None


def analysis_to_json(analysis: Analysis) -> dict[str, Any]:
    """What ``analyze --format json`` prints."""
    parts = same_parts(analysis, AnalysisForm) | {
        "runs": tuple(map(_run, analysis.runs)),
        "ops": tuple(map(_op, analysis.combined)),
        "profile": analysis.saved_to,
    }
    return plain(AnalysisForm(**parts))


def _run(run: RunAnalysis) -> RunForm:
    return RunForm(**same_parts(run, RunForm) | {"ops": tuple(map(_op, run.ops))})


def _op(op: OpStatistics) -> OpForm:
    phases = {
        phase.phase: PhaseForm(
            **same_parts(phase.spread_s, Spread), total_s=phase.total_s, steps=phase.steps
        )
        for phase in op.phases
    }
    return OpForm(**same_parts(op, OpForm) | {"phases": phases})
