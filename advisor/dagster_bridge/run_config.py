"""The run config file that the user names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from advisor.dagster_bridge.yaml_file import read_yaml
from advisor.domain.errors import ConfigurationError


def read_run_config(path: Path | None) -> Mapping[str, object] | None:
    """The run config in a YAML file.

    Raises:
        ConfigurationError: It cannot be read or is not a mapping; the line is named.
    """
    if path is None:
        return None
    content = read_yaml(path, f"The run config {str(path)!r}")
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"The run config {str(path)!r} is no mapping.",
            where=str(path),
            hint="It starts like `ops:` or `resources:`, as in Dagster's launchpad.",
        )
    return content
