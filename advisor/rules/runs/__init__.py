"""What made a run slow or fail, with evidence from the run alone. Pure.

A rule is a module with ``CODE``, ``KIND``, ``MEANING``, ``LOOKS``, ``REMEDY`` and
``diagnose(facts)``, which gives at most one diagnosis of a run. Where it promises a gain, it speaks
when that gain is at least ``WORTH`` of the run.
"""

from __future__ import annotations

from advisor.domain.analysis import Diagnosis
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

_ORDER = {"error": 0, "warning": 1, "note": 2}


def diagnose(facts: RunFacts) -> tuple[Diagnosis, ...]:
    """All that a run's figures tell against it: failures first, then by gain."""
    found = [told for module in MODULES if (told := module.diagnose(facts)) is not None]
    return tuple(sorted(found, key=lambda d: (_ORDER[d.severity], -(d.gain_s or 0.0), d.code)))
