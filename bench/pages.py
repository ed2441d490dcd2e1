"""The benchmark's report: ``docs/accuracy.md`` for people, ``accuracy.json`` for programs."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import figures
from figures import Choice, Errors, Predicted, Predictions, Run
from run import (
    LEFT_OUT_UNLESS_NAMED,
    LONGEST_WAIT_S,
    ROOT,
    predictions,
    profiled,
    records,
    runs,
    say,
    without,
)

PAGE = ROOT / "docs" / "accuracy.md"
DATA = ROOT / "bench" / "results" / "accuracy.json"


REGRET_WORDS = """\
Regret: how much longer the advised way took than the fastest way that was run and that puts no more
items at work than a pool of the job's allows. The rule of thumb:
sequential under 30 s an item, `execute_job` to 5 minutes, above that the command line. The cost of
measuring includes the host's calibration where it was not cached."""

SPEED_WORDS = """\
Other guests of a shared machine slow a core by nearly half, for seconds or minutes, and neither its
load nor its steal time tells. A fixed piece of Python is timed on each core while a workload is
profiled and while a configuration runs; the runs are grouped by how far the two are apart."""

REGRESSION_WORDS = """\
A non-negative linear regression on ceil(N/m), N, m and work/m, fitted to the same calibration runs;
runs without batches."""


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


_WHEN = {
    False: "Each prediction was made before the runs.",
    True: "Predictions are by today's model, from profiles measured before the runs.",
}


def gather(*, predict_again: bool) -> Recorded:
    from workloads import WORKLOADS

    from advisor import store

    measured = {r["workload"] for r in records() if r["kind"] == "run" and not r["failed"]}
    names = [name for name in WORKLOADS if name in measured and profiled(name)]
    if set(names) - set(LEFT_OUT_UNLESS_NAMED):
        names = [n for n in names if n not in LEFT_OUT_UNLESS_NAMED]
    profiles = {(name, k): made for name in names for k, made in profiled(name).items()}
    saved = {trial: store.read(ROOT / made["path"]) for trial, made in profiles.items()}
    predicted: dict[tuple[str, str, int], Predicted] = {}
    for (name, repeat), profile in profiles.items():
        made: Mapping[str, Mapping[str, float]] = profile["predicted"]
        if predict_again:
            say(f"predicting {name} again")
            made = {
                configuration: dataclasses.asdict(prediction.makespan_s)
                for configuration, prediction in predictions(saved[name, repeat]).items()
            }
        for configuration, interval in made.items():
            predicted[name, configuration, repeat] = Predicted(**interval)
    return Recorded(runs(names), predicted, saved, profiles, predict_again)


def plain(run: Run) -> bool:
    return ":batch=" not in run.configuration


def workers_of(run: Run) -> int | None:
    """Workers inside a step; None where there is one alone."""
    workers = re.search(r":(?:threads|processes)=(\d+)", run.configuration)
    return None if workers is None else int(workers[1])


def within_pools(run: Run, limits: Mapping[str, int]) -> bool:
    """Whether no step has more items at work than the workload's pools allow in all."""
    return (workers_of(run) or 1) <= min(limits.values(), default=math.inf)


def baseline(found: Recorded) -> Predictions:
    from baseline import regressed_s

    from advisor.domain.candidate_spelling import read_candidate
    from advisor.model.ways import preload_list

    predicted = {}
    for run in filter(plain, found.runs):
        saved = found.saved[run.workload, run.repeat]
        candidate = read_candidate(run.configuration, preload_list(saved))
        seconds = regressed_s(saved, candidate)
        if seconds is not None:
            predicted[run.trial] = Predicted(seconds, seconds, seconds)
    return predicted


def ablation(found: Recorded, chosen: Sequence[Run]) -> dict[str, Errors]:
    """The errors of the chosen runs with each mechanism switched off."""
    from ablation import MECHANISMS

    tables = {"nothing": figures.errors(chosen, switched_off(found, chosen, None))}
    for mechanism in MECHANISMS:
        say(f"without {mechanism}")
        tables[mechanism] = figures.errors(chosen, switched_off(found, chosen, mechanism))
    return {name: errors for name, errors in tables.items() if errors is not None}


def switched_off(found: Recorded, chosen: Sequence[Run], mechanism: str | None) -> Predictions:
    predicted = {}
    for run in chosen:
        saved = found.saved[run.workload, run.repeat]
        prediction = without(saved, run.configuration, mechanism)
        predicted[run.trial] = Predicted(**dataclasses.asdict(prediction.makespan_s))
    return predicted


