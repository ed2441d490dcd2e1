"""What was measured, as it is on the cores asked about.

A quota below one core is one slow core: whatever computes takes longer there by the quota's
inverse, and what waits does not. An item that computes on several cores by itself has no more of
them than there are.
"""

from dataclasses import replace

import numpy as np

from advisor.domain.overhead import OverheadModel
from advisor.model.items import Items
from advisor.model.run_overhead import Overhead, at_pace
from advisor.model.stage import ExtraCost, Stage


def speed_of(cores: float) -> float:
    """How fast one thread computes on so many cores: at full speed from one core on."""
    return min(1.0, cores)


def items_on(items: Items, capacity_here: float, cores: float) -> Items:
    """The items as they are alone on ``cores``.

    Args:
        items: As measured alone on whole cores.
        capacity_here: Cores that their own threads had (`capacity_of`): CPU seconds of two threads
            of one core are no more than that core's.
        cores: What the machine asked about has for them.
    """
    speed, here, there = speed_of(cores), max(1.0, capacity_here), max(1.0, cores)

    def slower(extra: ExtraCost) -> ExtraCost:
        return replace(extra, cpu_s=extra.cpu_s / speed)

    def moved(stage: Stage) -> Stage:
        computed_s = np.minimum(stage.cpu_s, stage.wall_s * here)
        threads = np.maximum(1.0, computed_s / np.maximum(stage.wall_s, 1e-12))
        waited_s = np.maximum(0.0, stage.wall_s - computed_s / threads)
        pace = (1.0 - stage.io_wait_share) / speed + stage.io_wait_share
        return replace(
            stage,
            wall_s=waited_s + computed_s / np.minimum(threads, there) / speed,
            cpu_s=computed_s / speed,
            load_s=stage.load_s * pace,
            store_s=stage.store_s * pace,
            io_wait_share=stage.io_wait_share / pace,
            held_s=None if stage.held_s is None else stage.held_s / speed,
            first=slower(stage.first),
            preloaded=slower(stage.preloaded),
            resources=slower(stage.resources),
            hooks=slower(stage.hooks),
        )

    return replace(
        items,
        stages=tuple(map(moved, items.stages)),
        fan_out_s=items.fan_out_s / speed,
        upstream_s=items.upstream_s / speed,
        collect_s=items.collect_s / speed,
        yielded=items.yielded and items.yielded.on(speed),
        collected=items.collected and items.collected.on(speed),
    )


def overhead_on(overhead: OverheadModel, cores: float) -> OverheadModel:
    """The overhead as it is on ``cores``; the same from one core on."""
    speed = speed_of(cores)
    if speed == 1.0:
        return overhead
    return replace(
        overhead,
        execute_in_process=_slower(overhead.execute_in_process, speed),
        in_process=_slower(overhead.in_process, speed),
        multiprocess={k: _slower(v, speed) for k, v in overhead.multiprocess.items()},
        cli_start_s=None if overhead.cli_start_s is None else overhead.cli_start_s / speed,
        store_byte_s=overhead.store_byte_s / speed,
        load_byte_s=overhead.load_byte_s / speed,
        transfer_s=overhead.transfer_s / speed,
        process_start_s=overhead.process_start_s / speed,
    )


def _slower(overhead: Overhead, speed: float) -> Overhead:
    """One way's overhead where a thread computes at this share of its speed; waits stay."""
    pace = (1.0 - overhead.wait_share) / speed + overhead.wait_share
    apart = [name for name in ("parent_step_s", "claim_s") if hasattr(overhead, name)]
    return replace(
        at_pace(overhead, pace),
        wait_share=overhead.wait_share / pace,
        **{name: getattr(overhead, name) / speed for name in apart},
    )
