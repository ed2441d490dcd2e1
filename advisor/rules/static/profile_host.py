"""DYN023 and DYN024: the committed profile is of another Dagster version or host class."""

from __future__ import annotations

from advisor.domain.finding import Finding, Severity
from advisor.domain.host import HostFacts
from advisor.domain.workload import WorkloadDescription

VERSION_CODE = "DYN023"
VERSION_MEANING = "the committed profile is of another Dagster version"
HOST_CODE = "DYN024"
HOST_MEANING = "the committed profile is of another host class"


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
        VERSION_CODE,
        severity,
        f"The committed profile was measured with Dagster {old}; this is {new}.",
        f"Measure again: `dynadvise profile {target}`.",
        description.mapped[0].op.location if description.mapped else None,
        target,
    )


def check_profile_host(
    description: WorkloadDescription, profiled: HostFacts, here: HostFacts
) -> Finding | None:
    """A note: a profile of the machine where the job runs is right on another one, too."""
    if profiled.id == here.id:
        return None
    target = description.target.spelled
    return Finding(
        HOST_CODE,
        "note",
        f"The committed profile is of host class {profiled.id}; this is {here.id}.",
        "If the job runs on machines like this one, measure here: "
        f"`dynadvise profile {target}`; else describe them in [tool.dynadvise.hosts].",
        description.mapped[0].op.location if description.mapped else None,
        target,
    )