def choices(found: Recorded, advised: str = "advised") -> dict[Trial, Choice]:
    """What was advised, or with ``config_only`` the best advice that needs no change of code."""
    from workloads import WORKLOADS

    among = [
        run
        for run in found.runs
        if (advised == "advised" or plain(run))
        and within_pools(run, WORKLOADS[run.workload].pool_limits)
    ]
    made = {}
    for (name, repeat), profile in found.profiles.items():
        default = profile["default"]
        rule = figures.rule_of_thumb(WORKLOADS[name].item_s, default)
        choice = figures.choice(name, profile[advised], default, rule, among)
        if choice is not None:
            named = f"{name}, pass {repeat + 1}" if (name, 1) in found.profiles else name
            made[name, repeat] = dataclasses.replace(choice, workload=named)
    return made


def search_seconds(found: Recorded) -> dict[str, float]:
    """How long a whole search takes for 10,000 items of a workload, in seconds."""
    from advisor.api.recommend import recommend
    from advisor.domain.options import AdviseOptions

    took = {}
    for name in found.names:
        saved = next(saved for (of, _), saved in found.saved.items() if of == name)
        begun = time.perf_counter()
        recommend(saved, AdviseOptions(items=10_000))
        took[name] = time.perf_counter() - begun
    return took


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


def goals(
    found: Recorded, everything: Errors, made: Sequence[Choice], search: float
) -> list[list[str]]:
    """Each figure with its goal, and beside the errors those that the machine itself makes."""
    usual, wide = figures.by_the_others(found.runs)
    least, widest = figures.least_errors(found.runs)
    known, widest_known = figures.least_errors_at_known_speed(found.runs)
    later = figures.errors(figures.a_pass_later(found.runs), found.predicted)
    if math.isnan(usual) or later is None:
        return _goals(everything, made, search)
    beside = [
        ["the least error that these runs' own noise leaves: median",
         figures.percent(least), "-"],
        ["the least error that these runs' own noise leaves: 90th percentile",
         figures.percent(widest), "-"],
        ["the same, were the machine's speed in each pass of a workload known: median",
         figures.percent(known), "-"],
        ["the same, were the machine's speed in each pass of a workload known: 90th percentile",
         figures.percent(widest_known), "-"],
        ["a run predicted by its configuration's other runs: median", figures.percent(usual), "-"],
        ["a run predicted by its configuration's other runs: 90th percentile",
         figures.percent(wide), "-"],
        ["a run predicted by the profile of the pass before: median",
         figures.percent(later.median), "-"],
        ["a run predicted by the profile of the pass before: 90th percentile",
         figures.percent(later.p90), "-"],
    ]  # fmt: skip
    return [*_goals(everything, made, search), *beside]


def _goals(everything: Errors, made: Sequence[Choice], search: float) -> list[list[str]]:
    regrets = [choice.regret for choice in made]
    return [
        ["prediction error, median", figures.percent(everything.median), "at most 5 %"],
        ["prediction error, 90th percentile", figures.percent(everything.p90), "at most 12 %"],
        ["runs inside the 90 % interval", figures.percent(everything.covered), "85 to 95 %"],
        ["regret, median", figures.percent(figures.quantile(regrets, 0.5)), "at most 5 %"],
        ["regret, 90th percentile", figures.percent(figures.quantile(regrets, 0.9)),
         "at most 15 %"],
        ["search for 10,000 items, slowest", f"{search:.1f} s", "under 3 s"],
    ]  # fmt: skip


def write_report(*, predict_again: bool) -> None:
    found = gather(predict_again=predict_again)
    if not found.runs:
        raise SystemExit("Nothing is measured yet: make bench")
    everything = figures.errors(found.runs, found.predicted)
    assert everything is not None
    ours = [run for run in found.runs if plain(run)]
    regressed = baseline(found)
    both = [run for run in ours if run.trial in regressed]
    compared = {
        "timeline (this project)": figures.errors(both, found.predicted),
        "linear regression on the same calibration": figures.errors(both, regressed),
    }
    made, config_only = choices(found), choices(found, "config_only")
    search = search_seconds(found)
    tables: dict[str, Mapping[str, Errors]] = {
        "method": figures.errors_by(found.runs, found.predicted, lambda run: run.method),
        "workload": figures.errors_by(found.runs, found.predicted, lambda run: run.workload),
        "pass": figures.errors_by(found.runs, found.predicted, lambda run: f"{run.repeat + 1}"),
        "speed": figures.by_change_of_speed(found.runs, found.predicted),
        "compared": {name: e for name, e in compared.items() if e is not None},
        "ablation": ablation(found, [r for r in ours if r.method.startswith("multiprocess")]),
    }
    _write_page(found, everything, tables, made, config_only, search)
    _write_data(found, everything, tables, made, config_only, search)
    say(f"Written: {PAGE.relative_to(ROOT)}, {DATA.relative_to(ROOT)}")


def quiet_starts(names: Sequence[str]) -> str:
    """How many runs and profiles began in a quiet moment, in words; of older records nothing."""
    asked = [r["quiet"] for r in records() if r["workload"] in names and "quiet" in r]
    if not asked:
        return ""
    return (
        f"Of {len(asked)} profiles and runs {sum(asked)} began after the cores had had their full "
        f"speed for a second, the others after {LONGEST_WAIT_S:g} s of waiting for that; none was "
        "left out for what happened while it ran. "
    )


