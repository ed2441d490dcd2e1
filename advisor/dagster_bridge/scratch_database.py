"""A Postgres database of our own beside the user's: made, used for tiny runs, and dropped."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from advisor.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL


@contextmanager
def scratch_database(url: str) -> Iterator[str]:
    """The URL of a new, empty database on the server of ``url``, which is dropped afterwards.

    No other database is written to; that of ``url`` is only connected to.

    Raises:
        ConfigurationError: There is no such server, or it lets nobody make a database.
    """
    from sqlalchemy.exc import SQLAlchemyError

    server = _server(url)
    name = f"dynadvise_scratch_{secrets.token_hex(6)}"
    try:
        _execute(server, f"CREATE DATABASE {name}")
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()
        raise ConfigurationError(
            f"No scratch database could be made on {server.render_as_string()}.",
            details=_without_password(reason[0] if reason else "no reason", server),
            hint="It needs a role that may create databases: ALTER ROLE name CREATEDB.",
        ) from None
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _server(url: str) -> URL:
    """The server that a URL names.

    Raises:
        ConfigurationError: It is no URL of Postgres, or Dagster's storage for it is missing.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    if find_spec("dagster_postgres") is None:
        raise ConfigurationError(
            "Dagster's storage in Postgres is not installed here.",
            hint="pip install 'dynadvise[postgres]'",
        )
    example = "postgresql://user:password@host:5432/postgres"
    try:
        server = make_url(url)
    except ArgumentError:
        raise ConfigurationError(
            "The scratch database's server is no URL.", hint=f"Such as {example}."
        ) from None
    if not re.match(r"postgres(ql)?(\+|$)", server.drivername):
        raise ConfigurationError(
            f"The scratch database's server is {server.drivername}, not Postgres.",
            hint=f"Such as {example}.",
        )
    return server.set(drivername="postgresql", database=server.database or "postgres")


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
