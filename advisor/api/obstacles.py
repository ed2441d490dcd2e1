"""What the static rules find before anything is measured: told, or a reason not to measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.domain.errors import TargetError

if TYPE_CHECKING:
    from advisor.dagster_bridge.discovery import Discovery


def static_errors(found: Discovery) -> list[str]:
    """The errors that the job has already, one line each, before anything of it runs.

    Raises:
        TargetError: One of them makes every figure of the job worthless.
    """
    from advisor.rules.static import UNMEASURABLE, CheckFacts, run_checks

    facts = CheckFacts(found.description, job=found.job, instance=found.instance_facts)
    errors = [finding for finding in run_checks(facts) if finding.severity == "error"]
    for finding in errors:
        if finding.code in UNMEASURABLE:
            raise TargetError(
                f"{finding.code}: {finding.message}",
                where=str(finding.location) if finding.location else None,
                hint=finding.remedy,
            )
    return [f"{finding.code}: {finding.message} {finding.remedy}" for finding in errors]
