"""DYN023: the committed profile is of another Dagster version."""

from __future__ import annotations

from advisor.domain.command_line import spelled_out
from advisor.domain.finding import Finding, Severity
from advisor.domain.host import HostFacts
from advisor.domain.workload import WorkloadDescription

CODE = "DYN023"
MEANING = "the committed profile is of another Dagster version"
LOOKS = "The committed profile was measured with Dagster 1.12.3; this is 1.13.0."
REMEDY = "Measure again: `dynadvise profile TARGET`."


def check_profile_version(
    description: WorkloadDescription, profiled: HostFacts, here: HostFacts
) -> Finding | None:
    """A warning where the minor version differs, a note for a patch."""
    old, new = profiled.dagster_version, here.dagster_version
    if not old or not new or old == new:
        return None
    same_minor = old.split(".")[:2] == new.split(".")[:2]
    severity: Severity = "note" if same_minor else "warning"
    target = description.target.spelled
    return Finding(
        CODE,
        severity,
        f"The committed profile was measured with Dagster {old}; this is {new}.",
        spelled_out(REMEDY, description),
        description.mapped[0].location if description.mapped else None,
        target,
    )
