"""The partition that a run is for: which one, its run config, and its tags."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster import (
    DagsterInstance,
    DynamicPartitionsDefinition,
    JobDefinition,
    MultiPartitionKey,
    MultiPartitionsDefinition,
    PartitionsDefinition,
)

from advisor.dagster_bridge.recorded_instance.sqlite import sqlite_places
from advisor.dagster_bridge.sqlite_reading import read_sqlite
from advisor.dagster_bridge.yaml_file import instance_config
from advisor.domain.errors import DynadviseError, TargetError
from advisor.domain.nearest import nearest_or_some

_PARTITION_TAG = "dagster/partition"


def partition_key(job: JobDefinition | None, partition: str | None) -> str | None:
    """The partition to run: the one asked for, else the last; None for an unpartitioned job.

    Raises:
        TargetError: The job has no such partition, or none at all; or its partitions are dynamic,
            none was asked for, and the user's instance has none.
    """
    partitions = partitions_of(job)
    if job is None or partitions is None:
        if job is not None and partition:
            what = f"Job '{job.name}' is not partitioned."
            raise TargetError(what, hint="Leave --partition out.")
        return partition
    try:
        last = partitions.get_last_partition_key()
    except Exception as error:  # dynamic ones, which an instance alone knows
        key = partition or newest_key(getattr(partitions, "name", None) or "")
        if key:
            return key
        raise TargetError(
            f"The partitions of job '{job.name}' are dynamic, and the Dagster instance of "
            "DAGSTER_HOME (if it is set) has none yet.",
            hint="Name one with --partition KEY: it is added to a temporary instance alone.",
        ) from error
    if last is None:
        raise TargetError(f"Job '{job.name}' is partitioned, and has no partition yet.")
    if partition and not partitions.has_partition_key(partition):
        raise TargetError(
            f"Job '{job.name}' has no partition '{partition}'.",
            hint=nearest_or_some(partition, partitions.get_partition_keys(), "Its partitions"),
        )
    return partition or last


def partitions_of(job: JobDefinition | None) -> PartitionsDefinition[str] | None:
    """The partitions of a job, or those that its assets share."""
    if job is None or job.partitions_def is not None:
        return job.partitions_def if job else None
    keys = job.asset_layer.selected_asset_keys if job.asset_layer else ()
    shared = {job.asset_layer.get(key).partitions_def for key in keys} - {None}
    return shared.pop() if len(shared) == 1 else None


def partition_run_config(job: JobDefinition, partition: str | None) -> Mapping[str, Any]:
    """The run config that the job's partitioned config gives for a partition; empty without."""
    if partition is None or job.partitioned_config is None:
        return {}
    return job.get_run_config_for_partition_key(partition)


def run_tags(job: JobDefinition | None, partition: str | None) -> dict[str, str]:
    """The tags of a run of the job: its own, and those of the partition."""
    tags = dict(job.run_tags) if job else {}
    if partition:
        tags[_PARTITION_TAG] = partition
    if job is not None and partition and partitions_of(job) is not None:
        tags |= job.get_tags_for_partition_key(partition, None)
    return tags


def key_for_context(job: JobDefinition | None, partition: str | None) -> str | None:
    """The key as ``context.partition_key`` is: that of several dimensions tells each of them."""
    partitions = partitions_of(job)
    if partition and isinstance(partitions, MultiPartitionsDefinition):
        return partitions.get_partition_key_from_str(partition)
    return partition


def add_partition(
    instance: DagsterInstance, job: JobDefinition | None, partition: str | None
) -> None:
    """Make a dynamic partition, or a dimension of it, known to a (temporary) instance."""
    partitions, key = partitions_of(job), key_for_context(job, partition)
    parts = [(partitions, key)]
    if isinstance(partitions, MultiPartitionsDefinition) and isinstance(key, MultiPartitionKey):
        keys = key.keys_by_dimension
        parts = [(each.partitions_def, keys[each.name]) for each in partitions.partitions_defs]
    for defined, own in parts:
        if own and isinstance(defined, DynamicPartitionsDefinition) and defined.name:
            instance.add_dynamic_partitions(defined.name, [own])


def newest_key(name: str) -> str | None:
    """The newest key of the partitions in the instance of ``DAGSTER_HOME``.

    None where there is none, no instance on SQLite, or it cannot be read.
    """
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        return None

    def newest(database: sqlite3.Connection) -> str | None:
        query = "SELECT partition FROM dynamic_partitions WHERE partitions_def_name = ? "
        row = database.execute(query + "ORDER BY id DESC LIMIT 1", (name,)).fetchone()
        return row[0] if row and isinstance(row[0], str) else None

    try:
        places = sqlite_places(Path(home), instance_config(Path(home)))
        if places is None:
            return None
        events = places.events
        path = events if events.suffix == ".db" else events / "index.db"
        return read_sqlite(path, newest)
    except (DynadviseError, OSError):
        return None
