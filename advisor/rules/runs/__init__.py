"""What made a run slow or fail, with evidence from the run alone. Pure.

A rule is a module with ``CODE``, ``KIND``, ``MEANING``, ``LOOKS``, ``REMEDY`` and
``diagnose(facts)``, which gives at most one cause. Where it promises a gain, it speaks
when that gain is at least ``WORTH`` of the run.
"""

from __future__ import annotations

from typing import Protocol

from advisor.domain.analysis import Diagnosis
from advisor.rules.rule import RuleModule
from advisor.rules.runs import (
    competing_launches,
    connections,
    crashes,
    fan_out,
    imports_in_launch,
    memory,
    other_failures,
    parallel_slower,
    pod_start,
    pool_waits,
    process_ends,
    retries,
    sequential_slow,
    skipped_steps,
    slot_refill,
    sqlite_locking,
    stragglers,
    tiny_steps,
    unused_slots,
)
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause, Gain

MODULES = (
    parallel_slower,
    sequential_slow,
    imports_in_launch,
    pod_start,
    tiny_steps,
    slot_refill,
    fan_out,
    stragglers,
    unused_slots,
    pool_waits,
    retries,
    memory,
    connections,
    sqlite_locking,
    other_failures,
    competing_launches,
    crashes,
    process_ends,
    skipped_steps,
)


class DiagnosisModule(RuleModule, Protocol):
    """A module that is one rule of runs."""

    KIND: str


_ORDER = {"error": 0, "warning": 1, "note": 2}


def diagnose(facts: RunFacts) -> tuple[Diagnosis, ...]:
    """All that a run's figures tell against it: failures first, then by gain."""
    causes = ((module, module.diagnose(facts)) for module in MODULES)
    diagnoses = [_diagnosis(module, cause) for module, cause in causes if cause is not None]
    return tuple(sorted(diagnoses, key=lambda d: (_ORDER[d.severity], -(d.gain_s or 0.0), d.code)))


def _diagnosis(module: DiagnosisModule, cause: Cause) -> Diagnosis:
    gain = cause.gain or Gain(0.0, "")
    return Diagnosis(
        code=module.CODE,
        kind=module.KIND,
        severity=cause.severity,
        message=cause.message,
        evidence=tuple(cause.evidence),
        remedy=cause.remedy or module.REMEDY,
        gain_s=gain.seconds if cause.gain else None,
        formula=gain.formula,
        at_most=gain.at_most,
    )
