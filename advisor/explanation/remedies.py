"""Advice apart from the way to run: payloads, the order of chains, an op's own threads."""

from collections.abc import Iterator
from dataclasses import replace

from advisor.domain.advice import Prediction
from advisor.domain.host import CheaperStep, HostProfile, StepSaving, building
from advisor.domain.quantities import percent, seconds, size
from advisor.domain.workload import OWN_THREADS, WorkloadDescription
from advisor.explanation.reasons import FEWEST_BYTES
from advisor.model.fit import fit_overhead
from advisor.model.order import EARLIER
from advisor.model.other_cores import overhead_on
from advisor.model.prediction import Predictor
from advisor.model.setting import Setting, steps_at_once

PAYLOAD_SHARE = 0.1
"""Moving payloads is worth a word from this share of the makespan on."""

CROWDED = 1.2
"""Threads per core above which an item's own threads are worth a word."""

WAIT_SHARE = 0.05
"""Waits for a pool are worth a word from this share of the makespan on."""

ASKS_AGAIN = (
    "a step that finds no slot asks again after 1 s, then ever later (up to 15 s), and a slot that "
    "is given back stands empty till then"
)
BUILD_SHARE = 0.1
"""Building the definitions is worth a word from this share of the makespan on."""
LEAN_MODULE = (
    "a small module that defines this job alone (no @definitions function, fewer components), "
    "and is run in its place"
)
SMALL_GAIN = 0.05
"""Less than this share of a step is not told from the machine's own drift."""
_WHAT: dict[StepSaving, str] = {
    "no_compute_logs": "Without captured output (NoOpComputeLogManager)",
    "storage_in_memory": "With DAGSTER_HOME on a file system in memory (/dev/shm)",
}
_PRICE: dict[StepSaving, str] = {
    "no_compute_logs": (
        "no stdout and stderr of the steps in the UI, context.log still arrives; "
        "`dynadvise emit PROFILE --as dagster-yaml` has the lines"
    ),
    "storage_in_memory": "the history of runs is lost when the machine restarts",
}


def remedies(
    description: WorkloadDescription, chosen: Prediction, predictor: Predictor
) -> tuple[str, ...]:
    """Sentences, each with the figures behind it."""
    return (
        *_payload(chosen, predictor.setting),
        *_order(description, chosen, predictor),
        *_own_threads(chosen, predictor),
        *_pools(chosen, predictor),
    )


def _payload(chosen: Prediction, setting: Setting) -> Iterator[str]:
    items = setting.items
    each_s = sum(float((stage.load_s + stage.store_s).mean()) for stage in items.stages)
    total_s = each_s * items.count
    if chosen.candidate.launch == "execute_in_process" or (
        total_s < PAYLOAD_SHARE * chosen.makespan_s.median
    ):
        return
    moved = items.input_bytes + items.output_bytes
    yield (
        f"Each item moves {size(moved)} through the IO manager in {seconds(each_s)}, "
        f"{seconds(total_s)} in all: an op that passes a path or a key instead of the object, or "
        "a columnar file instead of a pickle, saves most of it."
    )


def _order(
    description: WorkloadDescription, chosen: Prediction, predictor: Predictor
) -> Iterator[str]:
    candidate, setting = chosen.candidate, predictor.setting
    if len(setting.items.stages) < 2 or setting.items.count < 2 or setting.depth_first:
        return
    if candidate.is_batched:
        return
    breadth = predictor.first_result_s(replace(candidate, depth_first=False))
    depth = predictor.first_result_s(replace(candidate, depth_first=True))
    if breadth is None or depth is None or breadth < EARLIER * depth:
        return
    last = description.mapped[-1].name
    moved = setting.items.count * setting.items.between_bytes
    held = f" ({size(moved)})" if moved >= FEWEST_BYTES else ""
    yield (
        "Dagster runs a chain of mapped ops breadth first, so every intermediate result exists "
        f'together{held}. tags={{"dagster/priority": "1"}} on {last!r} makes it depth first: the '
        f"first item is done after {seconds(depth)} instead of {seconds(breadth)} (predicted); the "
        "whole run takes as long."
    )


def _pools(chosen: Prediction, predictor: Predictor) -> Iterator[str]:
    """What the waits for a pool's slots cost the chosen way, or one with more steps at once."""
    candidate, setting = chosen.candidate, predictor.setting
    if candidate.executor != "multiprocess" or not setting.pool_limits:
        return
    slots = steps_at_once(replace(candidate, max_concurrent=setting.items.count), setting)
    pools = sorted({pool for pool in setting.stage_pools if pool and pool in setting.pool_limits})
    names = " and ".join(f"{pool!r} ({setting.pool_limits[pool]} slots)" for pool in pools)
    if candidate.max_concurrent > slots or chosen.pool_wait_s >= WAIT_SHARE * chosen.makespan_s.low:
        yield (
            f"The waits for the pool {names} take {seconds(chosen.pool_wait_s)} of its slots' "
            f"time: {ASKS_AGAIN}."
        )
    elif candidate.max_concurrent == slots < setting.items.count and not candidate.is_batched:
        more = replace(candidate, max_concurrent=min(4 * slots, setting.items.count))
        waited = predictor.estimate(more).makespan_s
        yield (
            f"The pool {names} lets {slots} steps run in parallel. {more.max_concurrent} in "
            f"parallel would take {seconds(waited)} instead of "
            f"{seconds(chosen.makespan_s.median)} (predicted): {ASKS_AGAIN}."
        )


