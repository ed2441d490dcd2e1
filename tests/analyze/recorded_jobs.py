"""Real jobs with mishaps, run under real executors so that their logs can be read back."""

from __future__ import annotations

import os
import signal
import sqlite3
import time

from dagster import DynamicOut, DynamicOutput, RetryRequested, job, op


@op(out=DynamicOut())
def fan_out():
    for index in range(3):
        yield DynamicOutput(index, mapping_key=f"k{index}")


@op
def mishap(context, item):
    if item == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if item == 2 and context.retry_number == 0:
        raise RetryRequested(max_retries=1, seconds_to_wait=0)
    return item


@op
def collect(items):
    return len(items)


@job
def mishaps():
    collect(fan_out().map(mishap).collect())


@op
def brief(item):
    time.sleep(0.01)
    return item


@op
def write_while_locked(context, item):
    if item == 2:
        path = f"{context.instance.storage_directory()}/rows.db"
        with sqlite3.connect(path) as holder:
            holder.execute("CREATE TABLE rows (item)")
            holder.execute("INSERT INTO rows VALUES (0)")
            with sqlite3.connect(path, timeout=0) as other:
                other.execute("INSERT INTO rows VALUES (1)")
    return item


@job
def locked():
    collect(fan_out().map(brief).map(write_while_locked).collect())


@op(pool="scarce")
def pooled(item):
    time.sleep(0.3)
    return item


@op(out=DynamicOut())
def fan_out_two():
    for index in range(2):
        yield DynamicOutput(index, mapping_key=f"k{index}")


@job
def pools():
    fan_out_two().map(pooled)
