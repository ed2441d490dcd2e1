"""Async and generator ops, several outputs, one of them optional; nothing collects one of them."""

import asyncio

from dagster import AssetMaterialization, DynamicOut, DynamicOutput, Out, Output, job, op


@op(out=DynamicOut())
async def split():
    await asyncio.sleep(0)
    for number in range(6):
        yield DynamicOutput(number, mapping_key=f"n{number}")


@op
async def fetch(number):
    await asyncio.sleep(0.001)
    return number + 1


@op(out={"even": Out(is_required=False), "odd": Out(is_required=False)})
def sort_out(number):
    yield AssetMaterialization(f"sorted_{number}")
    if number % 2:
        yield Output(number, "odd")
    else:
        yield Output(number, "even")


@op
def halve(number):
    return number // 2


@op
def merge(halves, odds):
    return halves, odds


@op
def first_only(values: list):
    return values[:1]


@job
def odd_ops_job():
    even, odd = split().map(fetch).map(sort_out)
    merge.alias("merge_all")(even.map(halve).collect(), odd.collect())
    first_only(odd.collect())
