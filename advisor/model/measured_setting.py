"""The setting of a prediction, from what was measured and what is asked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from advisor.domain.host import HostProfile
from advisor.domain.measured import Measured
from advisor.domain.no_prediction import NoModelError
from advisor.domain.options import AdviseOptions
from advisor.domain.tag_limits import tag_limits
from advisor.domain.trial import RateLimit
from advisor.domain.verification import Verification
from advisor.domain.workload import WorkloadDescription
from advisor.model.contention import fit_contention
from advisor.model.items import Items, items_of
from advisor.model.limits import limits_of
from advisor.model.other_cores import items_on, overhead_on
from advisor.model.own_threads import limited_profile
from advisor.model.prediction import Predictor
from advisor.model.setting import Machine, Setting, capacity_of
from advisor.model.ways import WaysToRun, held_by

CONNECTION_POOL = "db"
"""Name of the pool that is advised where an op that holds connections has none."""


def setting_of(measured: Measured, options: AdviseOptions, *, corrected: bool = True) -> Setting:
    """Everything that a prediction of this workload needs besides the candidate."""
    facts, scaling = measured.host.facts, measured.overhead.cpu_scaling
    here = max(1.0, capacity_of(facts.cpus, scaling))
    cores, cluster = options.cores or facts.cpus, options.cluster
    items = _with_forked(items_of(measured.workload, options.items), measured.host)
    as_measured = items_on(items, here, here)
    description = measured.description
    bare = description.fan_out is None
    setting = Setting(
        items=items_on(as_measured, here, capacity_of(cores, scaling)),
        contention=fit_contention(
            measured.workload.probes,
            alone_s=float(np.median(as_measured.wall_s)),
            cpu_s=float(np.median(as_measured.cpu_s)),
            cores=here,
            calls=as_measured.calls,
            spread=as_measured.spread,
        ),
        overhead=overhead_on(measured.overhead, cores),
        machine=Machine(
            cores=cores,
            memory_bytes=options.memory_bytes or facts.memory_bytes,
            base_rss_bytes=measured.host.base_rss_bytes,
            memory_headroom=options.memory_headroom,
        ),
        before_steps=len(description.upstream),
        after_steps=1 if bare else len(description.collects) + description.other_steps,
        depth_first=_depth_first(description),
        rate=_rate(measured, options),
        cluster=cluster and cluster.as_seen(measured.overhead),
        in_memory=description.pickles,
        limits=limits_of((*measured.workload.probes, *measured.workload.limited_probes)),
    )
    setting = _with_pools(setting, measured, options.max_connections)
    limited = limited_profile(measured.workload)
    if limited is not None:
        alike = setting_of(replace(measured, workload=limited), options, corrected=False)
        setting = replace(setting, limited=alike)
    # A real run of a job has all its fan-outs, a setting one of them.
    if not corrected or not measured.verifications or description.other_fan_outs:
        return setting
    return replace(setting, correction=_corrections(measured.verifications, setting))


def _with_forked(items: Items, host: HostProfile) -> Items:
    """The items with what a forked process has of its own: as probed, else as the host's steps.

    Those had no resources of the user's, which every process starts for itself.
    """
    if items.forked_rss_bytes or not host.forked_step_bytes:
        return items
    resources_bytes = max(0, items.base_rss_bytes - host.base_rss_bytes)
    return replace(items, forked_rss_bytes=host.forked_step_bytes + resources_bytes)


def _rate(measured: Measured, options: AdviseOptions) -> RateLimit | None:
    """What the user says that the service allows; else the least that a probe ran into."""
    if options.max_rate:
        return RateLimit(options.max_rate)
    probes = (*measured.workload.probes, *measured.workload.limited_probes)
    rates = [probe.rate for probe in probes if probe.rate is not None]
    return min(rates, key=lambda rate: rate.per_s, default=None)


def with_own_ways(setting: Setting, measured: Measured, ways: WaysToRun) -> Setting:
    """The setting with what runs already: the job as it is, or Dagster's default, and real runs."""
    current = ways.current or (ways.default if measured.description.executor is None else None)
    verified = [
        each.candidate
        for each in measured.verifications
        if any(run.failed is None for run in each.runs)
    ]
    own = tuple(way for way in (current, *verified) if way is not None)
    return replace(setting, limits=replace(setting.limits, own=own))


def _with_pools(setting: Setting, measured: Measured, most: int | None) -> Setting:
    """The setting with what limits the ops: tags, the instance's pools, and one for connections.

    The latter is what ``emit --as dagster-yaml`` sets up for the ops of a chain that hold
    connections where others of it do not, so that only those have to wait.
    """
    mapped = measured.description.mapped
    held = [held_by(op) for op in measured.workload.ops]
    names = [op.pool for op in mapped]
    limits = dict(measured.description.pool_limits)
    if most is not None and len(held) == len(names):
        names, limits = connection_pool(names, limits, held, most)
    executor = measured.description.executor
    return replace(
        setting,
        tag_limits=tag_limits(
            executor.tag_concurrency_limits if executor else (), [op.tags for op in mapped]
        ),
        stage_pools=tuple(names),
        pool_limits=limits,
        holding_stages=tuple(c > 0 for c in held) if len(held) == len(names) else (),
    )


def connection_pool(
    pools: Sequence[str | None], limits: Mapping[str, int], held: Sequence[int], most: int
) -> tuple[list[str | None], dict[str, int]]:
    """Pools and their limits by which a chain's ops hold at most ``most`` connections.

    Args:
        held: Connections that one call of each op holds.
        most: What may be held in all.

    Ops without a pool get one where others of the chain hold nothing: where all hold connections,
    fewer steps at once do the same without a wait.
    """
    named = [
        pool or (CONNECTION_POOL if count and not all(held) else None)
        for pool, count in zip(pools, held, strict=True)
    ]
    narrowed = dict(limits)
    for pool, count in zip(named, held, strict=True):
        if pool is not None and count:
            narrowed[pool] = max(1, min(narrowed.get(pool, most), most // count))
    return named, narrowed


def _corrections(verifications: tuple[Verification, ...], setting: Setting) -> dict[str, float]:
    """Factor by kind of way, from real runs of this workload here, shrunk towards 1.

    The mean log ratio of measured to predicted counts as n / (n + 1) of n verified candidates. No
    cluster had to start the runs that were here.
    """
    predictor = Predictor(replace(setting, cluster=None))
    ratios: dict[str, list[float]] = {}
    for verification in verifications:
        walls = [run.wall_s for run in verification.runs if run.failed is None]
        if not walls:
            continue
        try:
            predicted_s = predictor.estimate(verification.candidate).makespan_s
        except NoModelError:
            continue
        kind = verification.candidate.kind
        ratios.setdefault(kind, []).append(math.log(median(walls) / predicted_s))
    return {kind: math.exp(sum(logs) / (len(logs) + 1.0)) for kind, logs in ratios.items()}


def _depth_first(description: WorkloadDescription) -> bool:
    """Whether the user's tags make the chain depth first."""
    priorities = [op.tags.get("dagster/priority", "0") for op in description.mapped]
    try:
        return len(priorities) > 1 and int(priorities[-1]) > int(priorities[0])
    except ValueError:
        return False
