"""The benchmark's figures: pure functions from recorded runs and predictions to tables.

A *run* is one measured wall clock of a workload under a configuration; its *prediction* was made
before it, from the profile of the same pass.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from statistics import median

import numpy as np

Key = tuple[str, str]
"""Workload and configuration."""


@dataclass(frozen=True)
class Run:
    """``slower`` is the cores' time for a piece of work during the run, over that while profiling;
    None where it was not watched.
    """

    workload: str
    configuration: str
    method: str
    wall_s: float
    repeat: int = 0
    slower: float | None = None
    peak_rss_bytes: int = 0

    @property
    def trial(self) -> tuple[str, str, int]:
        """What it is predicted by: workload, configuration and pass."""
        return self.workload, self.configuration, self.repeat


@dataclass(frozen=True)
class Predicted:
    """The predicted makespan; ``low`` and ``high`` bound 90 %. The rest is 0 where not recorded."""

    median: float
    low: float
    high: float
    p_best: float = 0.0
    peak_memory_bytes: int = 0


Range = tuple[float, float]

RESAMPLES = 1000
"""Of the workloads, behind each range."""

Predictions = Mapping[tuple[str, str, int], Predicted]
"""By `Run.trial`."""


@dataclass(frozen=True)
class Errors:
    """Relative errors of predictions over runs; ``bias`` is their signed median.

    ``ranges`` are 95 % intervals of ``median``, ``p90`` and ``covered``, from resampled workloads:
    runs of one workload err alike. None where there is only one.
    """

    runs: int
    median: float
    p90: float
    largest: float
    bias: float
    covered: float
    ranges: tuple[Range, Range, Range] | None = None


@dataclass(frozen=True)
class Choice:
    """What was advised for a workload, beside what the real runs say.

    ``regret`` is the advised way's median over the best way's, less 1. Speed-ups are None where
    the other way was not run.
    """

    workload: str
    advised: str
    advised_s: float
    best: str
    best_s: float
    regret: float
    against_default: float | None
    against_rule: float | None


def quantile(values: Sequence[float], share: float) -> float:
    """The quantile by linear interpolation; NaN of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def by_key(runs: Iterable[Run]) -> dict[Key, list[float]]:
    """The wall clocks of each workload and configuration."""
    found: dict[Key, list[float]] = defaultdict(list)
    for run in runs:
        found[run.workload, run.configuration].append(run.wall_s)
    return dict(found)


def errors(runs: Iterable[Run], predicted: Predictions) -> Errors | None:
    """How far the predictions are from the runs; None where no run has a prediction."""
    signed: list[float] = []
    covered: list[bool] = []
    workloads: list[str] = []
    for run in runs:
        prediction = predicted.get(run.trial)
        if prediction is None:
            continue
        signed.append(prediction.median / run.wall_s - 1.0)
        covered.append(prediction.low <= run.wall_s <= prediction.high)
        workloads.append(run.workload)
    if not signed:
        return None
    sizes = [abs(error) for error in signed]
    return Errors(
        runs=len(sizes),
        median=median(sizes),
        p90=quantile(sizes, 0.9),
        largest=max(sizes),
        bias=median(signed),
        covered=sum(covered) / len(covered),
        ranges=_ranges(np.array(sizes), np.array(covered, dtype=float), workloads),
    )


def _ranges(
    sizes: np.ndarray, covered: np.ndarray, workloads: Sequence[str]
) -> tuple[Range, Range, Range] | None:
    """Median, 90th percentile and coverage over resampled workloads, whole ones."""
    clusters = [np.flatnonzero(np.array(workloads) == name) for name in dict.fromkeys(workloads)]
    if len(clusters) < 2:
        return None
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(RESAMPLES):
        chosen = np.concatenate(
            [clusters[i] for i in rng.integers(len(clusters), size=len(clusters))]
        )
        drawn.append((*np.quantile(sizes[chosen], [0.5, 0.9]), covered[chosen].mean()))
    low, high = np.quantile(np.array(drawn), [0.025, 0.975], axis=0).tolist()
    found: list[Range] = list(zip(low, high, strict=True))
    return found[0], found[1], found[2]


def errors_by(
    runs: Sequence[Run], predicted: Predictions, group: Callable[[Run], str]
) -> dict[str, Errors]:
    """`errors` of each group of runs, in the order in which groups first appear."""
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        groups[group(run)].append(run)
    found = {name: errors(members, predicted) for name, members in groups.items()}
    return {name: value for name, value in found.items() if value is not None}


def by_change_of_speed(runs: Sequence[Run], predicted: Predictions) -> dict[str, Errors]:
    """`errors` by how far the cores' speed during the run was from that while profiling."""
    alike, further = {"within 5 %": 0.05, "5 to 15 %": 0.15}, "further"

    def group(run: Run) -> str:
        change = abs(math.log(run.slower))
        return next((words for words, most in alike.items() if change <= math.log1p(most)), further)

    watched = [run for run in runs if run.slower is not None]
    found = errors_by(watched, predicted, group)
    return {words: found[words] for words in (*alike, further) if words in found}


def spread(runs: Iterable[Run]) -> tuple[float, float]:
    """How far two runs of the same configuration differ: median and 90th percentile.

    Of all pairs of runs, relative to the pair's mean.
    """
    differences = [
        abs(one - other) / ((one + other) / 2)
        for walls in by_key(runs).values()
        for one, other in combinations(walls, 2)
    ]
    return quantile(differences, 0.5), quantile(differences, 0.9)


