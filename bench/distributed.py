"""`make bench-distributed`: predictions for pods, containers and tasks, held against real runs.

Dagster's own executors against a scripted Kubernetes, a Celery worker on a Redis of our own, and a
Docker daemon of our own. Each run is predicted by the tool's own way from *another* run: one of
three items, one step at a time, near in time (`profile_from_runs`, then `predict` with the cluster
described). Items wait, so that two cores suffice. Resumes, and begins nothing for which the minutes
given leave no time; writes ``docs/distributed.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import backfills
import celery_kit
import docker_kit
import pod_process
from cluster_runs import run_job
from distributed_page import write_page
from scripted_kubernetes import Node, ScriptedKubernetes, dagster_yaml, served

from advisor.api.analyze import AnalyzeOptions, read_profile_from_runs
from advisor.api.recommend import predict
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import Cluster
from advisor.domain.item_sample import ItemSample
from advisor.domain.observed import ObservedRun
from advisor.domain.options import AdviseOptions
from advisor.model.run_statistics import makespan
from advisor.store import SavedProfile

RESULTS = Path(__file__).resolve().parent / "results" / "distributed.json"
KINDS = ("k8s", "celery", "docker", "backfill")
RUNS_AT_ONCE = (1, 2, 4)
REPEATS = {"celery": 2, "docker": 2}
"""Of cells that take little; of others, one run, or as many as are asked for."""
ITEM_S = 0.5
ITEMS = 13
"""Of a grid over starts and batches: 13, 5 and 2 steps by batches of 1, 3 and 12."""
POD_CPU = 0.5
"""Requested by each pod; a room of three is a node of 1.5 CPUs."""


@dataclass(frozen=True)
class Place:
    """Where runs are alike in all that is not asked for: what one teaches holds for the others.

    ``boot`` is ``warm`` where pods are forked from a process that has imported Dagster: then the
    queue and the starts count, and not how many Pythons two cores can boot.
    """

    kind: str
    start_s: float = 0.0
    shape: str = "items"
    boot: str = "cold"


@dataclass(frozen=True)
class Way:
    """One run: its items, their batch, steps in parallel, the room of the cluster, and which of
    several alike."""

    place: Place
    items: int
    batch: int = 1
    at_once: int = 1
    room: int | None = None
    repeat: int = 0


def ways(repeats: int) -> Iterator[Way]:
    """All that is measured, what is learned from once near in time.

    More steps in parallel than there are steps, or than the room that there is, is the same run.
    """
    for way in _cells():
        for repeat in range(max(repeats, REPEATS.get(way.place.kind, 1))):
            yield replace(way, repeat=repeat)


def _cells() -> Iterator[Way]:
    for start_s in (0.5, 3.0, 8.0):
        pods = Place("k8s", start_s, boot="warm")
        for batch, in_parallel in ((1, (1, 2, 4, 8)), (3, (1, 2, 4, 8)), (12, (1, 2))):
            yield from (Way(pods, ITEMS, batch, at_once) for at_once in in_parallel)
        yield from (Way(pods, ITEMS, batch, 8, room=3) for batch in (1, 3))
    yield Way(Place("k8s", 0.5, boot="warm"), ITEMS, 1, 4, room=3)
    for start_s in (0.5, 3.0):
        chain = Place("k8s", start_s, "chain", "warm")
        yield from (Way(chain, 6, 1, at_once) for at_once in (2, 4))
    for batch in (1, 3):
        yield from (Way(Place("celery"), 8, batch, slots) for slots in (1, 2, 4))
    yield from (Way(Place("k8s", 0.5), 6, 1, at_once) for at_once in (1, 2, 4))
    yield from (Way(Place("docker"), 4, 1, at_once) for at_once in (1, 2, 3))


def before_others() -> None:
    """On a machine that others use, more of the cores than theirs (cgroup v1, as root)."""
    group = Path("/sys/fs/cgroup/cpu/dynadvise-bench")
    with suppress(OSError):
        group.mkdir(exist_ok=True)
        (group / "cpu.shares").write_text(str(16 * 1024))
        (group / "cgroup.procs").write_text("0")


# --- running ---------------------------------------------------------------------------------
Run = Callable[[Way, Path], ObservedRun]


def _ops(way: Way) -> dict[str, Any]:
    split = {"items": way.items, "batch": way.batch}
    return {"split": split, "wait_item": {"item_s": ITEM_S}}


def _on_kubernetes(way: Way, home: Path) -> ObservedRun:
    room = Node() if way.room is None else Node(cpu=way.room * POD_CPU)
    warm = way.place.boot == "warm"
    cluster = ScriptedKubernetes([room], start_s=way.place.start_s, warm=warm)
    resources = {"requests": {"cpu": f"{POD_CPU * 1000:.0f}m", "memory": "384Mi"}}
    execution = {
        "max_concurrent": way.at_once,
        "step_k8s_config": {"container_config": {"resources": resources}},
    }
    with served(cluster, home) as kubeconfig:
        return run_job(
            home,
            f"k8s_{way.place.shape}",
            ops=_ops(way),
            execution=execution,
            dagster_yaml=dagster_yaml(kubeconfig),
        )


def _on_celery(way: Way, home: Path, url: str) -> ObservedRun:
    def run(of: Way, folder: Path) -> ObservedRun:
        return run_job(folder, "celery_items", ops=_ops(of), execution=celery_kit.app(url))

    with celery_kit.worker(home, url, way.at_once):
        # The first task of each of the worker's processes imports what all later ones have.
        run(replace(way, items=2 * way.at_once, batch=1), home / "first")
        return run(way, home)


def _on_docker(way: Way, home: Path, url: str) -> ObservedRun:
    os.environ["DOCKER_HOST"] = url  # read by the executor's own client
    return run_job(
        home,
        "docker_items",
        ops=_ops(way),
        execution=docker_kit.execution(url, home, way.at_once),
    )


@contextmanager
def runner(place: Place) -> Iterator[Run]:
    """What runs a way at a place.

    Raises:
        DaemonMissingError, FileNotFoundError: Something that it needs is not here.
    """
    with ExitStack() as stack:
        if place.kind == "celery":
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            if missing := celery_kit.redis_missing():
                raise FileNotFoundError(missing)
            url = stack.enter_context(celery_kit.redis(folder))
            yield lambda way, home: _on_celery(way, home, url)
        elif place.kind == "docker":
            url = stack.enter_context(docker_kit.dockerd())
            yield lambda way, home: _on_docker(way, home, url)
        else:
            if place.boot == "warm":
                pod_process.preload("dagster_k8s")
            yield _on_kubernetes


# --- predicting ------------------------------------------------------------------------------
def learned(run: Run, place: Place) -> SavedProfile:
    """What a run of three items, one step at a time, teaches; that items wait, profiles know."""
    with tempfile.TemporaryDirectory(prefix="dynadvise-bench-") as folder:
        run(Way(place, items=3), Path(folder))
        saved = read_profile_from_runs(AnalyzeOptions(instance=Path(folder), last=1))

    def waits(samples: tuple[ItemSample, ...]) -> tuple[ItemSample, ...]:
        return tuple(replace(sample, cpu_s=min(sample.wall_s, 0.005)) for sample in samples)

    ops = [replace(op, first_calls=waits(op.first_calls)) for op in saved.workload.ops]
    return replace(saved, workload=replace(saved.workload, ops=tuple(ops)))


def cluster_of(way: Way) -> Cluster:
    """As a user would describe it: what was scripted is known, all else is learned."""
    kind, cores = way.place.kind, float(os.cpu_count() or 1)
    if kind == "k8s":
        start_s = way.place.start_s
        return Cluster("bench", kind, pods=way.room, start_s=start_s, host_cores=cores)
    return Cluster("bench", kind, cpu=cores, slots=way.at_once if kind == "celery" else None)


def predicted_s(way: Way, saved: SavedProfile) -> float:
    candidate = Candidate(
        "execute_job", way.place.kind, max_concurrent=way.at_once, batch_size=way.batch
    )
    options = AdviseOptions(items=way.items, cluster=cluster_of(way))
    return predict(saved, candidate, options).makespan_s.median


# --- measuring -------------------------------------------------------------------------------
def measure(minutes: float, kinds: Sequence[str], repeats: int) -> None:
    """Run what is not measured yet; what a place lacks is recorded with the reason."""
    recorded = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"runs": [], "skipped": {}}
    asked = {json.dumps(asdict(way), sort_keys=True): way for way in ways(repeats)}
    keys = [json.dumps(row["way"], sort_keys=True) for row in recorded["runs"]]
    # Grids change: what none of today's has would be compared with nothing.
    recorded["runs"] = [r for r, key in zip(recorded["runs"], keys, strict=True) if key in asked]
    left = [way for key, way in asked.items() if key not in keys]
    until_s = time.monotonic() + 60 * minutes
    for place in dict.fromkeys(way.place for way in left if way.place.kind in kinds):
        if time.monotonic() > until_s:
            break
        recorded["skipped"].pop(place.kind, None)
        try:
            _measure_place(place, [way for way in left if way.place == place], until_s, recorded)
        except (docker_kit.DaemonMissingError, FileNotFoundError) as missing:
            recorded["skipped"][place.kind] = str(missing)
    if "backfill" in kinds:
        _measure_backfills(until_s, recorded)
    _write(recorded)


def _measure_place(
    place: Place, asked: Sequence[Way], until_s: float, recorded: dict[str, Any]
) -> None:
    with runner(place) as run:
        saved = learned(run, place)
        for way in asked:
            if time.monotonic() + predicted_s(way, saved) < until_s:
                recorded["runs"].append(_measured(way, run, saved))
                _write(recorded)


def _measure_backfills(until_s: float, recorded: dict[str, Any]) -> None:
    rows = recorded.setdefault("backfills", [])
    done = {row["runs_at_once"] for row in rows}
    recorded["skipped"].pop("backfill", None)
    asked = [n for n in RUNS_AT_ONCE if n not in done]
    try:
        for row in backfills.measure(asked, until_s) if asked else ():
            print(row)  # noqa: T201
            rows.append({**row, "load": round(os.getloadavg()[0], 1)})
            _write(recorded)
    except FileNotFoundError as missing:
        recorded["skipped"]["backfill"] = str(missing)


def _write(recorded: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps(recorded, indent=1) + "\n")


def _measured(way: Way, run: Run, saved: SavedProfile) -> dict[str, Any]:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="dynadvise-bench-") as folder:
        real_s = makespan(run(way, Path(folder)))
    expected_s = predicted_s(way, saved)
    print(f"{way}: real {real_s:.1f} s, predicted {expected_s:.1f} s, load {load:.1f}")  # noqa: T201
    return {
        "way": asdict(way),
        "real_s": real_s,
        "predicted_s": expected_s,
        "load": round(max(load, os.getloadavg()[0]), 1),
        "at": datetime.now(timezone.utc).isoformat()[:16],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("measure", "report"))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--repeats", type=int, default=1, help="at least so many runs of a cell")
    asked_for = parser.parse_args()
    if asked_for.what == "measure":
        before_others()
        measure(asked_for.minutes, asked_for.kind or KINDS, asked_for.repeats)
    else:
        write_page(json.loads(RESULTS.read_text()))
