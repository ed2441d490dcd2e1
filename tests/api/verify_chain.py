"""A chain of two asynchronous ops on three items, for real runs in tests."""

import asyncio

from dagster import DynamicOut, DynamicOutput, job, op


@op(out=DynamicOut(int))
def numbers():
    for number in range(3):
        yield DynamicOutput(number, mapping_key=str(number))


@op
async def fetch(number: int) -> int:
    await asyncio.sleep(0.05)
    return number


@op
async def double(number: int) -> int:
    await asyncio.sleep(0.05)
    return 2 * number


@op
def total(numbers: list[int]) -> int:
    return sum(numbers)


@job
def chained():
    total(numbers().map(fetch).map(double).collect())
