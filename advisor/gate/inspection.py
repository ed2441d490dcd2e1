"""What the targets' definitions say, and which rules they break; no op is called.

All targets are imported in one child process, each module once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from advisor.domain.errors import DynadviseError
from advisor.domain.finding import Finding
from advisor.domain.options import CheckOptions
from advisor.domain.rule_facts import CheckFacts, InstanceFacts, JobFacts, ProfiledFacts
from advisor.domain.workload import WorkloadDescription

if TYPE_CHECKING:
    from advisor.store import SavedProfile

_IMPORT_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Inspected:
    """One target's definitions. ``error`` says why it could not be loaded, where it could not."""

    target: str
    description: WorkloadDescription | None = None
    findings: tuple[Finding, ...] = ()
    error: str | None = None
    job: JobFacts | None = None
    instance: InstanceFacts | None = None

    @property
    def loaded(self) -> bool:
        """Whether its definitions could be loaded."""
        return self.description is not None


@dataclass(frozen=True, slots=True)
class InspectionRequest:
    """What the child is asked to import."""

    targets: tuple[str, ...]
    job: str | None
    working_directory: str
    run_config: Mapping[str, object]


def inspect_targets(options: CheckOptions) -> list[Inspected]:
    """Import all targets in one child process and apply the static rules.

    Where the process as a whole does not survive an import, each target gets its own.
    """
    from advisor.measure.child import run_in_child

    def inspect(targets: tuple[str, ...]) -> list[Inspected]:
        result = run_in_child(
            "advisor.gate.inspection:inspect_here",
            InspectionRequest(targets, options.job, str(options.folder), run_config_of(options)),
            timeout_s=_IMPORT_TIMEOUT_S,
            python_path=(options.folder,),
            working_directory=options.folder,
        )
        if result.failure is None:
            return cast("list[Inspected]", result.value)
        if len(targets) == 1:
            return [Inspected(targets[0], error=result.failure.as_note(targets[0]))]
        return [inspected for target in targets for inspected in inspect((target,))]

    return [with_findings(options, inspected) for inspected in inspect(options.targets)]


def inspect_here(request: InspectionRequest) -> list[Inspected]:
    """Import the targets in this process. Runs in a child."""
    return [_inspected(request, target) for target in request.targets]


def _inspected(request: InspectionRequest, target: str) -> Inspected:
    from advisor.dagster_bridge.job_facts import instance_facts, job_facts
    from advisor.dagster_bridge.structure import describe
    from advisor.dagster_bridge.target import load_target, parse_target
    from advisor.measure.supervisor import show_text

    try:
        reference = parse_target(
            target, job=request.job, working_directory=Path(request.working_directory)
        )
        loaded = load_target(reference)
        description = describe(loaded, request.run_config)
    except DynadviseError as error:
        show_text(str(error))
        return Inspected(target, error=error.without_texts)
    return Inspected(
        target,
        description,
        job=job_facts(loaded, description, request.run_config),
        instance=instance_facts(),
    )


def with_findings(options: CheckOptions, inspected: Inspected) -> Inspected:
    """Apply the rules to the definitions, and lay them beside the committed profile.

    Raises:
        ProfileError: The profile is damaged or too new.
    """
    if inspected.description is None:
        return inspected
    from advisor.measure.machine import host_facts
    from advisor.rules.static import run_checks

    description = inspected.description
    # For the commands that findings print.
    if options.run_config is not None:
        description = replace(description, run_config_file=str(options.run_config))
    if (inputs := options.inputs.get(inspected.target)) is not None:
        description = replace(description, inputs=inputs)
    profile = committed_profile(options, description)
    facts = CheckFacts(
        description=description,
        host=host_facts(),
        job=inspected.job,
        instance=inspected.instance,
        clusters=options.clusters,
    )
    if profile is not None:
        profiled = ProfiledFacts(profile.description, profile.host.facts, options.max_regret)
        facts = replace(
            facts,
            advice=profile.advice,
            profiled=profiled,
            step_peak_bytes=profile.workload.step_peak_bytes,
            clusters=tuple(cluster.as_seen(profile.overhead) for cluster in options.clusters),
        )
    return replace(inspected, description=description, findings=run_checks(facts))


def committed_profile(
    options: CheckOptions, description: WorkloadDescription
) -> SavedProfile | None:
    """The target's profile: this host's class first, else the one written last; None without.

    Raises:
        ProfileError: It is damaged or too new.
    """
    from advisor import store
    from advisor.measure.machine import host_facts

    directory = options.folder / options.profiles_dir
    own = store.profile_path(directory, host_facts().id, description.target)
    others = [path for path in store.existing_profiles(directory) if path.name == own.name]
    if own.is_file():
        return store.read(own)
    profiles = [store.read(path) for path in others]
    return max(profiles, key=lambda profile: profile.written_at, default=None)


def run_config_of(options: CheckOptions) -> dict[str, object]:
    """The run config file's content.

    Raises:
        ConfigurationError: It cannot be read, or is no mapping.
    """
    from advisor.dagster_bridge.yaml_file import read_run_config

    path = None if options.run_config is None else options.folder / options.run_config
    return {str(key): value for key, value in (read_run_config(path) or {}).items()}