def a_pass_later(runs: Iterable[Run]) -> list[Run]:
    """The runs as those of the pass before: to be held against what was predicted then."""
    return [replace(run, repeat=run.repeat - 1) for run in runs]


def by_the_others(runs: Iterable[Run]) -> tuple[float, float]:
    """Errors, median and 90th percentile, of predicting a run by its configuration's other runs."""
    return _quantiles(error for _, error in _left_out(runs))


def least_errors(runs: Iterable[Run]) -> tuple[float, float]:
    """Errors that the machine leaves to a prediction of each configuration's true mean, estimated.

    Of k runs with independent noise of variance v, one differs from the mean of the others with
    variance v k / (k - 1), and from the true mean with v.
    """
    return _quantiles(error * math.sqrt((count - 1) / count) for count, error in _left_out(runs))


def least_errors_at_known_speed(runs: Sequence[Run]) -> tuple[float, float]:
    """The same for a prediction that also knows how fast the machine is in each workload's pass.

    What is left of the logarithms of the configurations that were run in every pass, beside one
    term a configuration and one a pass (two-way analysis of variance, by its degrees of freedom).
    """
    errors: list[float] = []
    for workload in dict.fromkeys(run.workload for run in runs):
        logs = {r.trial: math.log(r.wall_s) for r in runs if r.workload == workload}
        passes = sorted({repeat for _, _, repeat in logs})
        ways = [
            way
            for way in dict.fromkeys(way for _, way, _ in logs)
            if all((workload, way, repeat) in logs for repeat in passes)
        ]
        if min(len(ways), len(passes)) < 2:
            continue
        walls = np.array([[logs[workload, way, repeat] for repeat in passes] for way in ways])
        rest = walls - walls.mean(axis=1, keepdims=True) - walls.mean(axis=0) + walls.mean()
        freedom = (len(ways) - 1) * (len(passes) - 1) / rest.size
        errors += np.abs(np.expm1(rest / math.sqrt(freedom))).ravel().tolist()
    return _quantiles(errors)


def _left_out(runs: Iterable[Run]) -> list[tuple[int, float]]:
    """Of each run that is not its configuration's only one: how many there are, and the error."""
    return [
        (len(walls), abs((sum(walls) - wall_s) / (len(walls) - 1) / wall_s - 1.0))
        for walls in by_key(runs).values()
        for wall_s in (walls if len(walls) > 1 else ())
    ]


def _quantiles(errors: Iterable[float]) -> tuple[float, float]:
    """Median and 90th percentile."""
    sizes = list(errors)
    return quantile(sizes, 0.5), quantile(sizes, 0.9)


def choice(
    workload: str, advised: str, default: str, rule: str, runs: Iterable[Run]
) -> Choice | None:
    """The advised configuration against the best, Dagster's default and the seed's rule.

    None where the advised one was not run.
    """
    medians = {
        configuration: median(walls)
        for (of_workload, configuration), walls in by_key(runs).items()
        if of_workload == workload
    }
    if advised not in medians:
        return None
    best = min(medians, key=lambda name: medians[name])
    ours = medians[advised]
    return Choice(
        workload=workload,
        advised=advised,
        advised_s=ours,
        best=best,
        best_s=medians[best],
        regret=ours / medians[best] - 1.0,
        against_default=medians[default] / ours if default in medians else None,
        against_rule=medians[rule] / ours if rule in medians else None,
    )


def rule_of_thumb(item_s: float, default: str) -> str:
    """The seed's rule: sequential under 30 s an item, to 5 min ``execute_job``, above the CLI."""
    if item_s < 30.0:
        return "execute_in_process"
    return default if item_s < 300.0 else f"cli-{default}"


def percent(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{100 * value:.1f} %"


def factor(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}x"


def share_of_run(cost_s: float, run_s: float) -> str:
    return f"{cost_s:.0f} s, {100 * cost_s / run_s:.0f} % of a run"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is aligned to the right."""
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def _within(found: Errors, figure: int) -> str:
    """The 95 % range of a figure, in percent."""
    if found.ranges is None:
        return ""
    low, high = found.ranges[figure]
    return f" [{100 * low:.0f} to {100 * high:.0f}]"


def errors_table(title: str, groups: Mapping[str, Errors]) -> str:
    return table(
        [title, "runs", "median error", "90th percentile", "largest", "bias", "in the interval"],
        (
            [
                name,
                str(found.runs),
                percent(found.median) + _within(found, 0),
                percent(found.p90) + _within(found, 1),
                percent(found.largest),
                f"{100 * found.bias:+.1f} %",
                percent(found.covered) + _within(found, 2),
            ]
            for name, found in groups.items()
        ),
    )


def choices_table(choices: Sequence[Choice], cost: Mapping[str, tuple[float, float]]) -> str:
    """``cost`` is the measuring's seconds and the seconds of one run as it was, by choice."""
    return table(
        [
            "workload", "advised", "took", "best of the grid", "took", "regret",
            "faster than Dagster's default", "than the rule of thumb", "cost of measuring",
        ],
        (
            [
                found.workload,
                found.advised,
                f"{found.advised_s:.1f} s",
                found.best,
                f"{found.best_s:.1f} s",
                percent(found.regret),
                factor(found.against_default),
                factor(found.against_rule),
                share_of_run(*cost[found.workload]),
            ]
            for found in choices
        ),
    )  # fmt: skip


def as_json(groups: Mapping[str, Errors]) -> dict[str, object]:
    return {name: asdict(found) for name, found in groups.items()}
