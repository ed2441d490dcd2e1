"""``dagster-async-executor``: in process, save that what the mapped steps await overlaps."""

from dataclasses import replace
from functools import partial

import numpy as np

from advisor.domain.candidate import Candidate
from advisor.model.estimate import Estimate, ExecutorModel
from advisor.model.estimators import serial
from advisor.model.event_loop import LoopWork, simulate_loop
from advisor.model.listing import Calls
from advisor.model.memory import peak_memory_bytes
from advisor.model.scheduling import list_schedule, simulated_sizes
from advisor.model.setting import Setting, steps_at_once
from advisor.model.simulations import Simulations
from advisor.model.stage import FloatArray, Stage


def _loop_work(stage: Stage, index: int, step_s: float) -> LoopWork:
    """A step on the event loop; half of Dagster's own part comes before the op's call."""
    wall_s = float(stage.wall_s[index])
    held_s = min(wall_s, float(stage.loop_s[index]))
    return LoopWork(
        before_s=step_s / 2 + float(stage.load_s[index]) + held_s,
        wait_s=wall_s - held_s,
        after_s=step_s / 2 + float(stage.store_s[index]),
    )


def _loop_seconds(candidate: Candidate, simulations: Simulations) -> tuple[float, float]:
    """The mapped steps on one event loop, and one after another, in seconds."""
    setting = simulations.setting
    items, overhead = setting.items, setting.overhead.in_process
    count, stages, slots = items.count, items.stages, steps_at_once(candidate, setting)
    step_s = overhead.step_s + overhead.step_growth_s * count * len(stages)
    chains = [
        [_loop_work(stage, index, step_s) for stage in stages] for index in range(len(items.wall_s))
    ]

    def run(limit: int) -> float:
        ended_s = simulate_loop(
            [chains[index] for index in simulations.thinned(limit)],
            max_concurrent=slots,
            slows_waiting=partial(setting.contention.beyond_turns, "thread"),
        )
        return max(ended_s)

    alone_s = [sum(work.before_s + work.wait_s + work.after_s for work in each) for each in chains]
    serial_s = float(np.array(alone_s)[simulations.reference].sum())
    together_s = sum(weight * run(steps) for steps, weight in simulated_sizes(count, slots))
    return together_s, serial_s


def estimate(candidate: Candidate, simulations: Simulations) -> Estimate:
    """The in-process executor's estimate, with the mapped part as it is on one event loop."""
    setting = simulations.setting
    items = setting.items
    alike = replace(candidate, executor="in_process", max_concurrent=1)
    in_turn = serial.estimate(alike, simulations)
    together_s, serial_s = _loop_seconds(candidate, simulations)
    makespan_s = in_turn.makespan_s - serial_s + together_s
    slots = steps_at_once(candidate, setting)
    held_s = np.sum([stage.loop_s for stage in items.stages], axis=0)
    wait_s = items.wall_s - held_s

    def seconds(lists: Calls, limit: int | None) -> FloatArray:
        if limit is not None:
            lists = simulations.thinned(limit)[None]
        return np.asarray(list_schedule(wait_s[lists], slots) + held_s[lists].sum(axis=-1))

    parts = in_turn.breakdown_s
    others_s = parts.launch_s + parts.serialize_s + parts.coordinate_s
    work_s = max(0.0, makespan_s - others_s)
    return replace(
        in_turn,
        candidate=candidate,
        makespan_s=makespan_s,
        draws_s=simulations.draws_s(
            makespan_s, work_s, seconds, simulated_sizes(items.count, slots)
        ),
        breakdown_s=replace(parts, work_s=work_s),
        peak_memory_bytes=peak_memory_bytes(candidate, setting),
    )


def _least_s(candidate: Candidate, setting: Setting) -> float:
    items = setting.items
    steps = sum(stage.share for stage in items.stages)
    own_s = setting.overhead.in_process.step_s * steps + float(items.cpu_s.mean())
    return items.count * max(own_s, float(items.wall_s.mean()) / candidate.max_concurrent)


MODEL = ExecutorModel(
    estimate, _least_s, lambda _candidate, setting: setting.overhead.in_process.step_s
)
