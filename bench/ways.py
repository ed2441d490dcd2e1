"""`make bench-ways`: every way to run each example, in real seconds, beside the prediction.

Each example is profiled as a user would, in a process of its own, and then run every way that
applies, interleaved and repeated, through the same code as ``dynadvise verify``; what the run
collected is read back and held against the original job's. Every run is appended to
``.bench/ways.jsonl`` at once and is not made again, so an interruption costs one run. ``report``
writes ``docs/ways.md`` and ``ways.json`` of what there is.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from figures import table
from run import HERE, PROFILES, ROOT, RUN_TIMEOUT_S, STATE, now, say

RESULTS = STATE / "ways.jsonl"
PAGE = ROOT / "docs" / "ways.md"
DATA = ROOT / "bench" / "results" / "ways.json"

EXAMPLES = (
    "seed_chunks:seed_job",
    "http_calls:http_job",
    "csv_files:csv_job",
    "train_segments:train_job",
    "sqlite_rows:sqlite_job",
    "two_stage:two_stage_job",
    "async_calls:async_job",
)
"""All of ``advisor/examples`` that are jobs: what is no job cannot be run in Dagster's ways."""

ORIGINAL = "execute_in_process"
"""The job as it is, without any executor: its results are what the others' must equal."""

SLOW_S = 8.0
"""A way that is predicted to take longer is left out of every second pass, so that an early stop
has one run of everything, and two of what is quick."""

Record = Mapping[str, Any]


# --- the record ------------------------------------------------------------------------------


def records() -> list[Record]:
    """All that was recorded; a last line that was cut off in the middle is left out."""
    if not RESULTS.exists():
        return []
    lines = RESULTS.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def record(entry: Record) -> None:
    """Append one line, on disk before anything else happens."""
    STATE.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(entry) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def newest_profile(example: str, made: Iterable[Record]) -> Record | None:
    """The example's newest profile, and the ways that are run by it."""
    found = [r for r in made if r["kind"] == "profile" and r["example"] == example]
    return found[-1] if found else None


# --- the ways --------------------------------------------------------------------------------


def spelled_ways(saved: Any) -> list[str]:
    """Every way that applies to an example, as ``dynadvise verify --configurations`` reads it."""
    from advisor.domain.candidate import spelling
    from advisor.model.ways import preload_list

    items, cores = saved.workload.items, max(2, round(saved.host.facts.cpus))
    default = saved.host.facts.cpu_count
    whole = f"in_process:batch={items}"
    found = [ORIGINAL, "in_process", "cli-in_process"]
    found += [f"spawn:{default}", f"forkserver:{default}"]
    found += [f"{whole}:threads={min(items, 8)}", f"{whole}:processes={min(items, cores)}"]
    if preload_list(saved):
        found += [f"warm:{default}", f"warm:{cores}:batch={-(-items // cores)}"]
    if all(mapped.is_async for mapped in saved.description.mapped):
        found.append(f"async:{items}")
    advice = saved.advice
    found += [spelling(p.candidate) for p in (advice.recommendation, advice.config_only)]
    return list(dict.fromkeys(found))


def make_profile(example: str, options: Sequence[str]) -> None:
    """Profile an example by the command that a user types; record the ways and predictions."""
    target = f"advisor.examples.{example}"
    command = [sys.executable, "-c", "from advisor.cli import main; main()", "profile", target]
    command += ["--profiles", str(PROFILES), "--format", "json", *options]
    environment = {**os.environ, "DYNADVISE_CACHE_DIR": str(STATE / "calibrations")}
    begun = time.perf_counter()
    done = subprocess.run(
        command, cwd=HERE, env=environment, capture_output=True, text=True, check=False
    )
    took = time.perf_counter() - begun
    if done.returncode != 0:
        raise SystemExit(f"profiling {example} failed:\n{done.stderr[-3000:]}")
    from advisor import store
    from advisor.api.recommend import predict
    from advisor.dagster_bridge.target import parse_target
    from advisor.domain.candidate import read_candidate, spelling
    from advisor.domain.options import AdviseOptions
    from advisor.measure.machine import host_facts
    from advisor.model.ways import preload_list

    path = store.profile_path(PROFILES, host_facts().id, parse_target(target))
    saved = store.read(path)
    ways = {}
    for way in spelled_ways(saved):
        prediction = predict(saved, read_candidate(way, preload_list(saved)), AdviseOptions())
        ways[way] = {
            "label": prediction.candidate.label,
            **dataclasses.asdict(prediction.makespan_s),
        }
    record(
        {
            "kind": "profile", "example": example, "path": str(path.relative_to(ROOT)),
            "at": now(), "took_s": took, "items": saved.workload.items, "ways": ways,
            "advised": spelling(saved.advice.recommendation.candidate),
            "config_only": spelling(saved.advice.config_only.candidate),
            "default": f"spawn:{saved.host.facts.cpu_count}",
        }
    )  # fmt: skip


