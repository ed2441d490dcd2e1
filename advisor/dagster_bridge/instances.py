"""Temporary Dagster instances of the user's kind; the user's own is read, never written."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from advisor.dagster_bridge.scratch_database import own_server, scratch_database, server_of
from advisor.dagster_bridge.yaml_file import instance_config
from advisor.domain.command_line import path_of
from advisor.domain.errors import ConfigurationError

_KEPT_SECTIONS = ("compute_logs", "python_logs", "retention")
"""Sections of the user's ``dagster.yaml`` that change what a step costs and are safe to copy."""


_ALEMBIC_LOGGERS = ("root", "alembic", "alembic.runtime", "alembic.runtime.migration")
"""Loggers that handle what alembic logs, at level INFO, when it opens a SQLite event log."""

_QUIET_LEVELS = ("WARNING", "ERROR", "CRITICAL")


_ON_OWN_SERVER = (
    "the host was measured in a scratch database on the server of the user's instance, whose role "
    "may create databases; it was dropped afterwards"
)


@dataclass(frozen=True, slots=True)
class InstanceKind:
    """What a temporary instance has to be like.

    Attributes:
        storage: ``sqlite``, ``postgres``, ``mysql`` or ``other``: the user's event storage.
        settings: Sections of the user's configuration that a temporary instance takes over.
        note: What to know of temporary instances: on whose server they are, or why they cannot be
            of the same kind; None where there is nothing.
        scratch_postgres: URL of a Postgres or MySQL server, on which each temporary instance has a
            database of its own; None: it is on SQLite.
    """

    storage: str
    settings: Mapping[str, object]
    note: str | None = None
    scratch_postgres: str | None = None

    def on_postgres(self, url: str | None) -> InstanceKind:
        """The same with its temporary instances on that server; as it is without a URL."""
        if url is None:
            return self
        # Another storage's name: what was measured on SQLite for it stays apart in the cache.
        name = f"{server_of(url).key} at {hashlib.sha256(url.encode()).hexdigest()[:8]}"
        return replace(self, storage=name, note=None, scratch_postgres=url)


def user_instance_kind(home: Path | None = None) -> InstanceKind:
    """Read the kind of the user's instance from ``dagster.yaml`` in ``DAGSTER_HOME``.

    A missing home, a missing file or an unreadable one is Dagster's default: SQLite. A Postgres
    whose role may create databases is what is measured on, in a scratch database.
    """
    if home is None:
        named = os.environ.get("DAGSTER_HOME", "").strip()
        home = path_of(named) if named else None
    if home is None:
        return InstanceKind("sqlite", {})
    try:
        settings = instance_config(home)
    except ConfigurationError as error:
        return InstanceKind("sqlite", {}, error.what)
    sections = {name: settings[name] for name in _KEPT_SECTIONS if name in settings}
    logs = sections.get("compute_logs")
    if not (isinstance(logs, dict) and "NoOp" in str(logs.get("class", ""))):
        sections.pop("compute_logs", None)
    if (loggers := deadlocking_loggers(settings)) and isinstance(sections["python_logs"], dict):
        managed = [n for n in sections["python_logs"]["managed_python_loggers"] if n not in loggers]
        sections["python_logs"] = {**sections["python_logs"], "managed_python_loggers": managed}
    storage = storage_of(settings)
    note = None
    if storage == "postgres" and (url := own_server(settings)) is not None:
        return replace(InstanceKind(storage, sections).on_postgres(url), note=_ON_OWN_SERVER)
    if storage != "sqlite":
        note = (
            f"the user's instance stores in {storage}; a temporary one is made on SQLite, so the "
            "cost of storing events is SQLite's"
        )
    return InstanceKind(storage, sections, note)


def deadlocking_loggers(settings: Mapping[str, object]) -> tuple[str, ...]:
    """Managed loggers of a ``dagster.yaml`` by which a step on SQLite can wait for ever."""
    logs = settings.get("python_logs")
    if not isinstance(logs, dict):
        return ()
    names, level = logs.get("managed_python_loggers"), logs.get("python_log_level")
    if not isinstance(names, list) or level is None or str(level).upper() in _QUIET_LEVELS:
        return ()
    return tuple(name for name in names if name in _ALEMBIC_LOGGERS)


def storage_of(settings: Mapping[str, object]) -> str:
    """``sqlite``, ``postgres``, ``mysql`` or ``other``: where a ``dagster.yaml`` stores events."""
    text = str(settings.get("storage", "")) + str(settings.get("event_log_storage", ""))
    for name in ("postgres", "mysql"):
        if name in text.lower():
            return name
    return "other" if "custom" in text.lower() else "sqlite"


def set_limits(instance_home: str, limits: Mapping[str, int]) -> None:
    """Give pools their slots, as ``dagster instance concurrency set`` does.

    For a temporary instance of ours, whose home names its folder.
    """
    from dagster import DagsterInstance

    with DagsterInstance.from_config(instance_home) as instance:
        for pool, slots in limits.items():
            instance.event_log_storage.set_concurrency_slots(pool, slots)


def import_instances() -> None:
    """Import what every ephemeral instance needs: once for all that a process forks."""
    from dagster import DagsterInstance

    with DagsterInstance.ephemeral():
        pass


@contextmanager
def temporary_instance_home(kind: InstanceKind | None = None) -> Iterator[Path]:
    """A ``DAGSTER_HOME`` of the same kind as the user's, gone afterwards."""
    kind = kind or InstanceKind("sqlite", {})
    home = Path(tempfile.mkdtemp(prefix="dynadvise-home-"))
    settings: dict[str, object] = {"telemetry": {"enabled": False}, **kind.settings}
    try:
        with ExitStack() as stack:
            if kind.scratch_postgres is not None:
                scratch = scratch_database(kind.scratch_postgres)
                settings["storage"] = stack.enter_context(scratch)
            (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
            yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)
