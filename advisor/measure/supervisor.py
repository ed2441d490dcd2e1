"""Inside the child: a small guardian process, and the worker that it watches.

``run_in_child`` starts a fresh interpreter with `main`. That process becomes the guardian: it
adopts every orphan among its descendants (``PR_SET_CHILD_SUBREAPER``), forks the worker before
anything else is imported, waits for it, and then kills whatever the user's code left running.
When our own process dies, the kernel sends the guardian SIGTERM (``PR_SET_PDEATHSIG``), and it
kills its whole tree. So nothing outlives a measurement, whatever the user's code does.
"""

import contextlib
import faulthandler
import importlib
import json
import os
import pickle
import signal
import socket
import sys
import time
from pathlib import Path
from typing import NoReturn

from advisor.measure.descriptors import OwnFile

REQUEST, RESULT, STATUS, STACKS, CRASH, PROGRESS = (
    "request.pickle",
    "result.pickle",
    "status.json",
    "stacks.txt",
    "crash.txt",
    "progress.pipe",
)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36
_EXIT_HANDLERS_S = 5  # for the user's atexit handlers, before the worker is ended
_REAP_S = 10.0
_BEFORE_USER_CODE = (
    "advisor.dagster_bridge.step_imports",
    "advisor.dagster_bridge.discovery",
    "advisor.measure.ops.scout",
    "advisor.measure.workload.concurrency",
)
_OOM_SCORE = "500"  # of 1000: where memory runs out, the kernel shall end the worker, not us

_progress: OwnFile | None = None
_dumps: dict[str, tuple[OwnFile, int]] = {}  # by file name, with the descriptor in use


def send_progress(message: dict[str, object]) -> None:
    """Tell the process that started this child what goes on, as `advisor.measure.child` reads it.

    Does nothing outside a child, and in the child's own children.
    """
    if _progress is None or os.getpid() != _worker_pid:
        return
    with contextlib.suppress(OSError):
        os.write(_progress.descriptor(), json.dumps(message).encode() + b"\n")


def show_text(text: str) -> None:
    """Show the user, on the terminal alone, what an exception of theirs says."""
    send_progress({"text": text})


def watch(
    label: str, timeout_s: float | None = None, key: str | None = None, *, op: str | None = None
) -> None:
    """Say what runs from now on, and after how many seconds it counts as hanging.

    The label is what a failure's message will say was running, with the item's mapping key on the
    terminal. ``op`` is the handle of the op that runs. `unwatch` ends it.
    """
    _dump_stacks()
    send_progress({"watch": label, "timeout_s": timeout_s, "key": key, "op": op})


def unwatch() -> None:
    """What was watched has ended."""
    send_progress({"watch": None})


_worker_pid = -1


def _dump_stacks() -> None:
    """Let faulthandler write to our files, also where the user's code has closed them."""
    if os.getpid() != _worker_pid:
        return
    for name, (file, used) in _dumps.items():
        with contextlib.suppress(OSError):
            number = file.descriptor()
            if number == used:
                continue
            _dumps[name] = file, number
            if name == CRASH:
                faulthandler.enable(number)
            else:
                faulthandler.register(signal.SIGUSR1, number, all_threads=True)
                send_progress({"stacks": number})


