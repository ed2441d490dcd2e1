"""A job whose ops each leave their name in the file that RAN names."""

import logging
import os
import threading
from pathlib import Path

from dagster import DynamicOut, DynamicOutput, IOManager, OpExecutionContext, io_manager, job, op

ASIDE = logging.getLogger("aside")
ASIDE.propagate = False


def ran(name: str) -> None:
    with Path(os.environ["RAN"]).open("a") as file:
        file.write(f"{name}\n")


@op
def limits() -> int:
    ran("limits")
    return 12


@op(out=DynamicOut())
def shards(limit: int):
    ran("shards")
    for number in range(limit):
        item = threading.Lock() if os.environ.get("UNPICKLABLE") else number
        yield DynamicOutput(item, mapping_key=str(number))


@op
def score(shard) -> int:
    ran("score")
    return 1


@op
def replace_table(scores: list[int]) -> int:
    ran("replace_table")
    return len(scores)


@op
def notify() -> None:
    ran("notify")


@job
def nightly():
    notify()
    replace_table(shards(limits()).map(score).collect())


@job
def two_fan_outs():
    notify()
    limit = limits()
    shards(limit).map(score)
    shards.alias("pages")(limit).map(score.alias("read"))


class Shelf(IOManager):
    def handle_output(self, context, obj):
        ran("stored")

    def load_input(self, context):
        return 1


@io_manager
def shelf():
    return Shelf()


@job(resource_defs={"io_manager": shelf})
def shelved():
    shards(limits()).map(score).collect()


def three():
    return [{"shard": number} for number in range(3)]


@op
def swallow(context: OpExecutionContext, number: int) -> None:
    """Fail quietly, by Dagster's logger and by one that hands nothing to the root."""
    if number == 0:
        context.log.error("no key for %s", number)
    elif number == 1:
        ASIDE.critical("no key")
    else:
        context.log.warning("slow")


def four():
    return [0, 1, 2, 3]
