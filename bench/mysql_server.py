"""A MariaDB of the benchmark's own, as MySQL, in a folder of its own and gone afterwards."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postgres_server import ROLE, free_port

_WITHIN_S = 30.0
_SOCKET = "socket"


def missing() -> str:
    """Why there is none here; empty where there is one."""
    programs = ("mariadbd", "mariadb-install-db", "mariadb")
    gone = [program for program in programs if shutil.which(program) is None]
    return f"{gone[0]} is not installed" if gone else ""


@contextmanager
def mysql() -> Iterator[int]:
    """Its port on 127.0.0.1, where `ROLE` may do all."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="dynadvise-mysql-") as name:
        folder, user = Path(name), f"--user={getpass.getuser()}"
        data = f"--datadir={folder / 'data'}"
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", user, data, "--skip-test-db",
             "--auth-root-authentication-method=normal"],
            check=True, capture_output=True,
        )  # fmt: skip
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(
                ["mariadbd", "--no-defaults", user, data, f"--port={port}",
                 "--bind-address=127.0.0.1", f"--socket={folder / _SOCKET}",
                 f"--pid-file={folder / 'pid'}"],
                stdout=log, stderr=log,
            )  # fmt: skip
        try:
            _allow(folder / _SOCKET)
            yield port
        finally:
            server.kill()
            server.wait()


def _allow(socket: Path) -> None:
    allow = "; ".join(
        f"CREATE USER {ROLE}@'{host}'; GRANT ALL ON *.* TO {ROLE}@'{host}'"
        for host in ("127.0.0.1", "localhost")
    )
    until_s = time.monotonic() + _WITHIN_S
    while True:
        command = ["mariadb", "--no-defaults", f"--socket={socket}", "-uroot", "-e", allow]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        assert time.monotonic() < until_s, done.stderr
        time.sleep(0.2)


def url(port: int) -> str:
    return f"mysql://{ROLE}:@127.0.0.1:{port}"
