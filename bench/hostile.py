"""Machines and files against us: the installed command in real processes, by class of trial.

``python bench/hostile.py [CLASS ...]`` tries each command in each hostile place of the classes
(default: all) and prints a row per class; a trial that failed is printed at once. It passes if
the command ends in time with status 0 or 2, says something where it is 2, and prints neither a
traceback nor our apology. Read-only places need root on Linux (mounts of their own).
"""

from __future__ import annotations

import itertools
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "analyze"))
import fabricated_instance as fabricated  # noqa: E402
from hostile_texts import DEEP, SCHEMAS, TEXTS, TOML, VALUES  # noqa: E402

COMMAND = Path(sys.executable).with_name("dynadvise")
LIMIT_S = 120
NOBODY = 65534
JOB = """
from dagster import DynamicOut, DynamicOutput, job, op

@op(out=DynamicOut(int))
def numbers():
    for number in range(4):
        yield DynamicOutput(number, mapping_key=str(number))

@op
def work(number: int) -> int:
    return number + 1

@op
def gather(results: list) -> int:
    return sum(results)

@job
def sums():
    gather(numbers().map(work).collect())
"""
RUN_IDS = [f"{number}a1b2c3d-0000-4000-8000-00000000000{number}" for number in range(3)]
WRITER = """
import itertools, sqlite3, sys, time
path, mode = sys.argv[1:]
database = sqlite3.connect(path, isolation_level=None, timeout=30)
database.execute(f"PRAGMA journal_mode={mode}")
row = database.execute("SELECT * FROM event_logs LIMIT 1").fetchone()
print("ready", flush=True)
for number in itertools.count():
    database.execute(
        "INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key) "
        "VALUES (?, ?, ?, ?, ?)", (row[1], row[2], "STEP_START", row[4], f"work[n{number}]"))
    time.sleep(0.002)
"""
LOCKER = """
import sqlite3, sys, time
held = []
for path in sys.argv[1:]:
    held.append(sqlite3.connect(path, isolation_level=None))
    held[-1].execute("BEGIN EXCLUSIVE")
print("ready", flush=True)
time.sleep(600)
"""


@dataclass(frozen=True)
class Trial:
    """A line of a shell, in which ``$D`` is the command, in a folder of its own.

    ``beside`` is a program that runs meanwhile, and its arguments.
    """

    name: str
    line: str
    before: Callable[[Path], object] = lambda folder: None
    beside: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def prepared(folder: Path) -> None:
    """A project with a job, a saved profile, an instance of three runs, and folders to close."""
    for name in ("home", "work/profiles", "cache", "tmp"):
        (folder / name).mkdir(parents=True)
    profile = next((ROOT / "profiles/example-2-cores").glob("*seed*"))
    shutil.copy(profile, folder / "p.json")
    (folder / "work/mine.py").write_text(JOB)
    events = fabricated.multiprocess_events(6)
    runs = [fabricated.Run(run_id, events, job="sums") for run_id in RUN_IDS]
    fabricated.write_instance(folder / "dagster", runs)


