"""The benchmark's report: ``docs/accuracy.md`` for people, ``accuracy.json`` for programs."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import figures
from figures import Choice, Errors, Predicted, Predictions, Run
from recorded import (
    TUNED,
    UNSEEN,
    Recorded,
    Trial,
    allowed,
    choices,
    commits,
    costs,
    environment,
    expected_regrets,
    gather,
    group_of,
    plain,
    worst,
)
from reliability import class_of, memory_rows, reliability
from run import LONGEST_WAIT_S, ROOT, records, say, without, workload

from advisor.domain.candidate import name_in_words
from advisor.domain.options import MEMORY_HEADROOM

PAGE = ROOT / "docs" / "accuracy.md"
DATA = ROOT / "bench" / "results" / "accuracy.json"


REGRET_WORDS = """\
Regret: how much longer the advised way took than the fastest way that was run and that puts no more
items at work than a pool of the job's allows. The rule of thumb:
sequential under 30 s per item, `execute_job` to 5 minutes, above that the command line. The cost of
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

_WHEN = {
    False: "Each prediction was made before the runs.",
    True: "Predictions are by today's model, from profiles measured before the runs.",
}


def baseline(found: Recorded) -> Predictions:
    from baseline import closed_form_s

    from advisor.domain.candidate import read_candidate
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


def search_seconds(found: Recorded) -> dict[str, float]:
    """How long a whole search takes for 10,000 items of a workload, in seconds."""
    from advisor.api.recommend import recommend
    from advisor.domain.no_prediction import NoAdviceError
    from advisor.domain.options import AdviseOptions

    took = {}
    for name in found.names:
        saved = next(saved for (of, _), saved in found.saved.items() if of == name)
        begun = time.perf_counter()
        with suppress(NoAdviceError):  # so many items may need more memory than there is
            recommend(saved, AdviseOptions(items=10_000))
        took[name] = time.perf_counter() - begun
    return took


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
            lambda run: f"{group_of(run.workload)}: {class_of(run.configuration)}",
        ),
        "method": figures.errors_by(
            found.runs, found.predicted, lambda run: name_in_words(run.method)
        ),
        "workload": figures.errors_by(found.runs, found.predicted, lambda run: run.workload),
        "pass": figures.errors_by(found.runs, found.predicted, lambda run: f"{run.repeat + 1}"),
        "speed": figures.by_change_of_speed(found.runs, found.predicted),
        "compared": {name: e for name, e in compared.items() if e is not None},
        "ablation": ablation(found, [r for r in ours if r.method.startswith("multiprocess")]),
    }
    _write_page(found, everything, tables, made, config_only, search)
    _write_data(found, everything, tables, made, config_only, search)
    say(f"Written: {PAGE.relative_to(ROOT)}, {DATA.relative_to(ROOT)}")


def asked(found: Recorded) -> str:
    """What the advice was for, and the seeds of the random workloads."""
    where = sorted({environment(profile) for profile in found.profiles.values()})
    seeds = sorted({name.split("_")[1] for name in found.names if group_of(name) == UNSEEN})
    drawn = f"The random workloads are of seed {' and '.join(seeds)}. " if seeds else ""
    return f"Advice is for `--environment {' and '.join(where)}`. {drawn}"


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
        f"{asked(found)}{quiet_starts(found.names)}"
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
            reliability(allowed(found), found.predicted),
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
            memory_rows(
                found.runs,
                found.predicted,
                MEMORY_HEADROOM,
                lambda run: class_of(run.configuration),
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
