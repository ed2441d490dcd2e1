"""Calibrating on a Postgres server, in a database that is made for it and dropped."""

from __future__ import annotations

import pytest
import yaml
from postgres_server import binaries, delayed, postgres, url
from sqlalchemy import create_engine, text

from advisor.dagster_bridge.instances import InstanceKind, temporary_instance_home
from advisor.domain.errors import ConfigurationError

pytest.importorskip("dagster_postgres")


@pytest.mark.skipif(binaries() is None, reason="there is no Postgres here")
def test_a_temporary_instance_has_a_database_of_its_own_that_is_dropped():
    from dagster import DagsterInstance

    def databases(at: str) -> set[str]:
        engine = create_engine(at)
        with engine.connect() as connection:
            names = set(connection.scalars(text("SELECT datname FROM pg_database")))
        engine.dispose()
        return names

    with postgres() as port, delayed(port, 0.001) as proxy:
        before = databases(url(port))
        kind = InstanceKind("sqlite", {}).on_postgres(url(proxy))
        with temporary_instance_home(kind) as home:
            (made,) = databases(url(port)) - before
            settings = yaml.safe_load((home / "dagster.yaml").read_text())
            assert settings["storage"]["postgres"]["postgres_url"].endswith(made)
            with DagsterInstance.from_config(str(home)) as instance:
                assert instance.get_runs_count() == 0
        assert databases(url(port)) == before
        assert kind.storage != InstanceKind("postgres", {}).storage
        assert "bench" not in kind.storage


@pytest.mark.parametrize(
    ("spelled", "what"),
    [
        ("postgresql://me:hunter2@127.0.0.1:1/postgres", "No scratch database could be made"),
        ("mysql://me:hunter2@db/x", "is mysql, not Postgres"),
        ("nonsense", "is no URL"),
    ],
)
def test_a_server_that_is_none_is_the_users_mistake_and_keeps_its_password(spelled, what):
    kind = InstanceKind("sqlite", {}).on_postgres(spelled)
    with pytest.raises(ConfigurationError, match=what) as raised, temporary_instance_home(kind):
        pass
    assert "hunter2" not in f"{raised.value} {raised.value.details} {raised.value.hint}"
