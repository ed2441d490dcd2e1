"""Workloads on which nothing was tuned: ten random jobs of a seed, attributes of this module.

``random_workloads:seed_7_3`` is the fourth job of seed 7. Choose a seed that was not used before
(``date +%s``), and publish it: it decides everything but what calls of one item differ by.
"""

import functools
import random
import time

import numpy as np
from dagster import DynamicOut, DynamicOutput, JobDefinition, graph, op
from random_recipes import JOBS, Recipe, recipe
from workloads import BenchWorkload, compute, count_results


def work(number: int, value: np.ndarray, made: Recipe) -> np.ndarray:
    """One item; calls of the same one differ where the recipe has noise."""
    factor = made.factors[number]
    if made.noise_sd:
        factor *= random.SystemRandom().lognormvariate(-(made.noise_sd**2) / 2, made.noise_sd)
    filled = np.ones(made.memory_bytes // 8)
    time.sleep(made.wait_s * factor)
    compute(made.cpu_s * factor)
    return value + float(filled[-1] if len(filled) else 1.0)


@functools.cache
def job_of(seed: int, number: int) -> JobDefinition:
    """A job of the recipe, made once."""
    made, name = recipe(seed, number), f"seed_{seed}_{number}"

    @op(name=f"{name}_items", out=DynamicOut())
    def items():
        for item in range(len(made.factors)):
            value = np.full(max(1, made.payload_bytes // 8), float(item))
            yield DynamicOutput((item, value), mapping_key=f"item_{item}")

    @op(name=f"{name}_work")
    def each(item):
        return work(item[0], item[1], made)

    @graph(name=name)
    def whole():
        count_results(items().map(each).collect())

    return whole.to_job(name=name)


def workloads(seed: int) -> dict[str, BenchWorkload]:
    """The seed's workloads by name."""
    found = {}
    for number in range(JOBS):
        made, name = recipe(seed, number), f"seed_{seed}_{number}"
        kind = ", ".join((
            *made.features, f"{made.item_s:.2g} s per item",
            *([f"{made.payload_bytes / 1e6:.0f} MB in and out"] if made.payload_bytes > 8 else []),
            *([f"{made.memory_bytes / 1e6:.0f} MB held"] if made.memory_bytes else []),
        ))  # fmt: skip
        left_out = ("spawn", "forkserver") if len(made.factors) > 20 else ("spawn:1", "spawn:4")
        found[name] = BenchWorkload(
            name, kind, len(made.factors), made.item_s, left_out, module=__name__
        )
    return found


def __getattr__(name: str) -> JobDefinition:
    """``seed_7_3``: Dagster imports a job by its module and name in each process."""
    prefix, _, rest = name.partition("_")
    if prefix != "seed":
        raise AttributeError(name)
    seed, _, number = rest.partition("_")
    return job_of(int(seed), int(number))
