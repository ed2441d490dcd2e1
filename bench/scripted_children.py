"""Dagster's real parent with scripted children, held against the simulated one.

Dagster's own loop, plan, known state and event log run for real; a step's process is a script
that hands out a real step's events at fixed times and uses no CPU. So two cores show 16 to 64
steps in parallel and thousands of items. What the parent computes for a step is taken from a run
with one step at a time; all else of a prediction is the script.

``python bench/scripted_children.py [--most-items N]`` adds the rows that are missing and writes
docs/scripted-children.md.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

from dagster import (
    DagsterInstance,
    DynamicOut,
    DynamicOutput,
    JobDefinition,
    build_reconstructable_job,
    execute_job,
    job,
    op,
)

RESULTS = Path(__file__).parent / "results" / "scripted_children.json"
PAGE = Path(__file__).parent.parent / "docs" / "scripted-children.md"
BOOT_S, PREPARE_S, LOAD_S, FINISH_S, EXIT_S = 0.10, 0.08, 0.02, 0.02, 0.03
ROWS = ((16, 200), (32, 400), (64, 1000), (16, 1000), (64, 3000), (64, 10_000))
"""Steps in parallel and items; the work is as long as keeps the slots busy."""

ALONE_ITEMS = 12


def work_s_of(slots: int) -> float:
    """So long that the parent's 15 to 30 ms a step are about half of what it can do."""
    return 0.05 * slots


def build_job(items: int) -> JobDefinition:
    @op(out=DynamicOut(int))
    def fan_out() -> Iterator[DynamicOutput[int]]:
        for item in range(items):
            yield DynamicOutput(item, mapping_key=f"i{item:05d}")

    @op
    def mapped(item: int) -> int:
        return item

    @job(name="scripted_children")
    def scripted() -> None:
        fan_out().map(mapped)

    return scripted


def phase_ends_s(work_s: float) -> dict[str, float]:
    """By event type: when a step has it, after its start."""
    prepared_s = BOOT_S + PREPARE_S
    loaded_s = prepared_s + LOAD_S
    ends = {"STEP_WORKER_STARTED": BOOT_S, "LOADED_INPUT": loaded_s, "STEP_INPUT": loaded_s}
    for name in ("STEP_OUTPUT", "HANDLED_OUTPUT", "STEP_SUCCESS"):
        ends[name] = loaded_s + work_s + FINISH_S
    return ends


class ScriptedChildren:
    """Stands for ``execute_child_process_command``: the fan-out runs, mapped steps are played.

    The first mapped step of this process runs as well: its events are what is played.
    """

    events: ClassVar[list[tuple[str, bytes]]] = []
    """A real step's, pickled, by type."""
    key = b""

    def __init__(self, work_s: float) -> None:
        self.ends_s = phase_ends_s(work_s)

    def __call__(self, _context: Any, command: Any) -> Iterator[Any]:
        if not command.step_key.startswith("mapped["):
            yield from command.execute()
            return
        cls = type(self)
        if not cls.events:
            cls.key = command.step_key.encode()
            cls.events = [(each.event_type_value, pickle.dumps(each)) for each in command.execute()]
        yield from self.play(command.step_key.encode())

    def play(self, key: bytes) -> Iterator[Any]:
        from dagster._core.executor.child_process_executor import TICK

        begun_s, at_s = time.monotonic(), 0.0
        for kind, event in self.events:
            at_s = self.ends_s.get(kind, BOOT_S + PREPARE_S)
            while (left_s := begun_s + at_s - time.monotonic()) > 0:
                time.sleep(min(TICK, left_s))
                if left_s > TICK:
                    yield None
            yield pickle.loads(event.replace(self.key, key))
        time.sleep(max(0.0, begun_s + at_s + EXIT_S - time.monotonic()))


