"""Loading the user's target in a child process, and what the static rules say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from advisor.domain.errors import TargetError
from advisor.domain.options import WorkloadOptions
from advisor.domain.workload import TargetReference

if TYPE_CHECKING:
    from advisor.dagster_bridge.discovery import Discovery

IMPORT_TIMEOUT_S = 120.0


def discover_target(
    target: TargetReference,
    run_config: Mapping[str, object] | None,
    workload: WorkloadOptions,
) -> Discovery:
    """Load and describe the target; the files are as the user spelled them.

    Raises:
        TargetError: It cannot be loaded or is no workload that can be measured.
        UserCodeError: Importing it hangs, exits or crashes.
    """
    from advisor.dagster_bridge.discovery import DiscoveryRequest

    file = str(workload.run_config) if workload.run_config else None
    request = DiscoveryRequest(target, run_config, file, workload.inputs, workload.partition)
    return cast("Discovery", _discovery_child("discover", request, target, "importing"))


def import_target(target: TargetReference) -> None:
    """Import the user's module before many processes do.

    Raises:
        DynadviseError: It does not exist, or importing it failed: the user's mistake.
    """
    _discovery_child("import_target", target, target, "importing")


def config_refusal(target: TargetReference, run_config: dict[str, object]) -> str | None:
    """Dagster's message where it refuses what the run config sets; what it lacks is no reason."""
    from advisor.dagster_bridge.discovery import ValidationRequest

    request = ValidationRequest(target, run_config)
    return cast("str | None", _discovery_child("validate", request, target, "validating"))


def _discovery_child(
    function: str, argument: object, target: TargetReference, doing: str
) -> object:
    from advisor.measure.child import run_in_child

    return run_in_child(
        f"advisor.dagster_bridge.discovery:{function}",
        argument,
        timeout_s=IMPORT_TIMEOUT_S,
        target=target,
    ).unwrap(f"{doing} {target.spelled}")


def static_errors(discovery: Discovery) -> list[str]:
    """The errors that the job has already, one line each, before anything of it runs.

    Raises:
        TargetError: One of them makes every figure of the job worthless.
    """
    from advisor.domain.rule_facts import CheckFacts
    from advisor.rules.static import UNMEASURABLE, run_checks

    facts = CheckFacts(discovery.description, job=discovery.job, instance=discovery.instance_facts)
    errors = [finding for finding in run_checks(facts) if finding.severity == "error"]
    for finding in errors:
        if finding.code in UNMEASURABLE:
            raise TargetError(
                f"{finding.code}: {finding.message}",
                where=str(finding.location) if finding.location else None,
                hint=finding.remedy,
            )
    return [f"{finding.code}: {finding.message} {finding.remedy}" for finding in errors]
