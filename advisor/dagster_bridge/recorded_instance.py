"""Open a Dagster instance's storage for reading only: nothing is created, stamped or migrated.

Dagster's own SQLite storages create their files, stamp a schema revision and switch the journal
mode when they are opened, so SQLite files are read here directly, as immutable. Only server
databases (Postgres, MySQL) are opened by Dagster's classes, told not to create tables.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from advisor.dagster_bridge.event_log import (
    SHORTEST_RUN_ID,
    TOLD_BY_ONE_PAYLOAD,
    TOLD_BY_PAYLOAD,
    EventRow,
    RunRow,
    RunSource,
    StoredRuns,
    run_row_from_body,
    timestamp_s,
)
from advisor.dagster_bridge.sqlite_reading import read_sqlite
from advisor.domain.errors import DynadviseError

Value = TypeVar("Value")

_RUN_COLUMNS = frozenset({"run_id", "pipeline_name", "status", "run_body", "create_timestamp"})
_EVENT_COLUMNS = frozenset({"id", "run_id", "event", "dagster_event_type", "timestamp", "step_key"})
_REVISION = re.compile(r"""^revision\s*(?::\s*str\s*)?=\s*["']([0-9a-f]+)["']""", re.MULTILINE)


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
    config = _instance_config(directory)
    places = _sqlite_places(directory, config)
    if places is None:
        server = ServerRecording(_server_storage(directory), directory / "dagster.yaml")
        server.check()
        return server
    if not places.runs.is_file():
        raise DynadviseError(
            f"{str(directory)!r} holds no Dagster runs.",
            where=str(places.runs),
            hint="The file does not exist: is this the instance's folder (DAGSTER_HOME)?",
        )
    recording = SqliteRecording(places)
    recording.check()
    return recording


@dataclass(frozen=True, slots=True)
class SqlitePlaces:
    """Where the SQLite files of an instance lie.

    Attributes:
        runs: The database of runs.
        events: A folder with one database a run, or one database for all.
    """

    runs: Path
    events: Path


class SqliteRecording:
    """The runs of an instance on SQLite, read without changing anything."""

    def __init__(self, places: SqlitePlaces) -> None:
        self._places = places

    def check(self) -> None:
        """Raise a :class:`DynadviseError` where the database of runs cannot be read."""
        _read(self._places.runs, lambda _: None, table="runs", columns=_RUN_COLUMNS)

    def run_row(self, run_id: str) -> RunRow | None:
        """The run of that id (or of its only run whose id starts so), None where there is none."""
        rows = self._runs("run_id = ?", (run_id,), 1)
        if not rows and len(run_id) >= SHORTEST_RUN_ID and run_id.replace("-", "").isalnum():
            rows = self._runs("run_id LIKE ?", (f"{run_id}%",), 2)
        return rows[0] if len(rows) == 1 else None

    def run_rows(self, job: str | None, last: int) -> list[RunRow]:
        """The newest runs, newest first."""
        if job is None:
            return self._runs("1", (), last)
        return self._runs("pipeline_name = ?", (job,), last)

    def event_rows(self, run_id: str) -> Iterator[EventRow]:
        """All events of a run; none where its log does not exist (never started, or deleted)."""
        events = self._places.events
        path = events / f"{run_id}.db" if events.suffix != ".db" else events
        if not path.is_file():
            return iter(())
        rows = _read(
            path,
            lambda connection: _event_rows(connection, run_id),
            table="event_logs",
            columns=_EVENT_COLUMNS,
        )
        return iter(rows)

    def _runs(self, condition: str, values: tuple[str, ...], last: int) -> list[RunRow]:
        query = (
            "SELECT run_id, pipeline_name, status, run_body, create_timestamp FROM runs "  # noqa: S608
            f"WHERE {condition} ORDER BY id DESC LIMIT ?"
        )

        def rows(connection: sqlite3.Connection) -> list[RunRow]:
            found = connection.execute(query, (*values, last)).fetchall()
            return [
                run_row_from_body(run_id, job, status, body, timestamp_s(created))
                for run_id, job, status, body, created in found
            ]

        return _read(self._places.runs, rows, table="runs", columns=_RUN_COLUMNS)


class ServerRecording:
    """The runs of an instance on a database server, whose faults are told as a user's."""

    def __init__(self, stored: StoredRuns, where: Path) -> None:
        self._stored = stored
        self._where = where

    def check(self) -> None:
        """Raise a :class:`DynadviseError` where there is no database of Dagster's to be read."""
        # Dagster tries a lost connection again, with a warning each time: ours is said once.
        logging.disable(logging.WARNING)
        try:
            self._reading(lambda: self._stored.run_rows(None, 1))
            revision = self._reading(self._stored.schema_revision)
        finally:
            logging.disable(logging.NOTSET)
        _check_revision(revision, self._where)

    def run_row(self, run_id: str) -> RunRow | None:
        """The run of that id (or of its only run whose id starts so), None where there is none."""
        return self._reading(lambda: self._stored.run_row(run_id))

    def run_rows(self, job: str | None, last: int) -> list[RunRow]:
        """The newest runs, newest first."""
        return self._reading(lambda: self._stored.run_rows(job, last))

    def event_rows(self, run_id: str) -> Iterator[EventRow]:
        """All events of a run."""
        return iter(self._reading(lambda: list(self._stored.event_rows(run_id))))

    def _reading(self, function: Callable[[], Value]) -> Value:
        try:
            return function()
        except Exception as error:  # drivers, networks and missing tables all raise their own
            cause: BaseException = error
            while cause.__cause__ is not None:
                cause = cause.__cause__
            raise DynadviseError(
                "The instance's database cannot be read.",
                where=str(self._where),
                details=f"{type(cause).__name__}: {cause}".strip(),
                hint="Check that the server can be reached with what dagster.yaml says, and that "
                "the database is the one of this instance. Nothing was changed.",
            ) from error


def _event_rows(connection: sqlite3.Connection, run_id: str) -> list[EventRow]:
    told = ", ".join(f"'{kind}'" for kind in sorted(TOLD_BY_PAYLOAD))
    first = connection.execute(
        "SELECT min(id) FROM event_logs WHERE run_id = ? AND dagster_event_type = ?",
        (run_id, TOLD_BY_ONE_PAYLOAD),
    ).fetchone()[0]
    # Rows are streamed by SQLite: a payload that is not asked for is not kept.
    rows = connection.execute(
        "SELECT id, dagster_event_type, timestamp, step_key, "  # noqa: S608
        f"CASE WHEN dagster_event_type IN ({told}) OR id = ? THEN event END "
        "FROM event_logs WHERE run_id = ?",
        (first, run_id),
    )
    keys: dict[str, str] = {}  # one string a step, not one an event
    return [
        EventRow(
            storage_id,
            kind,
            timestamp_s(at),
            keys.setdefault(step_key, step_key) if step_key is not None else None,
            payload,
        )
        for storage_id, kind, at, step_key, payload in rows
    ]


def _read(
    path: Path,
    function: Callable[[sqlite3.Connection], Value],
    *,
    table: str,
    columns: frozenset[str],
) -> Value:
    def checked(connection: sqlite3.Connection) -> Value:
        _check_schema(connection, path, table, columns)
        return function(connection)

    return read_sqlite(path, checked)


def _check_schema(
    connection: sqlite3.Connection, path: Path, table: str, columns: frozenset[str]
) -> None:
    found = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    revision = _revision(connection)
    if not found:
        raise DynadviseError(
            f"This is not a database of Dagster's: it has no table {table!r}.", where=str(path)
        )
    if missing := sorted(columns - found):
        raise DynadviseError(
            f"The table {table!r} lacks {', '.join(missing)}: a schema of another Dagster version"
            + (f" (revision {revision})." if revision else "."),
            where=str(path),
            hint="dynadvise never migrates. Read it with the Dagster version that wrote it, or "
            "run `dagster instance migrate` on a copy.",
        )
    _check_revision(revision, path)


def _check_revision(revision: str | None, path: Path) -> None:
    known = known_schema_revisions()
    if revision is not None and known and revision not in known:
        version = importlib.metadata.version("dagster")
        raise DynadviseError(
            f"The database was written by another Dagster version: its schema revision {revision} "
            f"is unknown to Dagster {version}.",
            where=str(path),
            hint="dynadvise never migrates. Install the Dagster version that wrote it (or newer).",
        )


def _revision(connection: sqlite3.Connection) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None  # some Dagster versions did not stamp their SQLite files (dagster#25740)
    return str(row[0]) if row else None


_known: frozenset[str] | None = None


def known_schema_revisions() -> frozenset[str]:
    """The schema revisions that the installed Dagster knows; empty where they are not found.

    Read from its migration scripts, without importing them (or Dagster, or alembic).
    """
    global _known  # noqa: PLW0603
    if _known is None:
        spec = importlib.util.find_spec("dagster")
        root = Path(spec.origin).parent if spec and spec.origin else Path()
        scripts = (root / "_core" / "storage" / "alembic" / "versions").glob("*.py")
        texts = (script.read_text(encoding="utf-8") for script in scripts)
        _known = frozenset(match[1] for text in texts if (match := _REVISION.search(text)))
    return _known


def _instance_config(directory: Path) -> Mapping[str, Any]:
    import yaml

    path = directory / "dagster.yaml"
    if not path.is_file():
        return {}
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DynadviseError(
            "The instance's dagster.yaml cannot be read.", where=str(path), details=str(error)
        ) from error
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise DynadviseError("The instance's dagster.yaml is not a mapping.", where=str(path))
    return config


def _sqlite_places(directory: Path, config: Mapping[str, Any]) -> SqlitePlaces | None:
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


_MYSQL_TABLES = frozenset({"runs", "event_logs", "instance_info"})
"""Tables that dagster-mysql's storages make where they are missing: their constructors know no
setting against it (dagster_mysql/run_storage/run_storage.py, event_log/event_log.py)."""


def _check_mysql_tables(config: Mapping[str, Any], directory: Path) -> None:
    """Refuse a database in which opening it would make a table.

    Raises:
        DynadviseError: A table is missing.
        Exception: As the driver, where the server cannot be reached.
    """
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    known = _with_environment(config)
    url = known.get("mysql_url")
    if url is None:
        from dagster_mysql.utils import get_conn_string  # type: ignore[import-not-found]

        url = get_conn_string(**known["mysql_db"])
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    try:
        missing = sorted(_MYSQL_TABLES - set(sqlalchemy.inspect(engine).get_table_names()))
    finally:
        engine.dispose()
    if missing:
        raise DynadviseError(
            "This is not a database of Dagster's, or of another version: it has no "
            + ("table " if len(missing) == 1 else "tables ")
            + ", ".join(repr(table) for table in missing)
            + ".",
            where=str(directory / "dagster.yaml"),
            hint="Nothing was changed: Dagster would make what is missing, dynadvise never does.",
        )


def _with_environment(config: Any) -> Any:
    """A config with the values that it takes from the environment (``{env: NAME}``)."""
    if not isinstance(config, dict):
        return config
    if set(config) == {"env"}:
        return os.environ[str(config["env"])]
    return {key: _with_environment(value) for key, value in config.items()}


def _server_storage(directory: Path) -> StoredRuns:
    """Dagster's own storage classes for a database server, told not to create its tables."""
    import yaml

    from advisor.dagster_bridge.private import (
        ConfigurableClassData,
        DagsterStorage,
        EventLogStorage,
        InstanceRef,
        RunStorage,
    )

    def kept(data: ConfigurableClassData) -> ConfigurableClassData:
        config = yaml.safe_load(data.config_yaml) or {}
        if data.module_name.startswith("dagster_mysql"):
            _check_mysql_tables(config, directory)
            return data
        return ConfigurableClassData(
            data.module_name,
            data.class_name,
            yaml.safe_dump({**config, "should_autocreate_tables": False}),
        )

    try:
        reference = InstanceRef.from_dir(str(directory))
        runs, events, both = (
            reference.run_storage_data,
            reference.event_storage_data,
            reference.storage_data,
        )
        if runs is not None and events is not None:
            return StoredRuns(
                kept(runs).rehydrate(as_type=RunStorage),  # type: ignore[type-abstract]
                kept(events).rehydrate(as_type=EventLogStorage),  # type: ignore[type-abstract]
            )
        if both is not None:
            stored = both.rehydrate(as_type=DagsterStorage)  # type: ignore[type-abstract]
            return StoredRuns(stored.run_storage, stored.event_log_storage)
    except DynadviseError:
        raise
    except Exception as error:  # drivers, networks and configuration all raise their own
        raise DynadviseError(
            "The instance's storage cannot be opened.",
            where=str(directory / "dagster.yaml"),
            details=f"{type(error).__name__}: {error}",
            hint="Check that its package (dagster-postgres, dagster-mysql) is installed and that "
            "the database can be reached.",
        ) from error
    raise DynadviseError(
        "The instance configures no storage.", where=str(directory / "dagster.yaml")
    )