def configuration(example: str, way: str, folder: Path) -> tuple[Any, tuple[str, ...]]:
    """A way of an example, ready to run, and the ops whose outputs are its results.

    Raises:
        DynadviseError: The job cannot be run that way; the message says why.
    """
    from advisor import store
    from advisor.api.asked_ways import AskedWay
    from advisor.api.recommend import predict
    from advisor.api.runnable import configuration_for
    from advisor.domain.candidate import read_candidate
    from advisor.domain.options import AdviseOptions
    from advisor.model.ways import preload_list

    profile = newest_profile(example, records())
    assert profile is not None
    saved = store.read(ROOT / profile["path"])
    candidate = read_candidate(way, preload_list(saved))
    ready = configuration_for(
        AskedWay(candidate),
        predict(saved, candidate, AdviseOptions()),
        saved,
        target=saved.description.target,
        run_config={},
        directory=folder,
    )
    return ready, tuple(collect.name for collect in saved.description.collects)


# --- real runs -------------------------------------------------------------------------------


def fingerprint(outputs: Mapping[str, object]) -> str:
    """The results as text that is equal where they are (lists and tuples alike)."""
    return json.dumps(outputs, sort_keys=True, default=repr)


def run_one(example: str, way: str, repeat: int) -> None:
    """Run one way once and record what it took and gave."""
    from advisor.domain.errors import DynadviseError
    from advisor.measure.verification import run_child

    entry = {"kind": "run", "example": example, "way": way, "repeat": repeat, "at": now()}
    with tempfile.TemporaryDirectory(prefix="dynadvise-ways-") as folder:
        try:
            ready, results = configuration(example, way, Path(folder))
        except DynadviseError as error:
            record({**entry, "wall_s": 0.0, "failed": error.what, "results": ""})
            return
        child = run_child(ready, timeout_s=RUN_TIMEOUT_S, results=results)
    failed = child.failure.reason if child.failure else child.value.failed
    if failed:
        record({**entry, "wall_s": child.wall_s, "failed": failed, "results": ""})
        say(f"  failed: {failed}")
        return
    results_text = fingerprint(child.value.outputs)
    record({**entry, "wall_s": child.value.wall_s, "failed": None, "results": results_text})
    say(f"  {child.value.wall_s:.2f} s")


def pending(
    made: Sequence[Record], examples: Sequence[str], repeats: int
) -> list[tuple[int, str, str]]:
    """What is still to be run: (pass, example, way).

    Each pass goes through all examples, and through each one's ways in an order of its own. What
    failed is not run again, and what takes long only in every second pass.
    """
    runs = [r for r in made if r["kind"] == "run"]
    done = {(r["repeat"], r["example"], r["way"]) for r in runs}
    failed = {(r["example"], r["way"]) for r in runs if r["failed"]}
    left = []
    for repeat in range(repeats):
        for example in examples:
            profile = newest_profile(example, made)
            ways: Mapping[str, Any] = profile["ways"] if profile else {"(to be profiled)": {}}
            for way in random.Random(f"{repeat} {example}").sample(list(ways), len(ways)):
                slow = repeat % 2 == 1 and ways[way].get("median", 0.0) > SLOW_S
                known = (repeat, example, way) in done or (example, way) in failed
                if not slow and not known:
                    left.append((repeat, example, way))
    return left


def expected_s(made: Sequence[Record], left: Iterable[tuple[int, str, str]]) -> float:
    """How long what is left takes, each run's start included."""
    total = 0.0
    for _, example, way in left:
        profile = newest_profile(example, made)
        total += profile["ways"][way]["median"] + 2.5 if profile else 110.0
    return total


def measure(
    examples: Sequence[str], repeats: int, minutes: float | None, options: Sequence[str]
) -> None:
    """Profile and run what is left, until the time is up."""
    until = time.monotonic() + minutes * 60 if minutes else float("inf")
    while left := pending(made := records(), examples, repeats):
        if time.monotonic() > until:
            say(f"Stopped after {minutes:g} min; {len(left)} runs are left.")
            return
        repeat, example, way = left[0]
        minutes_left = expected_s(made, left) / 60
        say(f"{len(left)} left, about {minutes_left:.0f} min: {example} {way} #{repeat + 1}")
        if newest_profile(example, made) is None:
            make_profile(example, options)
        else:
            run_one(example, way, repeat)
    say("Everything asked for is measured.")


# --- the page --------------------------------------------------------------------------------


def _role(profile: Record, way: str) -> str:
    names = {"advised": "advised", "config_only": "best by config alone", "default": "default"}
    roles = [name for key, name in names.items() if profile[key] == way]
    return f" **({', '.join(roles)})**" if roles else ""


