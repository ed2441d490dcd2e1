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
from itertools import chain
from typing import TYPE_CHECKING, Any

from advisor.dagster_bridge.event_log.rows import (
    BACKFILL_TAG,
    MOST_OF_BACKFILL,
    RUN_STATUS,
    SHORTEST_RUN_ID,
    TOLD_BY_ONE_PAYLOAD,
    TOLD_BY_PAYLOAD,
    EventRow,
    RunRow,
    code_target,
    json_object,
    timestamp_s,
)

if TYPE_CHECKING:
    from advisor.dagster_bridge.private import EventLogStorage, RunRecord, RunStorage

PAGE = 5_000  # rows a query: 5 MB of payloads at most
NEWEST_IDS = 10_000  # run ids among which the beginning of one is looked for on a server


class StoredRuns:
    """Dagster's own storages of runs and of events as a source of runs."""

    def __init__(self, runs: RunStorage, events: EventLogStorage) -> None:
        self._run_storage = runs
        self._event_storage = events

    def run_row(self, run_id: str) -> RunRow | None:
        """The run of that id (or of its only run whose id starts so), None where there is none."""
        from dagster import RunsFilter

        records = self._run_storage.get_run_records(RunsFilter(run_ids=[run_id]), limit=1)
        if not records and len(run_id) >= SHORTEST_RUN_ID:
            newest = self._run_storage.get_run_ids(limit=NEWEST_IDS)
            matches = [whole for whole in newest if whole.startswith(run_id)]
            if len(matches) == 1:
                records = self._run_storage.get_run_records(RunsFilter(run_ids=matches), limit=1)
        return _row_of(records[0]) if records else None

    def run_rows(self, job: str | None, last: int) -> list[RunRow]:
        """The newest runs, newest first."""
        from dagster import RunsFilter

        records = self._run_storage.get_run_records(RunsFilter(job_name=job), limit=last)
        return [_row_of(record) for record in records]

    def backfill_rows(self, backfill_id: str) -> list[RunRow]:
        """The runs of a backfill, newest first."""
        from dagster import RunsFilter

        of_backfill = RunsFilter(tags={BACKFILL_TAG: backfill_id})
        records = self._run_storage.get_run_records(of_backfill, limit=MOST_OF_BACKFILL)
        return [_row_of(record) for record in records]

    def schema_revision(self) -> str | None:
        """The revision that the database's schema is stamped with, None where it is not told."""
        versions = self._run_storage.alembic_version()
        version = versions[0] if versions else None
        # Alembic tells one revision as a string, several as a tuple.
        return version if isinstance(version, str) else next(iter(version or ()), None)

    def event_rows(self, run_id: str) -> Iterator[EventRow]:
        """All events of a run, in pages."""
        from advisor.dagster_bridge.private import SqlEventLogStorage

        storage = self._event_storage
        if isinstance(storage, SqlEventLogStorage) and _keeps_fractions(storage, run_id):
            return _rows_by_columns(storage, run_id)
        return rows_by_records(storage, run_id)


def _row_of(record: RunRecord) -> RunRow:
    from advisor.dagster_bridge.private import serialize_value

    run = record.dagster_run
    origin = serialize_value(run.job_code_origin) if run.job_code_origin else None
    return RunRow(
        run_id=run.run_id,
        job=run.job_name,
        status=RUN_STATUS.get(run.status.value, "other"),
        run_config=dict(run.run_config),
        tags=dict(run.tags),
        created_at_s=timestamp_s(record.create_timestamp),
        target=code_target(json_object(origin)),
    )


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
    from advisor.dagster_bridge.private import SqlEventLogStorageTable

    table = SqlEventLogStorageTable.c
    with storage.run_connection(run_id) as connection:

        def paged(query: Any) -> Iterator[Any]:
            last_id = -1
            while True:
                page = connection.execute(
                    query.where(table.id > last_id).order_by(table.id).limit(PAGE)
                ).fetchall()
                yield from page
                if len(page) < PAGE:
                    return
                last_id = page[-1][0]

        def select(*columns: Any) -> Any:
            rows = SqlEventLogStorageTable.select().with_only_columns(*columns)
            return rows.where(table.run_id == run_id)

        statement = select(table.id, table.event).where(
            table.dagster_event_type.in_(sorted(TOLD_BY_PAYLOAD))
        )
        first = (
            select(table.id, table.event)
            .where(table.dagster_event_type == TOLD_BY_ONE_PAYLOAD)
            .order_by(table.id)
            .limit(1)
        )
        payloads = {
            row[0]: row[1] for row in chain(paged(statement), connection.execute(first).fetchall())
        }
        columns = (table.id, table.dagster_event_type, table.timestamp, table.step_key)
        for storage_id, kind, at, step_key in paged(select(*columns)):
            yield EventRow(
                storage_id, kind, timestamp_s(at), step_key, payloads.pop(storage_id, None)
            )


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
