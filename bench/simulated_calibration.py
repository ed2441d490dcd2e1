"""Simulation-based calibration: does a sample predict what the simulator does with all items?

A population of items is made, sampled as `dynadvise profile` samples it, and predicted. The truth
is the whole simulation of all its items, each with a call of its own, without any shortcut. What
the interval holds of the model's and the host's own error is drawn around the truth, so that it is
sampling, drawing, dealing into batches, scheduling and extrapolation that are tested.

``python bench/simulated_calibration.py`` writes the table into docs/model-evidence.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from unittest.mock import patch

import numpy as np
from figures import table
from numpy.typing import NDArray

from advisor.domain.candidate import Candidate
from advisor.domain.item_sample import ItemSample
from advisor.domain.overhead import InProcessOverhead, MultiprocessOverhead, OverheadModel
from advisor.domain.workload import OpProfile, WorkloadProfile
from advisor.measure.ops.drawn import places
from advisor.model.contention import Contention
from advisor.model.items import items_of
from advisor.model.prediction import Predictor
from advisor.model.setting import Machine, Setting
from advisor.model.uncertainty import relative_sd

Seconds = NDArray[np.float64]
Random = np.random.Generator

PAGE = Path(__file__).parents[1] / "docs" / "model-evidence.md"
HEADING = "## Simulation-based calibration"
SAMPLES, CALLS = 40, 120
"""Items and calls of a measurement, as the tool takes them."""

STEP = MultiprocessOverhead(0.2, 1.3, 0.09, 0.08, 0.03, 0.015, 0.04, 0.015, 0.008, 0.03)
OVERHEAD = OverheadModel(
    execute_in_process=InProcessOverhead(0.05, 0.008, 0.002, 0.001, 0.01),
    in_process=InProcessOverhead(0.2, 0.04, 0.013, 0.008, 0.04),
    multiprocess={"spawn": replace(STEP, boot_s=1.2), "warm_forkserver": STEP},
    cli_start_s=1.8,
    store_byte_s=1e-9,
    load_byte_s=1e-9,
    transfer_s=0.01,
)
MACHINE = Machine(16.0, 1 << 40)
EIGHT_STEPS = Candidate("execute_job", "multiprocess", "forkserver", ("warm",), max_concurrent=8)
ONE_STEP = Candidate("execute_job", "in_process", workers_in_op=16, worker_kind="thread")


def ways(items: int) -> dict[str, Candidate]:
    """A way of each class for so many items."""
    return {
        "plain": EIGHT_STEPS,
        "batched": replace(EIGHT_STEPS, batch_size=max(2, items // 16)),
        "threads": replace(ONE_STEP, batch_size=items),
    }


# --- populations: each item's own mean seconds, about 1 s on the whole -------------------------


def _lognormal(rng: Random, items: int) -> Seconds:
    return rng.lognormal(-0.125, 0.5, items)


def _periodic(rng: Random, items: int) -> Seconds:
    """Each eighth item is seven times as long as the others, from any of the first eight on."""
    return np.where((np.arange(items) + rng.integers(8)) % 8 == 0, 4.0, 4.0 / 7.0)


POPULATIONS: Mapping[str, Callable[[Random, int], Seconds]] = {
    "constant": lambda _, items: np.ones(items),
    "lognormal": _lognormal,
    "sorted": lambda rng, items: np.sort(rng.lognormal(-0.08, 0.4, items)),
    "periodic": _periodic,
    "growing": lambda rng, items: (0.5 + np.arange(items) / items) * rng.uniform(0.9, 1.1, items),
    "per-call noise": lambda _, items: np.ones(items),
}
LISTS = {20: 60, 200: 40, 2000: 6, 10_000: 3}
"""Sizes, and how many lists of each are made."""

LONG_ITEMS, REPEATS = 1000, {False: (1, 4), True: (8, 1)}
"""Samples of each list, and its true runs: of a long one a run costs more than predictions."""


def called(name: str, means_s: Seconds, rng: Random) -> Seconds:
    """Seconds of one call of each of these items."""
    if name == "per-call noise":
        return means_s * rng.exponential(1.0, len(means_s))
    return means_s * rng.normal(1.0, 0.01, len(means_s))


def setting_of(workload: WorkloadProfile) -> Setting:
    """On a host whose overhead is known."""
    return Setting(items_of(workload), Contention(1.0, 0.01), OVERHEAD, MACHINE)


def workload(items: int, calls: list[tuple[int, float]]) -> WorkloadProfile:
    """A profile of these calls: item and seconds."""
    samples = tuple(ItemSample(item, None, s, 0.01 * s, 0, 5, 5) for item, s in calls)
    op = OpProfile("work", (), (), samples)
    return WorkloadProfile(items, (op,), fan_out_s=0.0, fan_out_items=items)


def sampled(name: str, means_s: Seconds, rng: Random) -> Setting:
    """What the tool knows of the population."""
    at = np.array(places(len(means_s), SAMPLES, int(rng.integers(1 << 30))))
    calls: list[tuple[int, float]] = []
    for _ in range(max(1, CALLS // len(at))):
        calls += zip(at.tolist(), called(name, means_s[at], rng).tolist(), strict=True)
    return setting_of(workload(len(means_s), calls))


def truth_s(
    name: str, means_s: Seconds, rng: Random, found: Mapping[str, Candidate]
) -> Mapping[str, float]:
    """What each way that was found really takes, once: all items simulated, in their order."""
    walls_s = called(name, means_s, rng).tolist()
    predictor = Predictor(setting_of(workload(len(means_s), list(enumerate(walls_s)))))
    with (
        patch("advisor.model.scheduling.MANY_STEPS", len(means_s)),
        patch("advisor.model.batches.SIMULATED_ITEMS", len(means_s)),
    ):
        return {kind: predictor.estimate(way).makespan_s for kind, way in found.items()}


@dataclass(frozen=True, slots=True)
class Cell:
    """How a class of ways is predicted for a population (shares).

    Attributes:
        bias: Predicted over true makespan, less 1 (geometric mean); what the sample's mean is off
            the population's by chance is taken out.
        coverage: How often the 90 % interval holds the truth with the model's own error.
    """

    population: str
    items: int
    kind: str
    bias: float
    coverage: float


def _compared(predictor: Predictor, way: Candidate, mean_s: float, true_s: float) -> Seconds:
    """Log of predicted over true, and how often the interval holds the truth (shape: 2)."""
    setting, estimate = predictor.setting, predictor.estimate(way)
    interval = predictor.prediction_of(estimate).makespan_s
    own = NormalDist(np.log(true_s), relative_sd(estimate, setting))
    held = own.cdf(np.log(interval.high)) - own.cdf(np.log(interval.low))
    chance = float(setting.items.wall_s.mean()) / mean_s
    share = estimate.breakdown_s.work_s / estimate.makespan_s
    fair_s = interval.median / (1.0 + share * (chance - 1.0))
    return np.array([np.log(fair_s / true_s), held])


def cells(population: str, items: int, trials: int, seed: int = 1) -> Iterator[Cell]:
    """The cells of a population, one a class of ways.

    Args:
        population: Of `POPULATIONS`.
        items: How many.
        trials: Lists of items; each has its samples and true runs (`REPEATS`).
        seed: Of the lists.
    """
    rng = np.random.default_rng([seed, items, sorted(POPULATIONS).index(population)])
    samples, runs = REPEATS[items >= LONG_ITEMS]
    rows: dict[str, list[Seconds]] = {kind: [] for kind in ways(items)}
    for _ in range(trials):
        means_s = POPULATIONS[population](rng, items)
        predictors = [Predictor(sampled(population, means_s, rng)) for _ in range(samples)]
        true_s = [truth_s(population, means_s, rng, ways(items)) for _ in range(runs)]
        for predictor, once_s in itertools.product(predictors, true_s):
            for kind, way in ways(items).items():
                found = _compared(predictor, way, float(means_s.mean()), once_s[kind])
                rows[kind].append(found)
    for kind, found in rows.items():
        log_ratio, coverage = np.mean(found, axis=0).tolist()
        yield Cell(population, items, kind, float(np.expm1(log_ratio)), coverage)


def main() -> None:
    """Write the table into the page of the model's evidence."""
    rows, held = [], 0
    for population, (items, lists) in itertools.product(POPULATIONS, LISTS.items()):
        found = list(cells(population, items, lists))
        figures = [f"{100 * c.bias:+.1f} %, {100 * c.coverage:.0f} %" for c in found]
        held += sum(abs(c.bias) < 0.03 and 0.85 <= c.coverage <= 0.95 for c in found)
        samples, runs = REPEATS[items >= LONG_ITEMS]
        rows.append([population, f"{items:,}", f"{lists * samples}", f"{lists * runs}", *figures])
        print(*rows[-1], flush=True)  # noqa: T201
    head = ["population", "items", "samples", "runs", "plain", "batched", "threads"]
    about = __doc__.split("\n\n")[1]
    text = (
        f"{HEADING}\n\n{about}\n\nBias of the predicted makespan (geometric mean; what a sample's "
        "mean is off by chance taken\nout), and how often the 90 % interval holds the truth. "
        f"Made by `make bench-simulated`.\n\n{held} of {3 * len(rows)} cells hold: bias under 3 %, "
        f"coverage 85 to 95 %.\n\n{table(head, rows)}\n"
    )
    before = PAGE.read_text().split(HEADING)[0].rstrip()
    PAGE.write_text(f"{before}\n\n{text}")


if __name__ == "__main__":
    main()
