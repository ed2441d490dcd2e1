"""A YAML file of the user's, whatever stands in it."""

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from advisor.domain.errors import ConfigurationError

MOST_VALUES = 1_000_000
"""A few lines whose aliases name each other can hold more than all memory, once walked."""


def read_yaml(path: Path, name: str) -> object:
    """What the file holds.

    Args:
        name: What it is, as a sentence begins: "The run config 'run.yaml'".

    Raises:
        ConfigurationError: It cannot be read or is not YAML; the line is named where it is known.
            Or its aliases repeat more than anybody could work with.
    """
    import yaml

    content = _parsed(path, name, yaml.safe_load)
    if _length(content, {}) > MOST_VALUES:
        raise ConfigurationError(
            f"{name} holds itself, or more than {MOST_VALUES:,} values where each alias (`*name`) "
            "stands for what it names.",
            where=str(path),
        )
    return content


def _length(value: object, known: dict[int, float]) -> float:
    """How many values there are, those behind each alias too; endless for one that holds itself.

    Args:
        known: By the identity of a mapping or list, its length.
    """
    if not isinstance(value, dict | list | tuple):
        return 1
    if id(value) not in known:
        known[id(value)] = math.inf  # until it is known: only a part of it can ask meanwhile
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_length(part, known) for part in parts)
    return known[id(value)]


def yaml_lines(path: Path, name: str) -> dict[tuple[str | int, ...], int]:
    """By the keys and places down to a value, the line on which its key stands.

    Raises:
        ConfigurationError: As `read_yaml`.
    """
    import yaml

    lines: dict[tuple[str | int, ...], int] = {}

    def walk(node: object, place: tuple[str | int, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = (*place, str(key.value))
                lines[inner] = key.start_mark.line + 1
                walk(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                walk(value, (*place, number))

    _parsed(path, name, lambda text: walk(yaml.compose(text), ()))
    return lines


def _parsed(path: Path, name: str, parse: Callable[[str], object]) -> object:
    import yaml

    try:
        content = parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{name} cannot be read: {error}.", where=str(path)) from None
    except RecursionError:
        raise ConfigurationError(f"{name} is nested too deep.", where=str(path)) from None
    # PyYAML lets a date 2020-99-99 or an integer of 5000 digits fail as Python does.
    except (yaml.YAMLError, ValueError, TypeError, AttributeError) as error:
        mark = getattr(error, "problem_mark", None)
        ours = isinstance(error, yaml.YAMLError)
        problem = getattr(error, "problem", None) or ("it cannot be parsed" if ours else error)
        raise ConfigurationError(
            f"{name} is not YAML: {problem}.",
            where=f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path),
        ) from None
    return content


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


def instance_config(directory: Path) -> Mapping[str, Any]:
    """What ``dagster.yaml`` says; empty where there is none.

    Raises:
        ConfigurationError: It is not a mapping in YAML.
    """
    path = directory / "dagster.yaml"
    if not path.is_file():
        return {}
    config = read_yaml(path, "The instance's dagster.yaml")
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise ConfigurationError("The instance's dagster.yaml is not a mapping.", where=str(path))
    return config


def with_environment(config: Any) -> Any:
    """A config with the values that it takes from the environment (``{env: NAME}``)."""
    if not isinstance(config, dict):
        return config
    if set(config) == {"env"}:
        return os.environ[str(config["env"])]
    return {key: with_environment(value) for key, value in config.items()}