def ended(trial: Trial, folder: Path) -> str:
    """What was wrong with a trial; empty where it passed."""
    trial.before(folder)
    home = {"HOME": str(folder / "home"), "DYNADVISE_CACHE_DIR": str(folder / "cache")}
    environment = {**os.environ, **home, "D": str(COMMAND), "F": str(folder), **trial.environment}
    environment = {name: value for name, value in environment.items() if value != "-"}
    beside = None
    if trial.beside:
        program, *arguments = trial.beside
        beside = subprocess.Popen(
            [sys.executable, "-c", program, *(part.format(folder) for part in arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert beside.stdout is not None
        beside.stdout.readline()
    begun = time.monotonic()
    running = subprocess.Popen(
        ["bash", "-c", trial.line], cwd=folder / "work", env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        out, messages = running.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        return f"not done after {time.monotonic() - begun:.0f} s"
    finally:
        if beside is not None:
            beside.kill()
            beside.wait()
    told = (out + messages).decode("utf-8", "replace")
    faults = [word for word in ("Traceback", "a fault in dynadvise") if word in told]
    fine = (0, 1, 2) if "check" in trial.line else (0, 2)  # a gate that fails
    if running.returncode not in fine:
        faults.append(f"status {running.returncode}")
    if running.returncode == 2 and not any(word in told for word in ("Error", "cannot be")):
        faults.append("status 2 without a word")
    if os.environ.get("SHOW"):
        sys.stdout.write(f"  {trial.name}: {running.returncode} {messages.decode()[-400:]}\n")
    return f"{', '.join(faults)}: {told.strip()[-500:]}" if faults else ""


READING = (
    "$D recommend $F/p.json",
    "$D predict $F/p.json --format json -o out.json",
    "$D emit $F/p.json --as run-config -o out.yaml",
    "$D report $F/p.json -o page.html",
    "$D check --static mine.py:sums",
    "$D analyze --instance $F/dagster",
    "$D analyze --instance $F/dagster --save",
    "$D scan --instance $F/dagster --days 100000",
    "$D list mine.py --instance $F/dagster",
    "$D init --yes mine.py:sums",
)
PROFILE = "$D profile mine.py:sums --yes --fast --budget 10"


# --- read-only places --------------------------------------------------------------------------

PLACES = {
    "HOME": "$F/home",
    "current folder": "$F/work",
    "profiles": "$F/work/profiles",
    "cache folder": "$F/cache",
    "DAGSTER_HOME": "$F/dagster",
    "TMPDIR": "$F/tmp",
    "all of them": "$F /tmp /var/tmp /dev/shm",
}


def read_only(folder: Path) -> Iterator[Trial]:
    """Each place on a file system that is read-only, closed to this user, or immutable."""
    environment = {"DAGSTER_HOME": str(folder / "dagster"), "TMPDIR": str(folder / "tmp")}
    for place, paths in PLACES.items():
        bound = f"for p in {paths}; do mount --bind $p $p; mount -o remount,ro,bind $p; done"
        # Into the bound folder, not the one below it.
        mounted = f"unshare -m bash -c '{bound}; cd $F/work; {{}}'"
        # Root without its rights over the files of others: Python itself may be root's alone.
        rights = "--bounding-set=-dac_override,-dac_read_search,-fowner,-chown"
        other = f"chown -R {NOBODY} {paths.split()[0]}; setpriv {rights} {{}}"
        for manner, shape in (("mount", mounted), ("user", other)):
            lines = READING if manner == "mount" else (*READING[1:5], READING[6], READING[9])
            slow = (PROFILE,) if manner == "mount" or place == "cache folder" else ()
            for line in (*lines, *slow):
                name = f"{place}, {manner}: {line[3:]}"
                yield Trial(name, shape.format(line), environment=environment)


# --- SQLite ------------------------------------------------------------------------------------

ON_INSTANCE = (
    "$D analyze --instance $F/dagster --job sums --last 3",
    "$D scan --instance $F/dagster --days 100000",
)
LISTED = "$D list mine.py --instance $F/dagster"
OF_RUNS = ("run_id", "pipeline_name", "status", "run_body", "create_timestamp")
OF_EVENTS = ("run_id", "event", "dagster_event_type", "timestamp", "step_key")


def runs_db(folder: Path) -> Path:
    """The database of runs."""
    return folder / "dagster/history/runs.db"


def event_dbs(folder: Path) -> list[Path]:
    """The databases of events, one a run."""
    return sorted((folder / "dagster/history/runs").glob("*.db"))


def executed(statement: str, *values: object, on_runs: bool = True) -> Callable[[Path], None]:
    """Changes the database of runs, or each of events."""

    def change(folder: Path) -> None:
        for path in [runs_db(folder)] if on_runs else event_dbs(folder):
            with closing(sqlite3.connect(path)) as database:
                database.executescript(statement) if not values else database.execute(
                    statement, values
                )
                database.commit()

    return change


def hostile_rows(folder: Path) -> Iterator[Trial]:
    """Each column of runs and events with each value; the commands take turns."""
    turns = itertools.cycle((*ON_INSTANCE, LISTED))
    for column in OF_RUNS:
        for name, value in VALUES.items():
            change = executed(f"UPDATE OR IGNORE runs SET {column} = ?", value)
            yield Trial(f"runs.{column} {name}", next(turns), change)
    turns = itertools.cycle(ON_INSTANCE)
    for column in OF_EVENTS:
        for name, value in VALUES.items():
            where = " WHERE id % 3 = 0" if column != "run_id" else " WHERE id = 5"
            statement = f"UPDATE OR IGNORE event_logs SET {column} = ?{where}"
            yield Trial(
                f"events.{column} {name}", next(turns), executed(statement, value, on_runs=False)
            )
    limits = 'CREATE TABLE concurrency_limits (concurrency_key, "limit"); '
    for name in ("'text'", "x'ff'", "NULL", "1e400", "-1"):
        change = index_of(f"{limits}INSERT INTO concurrency_limits VALUES ({name}, {name})")
        here = {"DAGSTER_HOME": str(folder / "dagster")}
        yield Trial(f"a pool of {name}", "$D check --static mine.py:sums", change, (), here)


def index_of(statement: str) -> Callable[[Path], None]:
    """Makes the database of what concerns all runs."""

    def change(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "dagster/history/runs/index.db")) as database:
            database.executescript(statement)

    return change


def spoiled(seed: int, paths: Callable[[Path], list[Path]]) -> Callable[[Path], None]:
    """Bytes here and there replaced by others."""

    def change(folder: Path) -> None:
        draw = random.Random(seed)
        for path in paths(folder):
            data = bytearray(path.read_bytes())
            for _ in range(40):
                data[draw.randrange(len(data))] = draw.randrange(256)
            path.write_bytes(data)

    return change


def replaced(data: bytes, paths: Callable[[Path], list[Path]]) -> Callable[[Path], None]:
    """The files hold something else."""

    def change(folder: Path) -> None:
        for path in paths(folder):
            path.write_bytes(data)

    return change


def cut(share: float, paths: Callable[[Path], list[Path]]) -> Callable[[Path], None]:
    """The files end early."""

    def change(folder: Path) -> None:
        for path in paths(folder):
            data = path.read_bytes()
            path.write_bytes(data[: int(share * len(data))])

    return change


def special(make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Something else than a file stands in the place of the database of runs."""

    def change(folder: Path) -> None:
        runs_db(folder).unlink()
        make(runs_db(folder))

    return change


def damaged(folder: Path) -> Iterator[Trial]:
    """Databases of which parts are other bytes, missing, or no database at all."""
    files: dict[str, Callable[[Path], list[Path]]] = {
        "runs": lambda folder: [runs_db(folder)],
        "events": event_dbs,
        "write-ahead log": lambda folder: [Path(f"{path}-wal") for path in event_dbs(folder)],
    }
    changes: dict[str, Callable[[Path], object]] = {}
    for name, paths in files.items():
        if name != "write-ahead log":
            changes |= {f"{name}: bytes {seed}": spoiled(seed, paths) for seed in range(8)}
            changes |= {
                f"{name}: {share} of it": cut(share, paths) for share in (0, 0.3, 0.7, 0.99)
            }
        changes[f"{name}: zeros"] = replaced(bytes(10_000), paths)
        changes[f"{name}: text"] = replaced(b"not a database\n" * 100, paths)
        changes[f"{name}: its head"] = replaced(b"SQLite format 3\0" + bytes(84), paths)
    changes |= {
        "a folder": special(Path.mkdir),
        "a pipe": special(os.mkfifo),
        "a link to itself": special(lambda path: path.symlink_to(path)),
        "a link to a device": special(lambda path: path.symlink_to("/dev/zero")),
        "a journal of a broken write": lambda folder: Path(
            f"{runs_db(folder)}-journal"
        ).write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504)),
    }
    for name, change in changes.items():
        for line in (*ON_INSTANCE, LISTED):
            yield Trial(f"{name}: {line[3:10]}", line, change)


FOREIGN = {
    "no table": "DROP TABLE {table}",
    "a column less": "ALTER TABLE {table} RENAME COLUMN {column} TO other",
    "another revision": "UPDATE alembic_version SET version_num = 'feedfacecafe'",
    "a revision of bytes": "UPDATE alembic_version SET version_num = x'ff00'",
    "an empty revision": "DELETE FROM alembic_version",
    "revisions of another table": "DROP TABLE alembic_version; CREATE TABLE alembic_version (x)",
    "a view": "ALTER TABLE {table} RENAME TO real; CREATE VIEW {table} AS SELECT * FROM real",
    "a view of itself": "DROP TABLE {table}; CREATE VIEW {table} AS SELECT * FROM {table}",
    "text that is no UTF-8": "UPDATE {table} SET {column} = CAST(x'ff41' AS TEXT)",
    "ids of text": "CREATE TABLE real AS SELECT * FROM {table}; DROP TABLE {table}; "
    "ALTER TABLE real RENAME TO {table}; UPDATE {table} SET id = 'x' || id WHERE id % 2",
    "no ids": "CREATE TABLE real AS SELECT * FROM {table}; DROP TABLE {table}; "
    "ALTER TABLE real RENAME TO {table}; UPDATE {table} SET id = NULL",
}


def foreign(folder: Path) -> Iterator[Trial]:
    """Databases of other programs, other versions, and other forms of the tables."""
    for table, column, on_runs in (("runs", "run_body", True), ("event_logs", "event", False)):
        for name, statement in FOREIGN.items():
            change = executed(statement.format(table=table, column=column), on_runs=on_runs)
            for line in (*ON_INSTANCE, LISTED) if on_runs else ON_INSTANCE:
                yield Trial(f"{table}, {name}: {line[3:10]}", line, change)


def in_use(folder: Path) -> Iterator[Trial]:
    """Databases that another process locks, or writes to hundreds of times a second."""
    runs, events = "{0}/dagster/history/runs.db", f"{{0}}/dagster/history/runs/{RUN_IDS[2]}.db"
    for mode in ("WAL", "DELETE"):
        change = executed(f"PRAGMA journal_mode={mode}", on_runs=False)
        for line in (*ON_INSTANCE, LISTED):
            yield Trial(f"locked, {mode}: {line[3:10]}", line, change, (LOCKER, runs, events))
            for number in range(3):
                name = f"written to, {mode}, {number}: {line[3:10]}"
                yield Trial(name, line, change, (WRITER, events, mode))


# --- YAML --------------------------------------------------------------------------------------


def written(place: str, text: str | bytes) -> Callable[[Path], None]:
    """A file with that text."""

    def write(folder: Path) -> None:
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        (folder / place).write_bytes(data)

    return write


def yaml_files(folder: Path) -> Iterator[Trial]:
    """Each text as instance, workspace, Helm values, run config and sample inputs."""
    static = "$D check --static mine.py:sums"
    here = {"DAGSTER_HOME": str(folder / "dagster")}
    for name, text in TEXTS.items():
        yield Trial(f"dagster.yaml: {name}", ON_INSTANCE[1], written("dagster/dagster.yaml", text))
        yield Trial(f"workspace: {name}", "$D list w.yaml", written("work/w.yaml", text))
        yield Trial(
            f"values: {name}", "$D check --static --helm v.yaml", written("work/v.yaml", text)
        )
        if any(word in name for word in ("locations", "location:", "of code")):
            continue
        into = written("work/r.yaml", text)
        hooks = written("work/.pre-commit-config.yaml", text)
        yield Trial(f"hooks: {name}", "$D init --pre-commit --dry-run mine.py:sums", hooks)
        yield Trial(f"run config: {name}", f"{static} --run-config r.yaml", into)
        if "ops" in str(text)[:20] or name.startswith(("workers", "a preload", "a number as")):
            line = f"{PROFILE} --no-save --run-config r.yaml"
            yield Trial(f"run config of profile: {name}", line, into)
        yield Trial(
            f"inputs: {name}", f"{PROFILE} --no-save --inputs i.yaml", written("work/i.yaml", text)
        )
        yield Trial(
            f"DAGSTER_HOME: {name}", static, written("dagster/dagster.yaml", text), (), here
        )


# --- deep nesting and strange projects ---------------------------------------------------------


def deep_and_strange(folder: Path) -> Iterator[Trial]:
    """Files of ours nested without end, and projects' files whose parts have other types."""
    nested = '{"schema": "dynadvise/profile", "version": 2, "a": ' + DEEP
    for name, text in (("a list", DEEP), ("a profile", nested), ("mappings", '{"a":' * 100_000)):
        deep = written("deep.json", text)
        for command in ("recommend", "predict", "emit --as run-config", "report -o page.html"):
            yield Trial(f"{command} of {name}", f"$D {command} $F/deep.json", deep)
        yield Trial(f"pods of {name}", "$D analyze --instance $F/dagster --pods $F/deep.json", deep)
        yield Trial(
            f"schema of {name}",
            "echo 'a: 1' > v.yaml; $D check --static --helm v.yaml --helm-schema $F/deep.json",
            deep,
        )
        for ending in ("json", "jsonl", "yaml"):
            into = written(f"work/deep.{ending}", text if ending != "yaml" else text[:20_000])
            line = f"{PROFILE} --no-save --inputs deep.{ending}"
            yield Trial(f"inputs of {name}: {ending}", line, into)
        copied = "mkdir profiles/h; cp $F/deep.json profiles/h"
        line = f"{copied}; $D recommend mine.py:sums; $D list mine.py"
        yield Trial(f"profiles/ holds {name}", line, deep)
    for name, text in SCHEMAS.items():
        line = "echo 'a: {b: [1]}' > v.yaml; $D check --static --helm v.yaml --helm-schema s.json"
        yield Trial(f"schema: {name}", line, written("work/s.json", text))
    for name, text in TOML.items():
        for command in ("list", "init --yes --dry-run", "check --static mine.py:sums"):
            into = written("work/pyproject.toml", text)
            yield Trial(f"pyproject.toml: {name}: {command}", f"$D {command}", into)
        yield Trial(f"dg.toml: {name}", "$D list", written("work/dg.toml", text))


CLASSES: dict[str, Callable[[Path], Iterator[Trial]]] = {
    "read-only": read_only,
    "damaged": damaged,
    "foreign": foreign,
    "in use": in_use,
    "hostile rows": hostile_rows,
    "yaml": yaml_files,
    "deep": deep_and_strange,
}


def main() -> None:
    """Try the classes that are asked for, and say how each did."""
    for name in sys.argv[1:] or CLASSES:
        begun, tried, failed = time.monotonic(), 0, 0
        with tempfile.TemporaryDirectory(prefix="hostile-", dir=os.environ.get("BELOW")) as path:
            base = Path(path) / "base"
            base.mkdir()
            prepared(base)
            folder = Path(path) / "trial"
            for trial in CLASSES[name](folder):
                if not re.search(os.environ.get("ONLY", ""), trial.name):
                    continue
                shutil.copytree(base, folder, symlinks=True)
                folder.parent.chmod(0o755)
                fault = ended(trial, folder)
                shutil.rmtree(folder)
                tried, failed = tried + 1, failed + bool(fault)
                if fault:
                    sys.stdout.write(f"FAILED {name}: {trial.name}: {fault}\n\n")
                    sys.stdout.flush()
        took_s = time.monotonic() - begun
        sys.stdout.write(f"| {name} | {tried} | {failed} | ({took_s:.0f} s)\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
