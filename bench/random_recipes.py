"""What the items of random workloads do, by seed and number alone."""

import math
import random
from dataclasses import dataclass

JOBS = 10
LEADING = ("wait", "cpu", "payload", "memory", "lognormal", "periodic", "noise")
"""What the jobs of a seed have in turn; each has the others with a chance of ``ALSO``."""
ALSO = 0.25
SERIAL_S = (4.0, 16.0)
"""Seconds of all items one after another: so that a bench of ten jobs takes minutes."""


@dataclass(frozen=True)
class Recipe:
    """What an item of a job does; seconds and bytes are of an item whose factor is 1."""

    features: tuple[str, ...]
    factors: tuple[float, ...]
    wait_s: float
    cpu_s: float
    payload_bytes: int
    memory_bytes: int
    noise_sd: float

    @property
    def item_s(self) -> float:
        """Nominal seconds of an item, on average."""
        return (self.wait_s + self.cpu_s) * sum(self.factors) / len(self.factors)


def between(rng: random.Random, low: float, high: float) -> float:
    """Any order of magnitude alike."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def recipe(seed: int, number: int) -> Recipe:
    """The recipe of a job, by its seed and number alone."""
    rng = random.Random(f"{seed} {number}")
    leading = LEADING[number % len(LEADING)]
    features = [name for name in LEADING if name == leading or rng.random() < ALSO]
    if not {"wait", "cpu"} & set(features):
        features.append(rng.choice(["wait", "cpu"]))
    count = round(between(rng, 6, 100))
    if {"payload", "memory"} & set(features):
        count = min(count, 16)
    factors = [1.0] * count
    if "lognormal" in features:
        sigma = rng.uniform(0.3, 1.2)
        factors = [rng.lognormvariate(-(sigma**2) / 2, sigma) for _ in factors]
    if "periodic" in features:
        period, heavy = rng.randint(2, 8), between(rng, 3, 12)
        factors = [f * (heavy if i % period == 0 else 1.0) for i, f in enumerate(factors)]
    wait_s = between(rng, 0.05, 1.0) * ("wait" in features)
    cpu_s = between(rng, 0.02, 1.0) * ("cpu" in features)
    serial_s = (wait_s + cpu_s) * sum(factors)
    scale = min(max(serial_s, SERIAL_S[0]), SERIAL_S[1]) / serial_s
    return Recipe(
        tuple(features),
        tuple(factors),
        wait_s * scale,
        cpu_s * scale,
        round(between(rng, 1e6, 40e6)) if "payload" in features else 8,
        round(between(rng, 50e6, 700e6)) if "memory" in features else 0,
        rng.uniform(0.2, 0.8) if "noise" in features else 0.0,
    )
