"""Workloads that the tests measure. Each call of a counted op leaves a line in COUNTED."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from dagster import DynamicOut, DynamicOutput, job, op

BUSY = threading.Lock()


def count():
    path = os.environ.get("COUNTED")
    if path:
        with Path(path).open("a") as file:
            file.write("called\n")


@op(out=DynamicOut(int))
def numbers():
    for number in range(6):
        yield DynamicOutput(number, mapping_key=f"n{number}")


@op
def nap(number: int) -> int:
    time.sleep(0.001 if number < 100 else 0.03)
    return number + 100


@job
def napping():
    """One op twice in the chain."""
    numbers().map(lambda number: nap.alias("long")(nap.alias("short")(number)))


@op
def prepare(number: int) -> bytes:
    count()
    import xmlrpc.client

    import starts_a_thread  # noqa: F401

    time.sleep(0.02)
    assert xmlrpc.client
    return bytes(1000 * (number + 1))


@op
def burn(content: bytes) -> int:
    count()
    deadline = time.thread_time() + 0.03  # of this thread: the meter's own thread computes too
    while time.thread_time() < deadline:
        pass
    return len(content)


@op
def total(sizes: list[int]) -> int:
    assert len(sizes) > 1
    return sum(sizes)


@job
def two_stage():
    total(numbers().map(prepare).map(burn).collect())


def items():
    return [{"number": number} for number in range(5)]


MANY = 40


def many():
    return [{"number": number} for number in range(MANY)]


def long_in_the_middle(number):
    time.sleep(0.8 if number == MANY // 2 else 0.2)
    return number


def mixes_up_threads(number):
    """Gives a wrong result when another thread runs at the same time."""
    mixes_up_threads.last = number
    time.sleep(0.02)
    return mixes_up_threads.last


def raises_on_three(number):
    if number == 3:
        raise ValueError("three is broken")


def hangs(number):
    time.sleep(600)


def exits(number):
    sys.exit(5)


def dies(number):
    os._exit(9)


def eats_memory(number):
    held = bytearray(3 << 30)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(5)


def gives_a_lambda(number):
    return lambda: number


def only_once(number):
    Path(f"{os.environ['COUNTED']}-{number}").open("x").close()
    time.sleep(0.05)


def starts_children(number):
    """Most of the CPU and the memory is a child's."""
    import subprocess

    code = "import time\nx = bytearray(80 << 20)\nx[::4096] = b'x' * len(x[::4096])\n"
    code += "while time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-S", "-c", code], check=True)


def connects(number):
    import socket

    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    other, _ = server.accept()
    time.sleep(0.1)
    for each in (client, other, server):
        each.close()


BLOCK = bytes(4 << 20)


def uses_cores(number):
    """As a math library does: on three threads without the interpreter lock, or as told."""
    import hashlib
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(int(os.environ.get("OMP_NUM_THREADS", "3"))) as pool:
        return [found.hex() for found in pool.map(lambda _: hashlib.md5(BLOCK).digest(), range(24))]
