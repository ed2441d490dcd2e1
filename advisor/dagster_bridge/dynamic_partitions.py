"""Keys of dynamic partitions, which only a Dagster instance knows: the user's, read only."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from advisor.dagster_bridge.recorded_instance.places import instance_config, sqlite_places
from advisor.dagster_bridge.sqlite_reading import read_sqlite
from advisor.domain.errors import DynadviseError


def newest_key(name: str) -> str | None:
    """The newest key of the partitions in the instance of ``DAGSTER_HOME``.

    None where there is none, no instance on SQLite, or it cannot be read.
    """
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        return None
    try:
        places = sqlite_places(Path(home), instance_config(Path(home)))
        if places is None:
            return None
        events = places.events
        path = events if events.suffix == ".db" else events / "index.db"
        return read_sqlite(path, lambda database: _newest(database, name))
    except (DynadviseError, OSError):
        return None


def _newest(database: sqlite3.Connection, name: str) -> str | None:
    query = "SELECT partition FROM dynamic_partitions WHERE partitions_def_name = ? "
    row = database.execute(query + "ORDER BY id DESC LIMIT 1", (name,)).fetchone()
    return row[0] if row and isinstance(row[0], str) else None
