"""What the tests of run_in_child run inside the child."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path


def add(pair):
    return pair[0] + pair[1]


def noisy(_):
    sys.stdout.write("to stdout\n")
    sys.stderr.write("x" * 300_000 + "\nlast line\n")
    return sys.stdin.read()


def bad_value(_):
    raise ValueError("no such chunk")


def leave(status):
    sys.exit(status)


def leave_at_once(status):
    os._exit(status)


def killed(number):
    os.kill(os.getpid(), number)
    time.sleep(10)


def crash(_):
    import ctypes

    ctypes.string_at(0)


def sleep_inside(seconds):
    from advisor.measure.supervisor import watch

    watch("op 'slow' on item 3", 0.3)
    time.sleep(seconds)


def unpicklable(_):
    return lambda: 0


def eat(count_bytes):
    held = bytearray(count_bytes)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(10)


def endless_thread(_):
    threading.Thread(target=time.sleep, args=(600,)).start()
    return "done"


def daemonise(directory):
    """A grandchild in a session of its own, whose parent is gone, with an empty environment."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.execve("/bin/sleep", ["sleep", "600"], {})
    os.waitpid(pid, 0)
    time.sleep(0.2)


def daemonise_and_hang(directory):
    daemonise(directory)
    subprocess.Popen(["/bin/sleep", "600"])
    time.sleep(600)


def tell(count):
    from advisor.measure.supervisor import show_text

    for number in range(count):
        show_text(f"number {number}")


def exit_handler(path):
    import atexit

    atexit.register(lambda: Path(path).write_text("cleaned"))
    return 1


def user_error(_):
    from advisor.domain.errors import TargetError

    raise TargetError("no op named 'proces'", hint="Did you mean 'process'?")


def where_am_i(_):
    return str(Path.cwd()), os.environ.get("COLOUR")


def closes_all_and_opens(path):
    """As a daemon does: all descriptors closed, then files of its own."""
    from advisor.measure.supervisor import show_text, watch

    os.closerange(3, 4096)
    files = [Path(f"{path}{number}").open("w") for number in range(40)]  # noqa: SIM115
    watch("op 'after' on item 1", 60)
    show_text("still heard")
    return len(files)


def closes_all_opens_and_hangs(path):
    from advisor.measure.supervisor import watch

    watch("op 'before' on item 1", 0.5)
    os.closerange(3, 4096)
    files = [Path(f"{path}{number}").open("w") for number in range(40)]  # noqa: SIM115
    time.sleep(len(files) * 100)


def closes_all_opens_and_crashes(path):
    os.closerange(3, 4096)
    files = [Path(f"{path}{number}").open("w") for number in range(40)]  # noqa: SIM115
    crash(files)


def leaves_files(content):
    import tempfile

    Path(tempfile.mkdtemp(prefix="users-"), "file").write_text(content)


def leaves_files_and_hangs(content):
    leaves_files(content)
    time.sleep(600)


def parents(_):
    """This process and those above it."""
    import psutil

    return [os.getpid(), *(process.pid for process in psutil.Process().parents())]


def modules(_):
    return sorted(sys.modules)


_IMPORTED_IN = os.getpid()


def imports_itself(_):
    return os.getpid() == _IMPORTED_IN


def change(name):
    os.environ[name] = "changed"
    return True


def variable(name):
    return os.environ.get(name)


def kill_all_above(_):
    """The guardian and what started it, but not the test."""
    import psutil

    for process in psutil.Process().parents()[:2]:
        process.kill()
    time.sleep(10)
