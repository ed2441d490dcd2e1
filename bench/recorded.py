"""What was recorded, as the benchmark's report needs it: runs, predictions, what was advised."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

import figures
from figures import Choice, Predicted, Predictions, Run
from run import (
    LEFT_OUT_UNLESS_NAMED,
    ROOT,
    predictions,
    profiled,
    records,
    runs,
    say,
    workload,
)

UNSEEN = "random, unseen"
TUNED = "the 16, looked at while building"

Trial = tuple[str, int]
"""A workload, and the pass in which it was profiled and run."""


@dataclasses.dataclass(frozen=True)
class Recorded:
    """Everything that the tables are made of."""

    runs: list[Run]
    predicted: Predictions
    saved: dict[Trial, Any]
    profiles: dict[Trial, dict[str, Any]]
    predicted_again: bool = False

    @property
    def names(self) -> list[str]:
        """The workloads."""
        return list(dict.fromkeys(name for name, _ in self.saved))


def whole_passes(trials: Iterable[Trial]) -> set[Trial]:
    """Those of the passes that all workloads of a group have: runs beside them tell of noise."""
    every = set(trials)
    return {
        (name, repeat)
        for name, repeat in every
        if all((n, repeat) in every for n, _ in every if group_of(n) == group_of(name))
    }


def gather(*, predict_again: bool) -> Recorded:
    from workloads import WORKLOADS

    from advisor import store

    done = (r["workload"] for r in records() if r["kind"] == "run" and not r["failed"])
    measured = list(dict.fromkeys(done))
    ordered = [*WORKLOADS, *(name for name in measured if name not in WORKLOADS)]
    names = [name for name in ordered if name in measured and profiled(name)]
    if set(names) - set(LEFT_OUT_UNLESS_NAMED):
        names = [n for n in names if n not in LEFT_OUT_UNLESS_NAMED]
    profiles = {(name, k): made for name in names for k, made in profiled(name).items()}
    whole = whole_passes(profiles)
    profiles = {trial: made for trial, made in profiles.items() if trial in whole}
    saved = {trial: store.read(ROOT / made["path"]) for trial, made in profiles.items()}
    predicted: dict[tuple[str, str, int], Predicted] = {}
    for (name, repeat), profile in profiles.items():
        made: Mapping[str, Mapping[str, float]] = profile["predicted"]
        if predict_again:
            say(f"predicting {name} again")
            made = predictions(saved[name, repeat])
        for configuration, interval in made.items():
            predicted[name, configuration, repeat] = Predicted(**interval)
    chosen = [run for run in runs(names) if (run.workload, run.repeat) in profiles]
    return Recorded(chosen, predicted, saved, profiles, predict_again)


def plain(run: Run) -> bool:
    return ":batch=" not in run.configuration


def workers_of(run: Run) -> int | None:
    """Workers inside a step; None where there is one alone."""
    workers = re.search(r":(?:threads|processes)=(\d+)", run.configuration)
    return None if workers is None else int(workers[1])


def within_pools(run: Run, limits: Mapping[str, int]) -> bool:
    """Whether no step has more items at work than the workload's pools allow in all."""
    return (workers_of(run) or 1) <= min(limits.values(), default=math.inf)


def choices(found: Recorded, advised: str = "advised") -> dict[Trial, Choice]:
    """What was advised, or with ``config_only`` the best advice that needs no change of code."""
    among = [run for run in allowed(found) if advised == "advised" or plain(run)]
    made = {}
    for (name, repeat), profile in found.profiles.items():
        default = profile["default"]
        rule = figures.rule_of_thumb(workload(name).item_s, default)
        choice = figures.choice(name, profile[advised], default, rule, among)
        if choice is not None:
            named = f"{name}, pass {repeat + 1}" if (name, 1) in found.profiles else name
            made[name, repeat] = dataclasses.replace(choice, workload=named)
    return made


def allowed(found: Recorded) -> list[Run]:
    """The runs of ways that the advice might have named: within pools, and fit for production."""
    return [
        run
        for run in found.runs
        if within_pools(run, workload(run.workload).pool_limits)
        and not (
            run.configuration.startswith("execute_in_process")
            and environment(found.profiles[run.workload, run.repeat]) == "prod"
        )
    ]


def environment(profile: Mapping[str, Any]) -> str:
    """What a recorded profile was to advise for."""
    options = profile.get("options", [])
    return options[options.index("--environment") + 1] if "--environment" in options else "dev"


def group_of(name: str) -> str:
    """Whether a workload had no part in building the model."""
    return UNSEEN if name.startswith("seed_") else TUNED


def commits(found: Recorded) -> list[list[str]]:
    """Which commit made which pass, of each group."""
    made: dict[tuple[str, int], dict[str, None]] = {}
    for (name, repeat), profile in found.profiles.items():
        seen = made.setdefault((group_of(name), repeat), {})
        seen[profile.get("commit", "not recorded")] = None
    return [[group, f"{repeat + 1}", ", ".join(seen)] for (group, repeat), seen in made.items()]


def expected_regrets(found: Recorded, made: Mapping[Trial, Choice]) -> list[list[str]]:
    """The regret that the advice expected of itself, and what came of it, by group."""
    rows = []
    for group in (TUNED, UNSEEN):
        pairs = [
            (found.profiles[trial]["expected_regret"]["advised"], choice.regret)
            for trial, choice in made.items()
            if group_of(trial[0]) == group and "expected_regret" in found.profiles[trial]
        ]
        if pairs:
            means = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
            rows.append([group, str(len(pairs)), *map(figures.percent, means)])
    return rows


def costs(found: Recorded, made: Mapping[Trial, Choice]) -> dict[str, tuple[float, float]]:
    """What measuring took, and a run as it was: of Dagster's default, measured or predicted."""
    walls = figures.by_key(found.runs)
    took = {}
    for (name, repeat), choice in made.items():
        default = found.profiles[name, repeat]["default"]
        seen = walls.get((name, default), [])
        one_s = median(seen) if seen else found.predicted[name, default, repeat].median
        took[choice.workload] = found.saved[name, repeat].advice.measured_cost_s, one_s
    return took


def worst(found: Recorded, count: int = 10) -> list[list[str]]:
    """The configurations whose predictions err most, by the medians over the passes."""
    rows = []
    for (name, way), walls in figures.by_key(found.runs).items():
        made = [p.median for (n, w, _), p in found.predicted.items() if (n, w) == (name, way)]
        if made:
            real, said = median(walls), median(made)
            error = said / real - 1.0
            rows.append((abs(error), [
                name, way, f"{said:.2f} s", f"{real:.2f} s", f"{100 * error:+.1f} %",
            ]))  # fmt: skip
    return [row for _, row in sorted(rows, key=lambda entry: -entry[0])[:count]]
