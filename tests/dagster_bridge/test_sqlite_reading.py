"""Reading a SQLite database while another process writes it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest

from advisor.dagster_bridge.sqlite_reading import read_sqlite

WRITER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA synchronous = off")
database.execute("PRAGMA wal_autocheckpoint = 0")
number = 0
while True:
    database.execute("BEGIN")
    for _ in range(2):
        database.execute("INSERT INTO pairs VALUES (?, ?)", (number, "x" * 100))
    database.execute("COMMIT")
    number += 1
    if number == 10:
        print(flush=True)
"""


@pytest.fixture
def written(tmp_path):
    """A database with a write-ahead log that a process writes to without a pause."""
    path = tmp_path / "runs.db"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("CREATE TABLE pairs (number, text)")
        database.execute("INSERT INTO pairs VALUES (-1, ?)", ("x" * 20_000_000,))
    database.close()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
    assert writer.stdout.readline()
    yield path
    writer.kill()
    writer.communicate()


def test_a_database_that_is_written_to_all_the_time_is_read_as_it_was_at_one_moment(written):
    query = "SELECT number, count(*) FROM pairs WHERE number >= 0 GROUP BY number"
    for _ in range(3):
        pairs = read_sqlite(written, lambda database: database.execute(query).fetchall())
        assert len(pairs) >= 10
        assert {count for _, count in pairs} == {2}
