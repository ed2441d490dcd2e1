"""Early stop against the whole budget, in pairs, into ``docs/early-stop.md``.

``measure`` profiles each workload as a user would, and then with ``--spend-budget`` into the same
folder: the second goes on where the first ended, so that the pair differs by what the early stop
left out and by nothing else. The regret is the makespan of the way that was advised early over
that of the way advised in full, both as the full profile predicts them; where the two ways differ,
both run for real too, in turns. Each pair is appended to ``.bench/early_stop.jsonl``; what is there
is not measured again. ``report`` writes the page.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from os import linesep
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from random_workloads import workloads
from run import (
    DYNADVISE,
    HERE,
    LEFT_OUT_UNLESS_NAMED,
    ROOT,
    STATE,
    calibrate,
    commit,
    environment,
    instance_of,
    say,
    workload,
)
from workloads import WORKLOADS

PAGE = ROOT / "docs" / "early-stop.md"
RESULTS = STATE / "early_stop.jsonl"
FIRST = re.compile(r"^after ([\d.]+) (ms|s|min)", re.MULTILINE)
UNITS_S = {"ms": 0.001, "s": 1.0, "min": 60.0}
RUNS = 2
"""Real runs of each of two ways that differ."""

LONGEST_RUN_S = 30.0
"""A way that is predicted to take longer is not run: its prediction alone is compared."""


def profiled(name: str, options: list[str], folder: Path) -> dict[str, Any]:
    """What one profile took and gave."""
    command = [*DYNADVISE, "profile", workload(name).target, "--format", "json"]
    command += ["--profiles", str(folder), *options]
    begun = time.perf_counter()
    with instance_of(name) as home:
        done = subprocess.run(
            command, cwd=HERE, capture_output=True, text=True, check=False,
            env={**environment(), "PYTHONPATH": str(HERE), **home},
        )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"profiling {name} failed:\n{done.stderr[-3000:]}")
    advice, first = json.loads(done.stdout), FIRST.search(done.stderr)
    measured = advice["measured"]
    return {
        "took_s": time.perf_counter() - begun,
        "first_s": float(first[1]) * UNITS_S[first[2]] if first else None,
        "executions": measured["op_executions"],
        "stopped": measured["stopped"],
        "load": measured["load"],
        "skipped": measured["skipped"],
        "advised": advice["recommendation"]["label"],
        "config_only": advice["config_only"]["label"],
    }


def saved_in(folder: Path) -> Any:
    from advisor import store

    return store.read(next(folder.glob("*/*.json")))


def compared(early: Any, full: Any) -> Iterator[dict[str, Any]]:
    """What following the early advice costs under the full profile; with and without code."""
    from advisor.api.recommend import predict
    from advisor.domain.options import AdviseOptions

    first, known = early.advice, full.advice
    pairs = {
        "advised": (first.recommendation, known.recommendation),
        "config_only": (first.config_only, known.config_only),
    }
    for which, (chosen, best) in pairs.items():
        stays = predict(full, chosen.candidate, AdviseOptions())
        lost_s = stays.makespan_s.median - best.makespan_s.median
        found = {
            "which": which,
            "predicted": lost_s / best.makespan_s.median,
            "lost_s": lost_s,
            "alike": chosen.candidate == best.candidate,
        }
        longest_s = max(stays.makespan_s.median, best.makespan_s.median)
        if not found["alike"] and longest_s < LONGEST_RUN_S:
            found |= really(full, stays, best)
        yield found


def really(full: Any, early: Any, best: Any) -> dict[str, Any]:
    """Seconds of real runs of two ways, in turns."""
    from advisor.api.asked_ways import AskedWay
    from advisor.api.runnable import configuration_for
    from advisor.measure.verification import run_interleaved, run_once

    with tempfile.TemporaryDirectory(prefix="dynadvise-bench-") as made:
        ready = [
            configuration_for(
                AskedWay(way.candidate), way, full,
                target=full.description.target, run_config={}, directory=Path(made),
            )
            for way in (early, best)
        ]  # fmt: skip
        runs = run_interleaved(ready, repeats=RUNS, run=lambda one: run_once(one, timeout_s=300.0))
    walls = [[run.wall_s for run in each.runs if not run.failed] for each in runs]
    if len(walls) < 2 or not all(walls):
        return {}
    return {"early_s": walls[0], "full_s": walls[1], "real": fmean(walls[0]) / fmean(walls[1]) - 1}


def measure_pair(name: str) -> None:
    """One pair, recorded."""
    os.environ.update(environment())
    with tempfile.TemporaryDirectory(prefix="dynadvise-bench-") as made:
        folder = Path(made)
        early = profiled(name, [], folder)
        before = saved_in(folder)
        full = profiled(name, ["--spend-budget"], folder)
        with instance_of(name) as home:
            os.environ.update(home)
            ways = list(compared(before, saved_in(folder)))
        found = {"workload": name, "commit": commit(), "early": early, "full": full, "ways": ways}
    STATE.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(found) + "\n")
    lost = max(way["predicted"] for way in ways)
    say(f"{name}: {early['took_s']:.0f} s, {early['stopped']}, regret {lost:.1%}; "
        f"in full {full['took_s']:.0f} s more")  # fmt: skip


def recorded() -> dict[str, dict[str, Any]]:
    """The newest pair of each workload."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    return {pair["workload"]: pair for pair in map(json.loads, lines)}


