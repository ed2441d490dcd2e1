"""The run config file that the user names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from advisor.domain.errors import ConfigurationError


def read_run_config(path: Path | None) -> Mapping[str, object] | None:
    """The run config in a YAML file.

    Raises:
        ConfigurationError: It cannot be read or is not a mapping; the line is named.
    """
    if path is None:
        return None
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The run config {str(path)!r} cannot be read: {error}.", where=str(path)
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise ConfigurationError(
            f"The run config {str(path)!r} is not YAML: {problem}.",
            where=f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path),
        ) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"The run config {str(path)!r} is no mapping.",
            where=str(path),
            hint="It starts like `ops:` or `resources:`, as in Dagster's launchpad.",
        )
    return content
