"""From which item duration one way to run beats another on this host."""

from __future__ import annotations

import numpy as np

from advisor.domain.advice import BreakEven
from advisor.domain.candidate import Candidate
from advisor.domain.host import OverheadModel
from advisor.model.contention import Contention
from advisor.model.items import FirstCallExtra, Items, Stage
from advisor.model.prediction import Machine, Setting, estimate

SHORTEST_S, LONGEST_S = 0.001, 600.0
"""Range of item durations that is searched."""

PRECISION = 1.03
"""A crossing is located to this factor."""


def uniform_items(count: int, wall_s: float, cpu_share: float) -> Items:
    """``count`` equal items without payload, as a workload to ask about."""
    one = np.array([wall_s])
    nothing = np.zeros(1)
    stage = Stage(
        wall_s=one,
        cpu_s=one * cpu_share,
        load_s=nothing,
        store_s=nothing,
        first=FirstCallExtra(),
        preloaded=FirstCallExtra(),
        resources_s=0.0,
        picklable=True,
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


def _best_s(candidates: tuple[Candidate, ...], setting: Setting) -> float:
    return min(estimate(candidate, setting).makespan_s for candidate in candidates)


def _methods(
    overhead: OverheadModel, items: int, preload: tuple[str, ...]
) -> dict[str, tuple[Candidate, ...]]:
    """The multiprocess ways, each at a few concurrencies, of which the best counts."""
    slots = [m for m in (2, 4, 8) if m <= max(2, items)]
    ways: dict[str, tuple[Candidate, ...]] = {}
    for name, start, modules in (
        ("spawn", "spawn", ()),
        ("forkserver", "forkserver", ()),
        ("warm_forkserver", "forkserver", preload or ("warm",)),
    ):
        if name in overhead.multiprocess:
            ways[f"multiprocess, {name.replace('_', ' ')}"] = tuple(
                Candidate("execute_job", "multiprocess", start, modules, m)  # type: ignore[arg-type]
                for m in slots
            )
    return ways


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

    Bisection on the logarithm of the duration: the advantage of running at once grows with it.
    """
    machine = Machine(cores=cores, memory_bytes=0)
    serial = (Candidate("execute_job", "in_process"),)
    found = []
    for name, ways in _methods(overhead, items, preload).items():

        def gain_s(wall_s: float, ways: tuple[Candidate, ...] = ways) -> float:
            setting = Setting(
                items=uniform_items(items, wall_s, cpu_share),
                contention=Contention(wall_s, 0.0, 0.0),
                overhead=overhead,
                machine=machine,
                draws=1,
            )
            return _best_s(serial, setting) - _best_s(ways, setting)

        found.append(BreakEven("in-process executor", name, _root_s(gain_s)))
    return tuple(found)


def _root_s(gain_s: object) -> float | None:
    assert callable(gain_s)
    low, high = SHORTEST_S, LONGEST_S
    if gain_s(high) <= 0:
        return None
    if gain_s(low) > 0:
        return low
    while high / low > PRECISION:
        middle = float(np.sqrt(low * high))
        if gain_s(middle) > 0:
            high = middle
        else:
            low = middle
    return high
