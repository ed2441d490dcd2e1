"""An instance is opened for reading only: no byte, no time, no file of it changes."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from fabricated_instance import REVISION, Run, multiprocess_events, write_instance

from advisor.dagster_bridge.event_log import list_runs, read_run
from advisor.dagster_bridge.recorded_instance import (
    known_schema_revisions,
    open_instance_read_only,
)
from advisor.domain.errors import DynadviseError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write_instance(tmp_path / "home", [Run("run-one", multiprocess_events(2))])


def everything(home: Path) -> dict[str, tuple[int, bytes | None]]:
    return {
        str(path.relative_to(home)): (
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in sorted([home, *home.rglob("*")])
    }


def runs_database(home: Path) -> Path:
    return home / "history" / "runs.db"


def read_all(home: Path) -> int:
    source = open_instance_read_only(home)
    return sum(len(read_run(source, row.run_id).steps) for row in list_runs(source))


def test_reading_changes_nothing(home: Path) -> None:
    before = everything(home)
    assert read_all(home) == 4
    assert everything(home) == before


@pytest.mark.parametrize(
    "change",
    [
        # SQLite keeps any value in any column, and another program's table has other types.
        (
            "CREATE TABLE other AS SELECT * FROM event_logs; DROP TABLE event_logs; "
            "ALTER TABLE other RENAME TO event_logs; "
            "UPDATE event_logs SET id = 'x' || id WHERE id % 2"
        ),
        "UPDATE event_logs SET event = '\"pid\": ' || printf('%05000d', 7)",
        "UPDATE event_logs SET dagster_event_type = x'ff' WHERE id % 3 = 0",
        "UPDATE event_logs SET timestamp = 'text' WHERE id % 3 = 0",
    ],
)
def test_rows_that_no_dagster_wrote_are_read_as_far_as_they_can_be(home: Path, change: str) -> None:
    with closing(sqlite3.connect(home / "history" / "runs" / "run-one.db")) as database:
        database.execute("PRAGMA journal_mode=DELETE")
        database.executescript(change)
    assert read_all(home) > 0


def test_a_column_whose_name_is_no_text_is_damage(home: Path) -> None:
    path = runs_database(home)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=DELETE")
    path.write_bytes(path.read_bytes().replace(b"snapshot_id", b"snapshot_\xfad"))
    with pytest.raises(DynadviseError, match="it is damaged"):
        open_instance_read_only(home)


def test_reading_a_real_instance_changes_nothing(real_home: Path) -> None:
    before = everything(real_home)
    assert read_all(real_home) > 10
    assert everything(real_home) == before


def test_an_instance_that_may_not_be_written_is_read(home: Path) -> None:
    folders = [home / "history" / "runs", home / "history", home]
    for path in home.rglob("*.db"):
        path.chmod(0o444)
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert read_all(home) == 4
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_what_a_live_writer_has_not_checkpointed_is_read(home: Path) -> None:
    shard = home / "history" / "runs" / "run-one.db"
    with closing(sqlite3.connect(shard)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute(
            "INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key) "
            "SELECT run_id, event, dagster_event_type, timestamp, 'late' FROM event_logs "
            "WHERE dagster_event_type = 'STEP_START' LIMIT 1"
        )
        writer.commit()
        assert Path(f"{shard}-wal").stat().st_size > 0
        before = everything(home)
        source = open_instance_read_only(home)
        assert "late" in {step.step_key for step in read_run(source, "run-one").steps}
        assert everything(home) == before


def test_a_log_left_by_a_crashed_writer_is_read_and_left(home: Path, tmp_path: Path) -> None:
    shard = home / "history" / "runs" / "run-one.db"
    with closing(sqlite3.connect(shard)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("DELETE FROM event_logs WHERE step_key = 'collect'")
        writer.commit()
        crashed = tmp_path / "crashed"
        shutil.copytree(home, crashed)
    (crashed / "history" / "runs" / "run-one.db-shm").unlink(missing_ok=True)
    before = everything(crashed)
    source = open_instance_read_only(crashed)
    assert "collect" not in {step.op for step in read_run(source, "run-one").steps}
    assert everything(crashed) == before


def test_the_installed_dagsters_schema_is_known() -> None:
    assert REVISION in known_schema_revisions()


def test_an_older_schema_with_all_that_is_needed_is_read(home: Path) -> None:
    stamp(home, "567bc23fd1ac")
    assert read_all(home) == 4


def test_a_newer_schema_is_refused(home: Path) -> None:
    stamp(home, "ffffffffffff")
    before = everything(home)
    with pytest.raises(DynadviseError, match=r"another Dagster version.*ffffffffffff"):
        open_instance_read_only(home)
    assert everything(home) == before


def test_a_schema_that_lacks_a_column_is_refused(home: Path) -> None:
    with closing(sqlite3.connect(runs_database(home))) as database:
        database.execute("ALTER TABLE runs DROP COLUMN run_body")
        database.commit()
    with pytest.raises(DynadviseError, match="lacks run_body"):
        open_instance_read_only(home)


def test_a_database_of_something_else_is_refused(home: Path) -> None:
    runs_database(home).unlink()
    with closing(sqlite3.connect(runs_database(home))) as database:
        database.execute("CREATE TABLE recipes (name)")
    with pytest.raises(DynadviseError, match="not a database of Dagster's"):
        open_instance_read_only(home)


@pytest.mark.parametrize("damage", ["text", "cut", "empty"])
def test_a_damaged_database_is_refused(home: Path, damage: str) -> None:
    path = runs_database(home)
    data = path.read_bytes()
    path.write_bytes({"text": b"not a database" * 400, "cut": data[:5000], "empty": b""}[damage])
    before = everything(home)
    with pytest.raises(DynadviseError) as refused:
        read_all(home)
    assert str(path) in str(refused.value)
    assert everything(home) == before


def test_a_damaged_log_of_one_run_leaves_the_others_readable(tmp_path: Path) -> None:
    runs = [Run(name, multiprocess_events(1)) for name in ("run-good", "run-bad")]
    home = write_instance(tmp_path / "home", runs)
    (home / "history" / "runs" / "run-bad.db").write_bytes(b"x" * 9000)
    source = open_instance_read_only(home)
    assert read_run(source, "run-good").steps
    with pytest.raises(DynadviseError, match="damaged"):
        read_run(source, "run-bad")


def test_a_run_whose_log_was_deleted_is_empty(home: Path) -> None:
    (home / "history" / "runs" / "run-one.db").unlink()
    run = read_run(open_instance_read_only(home), "run-one")
    assert (run.steps, run.notes) == ((), ("The run has no events.",))


def test_a_missing_folder_and_one_without_runs_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DynadviseError, match="no folder"):
        open_instance_read_only(tmp_path / "nowhere")
    with pytest.raises(DynadviseError, match="no Dagster runs"):
        open_instance_read_only(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_storage_folder_may_be_elsewhere(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "dagster.yaml").write_text("storage: {sqlite: {base_dir: {env: RUNS_BASE}}}")
    monkeypatch.setenv("RUNS_BASE", str(home))
    assert read_all(elsewhere) == 4
    monkeypatch.delenv("RUNS_BASE")
    with pytest.raises(DynadviseError, match="RUNS_BASE"):
        open_instance_read_only(elsewhere)


def test_the_older_way_to_name_storages(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    history = home / "history"
    (elsewhere / "dagster.yaml").write_text(
        "run_storage:\n  module: dagster.core.storage.runs\n  class: SqliteRunStorage\n"
        f"  config: {{base_dir: {history}}}\n"
        "event_log_storage:\n  module: dagster.core.storage.event_log\n"
        f"  class: SqliteEventLogStorage\n  config: {{base_dir: {history / 'runs'}}}\n"
    )
    assert read_all(elsewhere) == 4


@pytest.mark.parametrize("text", ["a: [", "- 1", "storage: {sqlite: {}}"])
def test_a_wrong_dagster_yaml_is_named(home: Path, text: str) -> None:
    (home / "dagster.yaml").write_text(text)
    with pytest.raises(DynadviseError) as refused:
        open_instance_read_only(home)
    assert "dagster.yaml" in str(refused.value)


def test_a_storage_whose_package_is_missing_is_a_clear_error(home: Path) -> None:
    (home / "dagster.yaml").write_text(
        "run_storage: {module: no_such_package, class: RunStorage, config: {}}"
    )
    with pytest.raises(DynadviseError, match="cannot be opened") as refused:
        open_instance_read_only(home)
    assert "no_such_package" in str(refused.value)


def test_dagster_mysql_is_not_let_make_tables(tmp_path: Path) -> None:
    database = tmp_path / "other.db"
    with closing(sqlite3.connect(database)) as other:
        other.execute("CREATE TABLE runs (id INTEGER)")
    before = everything(tmp_path)
    yaml = "config: {mysql_url: {env: OTHER_URL}}}"
    (tmp_path / "dagster.yaml").write_text(
        f"run_storage: {{module: dagster_mysql.run_storage, class: MySQLRunStorage, {yaml}\n"
        f"event_log_storage: {{module: dagster_mysql.event_log, class: MySQLEventLogStorage, {yaml}"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTHER_URL", f"sqlite:///{database}")
        with pytest.raises(DynadviseError, match="no tables 'event_logs', 'instance_info'"):
            open_instance_read_only(tmp_path)
    assert everything(tmp_path)["other.db"] == before["other.db"]


def stamp(home: Path, revision: str) -> None:
    for path in home.rglob("*.db"):
        with closing(sqlite3.connect(path)) as database:
            database.execute("UPDATE alembic_version SET version_num = ?", (revision,))
            database.commit()
        os.utime(path)