def mapped_part_s(slots: int, items: int, work_s: float) -> float:
    """Seconds from the fan-out's end to the end of a real run with scripted children."""
    from advisor.dagster_bridge.event_log import read_run
    from advisor.dagster_bridge.instances import temporary_instance_home

    method: dict[str, object] = {"max_concurrent": slots, "start_method": {"spawn": {}}}
    config = {"execution": {"config": {"multiprocess": method}}}
    recon = build_reconstructable_job("scripted_children", "build_job", (items,))
    target = "dagster._core.executor.multiprocess.execute_child_process_command"
    with (
        temporary_instance_home() as home,
        DagsterInstance.from_config(str(home)) as instance,
        patch(target, ScriptedChildren(work_s)),
    ):
        done = execute_job(recon, instance=instance, run_config=config, raise_on_error=True)
        log = read_run(instance, done.run_id)
    (fan_out,) = (step for step in log.steps if step.op == "fan_out")
    return log.end_s - (fan_out.end_s or 0.0)


def measured(slots: int, items: int, work_s: float) -> dict[str, float]:
    """Seconds of the mapped part, and the parent's CPU in it."""
    begun_cpu_s: list[float] = []
    play = ScriptedChildren.play

    def clocked(self: ScriptedChildren, key: bytes) -> Iterator[Any]:
        if not begun_cpu_s:
            begun_cpu_s.append(time.process_time())
        yield from play(self, key)

    with patch.object(ScriptedChildren, "play", clocked):
        mapped_s = mapped_part_s(slots, items, work_s)
    return {"mapped_s": mapped_s, "cpu_s": time.process_time() - begun_cpu_s[0]}


def overhead(parent_step_s: float) -> Any:
    """What a prediction is told: the script, which waits, and the parent's own part."""
    from advisor.dagster_bridge.calibration_job import plan_growth
    from advisor.domain.overhead import MultiprocessOverhead
    from advisor.model.fit import fit_line

    script = MultiprocessOverhead(
        0.0, 0.0, BOOT_S, PREPARE_S, LOAD_S, FINISH_S, EXIT_S, 0.0, 0.0, 0.0, wait_share=1.0
    )
    growth = [(float(each.items), each.turn_s) for each in plan_growth((400, 1600, 6400))]
    return replace(script, parent_step_s=parent_step_s, turn_item_s=fit_line(growth)[1])


def predicted_s(told: Any, slots: int, items: int, work_s: float) -> float:
    from advisor.model.run_plan import RunPlan, StepWork
    from advisor.model.timeline import MultiprocessRun

    steps = [[StepWork(0.0, wait_s=work_s)]] * items
    plan = RunPlan((), steps, ())
    return MultiprocessRun(told, plan, cores=2, max_concurrent=slots).run().makespan_s


def page(rows: list[dict[str, float]]) -> str:
    lines = [
        "# The real parent with scripted children",
        "",
        "Made by `make bench-scripted`: Dagster's own loop, plan and event log, with children that",
        "hand out a real step's events at fixed times and use no CPU. What the parent computes for",
        "a step is taken from a run with one step at a time.",
        "",
        "| max_concurrent | items | work of an item | parent's CPU | predicted | real | error |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        error = row["predicted_s"] / row["mapped_s"] - 1
        lines.append(
            f"| {row['slots']:.0f} | {row['items']:,.0f} | {row['work_s']:.1f} s "
            f"| {1000 * row['parent_step_s']:.1f} ms | {row['predicted_s']:.1f} s "
            f"| {row['mapped_s']:.1f} s | {error:+.1%} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most-items", type=int, default=10_000)
    most = parser.parse_args().most_items
    sys.path.insert(0, str(Path(__file__).parent))
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    done = {(row["slots"], row["items"]) for row in rows}
    alone = measured(1, ALONE_ITEMS, 0.2)
    told = overhead(alone["cpu_s"] / ALONE_ITEMS)
    for slots, items in ROWS:
        if (slots, items) in done or items > most:
            continue
        work_s = work_s_of(slots)
        row = {"slots": slots, "items": items, "work_s": work_s}
        row |= {"parent_step_s": told.parent_step_s, **measured(slots, items, work_s)}
        row["predicted_s"] = predicted_s(told, slots, items, work_s)
        print(json.dumps(row), flush=True)  # noqa: T201
        rows.append(row)
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    PAGE.write_text(page(rows))


if __name__ == "__main__":
    main()
