"""Open a Dagster instance's storage for reading only: nothing is created, stamped or migrated.

Dagster's own SQLite storages create their files, stamp a schema revision and switch the journal
mode when they are opened, so SQLite files are read here directly, as immutable. Only server
databases (Postgres, MySQL) are opened by Dagster's classes, told not to create tables.
"""

from pathlib import Path

from advisor.dagster_bridge.event_log import RunSource
from advisor.dagster_bridge.recorded_instance.schema import known_schema_revisions
from advisor.dagster_bridge.recorded_instance.server import open_server
from advisor.dagster_bridge.recorded_instance.sqlite import (
    SqliteRecording,
    sqlite_places,
)
from advisor.dagster_bridge.yaml_file import instance_config
from advisor.domain.errors import DynadviseError

__all__ = ["known_schema_revisions", "open_instance_read_only"]


def open_instance_read_only(directory: Path) -> RunSource:
    """Open the instance in ``directory`` (a ``DAGSTER_HOME``) without changing a byte of it.

    Raises:
        DynadviseError: There is no such folder, no run storage in it, its ``dagster.yaml`` cannot
            be understood, or its database is damaged, foreign or from a newer Dagster.
    """
    if not directory.is_dir():
        raise DynadviseError(
            f"There is no folder {str(directory)!r}.",
            hint="Give the folder of a Dagster instance: --instance DIR, or set DAGSTER_HOME.",
        )
    directory = directory.resolve()
    config = instance_config(directory)
    places = sqlite_places(directory, config)
    if places is None:
        return open_server(directory)
    if not places.runs.is_file():
        raise DynadviseError(
            f"{str(directory)!r} holds no Dagster runs.",
            where=str(places.runs),
            hint="The file does not exist: is this the instance's folder (DAGSTER_HOME)?",
        )
    recording = SqliteRecording(places)
    recording.check()
    return recording
