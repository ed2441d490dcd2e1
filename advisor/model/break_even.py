"""From which item duration one way to run beats another on this host."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from advisor.domain.advice import BreakEven
from advisor.domain.candidate import Candidate
from advisor.domain.overhead import OverheadModel
from advisor.domain.work_kind import CPU_SHARE, WAITING_SHARE
from advisor.model.candidates import start_methods
from advisor.model.contention import Contention
from advisor.model.items import Items
from advisor.model.prediction import Predictor
from advisor.model.setting import Machine, Setting
from advisor.model.stage import Stage

SHORTEST_S, LONGEST_S = 0.001, 600.0
"""Range of item durations that is searched."""

WAITING_SLOTS, MIXED_SLOTS = 8, 4
"""Steps in parallel for items that mostly wait, and for those that also compute: what most hosts
take; those that compute get the cores."""

PRECISION = 0.02
"""A crossing is located to this share."""


def uniform_items(count: int, wall_s: float, cpu_share: float) -> Items:
    """``count`` equal items without payload, as a workload to ask about."""
    walls_s, nothing = np.full(count, wall_s), np.zeros(count)
    stage = Stage(wall_s=walls_s, cpu_s=walls_s * cpu_share, load_s=nothing, store_s=nothing)
    return Items(count, samples=count, stages=(stage,), sample_numbers=tuple(range(count)))


def _methods(
    overhead: OverheadModel, items: int, cores: float, cpu_share: float, preload: tuple[str, ...]
) -> dict[str, Candidate]:
    """The multiprocess ways, each with as many steps at once as suits such items."""
    waiting = WAITING_SLOTS if cpu_share < WAITING_SHARE else MIXED_SLOTS
    slots = waiting if cpu_share < CPU_SHARE else round(cores)
    slots = max(2, min(slots, items))
    ways = start_methods(overhead, preload or ("warm",))
    return {way.family: replace(way, max_concurrent=slots) for way in ways}


def crossings(
    overhead: OverheadModel,
    *,
    items: int,
    cores: float,
    cpu_share: float,
    preload: tuple[str, ...] = (),
) -> tuple[BreakEven, ...]:
    """Item durations from which each multiprocess way beats the in-process executor.

    Args:
        cpu_share: CPU over wall clock of an item (0: it only waits).

    The advantage of running at once grows with the duration, so there is one crossing.
    """
    machine = Machine(cores=cores, memory_bytes=0)
    serial = Candidate("execute_job", "in_process")
    rows = []
    for name, way in _methods(overhead, items, cores, cpu_share, preload).items():

        def gain_s(wall_s: float, way: Candidate = way) -> float:
            equal = uniform_items(items, wall_s, cpu_share)
            setting = Setting(equal, Contention(wall_s), overhead, machine, draws=1)
            predictor = Predictor(setting)
            return predictor.estimate(serial).makespan_s - predictor.estimate(way).makespan_s

        rows.append(BreakEven("in-process executor", name, _root_s(gain_s)))
    return tuple(rows)


def _root_s(gain_s: Callable[[float], float]) -> float | None:
    """The duration at which the gain turns positive.

    False position, as the gain is close to linear in the duration, with a step of bisection (of
    the logarithm) wherever the bracket has not halved. SciPy's root finders take longer to import
    than this takes to run.
    """
    low, high = SHORTEST_S, LONGEST_S
    loss, gain = gain_s(low), gain_s(high)
    if gain <= 0:
        return None
    if loss > 0:
        return SHORTEST_S
    halved = True
    while (width := math.log(high / low)) > PRECISION:
        at = low + (high - low) * loss / (loss - gain) if halved else math.sqrt(low * high)
        at = min(max(at, low * (1.0 + PRECISION)), high / (1.0 + PRECISION))
        gain_at_s = gain_s(at)
        if gain_at_s > 0:
            high, gain = at, gain_at_s
        else:
            low, loss = at, gain_at_s
        halved = math.log(high / low) <= width / 2
    return high
