"""What past runs teach: the workload's items, and what their host or cluster charges. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

import numpy as np

from advisor.domain.analysis import ObservedOverhead
from advisor.domain.cluster import DELEGATING, POLL_S
from advisor.domain.errors import DynadviseError
from advisor.domain.executor_setting import StartMethod
from advisor.domain.item_sample import ItemSample
from advisor.domain.observed import ObservedRun, ObservedStep
from advisor.domain.overhead import (
    DelegatedOverhead,
    InProcessOverhead,
    MultiprocessOverhead,
    OverheadModel,
    overhead_key,
)
from advisor.domain.quantities import Spread
from advisor.domain.workload import OpProfile, WorkloadProfile
from advisor.history.crowding import ALONE, computing_share, crowds_of, stretch
from advisor.model.run_overhead import (
    in_process_overhead,
    input_s,
    merged,
    multiprocess_overhead,
    output_s,
    spans_s,
    with_parent,
)
from advisor.model.run_statistics import (
    begin_s,
    collect_steps,
    compute_s,
    fan_out_step,
    item_count,
    mapped_steps,
    parallelism,
    spread_of,
    tails_s,
)

CPU_UNKNOWN = (
    "An item's CPU time and memory are not known, a log does not tell them: the model takes its "
    "time as CPU work and its memory as 0, so the advice promises nothing that threads or more "
    "processes than cores would have to keep. `dynadvise profile TARGET` measures them."
)
CROWDED = (
    "More steps than cores were at work: what they made each other longer is taken off where steps "
    "that were alone, or an earlier profile, tell how much of a step computes."
)
FROM_MEASURED = "The share of CPU work, memory and bytes of an item are the earlier profile's."


def overhead_from_runs(runs: Sequence[ObservedRun]) -> ObservedOverhead:
    """A calibration of the place where the runs happened, from their phases."""
    usable = [run for run in runs if run.steps and mapped_steps(run)]
    serial = [in_process_overhead(run) for run in usable if run.executor == "in_process"]
    by_method: dict[str, list[MultiprocessOverhead]] = defaultdict(list)
    delegated: dict[str, list[ObservedRun]] = defaultdict(list)
    crowded = 0
    for run in usable:
        if run.executor == "multiprocess":
            by_method[method_key(run)].append(with_parent(multiprocess_overhead(run)))
            crowded += parallelism(run).holding_peak > 1
        elif run.executor in DELEGATING:
            delegated[run.executor].append(run)
    notes: list[str] = []
    if by_method or serial:
        notes.append(
            "What a fan-out op does between two outputs counts as the cost of an output: the log "
            "does not tell them apart."
        )
    if crowded:
        notes.append(
            f"{crowded} run{'' if crowded == 1 else 's'} had several steps in parallel: phases are "
            "taken where they were least disturbed (10th percentile)."
        )
    return ObservedOverhead(
        in_process=merged(serial, median) if serial else None,
        multiprocess={method: merged(group, median) for method, group in by_method.items()},
        delegated={executor: _delegated(executor, group) for executor, group in delegated.items()},
        notes=tuple(notes),
    )


def overhead_model_from_runs(
    runs: Sequence[ObservedRun], base: OverheadModel | None = None
) -> OverheadModel:
    """An overhead model from runs; what they do not show is taken from ``base``.

    Raises:
        DynadviseError: The runs show no executor that the model knows, and there is no base.
    """
    observed = overhead_from_runs(runs)
    multiprocess = {**(base.multiprocess if base else {}), **observed.multiprocess}
    serial = observed.in_process or (base.in_process if base else _serial(multiprocess, runs))
    model = base or OverheadModel(
        execute_in_process=serial,
        in_process=serial,
        multiprocess={},
        cli_start_s=None,
        store_byte_s=0.0,
        load_byte_s=0.0,
    )
    return replace(
        model,
        in_process=serial,
        multiprocess=multiprocess,
        drift=_drift(runs, model.drift),
        delegated={**model.delegated, **observed.delegated},
        # These are of calibration runs, and the overhead is no more of those.
        moments=1,
        noise=0.0,
        measured_cpu_s={},
        transfer_s=0.0,
    )


def _serial(
    multiprocess: Mapping[str, MultiprocessOverhead], runs: Sequence[ObservedRun]
) -> InProcessOverhead:
    """What a run in process costs at least, from runs that were none."""
    if multiprocess:
        # Loading and storing of a small value are what a step in process costs at least.
        cheapest = min(multiprocess.values(), key=lambda overhead: overhead.load_s)
        return InProcessOverhead(
            start_s=cheapest.start_s,
            step_s=cheapest.load_s + cheapest.finish_s,
            fan_out_output_s=cheapest.fan_out_output_s,
            collect_input_s=cheapest.collect_input_s,
            end_s=cheapest.end_s,
        )
    delegated = [run for run in runs if run.executor in DELEGATING and mapped_steps(run)]
    if not delegated:
        raise DynadviseError(
            "The runs show no executor to learn a host's overhead from.",
            hint="`dynadvise calibrate` measures this host.",
        )
    return merged([_in_process_at_least(run) for run in delegated], median)


def workload_from_runs(
    runs: Sequence[ObservedRun],
    measured: WorkloadProfile | None = None,
    *,
    cores: float | None = None,
) -> WorkloadProfile:
    """The workload as runs show it: one sample a successful mapped step.

    Args:
        runs: Of one job, newest first.
        measured: An earlier measurement of it, for what a log does not tell: the share of an
            item that is CPU work, its memory, its bytes.
        cores: Of the machine where they ran: more steps than that made each other longer, which
            is taken off. None: not known.

    Raises:
        DynadviseError: No mapped step succeeded.
    """
    keys: dict[str, int] = {}
    chain: dict[str, list[tuple[ObservedRun, ObservedStep]]] = {}
    for run in runs:
        for step in mapped_steps(run):
            if step.status == "success":
                keys.setdefault(str(step.mapping_key), len(keys))
                chain.setdefault(step.op, []).append((run, step))
    if not chain:
        ops = sorted({step.op for run in runs for step in mapped_steps(run)})
        raise DynadviseError(
            "No mapped step succeeded in these runs.",
            hint=f"Mapped ops in them: {', '.join(ops)}" if ops else "They have no mapped steps.",
        )
    earlier = {profile.handle: profile for profile in measured.ops} if measured else {}
    crowds = {run.run_id: crowds_of(run, cores) for run in runs} if cores else {}
    profiles = tuple(
        _op_profile(handle, steps, keys, earlier.get(handle), crowds)
        for handle, steps in chain.items()
    )
    crowded = max((c for of in crowds.values() for c in of.values()), default=1.0) > ALONE
    fan_outs = [first for run in runs if (first := fan_out_step(run)) is not None]
    before_first = spans_s(fan_outs, "inputs_s", "first_output_s")
    collects = [step for run in runs for step in collect_steps(run)]
    collecting = [seconds for step in collects if (seconds := compute_s(step)) is not None]
    items = next((count for run in runs if (count := item_count(run))), len(keys))
    samples = sum(len(steps) for steps in chain.values())
    return WorkloadProfile(
        items=items,
        ops=profiles,
        fan_out_s=median(before_first) if before_first else None,
        fan_out_items=items if before_first else 0,
        collect_s=median(collecting) if collecting else None,
        collect_items=items if collecting else 0,
        probes=measured.probes if measured else (),
        resources_measured=bool(earlier),
        notes=(
            f"Read from {len(runs)} past runs ({samples} steps); nothing was run.",
            *((FROM_MEASURED,) if earlier else (CPU_UNKNOWN,)),
            *((CROWDED,) if crowded else ()),
        ),
    )


def method_key(run: ObservedRun) -> str:
    """The run's start method as a key of :attr:`OverheadModel.multiprocess`."""
    method: StartMethod = "forkserver" if run.start_method == "forkserver" else "spawn"
    return overhead_key(method, warm=bool(run.preload_modules))


