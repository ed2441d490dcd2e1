"""From which item duration one way to run beats another on this host."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from advisor.domain.advice import BreakEven
from advisor.domain.candidate import Candidate
from advisor.domain.host import OverheadModel
from advisor.domain.work_kind import CPU_SHARE, WAITING_SHARE
from advisor.domain.workload import StartMethod
from advisor.model.contention import Contention
from advisor.model.items import ExtraCost, Items, Stage
from advisor.model.prediction import Machine, Setting, estimate

SHORTEST_S, LONGEST_S = 0.001, 600.0
"""Range of item durations that is searched."""

PRECISION = 0.02
"""A crossing is located to this share."""


def uniform_items(count: int, wall_s: float, cpu_share: float) -> Items:
    """``count`` equal items without payload, as a workload to ask about."""
    one = np.array([wall_s])
    nothing = np.zeros(1)
    stage = Stage(
        wall_s=one,
        cpu_s=one * cpu_share,
        load_s=nothing,
        store_s=nothing,
        first=ExtraCost(),
        preloaded=ExtraCost(),
        resources=ExtraCost(),
    )
    return Items(
        count=count,
        samples=1,
        exact=count == 1,
        stages=(stage,),
        fan_out_s=0.0,
        upstream_s=0.0,
        collect_s=0.0,
        peak_rss_bytes=0,
        base_rss_bytes=0,
        input_bytes=0,
        output_bytes=0,
    )


def _methods(
    overhead: OverheadModel, items: int, cores: float, cpu_share: float, preload: tuple[str, ...]
) -> dict[str, Candidate]:
    """The multiprocess ways, each with as many steps at once as suits such items."""
    slots = 8 if cpu_share < WAITING_SHARE else 4 if cpu_share < CPU_SHARE else round(cores)
    slots = max(2, min(slots, items))
    starts: dict[str, tuple[StartMethod, tuple[str, ...]]] = {
        "spawn": ("spawn", ()),
        "forkserver": ("forkserver", ()),
        "warm_forkserver": ("forkserver", preload or ("warm",)),
    }
    return {
        f"multiprocess, {name.replace('_', ' ')}": Candidate(
            "execute_job", "multiprocess", start, modules, slots
        )
        for name, (start, modules) in starts.items()
        if name in overhead.multiprocess
    }


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
        overhead: The host's.
        items: Items of the run.
        cores: Effective cores.
        cpu_share: CPU over wall clock of an item (0: it only waits).
        preload: The warm preload list.

    The advantage of running at once grows with the duration, so there is one crossing.
    """
    machine = Machine(cores=cores, memory_bytes=0)
    serial = Candidate("execute_job", "in_process")
    found = []
    for name, way in _methods(overhead, items, cores, cpu_share, preload).items():

        def gain_s(wall_s: float, way: Candidate = way) -> float:
            setting = Setting(
                items=uniform_items(items, wall_s, cpu_share),
                contention=Contention(wall_s),
                overhead=overhead,
                machine=machine,
                draws=1,
            )
            return estimate(serial, setting).makespan_s - estimate(way, setting).makespan_s

        found.append(BreakEven("in-process executor", name, _root_s(gain_s)))
    return tuple(found)


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
        found = gain_s(at)
        if found > 0:
            high, gain = at, found
        else:
            low, loss = at, found
        halved = math.log(high / low) <= width / 2
    return high
