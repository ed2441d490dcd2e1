"""Figures of the random workloads of a seed, into ``docs/unseen.md``: ``python bench/unseen.py``.

A row a workload and pass: how far predictions were off, what the advised way lost against the
fastest that ran, and whether it was ever slower than what config alone gives.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from statistics import median
from typing import Any

import figures
import numpy as np
from random_recipes import recipe
from recorded import whole_passes
from run import ROOT, profiled, records, runs

from advisor.domain.quantities import count

PAGE = ROOT / "docs" / "unseen.md"


def classes(run: dict[str, Any]) -> str:
    """Of a way: plain, batched, threads or processes."""
    way = run["configuration"]
    if "threads=" in way:
        return "threads in a step"
    if "batch=" in way:
        return "batched"
    return "one process" if "in_process" in way else "a process per step"


def has_noise(name: str) -> bool:
    """Whether calls of one item differ by themselves: a run is then a draw that nobody can know."""
    _, seed, number = name.split("_")
    return recipe(int(seed), int(number)).noise_sd > 0


def rows(names: list[str]) -> list[dict[str, Any]]:
    """Each run with the error of its prediction."""
    profiles = {name: profiled(name) for name in names}
    found: list[dict[str, Any]] = []
    for run in records():
        if run["kind"] != "run" or run["workload"] not in names or run["failed"]:
            continue
        told = profiles[run["workload"]][run["repeat"]]["predicted"][run["configuration"]]
        found.append({
            **run,
            "error": told["median"] / run["wall_s"] - 1.0,
            "inside": told["low"] <= run["wall_s"] <= told["high"],
        })  # fmt: skip
    return found


def line(name: str, some: list[dict[str, Any]]) -> str:
    errors = [abs(each["error"]) for each in some]
    bias = float(np.mean([each["error"] for each in some]))
    inside = sum(each["inside"] for each in some) / len(some)
    return (
        f"| {name} | {len(some)} | {median(errors):.1%} | {np.quantile(errors, 0.9):.1%} "
        f"| {max(errors):.0%} | {bias:+.1%} | {inside:.0%} |"
    )


def lost(some: list[dict[str, Any]], several: bool) -> tuple[list[str], float, float] | None:
    """A workload's row of one pass, and what the two advised ways lost; None: not all were run.

    The row names its pass where there are ``several``.
    """
    name, repeat = some[0]["workload"], some[0]["repeat"]
    profile = profiled(name)[repeat]
    walls = {run["configuration"]: run["wall_s"] for run in some}
    if not {profile["advised"], profile["config_only"]} <= set(walls):
        return None
    best = min(walls, key=lambda way: walls[way])
    plain = {w: s for w, s in walls.items() if "batch=" not in w and w != "execute_in_process"}
    regret = walls[profile["advised"]] / walls[best] - 1.0
    by_config = walls[profile["config_only"]] / min(plain.values()) - 1.0
    cells = [
        name + f", pass {repeat + 1}" * several + " (calls differ)" * has_noise(name),
        profile["advised"], f"{walls[profile['advised']]:.2f} s", best, f"{regret:.0%}",
        profile["config_only"], f"{by_config:.0%}",
        f"{median(abs(run['error']) for run in some):.1%}",
    ]  # fmt: skip
    return cells, regret, by_config


def least_errors_lines(names: list[str]) -> list[str]:
    """What the runs' own noise leaves to any prediction, where each way was run more than once."""
    kinds = {
        "calls of an item alike": [name for name in names if not has_noise(name)],
        "calls that differ": [name for name in names if has_noise(name)],
    }
    pairs = {kind: figures.least_errors(runs(some)) for kind, some in kinds.items()}
    pairs = {kind: pair for kind, pair in pairs.items() if not math.isnan(pair[0])}
    if not pairs:
        return []
    return [
        "",
        "No prediction can be surer than the machine. The error that is left to one that knows the",
        "true mean of each way, from the ways that were run more than once:",
        "",
        "| jobs | median | 90th percentile |",
        "|---|---|---|",
        *(f"| {kind} | {usual:.1%} | {ninth:.1%} |" for kind, (usual, ninth) in pairs.items()),
    ]


def main() -> None:
    names = sorted({r["workload"] for r in records() if r["workload"].startswith("seed_")})
    every = rows(names)
    whole = whole_passes((run["workload"], run["repeat"]) for run in every)
    every = [run for run in every if (run["workload"], run["repeat"]) in whole]
    by_class, by_trial = defaultdict(list), defaultdict(list)
    for run in every:
        by_class[classes(run)].append(run)
        by_trial[run["repeat"], run["workload"]].append(run)
    passes = len({run["repeat"] for run in every})
    measured = count(passes, "pass", "passes")
    head = "| {} | runs | median error | 90th percentile | largest | bias | in the interval |"
    lines = [
        "# On work that nobody tuned it on",
        "",
        "Random workloads of a fresh seed (`make bench RANDOM=SEED QUICK=1`), profiled and advised",
        f"for production as a user would: {len(every)} real runs of {len(names)} workloads.",
        f"Seed {names[0].split('_')[1]}, commit {every[0]['commit']}, {measured} of a profile of",
        "every workload and one run of each way, predicted before; where items take much memory",
        "after a pause, as in production: none is left that another run just used.",
        "",
        head.format("ways"),
        "|---|---|---|---|---|---|---|",
        line("all", every),
        *(line(name, some) for name, some in sorted(by_class.items())),
        *(
            line(kind, some)
            for kind, noise in (("calls of an item alike", False), ("calls that differ", True))
            if (some := [run for run in every if has_noise(run["workload"]) is noise])
        ),
        *least_errors_lines(names),
        "",
        "Calls that differ: each run of these jobs has other seconds, and the fastest of six ways",
        "is partly luck; they are marked.",
        "",
        "| workload | advised | took | fastest that ran | lost | config only | lost | error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    compared = [row for _, some in sorted(by_trial.items()) if (row := lost(some, passes > 1))]
    lines += [f"| {' | '.join(cells)} |" for cells, _, _ in compared]
    for which, place in (("the advised way", 1), ("config only", 2)):
        values = [row[place] for row in compared]
        ninth = np.quantile(values, 0.9)
        lines.append("")
        lines.append(
            f"Lost by {which}: median {median(values):.0%}, 90th percentile {ninth:.0%}, "
            f"most {max(values):.0%}."
        )
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"Written: {PAGE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
