"""``verify --scratch-postgres``: real runs on a database that is made for them and dropped."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from postgres_server import binaries, postgres, url
from sqlalchemy import create_engine, text
from test_verify import profile_of

from advisor import store
from advisor.api.verify import verify
from advisor.domain.errors import ConfigurationError
from advisor.domain.options import VerifyOptions

pytest.importorskip("dagster_postgres")
pytestmark = pytest.mark.skipif(binaries() is None, reason="there is no Postgres here")


@pytest.fixture(scope="module")
def server():
    with postgres() as port:
        yield url(port)


@pytest.fixture
def options(tmp_path, monkeypatch, server) -> VerifyOptions:
    asked = profile_of("doubling", tmp_path, monkeypatch)
    return replace(asked, configurations=("in_process",), scratch_postgres=server)


def execute(server: str, *statements: str) -> list[str]:
    """Run the statements; the names of all databases afterwards."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
        names = sorted(connection.scalars(text("SELECT datname FROM pg_database")))
    engine.dispose()
    return names


def test_the_run_is_stored_on_the_server_and_leaves_nothing_there(
    options, server, tmp_path, monkeypatch
):
    before = execute(server)
    monkeypatch.setenv("NOTED", str(tmp_path / "dagster.yaml"))
    outcome = verify(replace(options, setup="verify_workload:note_instance"))
    storage = yaml.safe_load((tmp_path / "dagster.yaml").read_text())["storage"]
    made = storage["postgres"]["postgres_url"].rsplit("/", 1)[1]
    assert made.startswith("dynadvise_scratch_")
    assert made not in before
    (verification,) = outcome.verifications
    assert verification.runs[0].failed is None
    assert verification.runs[0].wall_s > 0
    assert execute(server) == before
    assert outcome.plan.other_storage == "sqlite"
    assert outcome.path is None  # predictions for SQLite learn nothing from it


def test_runs_on_the_profiles_own_server_are_stored_in_it(options, tmp_path):
    from advisor.dagster_bridge.instances import user_instance_kind

    (path,) = (tmp_path / "profiles").rglob("*.json")
    saved = store.read(path)
    storage = user_instance_kind().on_postgres(options.scratch_postgres).storage
    store.write(replace(saved, host=replace(saved.host, storage=storage)), tmp_path / "profiles")
    outcome = verify(options)
    assert outcome.plan.other_storage is None
    assert outcome.path == path
    assert len(store.read(path).verifications) == 1


def test_a_role_that_may_make_no_database_is_told_so_before_anything_runs(options, server):
    execute(server, "CREATE ROLE reader LOGIN")
    with pytest.raises(ConfigurationError, match="No scratch database could be made") as refused:
        verify(replace(options, scratch_postgres=server.replace("bench:", "reader:")))
    assert "CREATEDB" in (refused.value.hint or "")