def _prctl(option: int, value: int) -> None:
    """Linux only; elsewhere, and where forbidden, the guarantees that need it are weaker."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def descendants(of: int) -> list[int]:
    """Process ids of all children of a process, and theirs."""
    children: dict[int, list[int]] = {}
    if sys.platform.startswith("linux"):
        for entry in os.listdir("/proc"):  # noqa: PTH208 - runs on a timer; this is the cheap form
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/stat", "rb") as file:  # noqa: PTH123 - likewise
                    # after the name in parentheses, which may hold anything: state, parent
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry))
        pids: list[int] = []
        pending = [of]
        while pending:
            below = children.get(pending.pop(), [])
            pids += below
            pending += below
        return pids
    import psutil

    try:
        return [process.pid for process in psutil.Process(of).children(recursive=True)]
    except psutil.Error:
        return []


def _end_descendants() -> None:
    """Kill all that is below this process, and wait for it; orphans come to us one by one."""
    deadline = time.monotonic() + _REAP_S
    while time.monotonic() < deadline:
        for pid in descendants(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def _terminated(_signal: int, _frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _end_descendants()
    os._exit(143)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def main() -> NoReturn:
    """Entry point of the fresh interpreter: directory, parent's pid, the workspace's lifeline."""
    _guard(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))


def serve() -> NoReturn:
    """Entry point of the server: its socket, its parent's pid, the workspace's lifeline.

    Each message names a request's folder, and brings the pipes for the child's output.
    """
    connection = socket.socket(fileno=int(sys.argv[1]))
    parent, lifeline, server = int(sys.argv[2]), int(sys.argv[3]), os.getpid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(143)
    for name in _BEFORE_USER_CODE:
        importlib.import_module(name)
    while True:
        message, outputs, _, _ = socket.recv_fds(connection, 65536, 2)
        if not message:
            os._exit(0)
        with contextlib.suppress(ChildProcessError):  # guardians that have ended
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        child = os.fork()
        if child == 0:
            connection.close()
            os.setsid()
            for output, stream in zip(outputs, (1, 2), strict=False):
                os.dup2(output, stream)
                os.close(output)
            _guard(Path(os.fsdecode(message)), server, lifeline)
        connection.send(str(child).encode())
        for output in outputs:
            os.close(output)


def _guard(directory: Path, parent: int, lifeline: int) -> NoReturn:
    """Fork the worker, wait for it, and end whatever it left running."""
    signal.signal(signal.SIGTERM, _terminated)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    guardian = os.getpid()
    if os.getppid() != parent:
        os._exit(143)
    worker = os.fork()
    if worker == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        os.close(lifeline)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guardian:
            os._exit(143)
        _work(directory)
    for stream in (1, 2):  # so that their end means that the worker and its children are gone
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream)
        os.close(null)
    while True:
        pid, status, usage = os.wait4(-1, 0)
        if pid == worker:
            break
    _kill_group(worker)
    _end_descendants()
    import resource

    total = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes there, KiB elsewhere
    _write_whole(
        directory / STATUS,
        json.dumps(
            {
                "status": status,
                "cpu_s": total.ru_utime + total.ru_stime,
                "max_rss_bytes": usage.ru_maxrss * unit,
            }
        ).encode(),
    )
    os._exit(0)


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".part")
    temporary.write_bytes(content)
    temporary.replace(path)


def _work(directory: Path) -> NoReturn:
    """Run the request in this process, write its result, and end the process at once."""
    global _progress, _worker_pid
    # For both directions: opening does not block, whatever the other end does.
    _progress, _worker_pid = OwnFile(directory / PROGRESS, os.O_RDWR), os.getpid()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    send_progress({"pid": os.getpid()})
    for name in (STACKS, CRASH):
        _dumps[name] = OwnFile(directory / name, os.O_WRONLY | os.O_CREAT), -1
    _dump_stacks()
    sys.argv = ["dynadvise-child"]
    outcome = _run(directory)
    try:
        content = pickle.dumps(outcome, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - whatever __reduce__ raises
        reason = f"{type(error).__name__}: {error}"
        content = pickle.dumps({"kind": "unpicklable", "reason": reason})
    try:
        _write_whole(directory / RESULT, content)
    except BaseException as error:  # noqa: BLE001 - a full disk, say: the status tells
        sys.stderr.write(f"dynadvise: cannot write the result: {error}\n")
        os._exit(70)
    _leave()


def _leave() -> NoReturn:
    """End now. Threads that never end must not hold us; exit handlers get a few seconds."""
    import atexit

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(_EXIT_HANDLERS_S)
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0)


def _run(directory: Path) -> dict[str, object]:
    from advisor.dagster_bridge.user_path import add_user_folders
    from advisor.domain.errors import DynadviseError

    try:
        request = pickle.loads((directory / REQUEST).read_bytes())  # noqa: S301 - our own
        if request["working_directory"]:
            os.chdir(request["working_directory"])
        # Dagster removes the first entry, the script's folder, while it imports a job's module.
        sys.path.insert(0, str(directory))
        add_user_folders([str(Path.cwd()), *request["python_path"]])
        module, _, name = request["function"].partition(":")
        function = getattr(importlib.import_module(module), name)
        argument = pickle.loads(request["argument"])  # noqa: S301 - our own
        return {"kind": "value", "value": function(argument)}
    except DynadviseError as error:
        return {"kind": "error", "error": error.with_traceback(None)}
    except SystemExit as error:
        return {"kind": "exited", **_told(error), "code": str(error.code)}
    except BaseException as error:  # noqa: BLE001 - whatever the user's code raises
        return {"kind": "raised", **_told(error)}


def _told(error: BaseException) -> dict[str, object]:
    from advisor.dagster_bridge.user_frames import culprit, frames_of, root_cause, text_of

    cause = root_cause(error)
    frames = frames_of(cause) or frames_of(error)
    guilty = culprit(frames)
    return {
        "type": type(cause).__name__,
        "message": text_of(cause),
        "where": guilty.where if guilty else None,
        "frames": [frame.text for frame in frames[-5:]],
    }
