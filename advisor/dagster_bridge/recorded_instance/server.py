"""The runs of an instance on a database server."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.dagster_bridge.event_log.sources import StoredRuns
from advisor.dagster_bridge.recorded_instance.schema import check_revision
from advisor.dagster_bridge.yaml_file import with_environment
from advisor.domain.errors import DynadviseError

_MYSQL_TABLES = frozenset({"runs", "event_logs", "instance_info"})
"""Tables that dagster-mysql's storages make where they are missing: their constructors know no
setting against it (dagster_mysql/run_storage/run_storage.py, event_log/event_log.py)."""


def open_server(directory: Path) -> StoredRuns:
    """The instance's runs on a database server.

    Raises:
        DynadviseError: There is no database of Dagster's to be read.
    """
    stored = _storage(directory)
    # Dagster tries a lost connection again, with a warning each time: ours is said once.
    logging.disable(logging.WARNING)
    try:
        stored.run_rows(None, 1)
        revision = stored.schema_revision()
    finally:
        logging.disable(logging.NOTSET)
    check_revision(revision, directory / "dagster.yaml")
    return stored


def _check_mysql_tables(config: Mapping[str, Any], directory: Path) -> None:
    """Refuse a database in which opening it would make a table.

    Raises:
        DynadviseError: A table is missing.
        Exception: As the driver, where the server cannot be reached.
    """
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    settings = with_environment(config)
    url = settings.get("mysql_url")
    if url is None:
        from dagster_mysql.utils import get_conn_string

        url = get_conn_string(**settings["mysql_db"])
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


def _storage(directory: Path) -> StoredRuns:
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
                directory / "dagster.yaml",
            )
        if both is not None:
            stored = both.rehydrate(as_type=DagsterStorage)  # type: ignore[type-abstract]
            return StoredRuns(
                stored.run_storage, stored.event_log_storage, directory / "dagster.yaml"
            )
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
