"""Jobs whose run config decides what goes wrong; one run in a process of its own.

``python provoking_jobs.py JOB RUN_CONFIG_JSON`` executes one job on the instance of DAGSTER_HOME
and prints the run's id.
"""

import asyncio
import json
import os
import resource
import signal
import sqlite3
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from dagster import (
    Config,
    DagsterInstance,
    DynamicOut,
    DynamicOutput,
    RetryRequested,
    execute_job,
    job,
    op,
)

try:
    from dagster_async_executor import async_executor
except ImportError:
    async_executor = None

try:
    from dagster_docker import docker_executor
except ImportError:
    docker_executor = None

from advisor.examples import async_calls, csv_files, seed_chunks


class Items(Config):
    """What the fan-out op yields: items that wait so many seconds, several to a batch."""

    seconds: list[float]
    preparing_s: float = 0.0
    an_output_s: float = 0.0
    batch: int = 1


class Mishap(Config):
    """What goes wrong in an item, and how many threads take the items of a batch."""

    mishap: str = ""
    threads: int = 1


@op(out=DynamicOut(list[float]))
def fan_out(config: Items):
    time.sleep(config.preparing_s)
    for first in range(0, len(config.seconds), config.batch):
        time.sleep(config.an_output_s)
        yield DynamicOutput(config.seconds[first : first + config.batch], mapping_key=f"k{first}")


@op
def work(context, config: Mishap, batch: list[float]) -> float:
    if config.mishap:
        MISHAPS[config.mishap](context)
    with ThreadPoolExecutor(config.threads) as pool:
        list(pool.map(time.sleep, batch))
    return sum(batch)


@op(pool="scarce")
def pooled(batch: list[float]) -> float:
    time.sleep(sum(batch))
    return sum(batch)


@op
async def wait_together(batch: list[float]) -> float:
    await asyncio.sleep(sum(batch))
    return sum(batch)


@op
def collect(results: list[float]) -> float:
    return sum(results)


def memory_limited(context) -> None:
    """A real MemoryError: more is asked for than the process may have."""
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, resource.RLIM_INFINITY))
    bytearray(16 << 30)


def killed(context) -> None:
    """What the kernel does to a process when memory runs out."""
    if context.get_mapping_key() == "k1":
        os.kill(os.getpid(), signal.SIGKILL)


def connections_exhausted(context) -> None:
    """One connection in the pool, and two wanted."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import QueuePool

    engine = create_engine(
        "sqlite://", poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.2
    )
    with engine.connect(), engine.connect():
        pass


def sqlite_locked(context) -> None:
    """Parallel steps that write to one database and hold their transaction."""
    path = f"{context.instance.storage_directory()}/rows.db"
    with sqlite3.connect(path, timeout=0.1) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE IF NOT EXISTS rows (item)")
        connection.execute("INSERT INTO rows VALUES (1)")
        time.sleep(3)


def retried(context) -> None:
    if context.retry_number == 0:
        time.sleep(1.0)
        message = "the service did not answer"
        raise RetryRequested(max_retries=1, seconds_to_wait=0) from TimeoutError(message)


def wrong(context) -> None:
    if context.get_mapping_key() == "k1":
        message = "no such column: price"
        raise ValueError(message)


MISHAPS = {
    function.__name__: function
    for function in (memory_limited, killed, connections_exhausted, sqlite_locked, retried, wrong)
}


@job
def plain():
    collect(fan_out().map(work).collect())


@job
def in_a_pool():
    collect(fan_out().map(pooled).collect())


if docker_executor is not None:

    @job(executor_def=docker_executor)
    def in_containers():
        collect(fan_out().map(work).collect())


# The examples, so that one file names every job that is run.
seed = seed_chunks.seed_job
csv = csv_files.csv_job
async_example = async_calls.async_job

if async_executor is not None:

    @job(executor_def=async_executor)
    def asynchronous():
        collect(fan_out().map(wait_together).collect())

    async_example_async = async_calls.async_job.graph.to_job(
        name="async_example_async", executor_def=async_executor
    )


def main(name: str, config: str) -> None:
    from advisor.dagster_bridge.private import ReconstructableJob

    with DagsterInstance.get() as instance:
        target = ReconstructableJob.for_file(__file__, name)
        with execute_job(
            target, instance=instance, run_config=json.loads(config), raise_on_error=False
        ) as result:
            sys.stdout.write(f"{result.run_id}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
