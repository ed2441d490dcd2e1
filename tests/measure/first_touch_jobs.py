"""Items that make a cache file each, slowly; with it, the same item is quick."""

import os
import time
from pathlib import Path

from dagster import DynamicOut, DynamicOutput, job, op

FIRST_S, AGAIN_S, ITEMS = 0.03, 0.002, 12


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
