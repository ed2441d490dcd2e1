"""Items that make a cache file each, slowly; with it, the same item is quick."""

import os
import time
from pathlib import Path

from dagster import DynamicOut, DynamicOutput, job, op

FIRST_S, AGAIN_S, ITEMS = 0.03, 0.002, 12
READING_S = 0.8


@op(out=DynamicOut(int))
def numbers():
    for number in range(ITEMS):
        yield DynamicOutput(number, mapping_key=f"n{number}")


@op
def cached(number: int) -> int:
    path = Path(os.environ["ITEM_CACHE"]) / str(number)
    if not path.exists():
        time.sleep(FIRST_S)
        path.touch()
    time.sleep(AGAIN_S)
    return number


@op
def total(values: list) -> int:
    return sum(values)


@job
def cached_job():
    total(numbers().map(cached).collect())


@op
def reads_once(item: int) -> int:
    """Only the very first call waits: as where an import's files were not read lately."""
    read = Path(os.environ["ITEM_CACHE"]) / "read"
    if not read.exists():
        time.sleep(READING_S)
        read.touch()
    return item


@job
def reading_job():
    total(numbers().map(reads_once).collect())


_connected = []


@op
def connects(item: int) -> int:
    """The first call of each process waits."""
    if not _connected:
        time.sleep(READING_S)
        _connected.append(item)
    return item


@job
def connecting_job():
    total(numbers().map(connects).collect())


@op
def waits_for_one(item: int) -> int:
    """The item that was called first waits each time: it is a long one."""
    first = Path(os.environ["ITEM_CACHE"]) / "first"
    if not first.exists():
        first.write_text(str(item))
    if first.read_text() == str(item):
        time.sleep(READING_S)
    return item


@job
def one_long_job():
    total(numbers().map(waits_for_one).collect())
