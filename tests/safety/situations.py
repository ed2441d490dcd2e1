"""Functions that work one at a time and fail, or give something else, when items run in parallel.

Each takes the number of its item. What processes share lies in the folder SITUATION.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import io
import locale
import logging
import os
import random
import resource
import signal
import sqlite3
import threading
import time
import uuid
from pathlib import Path

SHORT_S = 0.02


def folder():
    return Path(os.environ["SITUATION"])


class Client:
    """A resource that all threads of a process share."""

    current = -1
    buffer: list[int] = []  # noqa: RUF012


CLIENT = Client()
STATE = {"last": None}
MEMO = {}
CONNECTION = sqlite3.connect(":memory:")
SHARED = sqlite3.connect(":memory:", check_same_thread=False)
LOG = logging.getLogger(__name__)
LOG.setLevel(logging.INFO)
LOG.propagate = False
BUSY = threading.Lock()


@dataclasses.dataclass
class Row:
    number: int
    value: int
    at: float


def attribute(number):
    CLIENT.current = number
    time.sleep(SHORT_S)
    return CLIENT.current * 2


def module_global(number):
    STATE["last"] = number
    time.sleep(SHORT_S)
    return STATE["last"]


def stamped(number):
    return {"value": attribute(number), "at": time.time()}


def one_field(number):
    return {"id": number, "rows": [{"name": f"n{number}", "value": attribute(number)}]}


def an_object(number):
    return Row(number, attribute(number), time.time())


def an_array(number):
    import numpy as np

    return np.full((3, 3), attribute(number))


def changed_folder(number):
    wanted = folder() / f"item{number}"
    wanted.mkdir(exist_ok=True)
    os.chdir(wanted)
    time.sleep(SHORT_S)
    return Path.cwd().name


def environment_variable(number):
    os.environ["ITEM"] = str(number)
    time.sleep(SHORT_S)
    return os.environ["ITEM"]


def registry(number):
    """The process's current connection, as a library's `set_connection` keeps it."""
    MEMO["current"] = f"schema_{number}"
    time.sleep(SHORT_S)
    return MEMO["current"]


def shared_buffer(number):
    Client.buffer.clear()
    for _ in range(3):
        Client.buffer.append(number)
        time.sleep(SHORT_S / 4)
    return list(Client.buffer)


def shared_seed(number):
    random.seed(number)
    time.sleep(SHORT_S)
    return random.random()


def locale_of_the_process(number):
    locale.setlocale(locale.LC_CTYPE, "C" if number % 2 else "C.UTF-8")
    time.sleep(SHORT_S)
    return [number, locale.setlocale(locale.LC_CTYPE)]


def mask_of_new_files(number):
    before = os.umask(number % 8)
    time.sleep(SHORT_S)
    return [number, os.umask(before)]


def printed(number):
    with contextlib.redirect_stdout(io.StringIO()) as output:
        time.sleep(SHORT_S)
        print(number)  # noqa: T201
    return output.getvalue()


@functools.lru_cache
def client_of_the_process():
    return Client()


def cached_client(number):
    client_of_the_process().current = number
    time.sleep(SHORT_S)
    return client_of_the_process().current


def logged(number):
    LOG.handlers[:] = [logging.StreamHandler(io.StringIO())]
    time.sleep(SHORT_S)
    LOG.info(number)
    return LOG.handlers[0].stream.getvalue()


def counted(number):
    STATE["count"] = STATE.get("count", 0) + 1
    mine = STATE["count"]
    time.sleep(SHORT_S)
    return {"id": number, "serial": mine, "alone": STATE["count"] == mine}


def one_work_table(number):
    SHARED.execute("create table if not exists work (number)")
    SHARED.execute("delete from work")
    SHARED.execute("insert into work values (?)", (number,))
    time.sleep(SHORT_S)
    return SHARED.execute("select sum(number) from work").fetchone()[0]


def one_temporary_file(number):
    path = folder() / "work.csv"
    path.write_text(str(number))
    time.sleep(SHORT_S)
    return path.read_text()


def alarm(number):
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    time.sleep(SHORT_S)
    return number


def into_a_file(number):
    (folder() / f"{number}.txt").write_text(str(attribute(number)))


def into_a_file_and_true(number):
    into_a_file(number)
    return True


def only_random(number):
    attribute(number)
    return {"request": str(uuid.uuid4()), "at": time.time()}


def not_reentrant(number):
    if not BUSY.acquire(blocking=False):
        raise RuntimeError("called twice at once")
    try:
        time.sleep(SHORT_S)
    finally:
        BUSY.release()
    return number


def connection_of_a_thread(number):
    time.sleep(SHORT_S)
    return CONNECTION.execute("select ?", (number,)).fetchone()[0]


@contextlib.contextmanager
def at_work(most, error):
    """As a service that serves ``most`` in parallel and refuses more."""
    mine = folder() / f"working-{uuid.uuid4()}"
    mine.touch()
    try:
        time.sleep(2 * SHORT_S)
        if len(list(folder().glob("working-*"))) > most:
            raise error
        yield
        time.sleep(4 * SHORT_S)  # so long that all are seen at work
    finally:
        mine.unlink()


def too_many_requests(number):
    with at_work(8, ConnectionError("429 Too Many Requests, token=hunter2")):
        return number


LOCK = threading.Lock()
BUCKET = {"tokens": 10.0, "at": 0.0}


def token_bucket(number):
    """Ten calls are let through, then 20 per second."""
    with LOCK:
        now = time.monotonic()
        filled = BUCKET["tokens"] + 20.0 * (now - BUCKET["at"])
        BUCKET.update(tokens=min(10.0, filled) - 1, at=now)
        wait_s = -BUCKET["tokens"] / 20.0
    time.sleep(max(0.0, wait_s) + 0.02)
    return number


def too_many_connections(number):
    with at_work(2, RuntimeError("sorry, too many clients already")):
        return number


def sqlite_writer(number):
    with at_work(3, sqlite3.OperationalError("database is locked")):
        return number


def open_files(number):
    """Many files in every item of a process that may open few."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    with contextlib.ExitStack() as files:
        for _ in range(20):
            files.enter_context(open(os.devnull))  # noqa: PTH123
        time.sleep(3 * SHORT_S)
    return number


def lock_file(number):
    """A lock that processes hold, and all threads of one process share."""
    with (folder() / "lock").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(SHORT_S)
    return number


def dies_beside_another(number):
    with at_work(3, SystemExit(9)):
        return number


def harmless(number):
    time.sleep(SHORT_S)
    return {"value": number * 2, "at": time.time()}
