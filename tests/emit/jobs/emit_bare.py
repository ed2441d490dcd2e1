"""Ops without a job, and plain functions, with their samples."""

import asyncio

from dagster import Config, ConfigurableResource, Definitions, op


class Prefix(ConfigurableResource):
    text: str


class Suffix(Config):
    suffix: str = "!"


def samples():
    for number in range(5):
        yield {"number": number, "power": 2 + number % 2}


def raised(number, power=2):
    return number**power


def inverted(number):
    return 12 // (number - 1)


async def waited(number):
    await asyncio.sleep(0.001)
    return number + 1


def counted(number):
    yield from range(number)


async def counted_waiting(number):
    for place in range(number):
        await asyncio.sleep(0)
        yield place


def all_items(number):
    return number + 2


def items(number):
    return number * 3


@op(tags={"dynadvise/inputs": "emit_bare:samples"})
def raised_op(number: int, power: int) -> int:
    return number**power


@op
def labelled(context, number: int, config: Suffix, prefix: Prefix) -> str:
    return f"{prefix.text}{number}{config.suffix}{context.get_mapping_key()}"


@op
async def waited_op(number: int) -> int:
    await asyncio.sleep(0.001)
    return number + 1


@op
def two_of_them(context, one: int, other: int) -> int:
    return one + other


defs = Definitions(resources={"prefix": Prefix(text="#")})
