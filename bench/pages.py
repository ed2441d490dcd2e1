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
    workload,
)

from advisor.domain.options import MEMORY_HEADROOM

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

BASELINE_WORDS = """\
Mean-value analysis in closed form (Schweitzer's approximation: the parent, the cores, waiting) on
the same coefficients; runs without batches."""

RANGE_WORDS = """\
In brackets: 95 % intervals, from resampled workloads, since runs of one workload err alike."""

CHANCE_WORDS = """\
Ways by the chance that the advice gave them to be the best, and how many of them were, or within
3 % of it, among the ways that were run and may be advised."""

MEMORY_WORDS = """\
Predicted peak memory against the largest that was seen of a run's processes together, ten times a
second. A false accept is a way that is advised for a machine of 1, 2, 4, 8 or 16 GiB and needs
more; a false refusal one that is not and needs no more than 85 % of it."""

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


_WHEN = {
    False: "Each prediction was made before the runs.",
    True: "Predictions are by today's model, from profiles measured before the runs.",
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
    saved = {trial: store.read(ROOT / made["path"]) for trial, made in profiles.items()}
    predicted: dict[tuple[str, str, int], Predicted] = {}
    for (name, repeat), profile in profiles.items():
        made: Mapping[str, Mapping[str, float]] = profile["predicted"]
        if predict_again:
            say(f"predicting {name} again")
            made = predictions(saved[name, repeat])
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
    from baseline import closed_form_s

    from advisor.domain.candidate_spelling import read_candidate
    from advisor.domain.options import AdviseOptions
    from advisor.model.measured_setting import setting_of
    from advisor.model.ways import preload_list

    predicted = {}
    for run in filter(plain, found.runs):
        saved = found.saved[run.workload, run.repeat]
        candidate = read_candidate(run.configuration, preload_list(saved))
        seconds = closed_form_s(candidate, setting_of(saved, AdviseOptions(), corrected=False))
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


def goals(found: Recorded, made: Mapping[Trial, Choice], search: float) -> list[list[str]]:
    """Each figure of both groups of workloads, with its goal; then what the machine leaves."""
    columns = []
    for group in (TUNED, UNSEEN):
        runs = [run for run in found.runs if group_of(run.workload) == group]
        regrets = [c.regret for (name, _), c in made.items() if group_of(name) == group]
        everything = figures.errors(runs, found.predicted)
        columns.append([
            *([figures.percent(v) for v in (everything.median, everything.p90, everything.covered)]
              if everything else ["-"] * 3),
            *[figures.percent(figures.quantile(regrets, share)) for share in (0.5, 0.9, 1.0)],
        ])  # fmt: skip
    names = ["prediction error, median", "prediction error, 90th percentile",
             "runs inside the 90 % interval", "regret in production, median",
             "regret in production, 90th percentile", "regret in production, worst"]  # fmt: skip
    aims = ["at most 5 %", "at most 12 %", "85 to 95 %", "0 %", "at most 5 %", "at most 15 %"]
    rows = [list(row) for row in zip(names, *columns, aims, strict=True)]
    rows.append(["search for 10,000 items, slowest", f"{search:.1f} s", "-", "under 3 s"])
    return [*rows, *(row for row in _of_the_machine(found) if row[1] != "-")]


def _of_the_machine(found: Recorded) -> list[list[str]]:
    """The errors that the runs' own noise leaves to any prediction, median and 90th percentile."""
    later = figures.errors(figures.a_pass_later(found.runs), found.predicted)
    after = (later.median, later.p90) if later else (math.nan, math.nan)
    pairs = {
        "the least error that these runs' own noise leaves": figures.least_errors(found.runs),
        "the same, were the machine's speed in each pass of a workload known":
            figures.least_errors_at_known_speed(found.runs),
        "a run predicted by its configuration's other runs": figures.by_the_others(found.runs),
        "a run predicted by the profile of the pass before": after,
    }  # fmt: skip
    return [
        [f"{name}: {words}", figures.percent(value), "", "-"]
        for name, pair in pairs.items()
        for words, value in zip(("median", "90th percentile"), pair, strict=True)
    ]


def write_report(*, predict_again: bool) -> None:
    found = gather(predict_again=predict_again)
    if not found.runs:
        raise SystemExit("Nothing is measured yet: make bench")
    everything = figures.errors(found.runs, found.predicted)
    assert everything is not None
    ours = [run for run in found.runs if plain(run)]
    closed = baseline(found)
    both = [run for run in ours if run.trial in closed]
    compared = {
        "timeline (this project)": figures.errors(both, found.predicted),
        "closed form on the same coefficients": figures.errors(both, closed),
    }
    made, config_only = choices(found), choices(found, "config_only")
    search = search_seconds(found)
    tables: dict[str, Mapping[str, Errors]] = {
        "class": figures.errors_by(
            sorted(found.runs, key=lambda run: group_of(run.workload)),
            found.predicted,
            lambda run: f"{group_of(run.workload)}: {figures.class_of(run.configuration)}",
        ),
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
    facts = _facts(found)
    usual, wide = figures.spread(found.runs)
    dates = sorted(r["at"] for r in records() if r["kind"] == "run")
    days = " to ".join(dict.fromkeys((dates[0][:10], dates[-1][:10])))
    moments = sorted(saved.overhead.moments for saved in found.saved.values())
    kinds = [[name, workload(name).kind, str(workload(name).items)] for name in found.names]
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
        figures.table(["figure", TUNED, UNSEEN, "goal"], goals(found, made, max(search.values()))),
        sureness,
        "## Errors by class of way",
        RANGE_WORDS,
        figures.errors_table("workloads: class", tables["class"]),
        "## Errors by method",
        figures.errors_table("method", {"all": everything, **tables["method"]}),
        "## Errors by pass",
        figures.errors_table("pass", tables["pass"]),
        figures.table(["workloads", "pass", "commit"], commits(found)),
        *(speed if tables["speed"] else ()),
        "## Errors by workload",
        figures.errors_table("workload", tables["workload"]),
        figures.table(["workload", "kind", "items"], kinds),
        "## Advice against the best of the grid",
        REGRET_WORDS,
        figures.choices_table(list(made.values()), costs(found, made)),
        "The best advice that needs a pasted config alone, against the best way without batches:",
        figures.choices_table(list(config_only.values()), costs(found, config_only)),
        "What the advice expected of itself, and what came of it:",
        figures.table(
            ["workloads", "advices", "mean expected regret", "mean regret"],
            expected_regrets(found, made),
        ),
        "## How sure the advice was",
        CHANCE_WORDS,
        figures.table(
            ["predicted chance", "ways", "mean of it", "were the best"],
            figures.reliability(allowed(found), found.predicted),
        ),
        "## Memory",
        MEMORY_WORDS,
        figures.table(
            [
                "class of way",
                "runs",
                "error, median",
                "size of it, 90th percentile",
                "false accepts",
                "false refusals",
            ],
            figures.memory_rows(
                found.runs,
                found.predicted,
                MEMORY_HEADROOM,
                lambda run: figures.class_of(run.configuration),
            ),
        ),
        "## Against a closed form",
        BASELINE_WORDS,
        figures.errors_table("model", tables["compared"]),
        "## What each mechanism contributes",
        "Errors of the multiprocess runs with one mechanism of the simulator switched off.",
        figures.errors_table("switched off", tables["ablation"]),
        "## Where it errs most",
        figures.table(
            ["workload", "configuration", "predicted", "measured", "error"], worst(found)
        ),
    ]
    left = [f"{n}: {', '.join(workload(n).left_out)}" for n in found.names
            if workload(n).left_out]  # fmt: skip
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