def _op_profile(
    handle: str,
    steps: Sequence[tuple[ObservedRun, ObservedStep]],
    keys: dict[str, int],
    earlier: OpProfile | None,
    crowds: Mapping[str, Mapping[str, float]],
) -> OpProfile:
    typical = _typical(earlier)

    def crowd(run: ObservedRun, step: ObservedStep) -> float:
        return crowds.get(run.run_id, {}).get(step.step_key, 1.0)

    share = computing_share([(crowd(run, step), step) for run, step in steps])
    if share is None and typical is not None and typical.wall_s > 0:
        share = min(1.0, typical.cpu_s / typical.wall_s)
    first: list[ItemSample] = []
    preloaded: list[ItemSample] = []
    later: list[ItemSample] = []
    begun: set[str] = set()
    for run, step in sorted(steps, key=lambda pair: (pair[0].run_id, begin_s(pair[1]) or 0.0)):
        sample = _sample(step, keys, typical, stretch(crowd(run, step), share or 0.0))
        if sample is None:
            continue
        if run.executor == "in_process":
            (later if run.run_id in begun else first).append(sample)
            begun.add(run.run_id)
        elif run.preload_modules:
            preloaded.append(sample)
        else:
            first.append(sample)
    apart = [step for run, step in steps if run.executor != "in_process"]
    resources = spans_s(apart, "resource_init_started_s", "resource_init_s")
    return OpProfile(
        handle=handle,
        first_calls=tuple(first),
        preloaded_first_calls=tuple(preloaded),
        later_calls=tuple(later),
        resource_init_s=median(resources or [0.0]),
        base_rss_bytes=earlier.base_rss_bytes if earlier else 0,
        first_call_modules=earlier.first_call_modules if earlier else (),
        unsafe_modules=earlier.unsafe_modules if earlier else {},
        unpicklable=earlier.unpicklable if earlier else None,
    )


