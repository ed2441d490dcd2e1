"""Where an instance keeps its runs, read from its ``dagster.yaml`` alone."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.dagster_bridge.yaml_file import read_yaml
from advisor.domain.errors import DynadviseError


@dataclass(frozen=True, slots=True)
class SqlitePlaces:
    """Where the SQLite files of an instance lie.

    Attributes:
        runs: The database of runs.
        events: A folder with one database a run, or one database for all.
    """

    runs: Path
    events: Path


def instance_config(directory: Path) -> Mapping[str, Any]:
    """What ``dagster.yaml`` says; empty where there is none.

    Raises:
        DynadviseError: It is not a mapping in YAML.
    """
    path = directory / "dagster.yaml"
    if not path.is_file():
        return {}
    config = read_yaml(path, "The instance's dagster.yaml")
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise DynadviseError("The instance's dagster.yaml is not a mapping.", where=str(path))
    return config


def sqlite_places(directory: Path, config: Mapping[str, Any]) -> SqlitePlaces | None:
    """Where the instance's SQLite files lie; None where its storage is not SQLite."""
    history = directory / "history"
    places = SqlitePlaces(runs=history / "runs.db", events=history / "runs")
    storage = config.get("storage")
    if isinstance(storage, dict) and storage:
        if set(storage) != {"sqlite"}:
            return None
        base = _base(directory, storage["sqlite"]) / "history"
        return SqlitePlaces(runs=base / "runs.db", events=base / "runs")
    runs, events = config.get("run_storage"), config.get("event_log_storage")
    if isinstance(runs, dict):
        if runs.get("class") != "SqliteRunStorage":
            return None
        places = SqlitePlaces(_base(directory, runs.get("config")) / "runs.db", places.events)
    if isinstance(events, dict):
        base = _base(directory, events.get("config"))
        if events.get("class") == "SqliteEventLogStorage":
            places = SqlitePlaces(places.runs, base)
        elif events.get("class") == "ConsolidatedSqliteEventLogStorage":
            places = SqlitePlaces(places.runs, base / "event_log.db")
        else:
            return None
    return places


def _base(directory: Path, config: object) -> Path:
    """The folder of a ``base_dir``, which may be given as ``{env: NAME}``."""
    base = config.get("base_dir") if isinstance(config, dict) else None
    if isinstance(base, dict) and isinstance(base.get("env"), str):
        name = base["env"]
        base = os.environ.get(name)
        if base is None:
            raise DynadviseError(
                f"dagster.yaml takes its storage folder from the environment variable {name}, "
                "which is not set.",
                where=str(directory / "dagster.yaml"),
            )
    if not isinstance(base, str):
        raise DynadviseError(
            "The storage in dagster.yaml has no base_dir.", where=str(directory / "dagster.yaml")
        )
    return Path(base)
