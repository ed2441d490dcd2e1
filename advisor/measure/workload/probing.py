"""Probes of items in parallel: which are worth their time, and what came of those that ended."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

from advisor.domain.quantities import size
from advisor.domain.stopping import PartKind, Unknown
from advisor.domain.trial import Agreement
from advisor.domain.workload import OWN_THREADS, ConcurrencyProbe, WorkerKind
from advisor.measure import tuning
from advisor.measure.loading import SINGLE_THREADED_BLAS
from advisor.measure.machine import host_facts
from advisor.measure.ops.orders import Scouted, cores_busy
from advisor.measure.ops.parallel import ProbeOrder
from advisor.measure.workload.calls import (
    ONE_THREAD,
    is_preload_known,
    preloadable,
    with_one_thread,
)
from advisor.measure.workload.campaign import Campaign, Part
from advisor.measure.workload.concurrency import Probed

KINDS: Mapping[WorkerKind, PartKind] = {
    "process": PartKind.PROCESSES,
    "thread": PartKind.THREADS,
}
_PLURAL: Mapping[WorkerKind, str] = {"process": "processes", "thread": "threads"}
_LESS_DONE = 0.9  # of what fewer workers got done in the same time, below which more do harm


def probes(campaign: Campaign, kind: WorkerKind) -> Iterator[Part]:
    """One probe for each number of workers that was not tried, fewest first; none above a harm."""
    if campaign.items < 2 or campaign.confined:
        return
    if not campaign.repeatable:
        campaign.children.notes.add(
            "Not measured: how items slow each other, since they run only once."
        )
        return
    least_harm = _least_harm(campaign, kind)
    for workers in ladder(campaign, kind):
        tells = Unknown(KINDS[kind], workers)
        if workers >= least_harm or campaign.attempts[tells]:
            continue
        order = _order(campaign, kind, campaign.scouted, workers)
        yield _part(campaign, tells, order, campaign.probes)


def _least_harm(campaign: Campaign, kind: WorkerKind) -> float:
    """The fewest workers that failed, gave other results, or got less done than fewer."""
    probes = sorted((p for p in campaign.probes if p.worker_kind == kind), key=lambda p: p.workers)
    prefixes = (probes[: place + 1] for place in range(len(probes)))
    return next((prefix[-1].workers for prefix in prefixes if harmed(prefix)), math.inf)


def harmed(probes: Sequence[ConcurrencyProbe]) -> bool:
    """Whether the last probe failed, gave other results, or got less done than one before.

    Less by more than two standard errors: that items differ by themselves is no harm.
    """
    last = probes[-1]
    if last.failed or last.comparison.agreement is Agreement.DIFFERS:
        return True
    good = [probe for probe in probes if probe.slowdown > 0]
    done = max(probe.workers / probe.slowdown * math.exp(-2 * probe.error) for probe in good)
    return last.workers / last.slowdown * math.exp(2 * last.error) < _LESS_DONE * done


def limited_calls(campaign: Campaign) -> Iterator[Part]:
    """Items that use several cores by themselves, with one thread each: alone, and in parallel."""
    cores = cores_busy(campaign.scouted.typical)
    if cores < OWN_THREADS or campaign.items < 2:
        return
    runs = campaign.limited
    if not runs:
        yield from with_one_thread(campaign)
        return
    if cores_busy(runs) >= OWN_THREADS:
        campaign.children.notes.add(
            f"An item computes on {cores:.1f} cores, also with OMP_NUM_THREADS=1: it starts "
            "processes or threads of its own."
        )
        runs.clear()
        return
    alone = replace(campaign.scouted, later=tuple(runs))
    kinds: tuple[WorkerKind, ...] = ("process", "thread")
    most = max(2.0, host_facts().cpus)  # one probe, with an item on every core
    for kind in kinds:
        workers = [count for count in ladder(campaign, kind) if count <= most][-1:]
        tells = Unknown(PartKind.ONE_THREAD, workers[0], kind) if workers else ONE_THREAD
        if workers and not campaign.attempts[tells]:
            order = _order(campaign, kind, alone, workers[0])
            yield _part(campaign, tells, order, campaign.limited_probes, SINGLE_THREADED_BLAS)


def ladder(campaign: Campaign, kind: WorkerKind) -> tuple[int, ...]:
    """How many in parallel may be tried: the cores, and more where items mostly wait."""
    scouted, cores = campaign.scouted, max(4, round(host_facts().cpus))
    most = min(campaign.items, tuning.MOST_WAITING[kind] if campaign.waits else cores)
    counts = {most, *(2**power for power in range(1, most.bit_length()))}
    each_bytes = scouted.peak_bytes + (scouted.base_rss_bytes if kind == "process" else 0)
    room = max(1, int(tuning.MEMORY_SHARE * campaign.children.memory_bytes / max(1, each_bytes)))
    if room < max(counts):
        campaign.children.notes.add(
            f"No more than {room} items were run in parallel: each takes {size(each_bytes)}."
        )
    return tuple(sorted(count for count in counts if 1 < count <= room))


def _order(campaign: Campaign, kind: WorkerKind, alone: Scouted, workers: int) -> ProbeOrder:
    """The probe of items whose calls alone were ``alone``."""
    each_s = alone.typical_s
    start_s = campaign.start_s + alone.first.wall_s
    passes = 2 if each_s < tuning.TWO_PASSES_S else 1 if each_s < tuning.ONE_PASS_S else 0
    if each_s >= tuning.ROUND_S and cores_busy(alone.typical) < tuning.STEADY_CPU:
        passes = 0  # what waits is as fast at any speed of the machine
    return ProbeOrder(
        assignment=campaign.children.assignment,
        drawn=alone.drawn,
        kind=kind,
        workers=workers,
        expected_s=alone.expected_s,
        most_s=tuning.PROBE_SHARE * campaign.budget.asked_s,
        # without later calls, what is expected holds the first-call price: compare like with like
        warm_up=bool(alone.later) and alone.needs_warm_up,
        passes_alone=passes,
        forkable=campaign.scouted.forkable,
        start_timeout_s=tuning.WORKERS_START_S + 4 * workers * start_s,
        results=alone.results_alone,
    )


def _part(
    campaign: Campaign,
    tells: Unknown,
    order: ProbeOrder,
    into: list[ConcurrencyProbe],
    environment: Mapping[str, str] | None = None,
) -> Part:
    name = f"{order.workers} items in parallel as {_PLURAL[order.kind]}"
    name += " with one thread per item" if environment else ""
    run = partial(_probe, campaign, order, into, environment)
    return Part(name, tells, _cost_s(campaign, order), run)


def _cost_s(campaign: Campaign, order: ProbeOrder) -> float:
    """About how long the probe takes."""
    each_s = sum(order.expected_s.values()) / len(order.expected_s)
    first_s = campaign.scouted.first.wall_s
    alone_s = order.passes_alone * max(each_s, min(tuning.PASS_ALONE_S, 4 * each_s))
    cost_s = campaign.start_s + tuning.PROBE_COSTS * max(each_s, tuning.ROUND_S) + alone_s
    if order.warm_up:
        cost_s += first_s
    if order.kind == "process":
        per_core = max(1.0, order.workers / max(1.0, host_facts().cpus))
        again_s = first_s - each_s if order.warm_up else 0.0
        again_s += 0.0 if order.forkable else campaign.start_s
        cost_s += per_core * max(0.0, again_s)
        cost_s += 0.0 if is_preload_known(campaign) else campaign.start_s
    return cost_s


def _probe(
    campaign: Campaign,
    order: ProbeOrder,
    into: list[ConcurrencyProbe],
    environment: Mapping[str, str] | None,
) -> None:
    children = campaign.children
    if order.kind == "process":
        preload = preloadable(campaign)
        order = replace(order, forkable=preload.forkable, preload=preload.safe)
    result = children.run("workload.concurrency:probe", order, environment=environment)
    chain = len(campaign.request.description.mapped)
    if result.failure is None:
        probed = cast("Probed", result.value)
        children.executions += probed.executions * chain
        campaign.forked_rss_bytes = max(campaign.forked_rss_bytes, probed.forked_rss_bytes)
        into.append(probed.probe)
        return
    children.executions += order.workers * chain
    failure = result.failure
    evidence = f"{failure.during or 'the probe'} {failure.reason}"
    into.append(ConcurrencyProbe(order.kind, order.workers, 0.0, failure.kind, evidence=evidence))
