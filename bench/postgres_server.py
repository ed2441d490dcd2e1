"""A Postgres of the benchmark's own, and a proxy before it that delays as a network does."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROLE = "bench"


def binaries() -> Path | None:
    """The folder of Postgres's programs; None where it is not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


def _user() -> str | None:
    """Who runs the server where this process may not; None: this process does."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return None


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def postgres() -> Iterator[int]:
    """A server in a folder of its own, gone afterwards; its port on 127.0.0.1."""
    programs, user, port = binaries(), _user(), free_port()
    assert programs is not None, "there is no Postgres here"
    folder = Path(tempfile.mkdtemp(prefix="dynadvise-postgres-"))
    data = folder / "data"

    def run(*command: str) -> None:
        prefix = ["runuser", "-u", user, "--"] if user else []
        subprocess.run([*prefix, *command], check=True, capture_output=True, cwd=folder)

    if user:
        shutil.chown(folder, user)
    try:
        run(str(programs / "initdb"), "-D", str(data), "-U", ROLE, "-A", "trust", "--no-sync")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=200"
        run(str(programs / "pg_ctl"), "-D", str(data), "-o", options, "-l", str(folder / "log"),
            "-w", "start")  # fmt: skip
        try:
            yield port
        finally:
            run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def url(port: int) -> str:
    return f"postgresql://{ROLE}:@127.0.0.1:{port}/postgres"


@contextmanager
def delayed(port: int, delay_s: float) -> Iterator[int]:
    """A port that hands on to ``port``; what the server answers comes so much later."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, port, delay_s), daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.close()


def _accept(listener: socket.socket, port: int, delay_s: float) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        server = socket.create_connection(("127.0.0.1", port))
        for ends in ((client, server, 0.0), (server, client, delay_s)):
            threading.Thread(target=_hand_on, args=ends, daemon=True).start()


def _hand_on(source: socket.socket, sink: socket.socket, delay_s: float) -> None:
    for end in (source, sink):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError):
        while chunk := source.recv(1 << 16):
            time.sleep(delay_s)
            sink.sendall(chunk)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