def rows_of(profile: Record, runs: Sequence[Record]) -> list[dict[str, Any]]:
    """One row a way that was run, fastest first; those that failed come last."""
    of_way: dict[str, list[Record]] = {}
    for run in runs:
        if run["example"] == profile["example"] and run["way"] in profile["ways"]:
            of_way.setdefault(run["way"], []).append(run)
    original = {r["results"] for r in of_way.get(ORIGINAL, []) if not r["failed"]}
    rows = []
    for way, made in of_way.items():
        walls = [r["wall_s"] for r in made if not r["failed"]]
        predicted = profile["ways"][way]
        results = {r["results"] for r in made if not r["failed"]}
        rows.append(
            {
                "way": way,
                "label": predicted["label"] + _role(profile, way),
                "runs": len(walls),
                "wall_s": median(walls) if walls else None,
                "low_s": min(walls, default=None),
                "high_s": max(walls, default=None),
                "predicted_s": {key: predicted[key] for key in ("median", "low", "high")},
                "same_results": results == original if walls and original else None,
                "failed": next((r["failed"] for r in made if r["failed"]), None),
            }
        )
    return sorted(rows, key=lambda row: row["wall_s"] or float("inf"))


def _cells(row: Mapping[str, Any]) -> list[str]:
    predicted = row["predicted_s"]
    expected = f"{predicted['median']:.2f} ({predicted['low']:.2f} to {predicted['high']:.2f})"
    if row["wall_s"] is None:
        return [row["label"], "0", row["failed"] or "", expected, "-", "-"]
    real = f"{row['wall_s']:.2f}"
    if row["runs"] > 1:
        real += f" ({row['low_s']:.2f} to {row['high_s']:.2f})"
    same = {True: "same", False: "**differ**", None: "-"}[row["same_results"]]
    error = f"{100 * (predicted['median'] / row['wall_s'] - 1.0):+.0f} %"
    return [row["label"], str(row["runs"]), real, expected, error, same]


WORDS = """\
Each way is run on its own, in a fresh process, with a Dagster instance on SQLite; the ways of an
example take turns. `execute_in_process` is the job as it is, and its results are what the others
must equal. Batches are the code that `dynadvise emit` writes. The command line's seconds include
its own start. Predicted before the runs, with the 90 % interval."""


def page_of(made: Sequence[Record], facts: Any) -> tuple[str, dict[str, Any]]:
    """The page and its data, of all examples that were run."""
    runs = [r for r in made if r["kind"] == "run"]
    profiles = [newest_profile(example, made) for example in EXAMPLES]
    tables = {p["example"]: rows_of(p, runs) for p in profiles if p is not None}
    tables = {example: rows for example, rows in tables.items() if rows}
    dates = sorted(run["at"] for run in runs)
    head = (
        f"Made by `make bench-ways` from {len(runs)} real runs, {dates[0][:10]} to "
        f"{dates[-1][:10]}, on {facts.processor} ({facts.cpus:g} cores, "
        f"{facts.memory_bytes / 2**30:.0f} GiB, {facts.system}), Python {facts.python_version}, "
        f"Dagster {facts.dagster_version}."
    )
    columns = ["way", "runs", "median seconds", "predicted", "error", "results"]
    parts = ["# Every way to run the examples, in real seconds", head, WORDS]
    for profile in profiles:
        if profile is None or profile["example"] not in tables:
            continue
        module, _, job = profile["example"].partition(":")
        parts += [
            f"## `{job}`, {profile['items']} items (advisor/examples/{module}.py)",
            table(columns, (_cells(row) for row in tables[profile["example"]])),
        ]
    data = {"at": now(), "host": dataclasses.asdict(facts), "examples": tables}
    return "\n\n".join(parts) + "\n", data


def write_report() -> None:
    """Write the page and its data."""
    from advisor.measure.machine import host_facts

    made = records()
    if not any(r["kind"] == "run" for r in made):
        raise SystemExit("Nothing is measured yet: make bench-ways")
    page, data = page_of(made, host_facts())
    PAGE.write_text(page, encoding="utf-8")
    DATA.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    say(f"Written: {PAGE.relative_to(ROOT)}, {DATA.relative_to(ROOT)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="profile and run what is not measured yet")
    measuring.add_argument("--example", help="names separated by commas; default: all")
    measuring.add_argument("--repeats", type=int, default=3)
    measuring.add_argument("--minutes", type=float, help="stop after so many")
    measuring.add_argument("--budget", help="seconds that each profile may measure")
    commands.add_parser("report", help="write the tables")
    given = parser.parse_args()
    if given.command == "report":
        write_report()
        return
    names = given.example.split(",") if given.example else None
    chosen = [e for e in EXAMPLES if names is None or {e, *e.split(":")} & set(names)]
    if not chosen:
        parser.error(f"there is no example {given.example!r}; there are: {', '.join(EXAMPLES)}")
    try:
        options = ["--budget", given.budget] if given.budget else []
        measure(chosen, given.repeats, given.minutes, options)
    except KeyboardInterrupt:
        at = datetime.now().astimezone()
        say(f"Interrupted at {at:%H:%M}; `make bench-ways` goes on from here.")
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
