"""Calibrating on a server of databases, in a database that is made for it and dropped."""

from __future__ import annotations

import mysql_server
import pytest
import yaml
from postgres_server import binaries, delayed, postgres, url
from sqlalchemy import create_engine, text

from advisor.api.calibrating import subject_of
from advisor.dagster_bridge.instances import (
    InstanceKind,
    temporary_instance_home,
    user_instance_kind,
)
from advisor.domain.errors import ConfigurationError
from advisor.measure.whole_step import measure_whole_step

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


@pytest.mark.skipif(binaries() is None, reason="there is no Postgres here")
@pytest.mark.parametrize(
    "settings",
    [
        "storage: postgres",
        "storage: {postgres: {postgres_db: {hostname: h, port: x}}}",
        "storage: {postgres: {postgres_url: 'postgresql://h:x/d'}}",
        "event_log_storage: [postgres]",
    ],
)
def test_a_server_that_none_can_be_is_not_measured_on(tmp_path, settings):
    (tmp_path / "dagster.yaml").write_text(settings)
    kind = user_instance_kind(tmp_path)
    assert kind.scratch_postgres is None
    assert "a temporary one is made on SQLite" in kind.note


def test_the_instances_own_server_is_measured_on_where_its_role_may_create_databases(
    tmp_path, monkeypatch
):
    with postgres() as port:
        engine = create_engine(url(port), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("CREATE ROLE reader LOGIN"))
        engine.dispose()
        for role, measured in (("bench", True), ("reader", False)):
            spelled = {"username": role, "password": {"env": "PASSWORD"}, "port": port}
            database = {**spelled, "hostname": "127.0.0.1", "db_name": "postgres"}
            settings = {"storage": {"postgres": {"postgres_db": database}}}
            (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))
            assert user_instance_kind(tmp_path).storage == "postgres"  # no such variable here
            with monkeypatch.context() as here:
                here.setenv("PASSWORD", "any")
                kind = user_instance_kind(tmp_path)
            assert (kind.scratch_postgres is not None) is measured
            assert ("scratch database" in (kind.note or "")) is measured
            with temporary_instance_home(kind) as home:
                made = yaml.safe_load((home / "dagster.yaml").read_text())
                assert ("storage" in made) is measured


@pytest.mark.skipif(bool(mysql_server.missing()), reason=mysql_server.missing())
def test_on_mysql_too_a_step_is_measured_in_a_database_that_is_dropped():
    pytest.importorskip("dagster_mysql", reason="pip install 'dynadvise[mysql]'")
    with mysql_server.mysql() as port:
        server = mysql_server.url(port)
        engine = create_engine(server.replace("mysql:", "mysql+mysqlconnector:"))
        with engine.connect() as connection:
            before = set(connection.scalars(text("SHOW DATABASES")))
        step = measure_whole_step(subject_of(None, server), None)
        assert step.connections >= 1
        with engine.connect() as connection:
            assert set(connection.scalars(text("SHOW DATABASES"))) == before
        engine.dispose()


@pytest.mark.parametrize(
    ("spelled", "what"),
    [
        ("postgresql://me:hunter2@127.0.0.1:1/postgres", "No scratch database could be made"),
        ("oracle://me:hunter2@db/x", "is oracle, not Postgres or MySQL"),
        ("nonsense", "is no URL"),
    ],
)
def test_a_server_that_is_none_is_the_users_mistake_and_keeps_its_password(spelled, what):
    kind = InstanceKind("sqlite", {}).on_postgres(spelled)
    with pytest.raises(ConfigurationError, match=what) as raised, temporary_instance_home(kind):
        pass
    assert "hunter2" not in f"{raised.value} {raised.value.details} {raised.value.hint}"
