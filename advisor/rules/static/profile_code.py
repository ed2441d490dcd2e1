"""DYN022: the committed profile is older than the code of an op that it describes."""

from __future__ import annotations

from advisor.domain.command_line import spelled_out
from advisor.domain.finding import Finding
from advisor.domain.workload import WorkloadDescription

CODE = "DYN022"
MEANING = "the committed profile is older than the code of an op that it describes"
LOOKS = (
    "The code of `work` has changed since the committed profile, so that its advice may not hold."
)
REMEDY = "Measure again: `dynadvise profile TARGET`."


def check_profile_code(
    description: WorkloadDescription, profiled: WorkloadDescription
) -> tuple[Finding, ...]:
    """One finding for each mapped op that changed, came or went since the profile.

    Args:
        description: As the definitions are now.
        profiled: As they were when the profile was made.
    """
    before = {op.handle: op.reference for op in profiled.mapped}
    target = description.target.spelled
    findings = []
    for mapped in description.mapped:
        old = before.get(mapped.handle)
        if old is None:
            what = f"`{mapped.handle}` is not in the committed profile"
        elif None in {old.source_hash, mapped.reference.source_hash}:
            continue
        elif old.source_hash != mapped.reference.source_hash:
            what = f"the code of `{mapped.handle}` has changed since the committed profile"
        else:
            continue
        findings.append(
            Finding(
                CODE,
                "warning",
                f"{what[0].upper()}{what[1:]}, so that its advice may not hold.",
                spelled_out(REMEDY, description),
                mapped.location,
                target,
            )
        )
    return tuple(findings)
