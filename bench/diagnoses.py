"""`make bench-diagnoses`: each diagnosis of ``dynadvise analyze``, provoked by a real run.

Small jobs are run on a temporary instance so that one thing goes wrong in each, the installed
``dynadvise analyze`` reads every run, and where the remedy is a change of config it is applied
and run as well, so that the predicted gain stands beside the real one. Healthy runs must have no
diagnosis. Exit status 1 where something provoked was not found, or something healthy was
diagnosed. Writes ``docs/diagnoses.md``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PAGE = ROOT / "docs" / "diagnoses.md"
JOBS = HERE / "provoking_jobs.py"
COMMAND = str(Path(sys.executable).with_name("dynadvise"))
RUN_TIMEOUT_S = 240.0

PRELOAD = [
    "dagster",
    "dagster._core.storage.sqlite_storage",
    "dagster._core.storage.runs.sqlite.sqlite_run_storage",
    "dagster._core.storage.event_log.sqlite.sqlite_event_log",
    "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage",
    "dagster._core.storage.local_compute_log_manager",
    "upath",
    "advisor.examples.async_calls",
    "advisor.examples.csv_files",
]
IN_PROCESS = {"in_process": {}}
CONTAINERS = json.loads(os.environ.get("DYNADVISE_BENCH_DOCKER", "null"))
"""The docker executor's config (image, container_kwargs, env_vars), where a daemon is there: the
containers must see this Python environment, this checkout and the folder of temporary files."""


def spawn(at_once: int) -> dict[str, Any]:
    return {"multiprocess": {"max_concurrent": at_once}}


def warm(at_once: int) -> dict[str, Any]:
    start = {"forkserver": {"preload_modules": PRELOAD}}
    return {"multiprocess": {"max_concurrent": at_once, "start_method": start}}


def containers(at_once: int) -> dict[str, Any]:
    return {**(CONTAINERS or {}), "max_concurrent": at_once}


@dataclass(frozen=True)
class Way:
    """One real run: a job of ``provoking_jobs.py``, its executor, what it yields and suffers."""

    executor: Mapping[str, Any] | None
    seconds: Sequence[float] = ()
    fan_out: Mapping[str, Any] = field(default_factory=dict)
    work: Mapping[str, Any] = field(default_factory=dict)
    job: str = "plain"

    @property
    def run_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {}
        if self.executor is not None:
            config["execution"] = {"config": self.executor}
        if self.seconds:
            ops = {"fan_out": {"config": {"seconds": list(self.seconds), **self.fan_out}}}
            if self.work:
                ops["work"] = {"config": dict(self.work)}
            config["ops"] = ops
        return config


@dataclass(frozen=True)
class Provoked:
    """A diagnosis, a run that provokes it, and the same work after the remedy."""

    code: str
    what: str
    way: Way
    remedied: Way | None = None
    remedied_how: str = ""


TINY, SHORT = [0.01] * 8, [0.3] * 6

PROVOKED = (
    Provoked(
        "RUN001",
        "8 items of 50 ms, spawn, 2 in parallel",
        Way(spawn(2), [0.05] * 8),
        Way(IN_PROCESS, [0.05] * 8),
        "in process",
    ),
    Provoked(
        "RUN002",
        "6 waits of 1 s, in process",
        Way(IN_PROCESS, [1.0] * 6),
        Way(IN_PROCESS, [1.0] * 6, {"batch": 6}, {"threads": 2}),
        "2 threads in one step",
    ),
    Provoked(
        "RUN003",
        "6 items of 1 s, spawn, 2 in parallel",
        Way(spawn(2), [1.0] * 6),
        Way(warm(2), [1.0] * 6),
        "forkserver with preload",
    ),
    Provoked(
        "RUN004",
        "8 items of 0.5 s, a container each, 2 in parallel",
        Way(containers(2), [0.5] * 8, job="in_containers"),
        Way(containers(2), [0.5] * 8, {"batch": 4}, job="in_containers"),
        "2 batches",
    ),
    Provoked(
        "RUN005",
        "60 items of 1 ms, in process",
        Way(IN_PROCESS, [0.001] * 60),
        Way(IN_PROCESS, [0.001] * 60, {"batch": 30}),
        "2 batches",
    ),
    Provoked(
        "RUN006",
        "40 items of 0.3 s, forkserver with preload, 10 in parallel",
        Way(warm(10), [0.3] * 40),
        Way(warm(2), [0.3] * 40, {"batch": 20}, {"threads": 5}),
        "2 batches in parallel, 5 threads in each",
    ),
    Provoked(
        "RUN007",
        "a fan-out op that loads everything itself: 3 s, then 4 items of 0.5 s",
        Way(warm(2), [0.5] * 4, {"preparing_s": 3.0}),
        Way(warm(2), [1.25] * 4),
        "the loading in the items",
    ),
    Provoked(
        "RUN007",
        "a fan-out op of 40 outputs, 0.1 s each",
        Way(IN_PROCESS, [0.05] * 40, {"an_output_s": 0.1}),
        Way(IN_PROCESS, [0.15] * 40),
        "the 0.1 s in the items, in process as before",
    ),
    Provoked(
        "RUN008",
        "6 items of 0.3 s, then one of 4 s; 2 in parallel",
        Way(warm(2), [*SHORT, 4.0]),
        Way(warm(2), [4.0, *SHORT]),
        "longest first",
    ),
    Provoked(
        "RUN009",
        "8 items of 10 ms, spawn, 4 in parallel",
        Way(spawn(4), TINY),
    ),
    Provoked(
        "RUN010",
        "a pool of 1, 4 items of 1 s, 4 in parallel",
        Way(warm(4), [1.0] * 4, job="in_a_pool"),
        Way(warm(4), [1.0] * 4),
        "without the limit",
    ),
    Provoked(
        "RUN011",
        "each of 4 items fails after 1 s the first time, 2 in parallel",
        Way(warm(2), [0.5] * 4, work={"mishap": "retried"}),
        Way(warm(2), [0.5] * 4),
        "without the cause",
    ),
    Provoked(
        "RUN012",
        "an item asks for more memory than its process may have",
        Way(warm(2), [0.3] * 3, work={"mishap": "memory_limited"}),
    ),
    Provoked(
        "RUN012",
        "an item's process is killed, as by the kernel when memory runs out",
        Way(warm(2), [0.3] * 3, work={"mishap": "killed"}),
    ),
    Provoked(
        "RUN013",
        "a connection pool of 1, of which an item wants 2",
        Way(IN_PROCESS, [0.3] * 3, work={"mishap": "connections_exhausted"}),
    ),
    Provoked(
        "RUN014",
        "3 items write to one SQLite file and hold it 3 s; 3 in parallel",
        Way(warm(3), [0.1] * 3, work={"mishap": "sqlite_locked"}),
    ),
    Provoked(
        "RUN015",
        "an item raises",
        Way(warm(2), [0.3] * 3, work={"mishap": "wrong"}),
    ),
    Provoked(
        "RUN016",
        "16 items of 0.3 s, spawn, 8 in parallel on few cores",
        Way(spawn(8), [0.3] * 16),
        Way(spawn(2), [0.3] * 16),
        "2 in parallel",
    ),
)

HEALTHY = {
    "one batch of 4 items, 4 threads, in process": Way(
        IN_PROCESS, [1.0] * 4, {"batch": 4}, {"threads": 4}
    ),
    "8 items of 4 s, forkserver with preload, 2 in parallel": Way(warm(2), [4.0] * 8),
    "6 items of 5 s, spawn, 2 in parallel": Way(spawn(2), [5.0] * 6),
    "8 items of 1 s, async executor": Way(None, [1.0] * 8, job="asynchronous"),
}

EXAMPLES = {
    "seed_chunks": {
        "in process": Way(IN_PROCESS, job="seed"),
        "multiprocess, spawn": Way(spawn(2), job="seed"),
        "multiprocess, forkserver with preload": Way(warm(4), job="seed"),
    },
    "csv_files": {
        "in process": Way(IN_PROCESS, job="csv"),
        "multiprocess, forkserver with preload": Way(warm(2), job="csv"),
    },
    "async_calls": {
        "in process": Way(IN_PROCESS, job="async_example"),
        "multiprocess, forkserver with preload": Way(warm(4), job="async_example"),
        "async executor": Way(None, job="async_example_async"),
    },
}


def has_async() -> bool:
    return importlib.util.find_spec("dagster_async_executor") is not None


def can_run(way: Way) -> bool:
    if way.job == "in_containers":
        return CONTAINERS is not None and importlib.util.find_spec("dagster_docker") is not None
    return "async" not in way.job or has_async() or way.job == "async_example"


def say(text: str) -> None:
    sys.stderr.write(f"{datetime.now().astimezone():%H:%M:%S} {text}\n")
    sys.stderr.flush()


class Place:
    """A temporary instance where the runs happen and from which they are analyzed."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / "home"
        self._home.mkdir()
        self._profiles = folder / "profiles"
        (self._home / "dagster.yaml").write_text(
            "telemetry: {enabled: false}\nconcurrency: {pools: {default_limit: 1}}\n"
        )

    def run(self, way: Way) -> str:
        """Execute for real; the run's id. A run that fails is what some of them are for."""
        done = subprocess.run(
            [sys.executable, str(JOBS), way.job, json.dumps(way.run_config)],
            env={**os.environ, "DAGSTER_HOME": str(self._home)},
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{way.job} could not be run:\n{done.stderr[-2000:]}")
        return done.stdout.split()[-1]

    def analyze(self, run_id: str) -> dict[str, Any]:
        """What the installed command says of one run."""
        done = subprocess.run(
            [
                *(COMMAND, "analyze", "--instance", str(self._home)),
                *("--run", run_id, "--format", "json", "--profiles", str(self._profiles)),
            ],
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
            check=True,
        )
        (run,) = json.loads(done.stdout)["runs"]
        return run

    def observe(self, way: Way) -> dict[str, Any]:
        return self.analyze(self.run(way))


def provoke(place: Place, provoked: Provoked) -> dict[str, Any]:
    """The row of one diagnosis: what was found, and what its remedy really gained."""
    run = place.observe(provoked.way)
    found = next((d for d in run["diagnoses"] if d["code"] == provoked.code), None)
    row: dict[str, Any] = {
        "provoked": provoked,
        "found": found,
        "others": [d["code"] for d in run["diagnoses"] if d["code"] != provoked.code],
        "took_s": run["totals"]["makespan_s"],
        "remedied_s": None,
    }
    if provoked.remedied is not None:
        row["remedied_s"] = place.observe(provoked.remedied)["totals"]["makespan_s"]
    return row


# --- the page ----------------------------------------------------------------------------------

HEAD = """\
# The diagnoses of `dynadvise analyze`, each provoked by a real run

Written by `make bench-diagnoses` on {when}: {cores} cores, {system}, Python {python},
Dagster {dagster}, SQLite. One run each, on a temporary instance; `dynadvise analyze` knew nothing
but the event log: no profile, no calibration.

Predicted gain: from the slow run alone (<= where the run bounds it from one side only). Real gain:
what the run then took less with the remedy in place. RUN008 and RUN010 bound what slots and steps
waited for: on a machine whose speed changes between two runs, that change is in the real gain too.

| code | provoked by | found | took | predicted gain | remedy tried | real gain | also said |
|---|---|---|---:|---:|---|---:|---|
"""

NO_CONTAINERS = """
RUN004 (a pod, container or task a step, for less work than its start) was not provoked: it needs a
Docker daemon (`DYNADVISE_BENCH_DOCKER`).
"""


def page(
    rows: Sequence[Mapping[str, Any]],
    healthy: Mapping[str, Mapping[str, Any]],
    examples: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> str:
    head = HEAD.format(
        when=datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        cores=os.cpu_count(),
        system=platform.system(),
        python=platform.python_version(),
        dagster=version("dagster"),
    )
    lines = [_row(row) for row in rows]
    lines += [
        "" if any(row["provoked"].code == "RUN004" for row in rows) else NO_CONTAINERS,
        "## What it said",
        "",
        *(line for row in rows if row["found"] for line in _said(row["found"])),
        "",
        "## Healthy runs",
        "",
        "| run | took | efficiency | diagnoses |",
        "|---|---:|---:|---|",
    ]
    for name, run in healthy.items():
        found = ", ".join(d["code"] for d in run["diagnoses"]) or "none"
        lines.append(f"| {name} | {_totals(run)} | {found} |")
    lines += [
        "",
        "## The examples under three executors",
        "",
        "| example | executor | took | efficiency | at work, mean (most) | diagnoses |",
        "|---|---|---:|---:|---:|---|",
    ]
    for example, ways in examples.items():
        for way, run in ways.items():
            p = run["parallelism"]
            said = "; ".join(f"{d['code']} {d['kind']}" for d in run["diagnoses"]) or "none"
            lines.append(
                f"| {example} | {way} | {_totals(run)} | {p['working_mean']:.2f} "
                f"({p['working_peak']}) | {said} |"
            )
    return head + "\n".join([*lines, ""])


def _row(row: Mapping[str, Any]) -> str:
    provoked, found = row["provoked"], row["found"]
    gain = "-"
    if found and found["gain_s"] is not None:
        gain = ("<= " if found["at_most"] else "") + seconds(found["gain_s"])
    real = None if row["remedied_s"] is None else row["took_s"] - row["remedied_s"]
    cells = (
        provoked.code,
        provoked.what,
        found["kind"] if found else "**not found**",
        seconds(row["took_s"]),
        gain,
        provoked.remedied_how or "-",
        seconds(real),
        ", ".join(row["others"]) or "-",
    )
    return f"| {' | '.join(map(cell, cells))} |"


def _said(found: Mapping[str, Any]) -> list[str]:
    points = [found["message"], *found["evidence"], f"Remedy: {found['remedy']}"]
    if found["gain_s"] is not None:
        bound = "at most " if found["at_most"] else ""
        points.append(f"Gain: {bound}{seconds(found['gain_s'])} = {found['formula']}")
    title = f"**{found['code']}** {found['kind']} ({found['severity']})"
    return [title, "", *(f"* {cell(point)}" for point in points), ""]


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _totals(run: Mapping[str, Any]) -> str:
    totals = run["totals"]
    return f"{seconds(totals['makespan_s'])} | {100 * totals['efficiency']:.0f} %"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="codes to provoke (and healthy); no page")
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory(prefix="dynadvise-diagnoses-") as folder:
        place = Place(Path(folder))
        rows = []
        for provoked in PROVOKED:
            if only is not None and provoked.code not in only:
                continue
            if not can_run(provoked.way):
                say(f"{provoked.code}: cannot be run here")
                continue
            say(f"{provoked.code}: {provoked.what}")
            begun = time.monotonic()
            rows.append(provoke(place, provoked))
            found = rows[-1]["found"]
            gain = seconds(found["gain_s"]) if found else "NOT FOUND"
            say(
                f"  {gain} predicted; {seconds(rows[-1]['took_s'])} to "
                f"{seconds(rows[-1]['remedied_s'])}; also {rows[-1]['others']} "
                f"({time.monotonic() - begun:.0f} s)"
            )
        missed = sum(row["found"] is None for row in rows)
        if only is not None:
            lines = [_row(row) for row in rows]
            lines += [line for row in rows if row["found"] for line in _said(row["found"])]
            sys.stdout.write("\n".join([*lines, ""]))
        if only is not None and "healthy" not in only:
            return 1 if missed else 0
        healthy = {}
        for name, way in HEALTHY.items():
            if can_run(way):
                healthy[name] = place.observe(way)
                say(f"healthy, {name}: {[d['code'] for d in healthy[name]['diagnoses']]}")
        wrong = sum(bool(run["diagnoses"]) for run in healthy.values())
        if only is not None:
            return 1 if missed or wrong else 0
        examples = {
            example: {name: place.observe(way) for name, way in ways.items() if can_run(way)}
            for example, ways in EXAMPLES.items()
        }
    text = page(rows, healthy, examples)
    PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    say(f"{missed} not found; {wrong} healthy runs with a diagnosis. Written: {PAGE}")
    return 1 if missed or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