def row(pair: dict[str, Any]) -> str:
    early, full = pair["early"], pair["full"]
    first = "" if early["first_s"] is None else f"{early['first_s']:.1f} s"
    lost = max(way["predicted"] for way in pair["ways"])
    real = ", ".join(f"{way['real']:+.0%}" for way in pair["ways"] if "real" in way)
    same = early["advised"] == full["advised"]
    return (
        f"| {pair['workload']} | {first} | {early['took_s']:.0f} s | {early['stopped']} "
        f"| {early['executions']} | {early['took_s'] + full['took_s']:.0f} s | {early['advised']} "
        f"| {'the same' if same else full['advised']} | {lost:.1%} | {real} |"
    )


def breaks_rule(way: dict[str, Any]) -> bool:
    """Whether a way lost more than the rule promises: a share of the makespan, and seconds."""
    from advisor.model.stopping import FLOOR_S, REGRET

    return way["predicted"] > REGRET and way.get("lost_s", float("inf")) > FLOOR_S


def page(pairs: list[dict[str, Any]]) -> str:
    """Markdown: what the goals are about, a line per workload, and what was left out of each."""
    took_s = [pair["early"]["took_s"] for pair in pairs]
    firsts_s = [p["early"]["first_s"] for p in pairs if p["early"]["first_s"] is not None]
    ways = [way for pair in pairs for way in pair["ways"]]
    lost = [max(way["predicted"] for way in pair["ways"]) for pair in pairs]
    really_lost = [way["real"] for way in ways if "real" in way]
    ninth_s, ninth = np.quantile(took_s, 0.9), np.quantile(lost, 0.9)
    broken = sum(any(map(breaks_rule, pair["ways"])) for pair in pairs)
    differ = sum(not way["alike"] for way in ways)
    real = f": {median(really_lost):+.0%} median, {max(really_lost):+.0%} most" * bool(really_lost)
    skipped = [f"- **{p['workload']}**: {'; '.join(p['early']['skipped'])}" for p in pairs]
    head = "workload|first answer|ended|why|executions|in full|advised early|in full|regret|real"
    return f"""# Early stop against the whole budget

`make bench-early-stop`: {len(pairs)} workloads, the host known, commit {pairs[-1]["commit"]}. Each
was profiled as a user would, and then with `--spend-budget` into the same folder, which goes on
where the first ended: a pair differs by what the early stop left out. Seconds are of the command.

- First answer: median {median(firsts_s):.1f} s.
- Ended: median {median(took_s):.0f} s, 90th percentile {ninth_s:.0f} s.
- Regret under the full profile: median {median(lost):.1%}, 90th percentile {ninth:.1%}, most
  {max(lost):.1%}; more than the rule's 3 % and 0.3 s in {broken} of {len(pairs)} workloads.
- The way differs in {differ} of {len(ways)} (with code, and config only); both were run for real in
  {len(really_lost)} of these{real}.

| {" | ".join(head.split("|"))} |
|{"---|" * len(head.split("|"))}
{linesep.join(map(row, pairs))}

## What was left out, and why

Of each: at its most favourable outcome it leaves the advised and the config-only way within 3 % of
the best, or within 0.3 s ([the rule](stopping.md)).

{linesep.join(skipped)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("measure", "report"))
    parser.add_argument("--only", help="names separated by commas; default: all")
    parser.add_argument("--random", type=int, help="also the ten random workloads of this seed")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    given = parser.parse_args()
    if given.what == "measure":
        names = [name for name in WORKLOADS if name not in LEFT_OUT_UNLESS_NAMED]
        names += workloads(given.random) if given.random is not None else []
        begun, done = time.monotonic(), recorded()
        calibrate()
        for name in given.only.split(",") if given.only else names:
            if name not in done and time.monotonic() - begun < 60 * given.minutes:
                measure_pair(name)
        return
    pairs = list(recorded().values())
    if not pairs:
        raise SystemExit("Nothing is measured yet: python bench/early_stop.py measure")
    PAGE.write_text(page(pairs), encoding="utf-8")
    sys.stdout.write(f"Written: {PAGE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