def _typical(earlier: OpProfile | None) -> ItemSample | None:
    """A call of the op as measured, whose CPU share, memory and bytes stand for all."""
    if earlier is None:
        return None
    calls = earlier.later_calls or earlier.first_calls or earlier.preloaded_first_calls
    return max(calls, key=lambda call: call.peak_rss_bytes, default=None)


def _sample(
    step: ObservedStep, keys: dict[str, int], typical: ItemSample | None, stretched: float
) -> ItemSample | None:
    wall_s = compute_s(step)
    if wall_s is None:
        return None
    wall_s /= stretched
    return ItemSample(
        item=keys[str(step.mapping_key)],
        key=None,
        wall_s=wall_s,
        cpu_s=wall_s * (typical.cpu_s / typical.wall_s if typical and typical.wall_s else 1.0),
        peak_rss_bytes=typical.peak_rss_bytes if typical else 0,
        input_bytes=typical.input_bytes if typical else 0,
        output_bytes=typical.output_bytes if typical else 0,
        # What moving an item's payload takes is in the overhead that is learned from the same
        # steps: counted there, not twice.
        load_s=0.0,
        store_s=0.0,
    )


def _in_process_at_least(run: ObservedRun) -> InProcessOverhead:
    """What a pod, container or task does in a step that one process would have to do as well."""
    done = [step for step in mapped_steps(run) if step.status == "success"]
    load_s = median(spans_s(done, "start_s", "inputs_s") or [0.0])
    store_s = median(spans_s(done, "last_output_s", "end_s") or [0.0])
    return InProcessOverhead(
        start_s=median(spans_s(run.steps, "worker_started_s", "start_s") or [0.0]),
        step_s=load_s + store_s,
        fan_out_output_s=output_s(run),
        collect_input_s=input_s(run, load_s),
        end_s=0.0,
    )


def _delegated(executor: str, runs: Sequence[ObservedRun]) -> DelegatedOverhead:
    steps = [step for run in runs for step in mapped_steps(run) if step.status == "success"]
    tails = [tail for run in runs for tail in tails_s(run).values()]

    def phase(first: str, last: str) -> Spread:
        return spread_of(spans_s(steps, first, last))

    load_s = phase("start_s", "inputs_s")
    launches = [gap for run in runs for gap in _launches_s(run)]
    return DelegatedOverhead(
        executor=executor,
        start_s=phase("worker_starting_s", "worker_started_s"),
        prepare_s=phase("worker_started_s", "start_s"),
        load_s=load_s,
        store_s=phase("last_output_s", "end_s"),
        poll_interval_s=spread_of(tails) if tails else None,
        steps=len(steps),
        launch_s=median(launches) if launches else None,
        begin_s=median([max(0.0, _first_launch_s(run) - run.run_start_s) for run in runs]),
        fan_out_output_s=median(map(output_s, runs)),
        collect_input_s=median([input_s(run, load_s.median) for run in runs]),
    )


def _given_s(step: ObservedStep) -> float | None:
    """When the parent gave it away: to a queue, or to its pod."""
    return step.worker_starting_s if step.queued_s is None else step.queued_s


def _first_launch_s(run: ObservedRun) -> float:
    times_s = (_given_s(step) for step in run.steps)
    return min((at for at in times_s if at is not None), default=run.run_start_s)


def _launches_s(run: ObservedRun) -> list[float]:
    """From a launch to the next one in the same turn: the parent sleeps between two turns."""
    times_s = sorted(at for step in mapped_steps(run) if (at := _given_s(step)) is not None)
    gaps = [after - before for before, after in pairwise(times_s)]
    return [gap for gap in gaps if gap < POLL_S]


def _drift(runs: Sequence[ObservedRun], least: float) -> float:
    """Relative standard deviation of a launch between like runs; at least ``least``."""
    groups: dict[tuple[str, int | None], list[float]] = defaultdict(list)
    for run in runs:
        boots = spans_s(mapped_steps(run), "worker_starting_s", "worker_started_s")
        if run.executor == "multiprocess" and boots and median(boots) > 0:
            groups[method_key(run), run.max_concurrent].append(float(np.log(median(boots))))
    squares = sum(float(np.var(logs) * len(logs)) for logs in groups.values())
    freedom = sum(len(logs) - 1 for logs in groups.values())
    return least if freedom < 2 else max(least, float((squares / freedom) ** 0.5))