def _facts(found: Recorded) -> Any:
    return next(iter(found.saved.values())).host.facts


def _write_page(
    found: Recorded,
    everything: Errors,
    tables: Mapping[str, Mapping[str, Errors]],
    made: Mapping[Trial, Choice],
    config_only: Mapping[Trial, Choice],
    search: Mapping[str, float],
) -> None:
    from workloads import WORKLOADS

    facts = _facts(found)
    usual, wide = figures.spread(found.runs)
    dates = sorted(r["at"] for r in records() if r["kind"] == "run")
    days = " to ".join(dict.fromkeys((dates[0][:10], dates[-1][:10])))
    moments = sorted(saved.overhead.moments for saved in found.saved.values())
    kinds = [[name, WORKLOADS[name].kind, str(WORKLOADS[name].items)] for name in found.names]
    head = (
        f"Made by `make bench` from {len(found.runs)} real runs of {len(found.names)} workloads, "
        f"{days}, on {facts.processor} ({facts.cpus:g} cores, "
        f"{facts.memory_bytes / 2**30:.0f} GiB, {facts.system}), Python {facts.python_version}, "
        f"Dagster {facts.dagster_version}. No configuration below was used for calibration; "
        f"the host was calibrated at {moments[0]} to {moments[-1]} moments. "
        "In each pass every workload was profiled anew, right before its runs. "
        f"{quiet_starts(found.names)}"
        f"{_WHEN[found.predicted_again]} The ablation is by today's model."
    )
    sureness = "Every configuration was run once: the machine's own spread is not in this table."
    if not math.isnan(usual):
        sureness = (
            f"Two runs of the same configuration differ by {figures.percent(usual)} (median; 90th "
            f"percentile {figures.percent(wide)}): no prediction can be surer than the machine."
        )
    speed = (
        "## Errors by the cores' speed",
        SPEED_WORDS,
        figures.errors_table("cores' speed", tables["speed"]),
    )
    parts = [
        "# How right the predictions and the advice are",
        head,
        figures.table(
            ["figure", "measured", "goal"],
            goals(found, everything, list(made.values()), max(search.values())),
        ),
        sureness,
        "## Errors by method",
        figures.errors_table("method", {"all": everything, **tables["method"]}),
        "## Errors by pass",
        figures.errors_table("pass", tables["pass"]),
        *(speed if tables["speed"] else ()),
        "## Errors by workload",
        figures.errors_table("workload", tables["workload"]),
        figures.table(["workload", "kind", "items"], kinds),
        "## Advice against the best of the grid",
        REGRET_WORDS,
        figures.choices_table(list(made.values()), costs(found, made)),
        "The best advice that needs a pasted config alone, against the best way without batches:",
        figures.choices_table(list(config_only.values()), costs(found, config_only)),
        "## Against a regression",
        REGRESSION_WORDS,
        figures.errors_table("model", tables["compared"]),
        "## What each mechanism contributes",
        "Errors of the multiprocess runs with one mechanism of the simulator switched off.",
        figures.errors_table("switched off", tables["ablation"]),
        "## Where it errs most",
        figures.table(
            ["workload", "configuration", "predicted", "measured", "error"], worst(found)
        ),
    ]
    left = [f"{n}: {', '.join(WORKLOADS[n].left_out)}" for n in found.names
            if WORKLOADS[n].left_out]  # fmt: skip
    if left:
        parts.append("Left out of the grid, as a run would take minutes: " + "; ".join(left) + ".")
    _write(PAGE, "\n\n".join(parts) + "\n")


def _write_data(
    found: Recorded,
    everything: Errors,
    tables: Mapping[str, Mapping[str, Errors]],
    made: Mapping[Trial, Choice],
    config_only: Mapping[Trial, Choice],
    search: Mapping[str, float],
) -> None:
    usual, wide = figures.spread(found.runs)
    single = [
        {**dataclasses.asdict(run), "predicted_s": dataclasses.asdict(found.predicted[run.trial])}
        for run in found.runs
        if run.trial in found.predicted
    ]
    document = {
        "schema": "dynadvise/accuracy",
        "version": 1,
        "host": dataclasses.asdict(_facts(found)),
        "all": dataclasses.asdict(everything),
        **{name: figures.as_json(table) for name, table in tables.items()},
        "spread": None if math.isnan(usual) else {"median": usual, "p90": wide},
        "choices": [dataclasses.asdict(choice) for choice in made.values()],
        "config_only": [dataclasses.asdict(choice) for choice in config_only.values()],
        "search_s": dict(search),
        "runs": single,
    }
    _write(DATA, json.dumps(document, indent=1) + "\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
