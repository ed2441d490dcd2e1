"""Simulation-based calibration: does a sample predict what the simulator does with all items?

A population of items is made, sampled as `dynadvise profile` samples it, and predicted. The truth
is the whole simulation of all its items, each with a call of its own, without any shortcut. What
the interval holds of the model's and the host's own error is drawn around the truth, so that it is
sampling, drawing, dealing into batches, scheduling and extrapolation that are tested.

``python bench/simulated_calibration.py`` writes the table into docs/model-evidence.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from unittest.mock import patch

import numpy as np
from figures import table
from numpy.typing import NDArray

from advisor.domain.candidate import Candidate
from advisor.domain.host import InProcessOverhead, MultiprocessOverhead, OverheadModel
from advisor.domain.workload import ItemSample, OpProfile, WorkloadProfile
from advisor.measure.drawn import places
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


POPULATIONS: Mapping[str, Callable[[Random, int], Seconds]] = {
    "constant": lambda _, items: np.ones(items),
    "lognormal": _lognormal,
    "sorted": lambda rng, items: np.sort(rng.lognormal(-0.08, 0.4, items)),
    "periodic": lambda _, items: np.where(np.arange(items) % 8 == 0, 4.0, 4.0 / 7.0),
    "growing": lambda rng, items: (0.5 + np.arange(items) / items) * rng.uniform(0.9, 1.1, items),
    "per-call noise": lambda _, items: np.ones(items),
}
SIZES = (20, 200, 2000, 10_000)


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


def truth_s(name: str, means_s: Seconds, rng: Random) -> Mapping[str, float]:
    """What each way really takes, once: all items simulated, in their order."""
    walls_s = called(name, means_s, rng).tolist()
    predictor = Predictor(setting_of(workload(len(means_s), list(enumerate(walls_s)))))
    with (
        patch("advisor.model.scheduling.MANY_STEPS", len(means_s)),
        patch("advisor.model.batches.SIMULATED_ITEMS", len(means_s)),
    ):
        found = ways(len(means_s)).items()
        return {kind: predictor.estimate(way).makespan_s for kind, way in found}


@dataclass(frozen=True, slots=True)
class Cell:
    """How a class of ways is predicted for a population (shares).

    Attributes:
        bias: Mean of the draws over mean true makespan, less 1; what the sample's mean is off the
            population's by chance is taken out.
        coverage: How often the 90 % interval holds the truth with the model's own error.
    """

    population: str
    items: int
    kind: str
    bias: float
    coverage: float


def cells(population: str, items: int, trials: int, seed: int = 1) -> Iterator[Cell]:
    """The cells of a population, one a class of ways."""
    rng = np.random.default_rng([seed, items, sorted(POPULATIONS).index(population)])
    rows: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in ways(items)}
    for _ in range(trials):
        means_s = POPULATIONS[population](rng, items)
        setting = sampled(population, means_s, rng)
        chance = float(setting.items.wall_s.mean() / means_s.mean())
        true_s = truth_s(population, means_s, rng)
        predictor = Predictor(setting)
        for kind, way in ways(items).items():
            estimate = predictor.estimate(way)
            interval = predictor.prediction_of(estimate).makespan_s
            own = NormalDist(np.log(true_s[kind]), relative_sd(estimate, setting))
            held = own.cdf(np.log(interval.high)) - own.cdf(np.log(interval.low))
            share = estimate.breakdown_s.work_s / estimate.makespan_s
            fair_s = float(estimate.draws_s.mean()) / (1.0 + share * (chance - 1.0))
            rows[kind].append((fair_s, true_s[kind], held))
    for kind, found in rows.items():
        fair_s, true_mean_s, coverage = np.mean(found, axis=0).tolist()
        yield Cell(population, items, kind, fair_s / true_mean_s - 1.0, coverage)


def main() -> None:
    """Write the table into the page of the model's evidence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=40)
    trials = parser.parse_args().trials
    rows = []
    for population in POPULATIONS:
        for items in SIZES:
            found = list(cells(population, items, trials))
            figures = [f"{100 * c.bias:+.1f} %, {100 * c.coverage:.0f} %" for c in found]
            rows.append([population, f"{items:,}", *figures])
    head = ["population", "items", "plain", "batched", "threads"]
    text = f"{HEADING}\n\n{__doc__.split(chr(10) * 2)[1]}\n\nBias, and how often the 90 % interval"
    text += f" holds the truth, over {trials} samples of each.\n\n{table(head, rows)}\n"
    before = PAGE.read_text().split(HEADING)[0].rstrip()
    PAGE.write_text(f"{before}\n\n{text}")


if __name__ == "__main__":
    main()
