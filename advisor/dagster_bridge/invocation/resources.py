"""The resources that a target's ops and IO managers need, started as a step starts them."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from dagster import DagsterInstance, DagsterRun, ResourceDefinition, build_resources

from advisor.dagster_bridge.target import LoadedTarget
from advisor.domain.errors import TargetError


def as_definitions(resources: Mapping[str, object]) -> dict[str, ResourceDefinition]:
    """Started resources, to be passed on as they are: Dagster would start them again."""
    return {key: ResourceDefinition.hardcoded_resource(value) for key, value in resources.items()}


@dataclass(frozen=True, slots=True)
class Resources:
    """Starts resources of the target; they end with ``stack``.

    Attributes:
        config: The run config's part for resources.
        run: The run that they are told to be started for.
    """

    loaded: LoadedTarget
    config: Mapping[str, Any]
    instance: DagsterInstance
    stack: ExitStack
    run: DagsterRun

    def started(self, keys: set[str]) -> Mapping[str, object]:
        """Live resource objects for the keys and all that they need.

        Raises:
            TargetError: The target has no such resource.
        """
        needed = self._with_dependencies(keys)
        if not needed:
            return {}
        definitions = {key: self.loaded.resource_defs[key] for key in needed}
        config = {key: self.config[key] for key in needed if key in self.config}
        return dict(self.entered(definitions, config).original_resource_dict)

    def entered(
        self, definitions: Mapping[str, Any], config: Mapping[str, Any] | None = None
    ) -> Any:
        """Dagster's object of live resources, which ends with the stack."""
        return self.stack.enter_context(
            build_resources(
                dict(definitions),
                instance=self.instance,
                resource_config=dict(config or {}),
                dagster_run=self.run,
            )
        )

    def _with_dependencies(self, keys: set[str]) -> set[str]:
        definitions = self.loaded.resource_defs
        missing = sorted(key for key in keys if key not in definitions)
        if missing:
            raise TargetError(
                f"There is no resource '{missing[0]}' for '{self.loaded.reference.spelled}'.",
                hint="Name the job that provides it, or put the resource into the Definitions.",
            )
        needed: set[str] = set()
        todo = list(keys)
        while todo:
            key = todo.pop()
            if key in needed:
                continue
            needed.add(key)
            todo.extend(definitions[key].get_required_resource_keys(definitions))
        return needed
