"""Early stop against the whole budget, in pairs: ``python bench/early_stop.py``.

Each workload is profiled as a user would, and with ``--spend-budget``, in an order of each pair's
own, in fresh processes and profile folders. The regret of the early stop is the makespan of the way
that it advises over that of the whole budget's, both as the whole budget's profile predicts them.
Every pair is appended to ``.bench/early_stop.jsonl``; what is there is not measured again.
``--fresh`` gives each early stop a host that is not known.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from run import HERE, LEFT_OUT_UNLESS_NAMED, STATE, instance_of, say

RESULTS = STATE / "early_stop.jsonl"
MAIN = "from advisor.cli import main; main()"
FIRST = re.compile(r"^after ([\d.]+) (ms|s|min)", re.MULTILINE)


def profiled(name: str, options: list[str], folder: Path, cache: Path) -> dict[str, Any]:
    """What one profile took and gave."""
    command = [sys.executable, "-c", MAIN, "profile", f"workloads:{name}", "--format", "json"]
    command += ["--profiles", str(folder), *options]
    begun = time.perf_counter()
    with instance_of(name) as home:
        done = subprocess.run(
            command, cwd=HERE, capture_output=True, text=True, check=False,
            env={**os.environ, "DYNADVISE_CACHE_DIR": str(cache), **home},
        )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"profiling {name} failed:\n{done.stderr[-3000:]}")
    advice = json.loads(done.stdout)
    first = FIRST.search(done.stderr)
    return {
        "took_s": time.perf_counter() - begun,
        "first_s": float(first[1]) * (60 if first[2] == "min" else 1) if first else None,
        "executions": advice["measured"]["op_executions"],
        "stopped": advice["measured"]["stopped"],
        "load": advice["measured"]["load"],
        "skipped": advice["measured"]["skipped"],
        "advised": advice["recommendation"]["label"],
        "config_only": advice["config_only"]["label"],
    }


def regret_of(early: Path, full: Path) -> float:
    """What following the early advice costs, under the full profile; with and without code."""
    from advisor import store
    from advisor.api.recommend import predict
    from advisor.domain.options import AdviseOptions

    first, known = (store.read(next(folder.glob("*/*.json"))) for folder in (early, full))

    def lost(way: Any, best: Any) -> float:
        stays = predict(known, way.candidate, AdviseOptions())
        return float(stays.makespan_s.median / best.makespan_s.median - 1.0)

    chosen, best = first.advice, known.advice
    pairs = ((chosen.recommendation, best.recommendation), (chosen.config_only, best.config_only))
    return max(lost(*pair) for pair in pairs)


def measure_pair(name: str, repeat: int, *, fresh: bool) -> None:
    """One pair, recorded."""
    with tempfile.TemporaryDirectory(prefix="dynadvise-bench-") as made:
        folders = {"early": Path(made) / "early", "full": Path(made) / "full"}
        found: dict[str, Any] = {"workload": name, "repeat": repeat, "fresh": fresh}
        for which in random.Random(f"{name} {repeat}").sample(list(folders), 2):
            options = ["--spend-budget"] if which == "full" else []
            cache = Path(made) / "cache" if fresh and which == "early" else STATE / "calibrations"
            found[which] = profiled(name, options, folders[which], cache)
        found["regret"] = regret_of(folders["early"], folders["full"])
    STATE.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(found) + "\n")
    early, full = found["early"], found["full"]
    say(f"{name}: {early['took_s']:.0f} s, {early['stopped']}, regret {found['regret']:.1%}; "
        f"in full {full['took_s']:.0f} s")  # fmt: skip


def recorded(*, fresh: bool) -> list[dict[str, Any]]:
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    return [pair for pair in map(json.loads, lines) if pair["fresh"] == fresh]


def table(pairs: list[dict[str, Any]]) -> str:
    """Markdown: a line a workload, and the figures that the goals are about."""
    rows = [
        "| workload | first answer | ended | why | executions | full | regret | advised |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in sorted({pair["workload"] for pair in pairs}):
        alike = [pair for pair in pairs if pair["workload"] == name]
        early = [pair["early"] for pair in alike]
        firsts_s = [each["first_s"] for each in early if each["first_s"] is not None]
        first = f"{median(firsts_s):.0f} s" if firsts_s else ""
        rows.append(
            f"| {name} | {first} | {median(e['took_s'] for e in early):.0f} s "
            f"| {', '.join(sorted({e['stopped'] for e in early}))} "
            f"| {median(e['executions'] for e in early):.0f} "
            f"| {median(p['full']['took_s'] for p in alike):.0f} s "
            f"| {max(p['regret'] for p in alike):.1%} | {early[-1]['advised']} |"
        )
    took_s = [pair["early"]["took_s"] for pair in pairs]
    regrets = [pair["regret"] for pair in pairs]
    took = f"{median(took_s):.0f} s (90th percentile {np.quantile(took_s, 0.9):.0f} s)"
    regret = f"{np.quantile(regrets, 0.9):.1%} (90th percentile)"
    rows += ["", f"{len(pairs)} pairs: ended after {took}; regret {regret}."]
    return "\n".join(rows) + "\n"


def main() -> None:
    from workloads import WORKLOADS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workload", help="names separated by commas; default: all")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--fresh", action="store_true", help="on a host that is not known")
    parser.add_argument("--report", action="store_true", help="the table alone")
    given = parser.parse_args()
    every = [name for name in WORKLOADS if name not in LEFT_OUT_UNLESS_NAMED]
    names = given.workload.split(",") if given.workload else every
    done = {(pair["workload"], pair["repeat"]) for pair in recorded(fresh=given.fresh)}
    for repeat in range(0 if given.report else given.repeats):
        for name in names:
            if (name, repeat) not in done:
                measure_pair(name, repeat, fresh=given.fresh)
    sys.stdout.write(table(recorded(fresh=given.fresh)))


if __name__ == "__main__":
    main()
