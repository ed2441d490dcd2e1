"""Measure a workload: the user's ops on sample items, in child processes of our own.

The first call in a fresh process and later calls are kept apart, since under the multiprocess
executor every step pays the first-call price and in process only the first item does.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from advisor.domain.quantities import seconds
from advisor.domain.workload import ItemSample, MappedOp, OpProfile, WorkerKind, WorkloadProfile
from advisor.measure.campaign import Campaign, Part
from advisor.measure.first_calls import check_preload, first_calls, preloaded_calls
from advisor.measure.first_touch import first_touch
from advisor.measure.later_calls import hotspot_calls, later_calls, unevenness
from advisor.measure.orders import ChainRun
from advisor.measure.probing import limited_calls, probes
from advisor.measure.tuning import FRESH_PROCESSES, UNEVEN


def measure(campaign: Campaign) -> WorkloadProfile:
    """All that the first child did not measure, as far as the budget goes."""
    began_s = time.monotonic()
    campaign.preloadable = check_preload(campaign)
    for part in parts(campaign):
        if campaign.budget.fits(part.cost_s, part.name):
            campaign.children.progress(part.name, None)
            part.run()
    _note_what_is_less_certain(campaign)
    return _profile(campaign, campaign.scouting_s + time.monotonic() - began_s)


def parts(campaign: Campaign) -> Iterator[Part]:
    """What may be measured, the most telling first; each costs what is known when it is reached."""
    kinds: tuple[WorkerKind, ...] = ("process", "thread")
    if campaign.waits:
        kinds = ("thread", "process")  # what can be advised is probed before the time is up
    yield from preloaded_calls(campaign, (None,))
    yield from first_touch(campaign)
    yield from probes(campaign, kinds[0])
    yield from limited_calls(campaign)
    yield from first_calls(campaign, 1, from_place=0)
    yield from later_calls(campaign, seed=1)
    yield from probes(campaign, kinds[1])
    yield from later_calls(campaign, seed=2)
    yield from hotspot_calls(campaign)
    yield from first_calls(campaign, FRESH_PROCESSES - len(campaign.first), from_place=1)
    yield from preloaded_calls(campaign, (0, 1))


def _note_what_is_less_certain(campaign: Campaign) -> None:
    budget, notes = campaign.budget, campaign.children.notes
    if (times := unevenness(campaign.later)) >= UNEVEN:
        notes.add(
            f"Some calls of an item took {times:.1f} times as much CPU as others of the same "
            "(90th over 10th percentile): this machine's speed changes, or the op's work does. "
            "Predictions are for the mean; their intervals carry the change."
        )
    if budget.left_out:
        notes.add(
            f"Left out, since the budget of {seconds(budget.asked_s)} was spent: "
            f"{', '.join(budget.left_out)}. A larger --budget measures it."
        )


def _profile(campaign: Campaign, cost_s: float) -> WorkloadProfile:
    scouted, hot = campaign.scouted, campaign.hotspots
    drawn = scouted.drawn
    mapped = campaign.request.description.mapped
    return WorkloadProfile(
        items=campaign.items,
        ops=tuple(_op_profile(campaign, place, op) for place, op in enumerate(mapped)),
        fan_out_s=drawn.fan_out_s,
        fan_out_items=drawn.total if drawn.fan_out_s is not None else 0,
        upstream_s=drawn.upstream_s,
        collect_s=scouted.collect_s,
        collect_items=scouted.collect_items,
        probes=tuple(campaign.probes),
        hotspots=hot.hotspots if hot else (),
        category_shares=hot.category_shares if hot else {},
        op_executions=campaign.children.executions,
        cost_s=cost_s,
        measured_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        notes=tuple(campaign.children.notes),
        limited_probes=tuple(campaign.limited_probes),
        first_touch_byte_s=campaign.first_touch_byte_s,
    )


def _op_profile(campaign: Campaign, place: int, mapped: MappedOp) -> OpProfile:
    """Of the op at this place of the chain."""
    scouted, preloadable = campaign.scouted, campaign.preloadable

    def samples(runs: Sequence[ChainRun]) -> tuple[ItemSample, ...]:
        """Numbered by their place among all items."""
        positions = scouted.drawn.positions
        own = (run.samples[place] for run in runs)
        return tuple(replace(sample, item=positions[sample.item]) for sample in own)

    reasons = (run.unpicklable[place] for run in (scouted.first, *campaign.later))
    reason = next(filter(None, reasons), None)
    unpicklable = f"output {reason}" if reason else None
    if place == 0:
        unpicklable = unpicklable or scouted.drawn.unpicklable
    init = campaign.resource_init if mapped.resource_keys else ()
    return OpProfile(
        handle=mapped.handle,
        first_calls=samples(campaign.first),
        preloaded_first_calls=samples(campaign.preloaded),
        later_calls=samples(campaign.later),
        resource_init_s=statistics.fmean(each.wall_s for each in init) if init else 0.0,
        resource_init_cpu_s=statistics.fmean(each.cpu_s for each in init) if init else 0.0,
        base_rss_bytes=int(statistics.median(campaign.base_rss_bytes)),
        first_call_modules=preloadable.safe if place == 0 else (),
        unsafe_modules=preloadable.unsafe if place == 0 else {},
        unpicklable=unpicklable,
        limited_calls=samples(campaign.limited),
        forked_rss_bytes=campaign.forked_rss_bytes,
    )
