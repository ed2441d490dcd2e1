"""A partitioned job of four items that wait, for backfills."""

from __future__ import annotations

import time

import dagster as dg

PARTITIONS = tuple(f"p{place:02}" for place in range(12))


@dg.op(out=dg.DynamicOut())
def split():
    for place in range(4):
        yield dg.DynamicOutput(place, mapping_key=f"i{place}")


@dg.op
def wait_item(item: int) -> int:
    time.sleep(0.5)
    return item


@dg.op
def add_up(items: list) -> int:
    return sum(items)


@dg.job(
    executor_def=dg.in_process_executor,
    partitions_def=dg.StaticPartitionsDefinition(list(PARTITIONS)),
)
def partitioned():
    add_up(split().map(wait_item).collect())


defs = dg.Definitions(jobs=[partitioned])