def _own_threads(chosen: Prediction, predictor: Predictor) -> Iterator[str]:
    setting = predictor.setting
    items = setting.items
    wall, cpu = float(items.wall_s.mean()), float(items.cpu_s.mean())
    threads = cpu / wall if wall > 0 else 0.0
    candidate = chosen.candidate
    at_once = candidate.max_concurrent * candidate.workers_in_op
    cores = setting.machine.cores
    if threads < OWN_THREADS or at_once < 2:
        return
    if setting.limited is not None:
        yield _threads_compared(threads, chosen, setting.limited, predictor)
        return
    if threads * at_once <= CROWDED * cores:
        return
    yield (
        f"An item computes on {threads:.1f} cores by itself (BLAS or the like), so {at_once} in "
        f"parallel ask for {threads * at_once:.0f} of {cores:g} cores. OMP_NUM_THREADS=1 and "
        "OPENBLAS_NUM_THREADS=1 in the steps' environment, or threadpoolctl inside the op, keep "
        "them from fighting over the caches."
    )


def _threads_compared(
    threads: float, chosen: Prediction, limited: Setting, predictor: Predictor
) -> str:
    """The chosen way with and without one thread an item, both from measurement."""
    one = chosen.candidate.op_threads is not None
    other = replace(chosen.candidate, op_threads=None if one else 1)
    took, would = chosen.makespan_s.median, predictor.estimate(other).makespan_s
    comparison = (
        f"An item computes on {threads:.1f} cores by itself (BLAS or the like) and takes "
        f"{seconds(float(predictor.setting.items.wall_s.mean()))}; with one thread it takes "
        f"{seconds(float(limited.items.wall_s.mean()))} (both measured). This way takes "
        f"{seconds(took)} {'with one thread per item' if one else 'with all of its threads'}, "
        f"{seconds(would)} {'with all of its threads' if one else 'with one thread per item'}"
    )
    if one:
        advice = "set OMP_NUM_THREADS=1 in the environment of the run, as the snippets do"
        return f"{comparison}: {advice}."
    return f"{comparison}: leave its threads as they are."


def building_remedy(host: HostProfile, chosen: Prediction, predictor: Predictor) -> Iterator[str]:
    """What building the definitions takes of the chosen way, and what is left without it."""
    candidate, setting = chosen.candidate, predictor.setting
    if not host.step_build_s or candidate.launch == "execute_in_process":
        return
    bare = fit_overhead(replace(host, user_build_s=0.0, user_rebuild_s=0.0))
    overhead = overhead_on(bare, setting.machine.cores)
    limited = setting.limited and replace(setting.limited, overhead=overhead)
    without = Predictor(replace(setting, overhead=overhead, limited=limited))
    lean = without.estimate(candidate).makespan_s
    takes = predictor.estimate(candidate).makespan_s
    if takes - lean < BUILD_SHARE * takes:
        return
    yield (
        f"{building(host, in_steps=candidate.executor != 'in_process')}. Instead: {LEAN_MODULE}: "
        f"{seconds(lean)} instead of {seconds(takes)} (predicted)."
    )


def saving(step: CheaperStep) -> str:
    """One measured saving as a sentence."""
    before, after = seconds(step.before_s), seconds(step.after_s)
    if step.after_s > (1.0 - SMALL_GAIN) * step.before_s:
        return f"{_WHAT[step.what]} the overhead per step is {after}, not {before}: no gain here."
    share = 1.0 - step.after_s / step.before_s
    return (
        f"{_WHAT[step.what]} the overhead per step is {after} instead of {before}: "
        f"{percent(share)} less (measured, {step.runs} runs each in turn). "
        f"Price: {_PRICE[step.what]}."
    )


def cheaper_steps(host: HostProfile, chosen: Prediction, setting: Setting) -> Iterator[str]:
    """Sentences for a way to run that starts a process per step; none for others."""
    candidate = chosen.candidate
    if candidate.executor != "multiprocess":
        return
    if candidate.is_warm and host.preload.boot_before_s > host.preload.boot_after_s > 0:
        steps = candidate.steps(setting.items.count)
        saved_s = host.preload.boot_before_s - host.preload.boot_after_s
        yield (
            f"The preload list saves {seconds(saved_s)} of every step's boot (measured), "
            f"{seconds(steps * saved_s)} of processor time over {steps} steps. Price: the list "
            "is of this installation; derive it again after an upgrade."
        )
    yield from map(saving, host.cheaper_steps)
    if not host.cheaper_steps:
        yield (
            "Not measured, for lack of time: what steps would save without captured output, or "
            "with their storage in memory. `dynadvise calibrate` measures it."
        )
