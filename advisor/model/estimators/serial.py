"""The in-process executor and ``execute_in_process``: one step after another, so sums are exact."""

from dataclasses import astuple

import numpy as np

from advisor.domain.advice import Breakdown
from advisor.domain.candidate import Candidate
from advisor.domain.overhead import InProcessOverhead
from advisor.model.batches import (
    batch_seconds,
    batch_transfers_s,
    drawn_batch_seconds,
    least_work_s,
    step_extra,
    worker_start,
)
from advisor.model.estimate import Estimate, ExecutorModel
from advisor.model.listing import Calls
from advisor.model.memory import peak_memory_bytes
from advisor.model.setting import Setting, ends_transfer_s, pools_of, stages_of
from advisor.model.simulations import Simulations
from advisor.model.stage import FloatArray


def _overhead(candidate: Candidate, setting: Setting) -> InProcessOverhead:
    bare = candidate.launch == "execute_in_process"
    return setting.overhead.execute_in_process if bare else setting.overhead.in_process


def _coordinate_s(candidate: Candidate, setting: Setting) -> float:
    """Dagster's own part of all steps: each step's, the fan-out's outputs, the collect's inputs."""
    overhead, stages = _overhead(candidate, setting), stages_of(candidate, setting)
    steps = candidate.steps(setting.items.count)
    plain = setting.before_steps + 1 + setting.after_steps
    step_s = overhead.step_s + overhead.step_growth_s * steps * stages
    total_s = step_s * (steps * stages + plain)
    total_s += overhead.fan_out_output_s * steps
    total_s += overhead.event_s * setting.items.events * setting.items.count
    if setting.after_steps:
        total_s += overhead.collect_input_s * steps
    if candidate.launch != "execute_in_process":
        pooled = len(list(filter(None, pools_of(candidate, setting))))
        total_s += 2 * overhead.claim_s * steps * pooled
    return total_s


def _moved_s(candidate: Candidate, simulations: Simulations) -> float:
    """Payloads through the IO manager, which ``execute_in_process`` mostly keeps in memory."""
    setting, reference = simulations.setting, simulations.reference
    if candidate.launch == "execute_in_process" and setting.in_memory:
        return 0.0
    stages = setting.items.stages
    if candidate.is_batched:
        moved_s = batch_transfers_s(candidate, simulations)
    else:
        moved_s = np.sum([stage.load_s + stage.store_s for stage in stages], axis=0)[reference]
    return float(moved_s.sum()) + sum(ends_transfer_s(candidate, setting))


def _items_s(candidate: Candidate, simulations: Simulations) -> float:
    items = simulations.setting.items
    if min(candidate.workers_in_op, candidate.batch_size) > 1:
        return float(batch_seconds(candidate, simulations).sum())
    return float(items.wall_s[simulations.reference].sum())


def _breakdown(candidate: Candidate, simulations: Simulations) -> Breakdown:
    """The parts of a serial run, which add up to its makespan."""
    setting = simulations.setting
    items, overhead = setting.items, _overhead(candidate, setting)
    starting_s = candidate.steps(items.count) * worker_start(candidate, setting).wall_s
    own_s = items.fan_out_s + items.upstream_s + items.collect_s
    own_s += step_extra(candidate, items.stages, "first").wall_s
    own_s += sum(stage.resources.wall_s for stage in items.stages)
    own_s += candidate.steps(items.count) * items.hooks.wall_s
    return Breakdown(
        work_s=own_s + _items_s(candidate, simulations),
        launch_s=overhead.start_s + overhead.end_s + starting_s,
        serialize_s=_moved_s(candidate, simulations),
        coordinate_s=_coordinate_s(candidate, setting),
        idle_s=0.0,
    )


def estimate(candidate: Candidate, simulations: Simulations) -> Estimate:
    """A serial candidate's estimate, the sum of its parts."""
    setting = simulations.setting
    items, overhead = setting.items, _overhead(candidate, setting)
    parts = _breakdown(candidate, simulations)
    makespan_s = float(sum(astuple(parts)))

    def seconds(lists: Calls, _limit: int | None) -> FloatArray:
        if candidate.workers_in_op <= 1:
            return np.asarray(items.wall_s[lists].sum(axis=-1))
        return np.asarray(drawn_batch_seconds(candidate, simulations, lists).sum(axis=-1))

    # Everything computes but the items, the starts of their workers, and what waits for storage.
    cpu_s = overhead.start_s + overhead.end_s + parts.coordinate_s
    cpu_s = cpu_s * (1.0 - overhead.wait_share) + parts.serialize_s
    cpu_s += items.fan_out_s + items.upstream_s + items.collect_s
    cpu_s += float(items.cpu_s[simulations.reference].sum())
    cpu_s += sum(stage.first.cpu_s + stage.resources.cpu_s for stage in items.stages)
    cpu_s += candidate.steps(items.count) * items.hooks.cpu_s
    return Estimate(
        candidate,
        makespan_s,
        simulations.draws_s(makespan_s, _items_s(candidate, simulations), seconds),
        parts,
        cpu_s,
        peak_memory_bytes(candidate, setting),
    )


def _first_result_s(candidate: Candidate, simulations: Simulations) -> float:
    setting = simulations.setting
    overhead, count = setting.overhead.in_process, setting.items.count
    each_s = [float(stage.wall_s.mean()) + overhead.step_s for stage in setting.items.stages]
    before_s = overhead.start_s + overhead.fan_out_output_s * count
    depth_first = setting.depth_first or candidate.depth_first
    waiting_s = 0.0 if depth_first else (count - 1) * sum(each_s[:-1])
    return before_s + waiting_s + sum(each_s)


MODEL = ExecutorModel(
    estimate,
    least_work_s,
    lambda candidate, setting: _overhead(candidate, setting).step_s,
    _first_result_s,
)
