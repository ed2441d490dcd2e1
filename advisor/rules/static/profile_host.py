"""DYN024: the committed profile is of another host class."""

from __future__ import annotations

from advisor.domain.command_line import spelled_out
from advisor.domain.finding import Finding
from advisor.domain.host import HostFacts
from advisor.domain.workload import WorkloadDescription

CODE = "DYN024"
MEANING = "the committed profile is of another host class"
LOOKS = "The committed profile is of host class 3f2a91; this is b07c44."
REMEDY = (
    "If the job runs on machines like this one, measure here: `dynadvise profile TARGET`; else "
    "describe them in [tool.dynadvise.hosts]."
)


def check_profile_host(
    description: WorkloadDescription, profiled: HostFacts, here: HostFacts
) -> Finding | None:
    """A note: a profile of the machine where the job runs is right on another one, too."""
    if profiled.id == here.id:
        return None
    target = description.target.spelled
    return Finding(
        CODE,
        "note",
        f"The committed profile is of host class {profiled.id}; this is {here.id}.",
        spelled_out(REMEDY, description),
        description.mapped[0].location if description.mapped else None,
        target,
    )
