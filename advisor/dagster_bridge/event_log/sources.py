"""Dagster's own storages as a source of runs.

What a log tells is in the *columns* of Dagster's event table: type, step key and timestamp
(microseconds). Deserializing a payload takes some tenths of a millisecond
(a minute and more for 10,000 steps; the columns: a second or two), so only
the few kinds of events that say something more are looked into, as plain JSON. Storages whose
table cannot be trusted for that (an old MySQL's keeps whole seconds) are read by the public paged
call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from advisor.dagster_bridge.event_log.rows import (
    BACKFILL_TAG,
    MOST_OF_BACKFILL,
    SHORTEST_RUN_ID,
    TOLD_BY_ONE_PAYLOAD,
    TOLD_BY_PAYLOAD,
    EventRow,
    RunRow,
    run_row_from_body,
    timestamp_s,
)
from advisor.domain.errors import DynadviseError

if TYPE_CHECKING:
    from pathlib import Path

    from advisor.dagster_bridge.private import EventLogStorage, RunRecord, RunStorage

PAGE = 5_000  # rows a query: 5 MB of payloads at most
NEWEST_IDS = 10_000  # run ids among which the beginning of one is looked for on a server


class StoredRuns:
    """Dagster's own storages of runs and of events as a source of runs.

    ``settings`` is the ``dagster.yaml`` of a user's instance, whose faults are told as the user's;
    None: the instance is ours, and errors stay as they are.
    """

    def __init__(
        self, runs: RunStorage, events: EventLogStorage, settings: Path | None = None
    ) -> None:
        self._run_storage = runs
        self._event_storage = events
        self._settings = settings

    def run_row(self, run_id: str) -> RunRow | None:
        """The run of that id (or of its only run whose id starts so), None where there is none."""
        rows = self._rows(1, run_ids=[run_id])
        if not rows and len(run_id) >= SHORTEST_RUN_ID:
            with self._faults_told():
                newest = self._run_storage.get_run_ids(limit=NEWEST_IDS)
            matches = [whole for whole in newest if whole.startswith(run_id)]
            if len(matches) == 1:
                rows = self._rows(1, run_ids=matches)
        return rows[0] if rows else None

    def run_rows(self, job: str | None, last: int) -> list[RunRow]:
        """The newest runs, newest first."""
        return self._rows(last, job_name=job)

    def backfill_rows(self, backfill_id: str) -> list[RunRow]:
        """The runs of a backfill, newest first."""
        return self._rows(MOST_OF_BACKFILL, tags={BACKFILL_TAG: backfill_id})

    def schema_revision(self) -> str | None:
        """The revision that the database's schema is stamped with, None where it is not told."""
        with self._faults_told():
            versions = self._run_storage.alembic_version()
        version = versions[0] if versions else None
        # Alembic tells one revision as a string, several as a tuple.
        return version if isinstance(version, str) else next(iter(version or ()), None)

    def event_rows(self, run_id: str) -> Iterator[EventRow]:
        """All events of a run."""
        from advisor.dagster_bridge.private import SqlEventLogStorage

        storage, rows = self._event_storage, rows_by_records
        with self._faults_told():
            if isinstance(storage, SqlEventLogStorage) and _keeps_fractions(storage, run_id):
                rows = _rows_by_columns
            return iter(list(rows(storage, run_id)))

    def _rows(self, last: int, **wanted: Any) -> list[RunRow]:
        """The newest runs that fit what is wanted, as of ``RunsFilter``; newest first."""
        from dagster import RunsFilter

        with self._faults_told():
            records = self._run_storage.get_run_records(RunsFilter(**wanted), limit=last)
        return [_row_of(record) for record in records]

    @contextmanager
    def _faults_told(self) -> Iterator[None]:
        """Drivers, networks and missing tables all raise their own: told as one of the user's."""
        try:
            yield
        except Exception as error:
            if self._settings is None:
                raise
            cause: BaseException = error
            while cause.__cause__ is not None:
                cause = cause.__cause__
            raise DynadviseError(
                "The instance's database cannot be read.",
                where=str(self._settings),
                details=f"{type(cause).__name__}: {cause}".strip(),
                hint="Check that the server can be reached with what dagster.yaml says, and that "
                "the database is the one of this instance. Nothing was changed.",
            ) from error


def _row_of(record: RunRecord) -> RunRow:
    from advisor.dagster_bridge.private import serialize_value

    run = record.dagster_run
    created_at_s = timestamp_s(record.create_timestamp)
    body = serialize_value(run)
    return run_row_from_body(run.run_id, run.job_name, run.status.value, body, created_at_s)


def _keeps_fractions(storage: Any, run_id: str) -> bool:
    """Whether the timestamp column tells more than whole seconds."""
    from advisor.dagster_bridge.private import SqlEventLogStorageTable

    module = type(storage).__module__
    if not module.startswith("dagster_mysql."):
        return module.startswith(("dagster.", "dagster_postgres."))
    # A MySQL database made by an older Dagster has a TIMESTAMP of whole seconds.
    at = SqlEventLogStorageTable.c.timestamp
    query = SqlEventLogStorageTable.select().with_only_columns(at).limit(20)
    with storage.run_connection(run_id) as connection:
        rows = connection.execute(query.where(SqlEventLogStorageTable.c.run_id == run_id))
        return any(timestamp_s(row[0]) % 1 for row in rows)


def _rows_by_columns(storage: Any, run_id: str) -> Iterator[EventRow]:
    """The rows of a SQL event log: columns for all, payloads for the few kinds that need it."""
    import sqlalchemy

    from advisor.dagster_bridge.private import SqlEventLogStorageTable

    table = SqlEventLogStorageTable.c
    kind, of_run = table.dagster_event_type, table.run_id == run_id
    first = sqlalchemy.select(sqlalchemy.func.min(table.id)).where(
        of_run, kind == TOLD_BY_ONE_PAYLOAD
    )
    with storage.run_connection(run_id) as connection:
        told = kind.in_(sorted(TOLD_BY_PAYLOAD)) | (table.id == connection.scalar(first))
        payload = sqlalchemy.case((told, table.event))
        query = sqlalchemy.select(table.id, kind, table.timestamp, table.step_key, payload)
        query = query.where(of_run).order_by(table.id).limit(PAGE)
        last_id = -1
        while page := connection.execute(query.where(table.id > last_id)).fetchall():
            for storage_id, of_kind, at, step_key, event in page:
                yield EventRow(storage_id, of_kind, timestamp_s(at), step_key, event)
            last_id = page[-1][0]


def rows_by_records(storage: EventLogStorage, run_id: str) -> Iterator[EventRow]:
    """The rows of any storage, by Dagster's public paged call."""
    from advisor.dagster_bridge.private import serialize_value

    cursor: str | None = None
    while True:
        page = storage.get_records_for_run(run_id, cursor=cursor, limit=1_000)
        for record in page.records:
            entry = record.event_log_entry
            event = entry.dagster_event
            kind = event.event_type_value if event else None
            has_payload = kind in TOLD_BY_PAYLOAD or kind == TOLD_BY_ONE_PAYLOAD
            yield EventRow(
                record.storage_id,
                kind,
                entry.timestamp,
                event.step_key if event else entry.step_key,
                serialize_value(entry) if has_payload else None,
            )
        if not page.has_more:
            return
        cursor = page.cursor
