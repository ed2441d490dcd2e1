"""A job whose fan-out op ends its own process, as the kernel does when memory runs out."""

import os
import signal

from dagster import DynamicOut, DynamicOutput, job, op


@op
def upstream():
    return 1


@op(out=DynamicOut())
def fan_out(value):
    yield DynamicOutput(value, mapping_key="k0")
    os.kill(os.getpid(), signal.SIGKILL)


@op
def work(item):
    return item


@job
def kills():
    fan_out(upstream()).map(work)
