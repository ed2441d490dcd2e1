"""The JSON of ``profile``, ``recommend`` and ``predict``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from advisor.domain.advice import (
    Advice,
    BreakEven,
    Change,
    Environment,
    Floors,
    HostSummary,
    NextMeasurement,
    Objective,
    Prediction,
    RejectionKind,
    Snippets,
    WorkloadSummary,
)
from advisor.domain.candidate import Candidate
from advisor.domain.exclusions import Exclusion
from advisor.domain.finding import Finding, Severity
from advisor.domain.quantities import Interval
from advisor.domain.trial import Trial
from advisor.domain.workload import WorkerKind
from advisor.render.forms.encoding import plain, same_parts
from advisor.render.gate_wording import place


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateForm(Candidate):
    """A complete way to run.

    ``needs_code``: the user's code must change, a pasted config is not enough; ``label``: the
    whole way in one line, for people.
    """

    changes_code: Annotated[bool, Field(serialization_alias="needs_code")]
    words: Annotated[str, Field(serialization_alias="label")]


@dataclass(frozen=True, slots=True)
class BreakdownForm:
    """Where the predicted median goes; the parts, in seconds, add up to it."""

    work: float
    launch: float
    serialize: float
    coordinate: float
    idle: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionForm(CandidateForm):
    """A way to run and what is predicted of it.

    Attributes:
        breakdown_s: Where the median goes.
        peak_memory_bytes: Base of the parent plus all concurrent processes at their peak.
        intermediate_bytes: Results that wait for the chain's next op at once, at most.
        first_result_s: When the first item has passed its whole chain; null: not looked at.
        pool_wait_s: Seconds in which a pool's slot stands empty though a step waits for it.
        core_seconds: CPU seconds used in all.
        p_best: Share of resampled draws in which it is the best.
        expected_regret: Mean over the draws of (its makespan / the draw's best) - 1.
        allowed: Whether --environment and --change let the advice choose it.
        tried: Whether its workers and steps in parallel were seen to work, with the results that
            items give alone.
        trial: What is known of that.
        costs: What it costs besides time.
    """

    predicted_s: Interval
    breakdown_s: BreakdownForm
    peak_memory_bytes: int
    intermediate_bytes: int
    first_result_s: float | None
    pool_wait_s: float
    core_seconds: float
    p_best: float
    expected_regret: float
    allowed: bool
    tried: bool
    trial: Trial
    costs: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionForm(Exclusion):
    """A part of the job whose seconds the predicted totals do not hold, and why."""

    words: Annotated[str, Field(serialization_alias="sentence")]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadForm(WorkloadSummary):
    """The measured workload; an item is its whole mapped chain.

    Attributes:
        measured_items: How many of the items were measured.
        errors_logged: How many of these logged an error while they were measured.
    """

    not_included: tuple[ExclusionForm, ...]
    measured_items: int


@dataclass(frozen=True, slots=True)
class RejectionForm:
    """A way that was not considered further, and the figure that rejected it."""

    candidate: CandidateForm
    reason: str
    kind: RejectionKind


@dataclass(frozen=True, slots=True)
class BreakEvenForm:
    """The item duration from which `to` beats `from`; null: never within the range looked at."""

    slower: Annotated[str, Field(serialization_alias="from")]
    quicker: Annotated[str, Field(serialization_alias="to")]
    item_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingForm:
    """A finding with its place."""

    code: str
    severity: Severity
    message: str
    remedy: str
    file: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class WorkerLimitForm:
    """How many workers of one kind were seen to work, and what did harm.

    Attributes:
        probed: Whether any number was tried.
        worked: The largest number that ran without harm.
        checked: The largest number of which the results were compared, and are the same.
        harmed_at: The smallest number that did harm; 0: none.
        reason: What failed or differs.
        unchecked: Why results were not compared.
    """

    kind: WorkerKind
    probed: bool
    worked: int
    checked: int
    harm: Trial | None
    harmed_at: int
    reason: str
    unchecked: str


@dataclass(frozen=True, slots=True)
class MeasuringForm:
    """What the measuring took."""

    cost_s: float
    op_executions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceForm:
    """The advice (``profile``, ``recommend``).

    Attributes:
        recommendation: The best by the objective among what is allowed.
        config_only: The best that a pasted config alone gives.
        current: The job's own executor and config; null for a bare op.
        default: Dagster's default: multiprocess, spawn, cpu_count.
        candidates: Every way that was considered, best first.
        cautions: What must be read before the advice is followed.
        notes: What was not as asked (fewer samples, ...).
        tie: Whether the recommendation is the simpler of a near tie.
        limits: What was tried in parallel, by kind of worker.
        untried: The best way that may be faster but was not tried, or not checked.
        advised_at: ISO 8601, UTC.
        profile: Path of the saved profile.
        emitted: The snippet asked for with --emit.
    """

    schema: Literal["dynadvise/advice"] = "dynadvise/advice"
    version: Literal[1] = 1
    target: str
    dagster_version: str
    python_version: str
    objective: Objective
    change: Change
    environment: Environment
    host: HostSummary
    workload: WorkloadForm
    recommendation: PredictionForm
    config_only: PredictionForm
    current: PredictionForm | None
    default: PredictionForm | None
    candidates: tuple[PredictionForm, ...]
    rejected: tuple[RejectionForm, ...]
    floors: Floors
    break_even: tuple[BreakEvenForm, ...]
    snippets: Snippets
    warnings: tuple[FindingForm, ...]
    cautions: tuple[str, ...]
    notes: tuple[str, ...]
    tie: bool
    next_measurement: NextMeasurement | None
    limits: tuple[WorkerLimitForm, ...]
    untried: PredictionForm | None
    measured: MeasuringForm
    advised_at: str
    profile: str | None = None
    emitted: str | None = None


def advice_to_json(
    advice: Advice, *, path: Path | None = None, emitted: str | None = None
) -> dict[str, Any]:
    """The advice; ``path`` is where its profile was saved, ``emitted`` the snippet asked for."""
    parts = same_parts(advice, AdviceForm) | {
        "workload": _workload(advice.workload),
        "recommendation": _prediction(advice.recommendation),
        "config_only": _prediction(advice.config_only),
        "current": _prediction(advice.current) if advice.current else None,
        "default": _prediction(advice.default) if advice.default else None,
        "candidates": tuple(map(_prediction, advice.candidates)),
        "rejected": tuple(
            RejectionForm(_candidate(r.candidate), r.reason, r.kind) for r in advice.rejected
        ),
        "limits": tuple(
            WorkerLimitForm(**same_parts(limit, WorkerLimitForm)) for limit in advice.limits
        ),
        "untried": _prediction(advice.untried) if advice.untried else None,
        "break_even": break_even_forms(advice.break_even),
        "warnings": tuple(FindingForm(**finding_parts(finding)) for finding in advice.warnings),
        "measured": MeasuringForm(advice.measured_cost_s, advice.op_executions),
        "profile": None if path is None else str(path),
        "emitted": emitted,
    }
    return plain(AdviceForm(**parts))


def _workload(workload: WorkloadSummary) -> WorkloadForm:
    left_out = tuple(
        ExclusionForm(part.kind, part.op, words=part.sentence) for part in workload.not_included
    )
    parts = same_parts(workload, WorkloadSummary) | {"not_included": left_out}
    return WorkloadForm(**parts, measured_items=workload.samples)


def _candidate(candidate: Candidate) -> CandidateForm:
    return CandidateForm(**_candidate_parts(candidate))


def _candidate_parts(candidate: Candidate) -> dict[str, Any]:
    named = {"changes_code": candidate.needs_code, "words": candidate.label}
    return same_parts(candidate, Candidate) | named


def _prediction(prediction: Prediction) -> PredictionForm:
    breakdown = prediction.breakdown_s
    parts = {f.name.removesuffix("_s"): getattr(breakdown, f.name) for f in fields(breakdown)}
    return PredictionForm(
        **_candidate_parts(prediction.candidate),
        **same_parts(prediction, PredictionForm) | {"breakdown_s": BreakdownForm(**parts)},
        tried=prediction.trial is Trial.TRIED,
        predicted_s=prediction.makespan_s,
    )


def break_even_forms(rows: Iterable[BreakEven]) -> tuple[BreakEvenForm, ...]:
    """Break-even durations; ``item_s`` None: never within the range looked at."""
    return tuple(BreakEvenForm(row.from_method, row.to_method, row.item_s) for row in rows)


def finding_parts(finding: Finding, root: Path | None = None) -> dict[str, Any]:
    """Its parts; the file relative to ``root`` where it lies below."""
    location = finding.location if root is None else place(finding.location, root)
    return {
        **{name: getattr(finding, name) for name in ("code", "severity", "message", "remedy")},
        "file": location.file if location else None,
        "line": location.line if location else None,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class OnePredictionForm:
    """One way's prediction (``predict``)."""

    schema: Literal["dynadvise/prediction"] = "dynadvise/prediction"
    version: Literal[1] = 1
    target: str
    items: int
    prediction: PredictionForm


def prediction_to_json(prediction: Prediction, target: str, items: int) -> dict[str, Any]:
    """What ``predict --format json`` prints."""
    form = OnePredictionForm(target=target, items=items, prediction=_prediction(prediction))
    return plain(form)
