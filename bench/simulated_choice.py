"""How sure the advice says that it is, beside how often it is right: on synthetic lists.

``python bench/simulated_choice.py`` writes the tables into docs/model-evidence.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from figures import table
from simulated_calibration import (
    OVERHEAD,
    PAGE,
    POPULATIONS,
    Seconds,
    rewritten,
    sampled,
    truth_s,
)

from advisor.domain.advice import Prediction
from advisor.domain.candidate import Candidate
from advisor.domain.trial import WorkerLimit
from advisor.model.candidates import WorkerChoice, all_candidates
from advisor.model.limits import Limits
from advisor.model.prediction import Predictor
from advisor.model.search import Constraints, SearchResult, search
from advisor.model.setting import Setting
from advisor.model.uncertainty import COMMON_SD, OWN_SD, relative_sd

HEADING = "## How sure the advice is"
ABOUT = """\
The same synthetic lists: a search over all ways of a sample says how likely each is the best
(`p_best`) and what the advised one loses to the best on average (expected regret). The truth is the
whole simulation of the leading ways, with the model's own error around each as the tool
has it (most of it common to a method). Made by `make bench-simulated`.
"""
SIZES, LISTS = (20, 200, 2000), 4
LEADING = 12
"""Ways of which the truth is simulated: others have hardly any chance."""

ERRORS = 400
"""Draws of the model's own error for each list."""

EDGES = (0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
SPAWN = Candidate("execute_job", "multiprocess", "spawn", max_concurrent=8)


def searched(setting: Setting, worked: int, current: Candidate = SPAWN) -> SearchResult:
    """The search over all ways, where so many threads and processes were seen to work."""
    tried = (WorkerLimit(kind, True, worked, worked) for kind in ("thread", "process"))
    setting = replace(setting, limits=Limits(*tried))
    candidates = all_candidates(
        setting.items.count,
        overhead=OVERHEAD,
        preload=("warm",),
        workers=WorkerChoice(setting.contention, setting.machine.cores),
    )
    return search(candidates, Predictor(setting), Constraints(), current=current, default=SPAWN)


def leading(found: SearchResult, most: int = LEADING) -> list[Prediction]:
    """The ways that may be advised and are the likeliest to be the best, and the advised one."""
    tried = [way for way in found.candidates if way.trial == found.recommendation.trial]
    tried = sorted((way for way in tried if way.allowed), key=lambda way: -way.p_best)[:most]
    ways = {way.candidate: way for way in (found.recommendation, *tried)}
    return list(ways.values())


@dataclass(frozen=True, slots=True)
class Judged:
    """A list's ways: what was predicted, and what came true (shares).

    Attributes:
        p_best: Of each way, predicted.
        was_best: How often it was.
        regret: Of the advised way: predicted, and on average.
    """

    population: str
    p_best: tuple[float, ...]
    was_best: tuple[float, ...]
    regret: tuple[float, float]


def _errors(setting: Setting, ways: Sequence[Candidate], rng: np.random.Generator) -> Seconds:
    """Factors by which the model errs (shape: ways x draws)."""
    predictor = Predictor(setting)
    called = [way.without_command_line for way in ways]
    common = {way.family: rng.standard_normal(ERRORS) for way in called}
    own = {way: rng.standard_normal(ERRORS) for way in called}
    error = np.array([COMMON_SD * common[way.family] + OWN_SD * own[way] for way in called])
    sd = np.array([relative_sd(predictor.estimate(way), setting) for way in ways])
    return np.exp(sd[:, None] * error)


def judged(population: str, items: int, lists: int, worked: int = 128) -> Iterator[Judged]:
    """One for each list."""
    rng = np.random.default_rng([2, items, sorted(POPULATIONS).index(population)])
    for _ in range(lists):
        means_s = POPULATIONS[population](rng, items)
        setting = sampled(population, means_s, rng)
        found = leading(searched(setting, worked))
        ways = {way.candidate.label: way.candidate for way in found}
        true_s = np.array(list(truth_s(population, means_s, rng, ways).values()))
        real_s = true_s[:, None] * _errors(setting, list(ways.values()), rng)
        best_s = real_s.min(axis=0)
        yield Judged(
            population,
            tuple(way.p_best for way in found),
            tuple((real_s <= best_s).mean(axis=1).tolist()),
            (found[0].expected_regret, float((real_s[0] / best_s).mean() - 1.0)),
        )


def _by_chance(every: Sequence[Judged]) -> list[list[str]]:
    pairs = np.array(
        [pair for each in every for pair in zip(each.p_best, each.was_best, strict=True)]
    )
    place = np.digitize(pairs[:, 0], EDGES[1:-1], right=True)
    rows = []
    for bin_, (low, high) in enumerate(itertools.pairwise(EDGES)):
        said, was = pairs[place == bin_].T
        error = was.std(ddof=1) / len(was) ** 0.5
        rows.append([
            f"{100 * low:.0f} to {100 * high:.0f} %", str(len(was)), f"{100 * said.mean():.1f} %",
            f"{100 * was.mean():.1f} ± {100 * error:.1f} %",
        ])  # fmt: skip
    return rows


def _by_population(every: Sequence[Judged]) -> list[list[str]]:
    rows = []
    for name in (*POPULATIONS, "all"):
        regrets = [each.regret for each in every if name in (each.population, "all")]
        said, was = 100 * np.array(regrets).T
        error = was.std(ddof=1) / len(was) ** 0.5
        rows.append(
            [name, str(len(was)), f"{said.mean():.2f} %", f"{was.mean():.2f} ± {error:.2f} %"]
        )
    return rows


def _group(spec: tuple[str, int]) -> list[Judged]:
    return list(judged(*spec, LISTS))


def main() -> None:
    """Write the tables into the page of the model's evidence."""
    with ProcessPoolExecutor() as pool:
        found = pool.map(_group, itertools.product(POPULATIONS, SIZES))
        every = list(itertools.chain(*found))
    chances = table(
        ["predicted to be the best", "ways", "mean", "were the best"], _by_chance(every)
    )
    regrets = table(["population", "lists", "expected regret", "realised"], _by_population(every))
    PAGE.write_text(rewritten(HEADING, f"{ABOUT}\n{chances}\n\n{regrets}\n"))


if __name__ == "__main__":
    main()
