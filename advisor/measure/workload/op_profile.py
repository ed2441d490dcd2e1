"""Measure a workload: the user's ops on sample items, in child processes of our own.

The first call in a fresh process and later calls are kept apart, since under the multiprocess
executor every step pays the first-call price and in process only the first item does.
"""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone

from advisor.domain.item_sample import ItemSample
from advisor.domain.quantities import seconds
from advisor.domain.stopping import Unknown
from advisor.domain.workload import (
    ConcurrencyProbe,
    MappedOp,
    OpProfile,
    WorkerKind,
    WorkloadProfile,
)
from advisor.measure.loading import Preloadable
from advisor.measure.ops.orders import ChainRun
from advisor.measure.tuning import MUCH_OF_BUDGET, UNEVEN
from advisor.measure.workload.calls import (
    FIRST_CALL,
    HOT_SPOTS,
    PRELOADED_CALL,
    first_calls,
    more_samples,
    preloaded_calls,
    unevenness,
)
from advisor.measure.workload.campaign import Campaign, Part
from advisor.measure.workload.children import CutOffError
from advisor.measure.workload.probing import KINDS, limited_calls, probes
from advisor.model.first_touches import first_touches


def open_parts(campaign: Campaign) -> list[Part]:
    """What may be measured next, the most telling first; each costs what is known by now."""
    kinds: tuple[WorkerKind, ...] = ("process", "thread")
    if campaign.waits:
        kinds = ("thread", "process")  # what can be advised is probed before the time is up
    return [
        *probes(campaign, kinds[0]),
        *limited_calls(campaign),
        *preloaded_calls(campaign),
        *first_calls(campaign),
        *more_samples(campaign),
        *probes(campaign, kinds[1]),
    ]


def continue_from(
    campaign: Campaign, earlier: WorkloadProfile, probes: Sequence[ConcurrencyProbe]
) -> None:
    """Take what an earlier profile measured as begun; its ``probes`` need not be repeated."""
    op = earlier.ops[0]
    campaign.known_items = frozenset(call.item for call in op.later_calls)
    campaign.attempts.update(
        {
            FIRST_CALL: len(op.first_calls),
            PRELOADED_CALL: len(op.preloaded_first_calls),
            HOT_SPOTS: len(earlier.hotspots),
            **{Unknown(KINDS[probe.worker_kind], probe.workers): 1 for probe in probes},
        }
    )


def begin(campaign: Campaign, part: Part) -> None:
    """Measure a part; one that is cut off by the budget is noted as left out."""
    campaign.attempts[part.tells] += 1
    campaign.children.progress(part.name, None)
    try:
        part.run()
    except CutOffError:
        campaign.budget.left_out.append(part.name)


def note_what_is_less_certain(campaign: Campaign) -> None:
    """Tell how uneven calls are, and what was left out."""
    budget, notes = campaign.budget, campaign.children.notes
    if (times := unevenness(campaign.later)) >= UNEVEN:
        notes.add(
            f"Some calls of an item took {times:.1f} times as much CPU as others of the same "
            "(90th over 10th percentile): this machine's speed changes, or the op's work does. "
            "Predictions are for the mean; their intervals carry the change."
        )
    for op in measured_workload(campaign).ops:
        if (touches := first_touches(op)) is not None:
            notes.add(
                f"An item's first call of {op.handle!r} took {seconds(touches.first_s)}, the same "
                f"again {seconds(touches.again_s)} ({touches.items} items): it reads or makes "
                "something for the first time (a file, a cache). Predicted is the first touch, "
                "which is what a run pays."
            )
    if budget.left_out:
        began_s, of_it = budget.importing_s + campaign.scouted.start_s, ""
        if began_s > MUCH_OF_BUDGET * budget.asked_s:
            of_it = f", of which starting and importing took {seconds(began_s)}"
        notes.add(
            f"Not measured (time budget of {seconds(budget.asked_s)} used up{of_it}): "
            f"{', '.join(dict.fromkeys(budget.left_out))}. A larger --budget measures it."
        )


def measured_workload(campaign: Campaign) -> WorkloadProfile:
    """What is known of the workload by now."""
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
        cost_s=campaign.budget.spent_s,
        measured_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        notes=tuple(campaign.children.notes),
        limited_probes=tuple(campaign.limited_probes),
        first_touch_byte_s=campaign.children.first_touch_byte_s,
        yielded=scouted.yielded,
        collected=scouted.collected,
    )


def _op_profile(campaign: Campaign, place: int, mapped: MappedOp) -> OpProfile:
    """Of the op at this place of the chain."""
    scouted, preloadable = campaign.scouted, campaign.preloadable or Preloadable((), {})

    def samples(runs: Sequence[ChainRun]) -> tuple[ItemSample, ...]:
        """Numbered by their place among all items."""
        return tuple(
            replace(
                run.samples[mapped.handle],
                item=positions[run.item],
                again=run.again or positions[run.item] in campaign.known_items,
            )
            for run in runs
            if mapped.handle in run.samples
        )

    positions = scouted.drawn.positions
    every = (*campaign.first, *campaign.preloaded, *campaign.later)
    reasons = (run.unpicklable.get(mapped.handle) for run in (scouted.first, *campaign.later))
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
        skipped=tuple(
            sorted({positions[run.item] for run in every if mapped.handle not in run.samples})
        ),
        forked_rss_bytes=campaign.forked_rss_bytes,
    )
