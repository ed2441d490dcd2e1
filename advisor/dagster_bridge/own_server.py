"""The Postgres that the user's instance stores in, where its role may make databases there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any

from advisor.dagster_bridge.recorded_instance.server import with_environment

_WITHIN_S = 3
_MAY_CREATE = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"


def own_server(settings: Mapping[str, Any]) -> str | None:
    """Its URL, of a ``dagster.yaml``; None where there is none, or no scratch database to be had.

    The server is asked for the role's rights alone.
    """
    if find_spec("dagster_postgres") is None:
        return None
    url = next(_urls(settings), None)
    return url if url is not None and _may_create(url) else None


def _urls(settings: Mapping[str, Any]) -> Iterator[str]:
    """As each form of the file spells it; the oldest has a section for each storage."""
    from sqlalchemy.engine import URL

    storage, events = settings.get("storage"), settings.get("event_log_storage")
    sections = [part.get(key) for part, key in ((storage, "postgres"), (events, "config")) if part]
    for section in sections:
        try:
            config = with_environment(section)
        except KeyError:  # a variable that is set where the instance runs alone
            continue
        if not isinstance(config, dict):
            continue
        if "postgres_url" in config:
            yield str(config["postgres_url"])
        elif isinstance(database := config.get("postgres_db"), dict):
            yield URL.create(
                "postgresql",
                database.get("username"),
                database.get("password"),
                database.get("hostname"),
                int(database.get("port", 5432)),
                database.get("db_name"),
            ).render_as_string(hide_password=False)


@cache
def _may_create(url: str) -> bool:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = create_engine(url, connect_args={"connect_timeout": _WITHIN_S})
        with engine.connect() as connection:
            return bool(connection.exec_driver_sql(_MAY_CREATE).scalar())
    except (SQLAlchemyError, TypeError):  # the latter: a driver that knows no timeout
        return False
