"""A database of our own on the user's server: made, used for tiny runs, and dropped."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from advisor.dagster_bridge.yaml_file import with_environment
from advisor.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

PREFIX = "dynadvise_scratch_"
_WITHIN_S = 3
_MAY_CREATE = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"


@dataclass(frozen=True, slots=True)
class Server:
    """What differs between the servers that Dagster's instance can store in.

    Attributes:
        name: As its users call it.
        key: In the ``storage`` section of a ``dagster.yaml``, and of its package ``dagster_KEY``.
        driver: Of its URL, as Dagster takes it.
        database: To connect to where the URL names none; None: none is needed.
        dropping: What drops a database although somebody is still connected.
        rights: What gives a role the right.
    """

    name: str
    key: str
    driver: str
    database: str | None
    dropping: str
    rights: str


_POSTGRES = Server(
    "Postgres",
    "postgres",
    "postgresql",
    "postgres",
    "DROP DATABASE IF EXISTS {} WITH (FORCE)",
    "ALTER ROLE name CREATEDB",
)
_MYSQL = Server(
    "MySQL",
    "mysql",
    "mysql+mysqlconnector",
    None,
    "DROP DATABASE IF EXISTS {}",
    f"GRANT ALL ON `{PREFIX}%`.* TO name",
)


def server_of(url: str) -> Server:
    """The kind of server of a URL; Postgres where it is neither."""
    return _MYSQL if re.match(r"(mysql|mariadb)(\+|:)", url) else _POSTGRES


@contextmanager
def scratch_database(url: str) -> Iterator[dict[str, dict[str, str]]]:
    """The ``storage`` of an instance in a new, empty database on the server of ``url``.

    The database is dropped afterwards. No other one is written to; that of ``url`` is only
    connected to.

    Raises:
        ConfigurationError: There is no such server, or it lets nobody make a database.
    """
    from sqlalchemy.exc import SQLAlchemyError

    kind = server_of(url)
    server = _at(url, kind)
    name = f"{PREFIX}{secrets.token_hex(6)}"
    try:
        _execute(server, f"CREATE DATABASE {name}")
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()
        raise ConfigurationError(
            f"No scratch database could be made on {server.render_as_string()}.",
            details=_without_password(reason[0] if reason else "no reason", server),
            hint=f"It needs a role that may create databases: {kind.rights}.",
        ) from None
    own_url = server.set(database=name).render_as_string(hide_password=False)
    try:
        yield {kind.key: {f"{kind.key}_url": own_url}}
    finally:
        _execute(server, kind.dropping.format(name))


def _at(url: str, kind: Server) -> URL:
    """The server that a URL names."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    if find_spec(f"dagster_{kind.key}") is None:
        raise ConfigurationError(
            f"Dagster's storage in {kind.name} is not installed here.",
            hint=f"pip install 'dynadvise[{kind.key}]'",
        )
    example = "postgresql://user:password@host:5432/postgres"
    try:
        server = make_url(url)
    except ArgumentError:
        raise ConfigurationError(
            "The scratch database's server is no URL.", hint=f"Such as {example}."
        ) from None
    if kind is _POSTGRES and not re.match(r"postgres(ql)?(\+|$)", server.drivername):
        raise ConfigurationError(
            f"The scratch database's server is {server.drivername}, not Postgres or MySQL.",
            hint=f"Such as {example}.",
        )
    return server.set(drivername=kind.driver, database=server.database or kind.database)


def _execute(server: URL, statement: str) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


def _without_password(text: str, server: URL) -> str:
    return text.replace(str(server.password), "***") if server.password else text


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
    for name, key in (("storage", "postgres"), ("event_log_storage", "config")):
        part = settings.get(name)
        # A variable that is set where the instance runs alone; a port that is no number.
        with suppress(KeyError, TypeError, ValueError):
            config = with_environment(part.get(key)) if isinstance(part, dict) else None
            if isinstance(config, dict) and "postgres_url" in config:
                yield str(config["postgres_url"])
            elif isinstance(config, dict) and isinstance(config.get("postgres_db"), dict):
                yield _url(config["postgres_db"])


def _url(database: Mapping[str, Any]) -> str:
    """Of a ``postgres_db`` section.

    Raises:
        TypeError, ValueError: A value in it is of another kind.
    """
    from sqlalchemy.engine import URL

    return URL.create(
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
    except (SQLAlchemyError, ImportError, TypeError, ValueError):
        # No such driver, one that knows no timeout, a port that is no number.
        return False
