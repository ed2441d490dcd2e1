"""Literal observed runs: a fan-out, mapped steps, a collect, with each phase as told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from advisor.domain.observed import ObservedRun, ObservedStep


def make_step(
    step_key: str,
    begin_s: float,
    *,
    launch_s: float | None = 1.0,
    prepare_s: float = 0.1,
    load_s: float = 0.02,
    work_s: float = 0.5,
    store_s: float = 0.02,
    outputs: int = 1,
    first_output_after_s: float | None = None,
    **changes: Any,
) -> ObservedStep:
    """One successful attempt; ``launch_s=None`` is a step in process."""
    op, _, key = step_key.partition("[")
    started_s = None if launch_s is None else begin_s + launch_s
    start_s = begin_s if started_s is None else started_s + prepare_s
    inputs_s = start_s + load_s
    last_output_s = inputs_s + work_s
    first_s = last_output_s if first_output_after_s is None else inputs_s + first_output_after_s
    step = ObservedStep(
        step_key=step_key,
        op=op,
        mapping_key=key.rstrip("]") or None,
        status="success",
        worker_starting_s=None if launch_s is None else begin_s,
        worker_started_s=started_s,
        resource_init_started_s=None if started_s is None else started_s + prepare_s * 0.5,
        resource_init_s=None if started_s is None else started_s + prepare_s * 0.6,
        start_s=start_s,
        inputs_s=inputs_s,
        first_output_s=first_s,
        last_output_s=last_output_s,
        stored_s=last_output_s + store_s * 0.8,
        end_s=last_output_s + store_s,
        outputs=outputs,
        inputs=1,
        pid=1,
    )
    return replace(step, **changes)


def make_observed(
    work_s: Sequence[float],
    *,
    slots: int = 2,
    tail_s: float = 0.05,
    launch_s: float | None = 1.0,
    fan_out_s: float = 0.1,
    first_output_s: float = 0.01,
    executor: str = "multiprocess",
    step: dict[str, Any] | None = None,
    **changes: Any,
) -> ObservedRun:
    """A run that list-schedules ``work_s`` over ``slots``."""
    shape = {"launch_s": launch_s, **(step or {})}
    fan_out = make_step(
        "fan_out",
        0.1,
        work_s=fan_out_s,
        outputs=len(work_s),
        first_output_after_s=first_output_s,
        load_s=0.0,
        launch_s=launch_s,
        inputs=0,
    )
    assert fan_out.end_s is not None
    lanes = [fan_out.end_s + tail_s] * slots
    steps = [fan_out]
    for index, seconds in enumerate(work_s):
        lane = lanes.index(min(lanes))
        one = make_step(f"work[k{index}]", lanes[lane], work_s=seconds, **shape)
        assert one.end_s is not None
        lanes[lane] = one.end_s + tail_s
        steps.append(one)
    collect = make_step("collect", max(lanes), work_s=0.001, inputs=len(work_s), launch_s=launch_s)
    assert collect.end_s is not None
    steps.append(collect)
    run = ObservedRun(
        run_id="run-1",
        job="chunks",
        status="success",
        executor=executor,
        started_at_s=1_700_000_000.0,
        end_s=collect.end_s + 0.1,
        steps=tuple(steps),
        start_method="spawn" if executor == "multiprocess" else None,
        max_concurrent=slots,
        event_count=12 * len(steps),
    )
    return replace(run, **changes)
