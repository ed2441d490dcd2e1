"""`make bench-distributed`: the timeline of a pod per step, held against Dagster's own loop.

Real runs of Dagster's ``StepDelegatingExecutor`` with a stand-in step handler: a process per step
after a scripted start time, with scripted room. Each run is predicted from *another* run: what a
step boots and stores in is learned from a run with one step at a time, nothing from the run itself.
Items wait, so that two cores suffice. Writes ``docs/distributed.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tests" / "cluster"))

from dagster import DagsterInstance, execute_job, reconstructable  # noqa: E402
from standin_jobs import queue_chain, queue_job  # noqa: E402

from advisor.dagster_bridge.event_log import list_runs, read_run  # noqa: E402
from advisor.dagster_bridge.recorded_instance import open_instance_read_only  # noqa: E402
from advisor.domain.observed import ObservedRun  # noqa: E402
from advisor.model.delegating import DelegatingRun, StepPrice  # noqa: E402
from advisor.model.run_plan import RunPlan, StepWork  # noqa: E402
from advisor.model.run_statistics import mapped_steps  # noqa: E402

RESULTS = HERE / "results" / "distributed.json"
PAGE = ROOT / "docs" / "distributed.md"


@dataclass(frozen=True)
class Way:
    """One run: items of a wait, their batch, the executor's slots, the scripted start and room."""

    items: int
    item_s: float
    batch: int = 1
    at_once: int = 1
    start_s: float = 0.5
    room: int = 100
    chain: bool = False


LEARNED_FROM = Way(items=3, item_s=0.5)
WAYS = [
    Way(items=6, item_s=0.5, batch=batch, at_once=at_once, start_s=start_s, room=room)
    for start_s in (3.0, 8.0)
    for at_once, room in ((2, 100), (4, 2))
    for batch in (1, 3)
] + [Way(items=3, item_s=0.5, at_once=2, start_s=3.0, chain=True)]


def real_run(way: Way) -> ObservedRun:
    """The run, read as ``analyze`` reads it."""
    config = {"max_concurrent": way.at_once, "start_s": way.start_s, "room": way.room}
    run_config = {
        "execution": {"config": config},
        "ops": {
            "split": {"config": {"items": way.items, "batch": way.batch}},
            "wait_item": {"config": {"item_s": way.item_s}},
        },
    }
    job = reconstructable(queue_chain if way.chain else queue_job)
    with tempfile.TemporaryDirectory(prefix="dynadvise-bench-") as home:
        with (
            DagsterInstance.local_temp(home) as instance,
            execute_job(job, instance=instance, run_config=run_config) as result,
        ):
            assert result.success
        source = open_instance_read_only(Path(home))
        return read_run(source, list_runs(source)[0].run_id)


def price_of(run: ObservedRun, way: Way) -> StepPrice:
    """What a step costs beside its start, from a run with one step at a time.

    The stand-in logs STEP_WORKER_STARTING before it waits, so that what comes before STEP_START is
    the scripted start and the boot.
    """
    steps = mapped_steps(run)
    boots = [step.start_s - step.worker_starting_s - way.start_s for step in steps]
    stores = [step.end_s - step.last_output_s for step in steps]
    loads = [step.inputs_s - step.start_s for step in steps]
    return StepPrice(
        launch_s=0.05,
        start_s=way.start_s,
        boot_cpu_s=statistics.median(boots),
        load_s=statistics.median(loads),
        store_s=statistics.median(stores),
        fan_out_output_s=0.02,
        collect_input_s=0.02,
        exit_s=0.3,
        poll_s=1.0,
        begin_s=0.2,
    )


def predicted_s(way: Way, price: StepPrice) -> float:
    """The makespan to the last event: the simulation ends with one more sleep."""
    from dataclasses import replace

    steps = -(-way.items // way.batch)
    work = [StepWork(0.0, wait_s=way.item_s * way.batch), StepWork(0.0)]
    plan = RunPlan(
        (StepWork(0.0, outputs=steps),),
        [work if way.chain else work[:1]] * steps,
        (StepWork(0.0, inputs=steps),),
    )
    run = DelegatingRun(
        replace(price, start_s=way.start_s),
        plan,
        max_concurrent=way.at_once,
        room=way.room,
        cores=float(os.cpu_count() or 1),
    )
    return run.run().makespan_s - price.poll_s


def measure() -> None:
    """Run what is not yet measured, one run after another."""
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    done = {json.dumps(row["way"], sort_keys=True) for row in rows}
    price = price_of(real_run(LEARNED_FROM), LEARNED_FROM)
    for way in WAYS:
        if json.dumps(asdict(way), sort_keys=True) in done:
            continue
        real_s, expected_s = real_run(way).end_s, predicted_s(way, price)
        load = os.getloadavg()[0]
        rows.append(
            {"way": asdict(way), "real_s": real_s, "predicted_s": expected_s, "load": load,
             "boot_s": price.boot_cpu_s, "at": datetime.now(timezone.utc).isoformat()[:16]}
        )  # fmt: skip
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
        print(f"{way}: real {real_s:.1f} s, predicted {expected_s:.1f} s, load {load:.1f}")  # noqa: T201


def report() -> None:
    """Write the page from what was measured."""
    rows = json.loads(RESULTS.read_text())
    errors = sorted(abs(row["predicted_s"] / row["real_s"] - 1.0) for row in rows)
    middle, high = statistics.median(errors), errors[min(len(errors) - 1, int(0.9 * len(errors)))]
    lines = [
        "# Pods, containers and tasks: predicted beside real",
        "",
        "Written by `make bench-distributed`. Real runs of Dagster's StepDelegatingExecutor with a",
        "stand-in for the cluster (scripted start times and room, a process per step); each is",
        "predicted from another run, with one step at a time, never from itself.",
        "",
        f"{len(rows)} runs: error median {middle:.0%}, 90th percentile {high:.0%}. The load column",
        "is the machine's load average: runs on a busy machine boot slower than others.",
        "",
        "| items | batch | in parallel | room | start | ops | real | predicted | error | load |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        way, real_s, expected_s = row["way"], row["real_s"], row["predicted_s"]
        lines.append(
            f"| {way['items']} | {way['batch']} | {way['at_once']} | {way['room']} | "
            f"{way['start_s']:g} s | {2 if way['chain'] else 1} | {real_s:.1f} s | "
            f"{expected_s:.1f} s | {expected_s / real_s - 1:+.0%} | {row['load']:.1f} |"
        )
    lines += [
        "",
        "Not measured yet: the real `k8s_job_executor` against a scripted Jobs API, Celery on",
        "Redis, a Docker daemon, backfills. Their price is described or assumed, not verified.",
    ]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("measure", "report"))
    (measure if parser.parse_args().what == "measure" else report)()
