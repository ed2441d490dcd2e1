"""What made a run slow or fail, with evidence from the run alone. Pure.

Each rule is a function from the facts of one run to at most one diagnosis. A gain is a plain
formula over observed figures; where the run bounds it from one side only, it says "at most".
A rule speaks when what it found costs at least ``WORTH`` of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from advisor.domain.analysis import Diagnosis, OpStatistics
from advisor.domain.executor_loop import EVENTS_PER_STEP, TICK_S, refill_lag_s
from advisor.domain.observed import ObservedRun
from advisor.model.failures import FAILURES, has_crash
from advisor.model.process_ends import processes_held_open
from advisor.model.run_facts import Facts, own_code_s, step_count
from advisor.model.run_facts import duration as _s
from advisor.model.run_statistics import (
    BOOT,
    WORK,
    begin_s,
    collect_steps,
    compute_s,
    fan_out_step,
    item_count,
    mapped_steps,
)
from advisor.model.skipped_steps import skipped_steps

_SPREADS_WORK = frozenset({"RUN002", "RUN007", "RUN008"})
"""Diagnoses whose remedy runs own code side by side that ran alone."""

_DELEGATING = frozenset({"k8s", "docker", "celery", "celery_k8s"})


def diagnose(facts: Facts) -> tuple[Diagnosis, ...]:
    """All that a run's figures tell against it: failures first, then by gain."""
    found = [_bounded(facts, told) for rule in _RULES if (told := rule(facts)) is not None]
    order = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted(found, key=lambda d: (order[d.severity], -(d.gain_s or 0.0), d.code)))


def _bounded(facts: Facts, found: Diagnosis) -> Diagnosis:
    """The diagnosis with no more gain than the run can give: what its ops' own code leaves of it.

    Remedies that split or spread that code itself can gain more, but never the whole run.
    """
    own_s = 0.0
    if found.code not in _SPREADS_WORK:
        done = [step for step in facts.run.steps if step.status == "success"]
        own_s = own_code_s(facts.run, done) / facts.slots
    most_s = max(0.0, facts.makespan_s - own_s)
    if found.gain_s is None or found.gain_s <= most_s:
        return found
    left = f"makespan - own code / slots = {facts.makespan_s:.2f} - {own_s:.2f}"
    return replace(
        found, gain_s=most_s, formula=f"{left}, which is less than {found.formula}", at_most=True
    )


# --- the seed's two problems -------------------------------------------------------------------


def parallel_slower_than_expected(facts: Facts) -> Diagnosis | None:
    """RUN001: steps at once, and yet slower than the same work one after another."""
    run = facts.run
    if run.executor == "in_process" or not facts.mapped or facts.slots < 2 or has_crash(facts):
        return None
    serial_s = _serial_s(facts)
    gain = facts.makespan_s - serial_s
    if not facts.worth(gain):
        return None
    p, t = facts.parallelism, facts.totals
    step_s = facts.overhead.in_process.step_s if facts.overhead else 0.0
    own_s = own_code_s(run)
    if not step_s:
        # Loading and storing were slowed by the launches beside them: no bound can count on them.
        gain = facts.makespan_s - own_s
    return Diagnosis(
        code="RUN001",
        kind="parallel-slower-than-expected",
        severity="warning",
        message=(
            f"The run took {_s(facts.makespan_s)} with up to {p.slots} steps at once; the work in "
            f"it is {_s(t.work_s)}: one after another in one process would have been faster."
        ),
        evidence=(
            (
                f"an item's work takes {_s(_work_s(facts.mapped))}, getting it going "
                f"{_s(_boot_s(facts.mapped))}"
            ),
            (
                f"{p.working_mean:.2f} steps at work on average, at most {p.working_peak}, "
                f"of {p.slots} slots"
            ),
            f"speed-up {t.speed_up:.2f}, efficiency {100 * t.efficiency:.0f} %",
        ),
        remedy=(
            "Run it in one process (`in_process_executor`), or put several items into one step "
            "(batches), so that a process start pays for itself."
        ),
        gain_s=gain,
        formula=(
            "makespan - summed loading, computing and storing - steps x calibrated step cost in "
            f"process = {facts.makespan_s:.2f} - {serial_s:.2f}"
            if step_s
            else f"makespan - the ops' own code = {facts.makespan_s:.2f} - {own_s:.2f}"
        ),
        at_most=not step_s,
    )


def sequential_unexpectedly_slow(facts: Facts) -> Diagnosis | None:
    """RUN002: the work itself, one item after another."""
    p = facts.parallelism
    items = item_count(facts.run)
    if p.holding_peak > 1 or items < 2:
        return None
    done = [step for step in mapped_steps(facts.run) if step.status == "success"]
    work_s = sum(compute_s(step) or 0.0 for step in done)
    launch_s = 0.0
    if facts.overhead:
        multi = facts.overhead.multiprocess.get("warm_forkserver")
        launch_s = items * (multi.boot_s + multi.prepare_s) / 2 if multi else 0.0
    gain = work_s / 2 - launch_s
    if work_s < facts.makespan_s / 2 or not facts.worth(gain):
        return None
    slowest = max(done, key=lambda step: compute_s(step) or 0.0)
    own_s = own_code_s(facts.run)
    halved_s = own_code_s(facts.run, done) / 2
    if not launch_s:
        # One step for all items also spares each its own load, store and events.
        gain = facts.makespan_s - (own_s - halved_s)
    return Diagnosis(
        code="RUN002",
        kind="sequential-unexpectedly-slow",
        severity="warning",
        message=(
            f"{items} items ran one after another, and their computing is "
            f"{100 * work_s / facts.makespan_s:.0f} % of the run's {_s(facts.makespan_s)}."
        ),
        evidence=(
            f"computing {_s(work_s)} in all, {_s(_compute_s(facts.mapped))} an item",
            f"slowest: {slowest.step_key} with {_s(compute_s(slowest) or 0.0)}",
            "never more than one step at once",
        ),
        remedy=(
            "Profile the op (`dynadvise profile`): items that wait (network, disk) gain from "
            "threads in one step; items that compute gain from the multiprocess executor."
        ),
        gain_s=gain,
        formula=(
            "summed computing / 2 - launches under a warm forkserver / 2 = "
            f"{work_s:.2f} / 2 - {launch_s:.2f}, for two at once"
            if launch_s
            else "makespan - the ops' own code, the items' half of it = "
            f"{facts.makespan_s:.2f} - {own_s - halved_s:.2f}, for two at once in one step"
        ),
        at_most=not launch_s,
    )


# --- launching ---------------------------------------------------------------------------------


def imports_dominate_launch(facts: Facts) -> Diagnosis | None:
    """RUN003: starting Python and importing takes more of a slot than the work."""
    run = facts.run
    if run.executor != "multiprocess" or not facts.mapped:
        return None
    op = facts.mapped[0]
    boot_s = op.median_s("launch", "import and plan")
    warm = facts.overhead.multiprocess.get("warm_forkserver") if facts.overhead else None
    # A spawned child also ends its interpreter in its slot; a forked one just leaves.
    exit_s = 0.0
    if run.start_method == "spawn" and (found := op.phase("tail")) is not None:
        exit_s = min(found.spread_s.p10, _tail_alone_s(run))
    start_s = boot_s + exit_s
    warm_s = min(start_s, warm.boot_s + warm.exit_s) if warm else 0.0
    steps = sum(mapped.attempts for mapped in facts.mapped)
    # The steps before and after the mapped ones start alone, in what their own launch takes.
    plain_s = sum(
        max(0.0, step.resource_init_started_s - step.worker_starting_s + exit_s - warm_s)
        for step in run.steps
        if step.mapping_key is None
        and step.worker_starting_s is not None
        and step.resource_init_started_s is not None
    )
    gain = steps / facts.slots * (start_s - warm_s) + plain_s
    if boot_s < 0.3 * op.slot_s.median or not facts.worth(gain):
        return None
    preloaded = run.preload_modules is not None
    alone_s = _boot_alone_s(facts)
    if preloaded and alone_s is not None and alone_s <= 0.6 * boot_s:
        return None  # warm already: RUN016 tells what it is
    return Diagnosis(
        code="RUN003",
        kind="imports-dominate-launch",
        severity="warning",
        message=(
            f"Each step of {op.op} spends {_s(boot_s)} on starting Python and importing, "
            f"and {_s(op.median_s(*WORK))} on its work."
        ),
        evidence=(
            (
                f"launch {_s(op.median_s('launch'))}, import and plan "
                f"{_s(op.median_s('import and plan'))}, {steps} steps, {facts.slots} at once"
            ),
            f"start method {run.start_method}"
            + (f" with {len(run.preload_modules or ())} preloaded modules" if preloaded else ""),
        ),
        remedy=(
            "Check that the preload list covers what a step imports (`dynadvise calibrate` derives "
            "one and proves it); what then remains is paid a step: fewer, longer steps (batches)."
            if preloaded
            else "Use `start_method: forkserver` with a `preload_modules` list that covers "
            "Dagster's storages and your imports: `dynadvise calibrate` derives it and proves it."
        ),
        gain_s=gain,
        formula=(
            "mapped steps / slots x (launch, import and exit - what a warm start takes) + the same "
            f"of the other steps = {steps} / {facts.slots} x ({start_s:.2f} - {warm_s:.2f}) + "
            f"{plain_s:.2f}"
        ),
        at_most=warm is None,
    )


def launches_compete(facts: Facts) -> Diagnosis | None:
    """RUN016: a launch takes far longer among others than alone: too few cores for so many."""
    if facts.run.executor != "multiprocess" or not facts.mapped or facts.slots < 2:
        return None
    op, alone_s = facts.mapped[0], _boot_alone_s(facts)
    boot_s = op.median_s("launch", "import and plan")
    steps = sum(mapped.attempts for mapped in facts.mapped)
    if alone_s is None or alone_s > 0.6 * boot_s:
        return None
    if not facts.worth(steps * (boot_s - alone_s) / facts.slots):
        return None
    # No gain is promised: as many launches in fewer slots take the cores as long.
    return Diagnosis(
        code="RUN016",
        kind="launches-compete-for-cpu",
        severity="note",
        message=(
            f"A launch takes {_s(boot_s)} with up to {facts.slots} steps at once, and "
            f"{_s(alone_s)} alone: there are fewer cores than launches."
        ),
        evidence=(f"{steps} steps; launch and import alone as in the collecting step",),
        remedy=(
            "Cheaper or fewer launches: a warm forkserver, batches, threads inside a step for "
            "items that wait. About as many steps at once as there are cores take no longer and "
            "need less memory."
        ),
    )


def pod_start_dominates(facts: Facts) -> Diagnosis | None:
    """RUN004: a pod, container or task a step, for less work than its start."""
    if facts.run.executor not in _DELEGATING or not facts.mapped or has_crash(facts):
        return None
    op = facts.mapped[0]
    boot_s, work_s = op.median_s(*BOOT), op.median_s(*WORK)
    # A batch whose work is ten times its start: overhead below a tenth.
    batch = int(np.ceil(10 * boot_s / work_s)) if work_s > 0 else op.attempts
    batch = max(1, min(batch, op.attempts // max(1, facts.slots)))
    # Each step less is one start less, and one turn less of a slot that waits to be given away.
    step_s = boot_s + op.median_s("tail")
    gain = (op.attempts - np.ceil(op.attempts / batch)) * step_s / facts.slots
    if batch < 2 or boot_s < work_s or not facts.worth(float(gain)):
        return None
    return Diagnosis(
        code="RUN004",
        kind="pod-start-dominates",
        severity="warning",
        message=(
            f"Each step of {op.op} takes {_s(boot_s)} to start under the {facts.run.executor} "
            f"executor and works {_s(work_s)}."
        ),
        evidence=(
            (
                f"start {_s(op.median_s('launch'))}, import and plan "
                f"{_s(op.median_s('import and plan'))}"
            ),
            f"{op.attempts} steps, {facts.slots} at once",
        ),
        remedy=f"Put about {batch} items into one step, or run the mapped part in one process.",
        gain_s=float(gain),
        formula=(
            "(steps - batches) x (start and tail) / slots = "
            f"({op.attempts} - {int(np.ceil(op.attempts / batch))}) x {step_s:.2f} / {facts.slots}"
        ),
    )


def many_tiny_steps(facts: Facts) -> Diagnosis | None:
    """RUN005: bookkeeping of a step costs more than its item, in one process."""
    if facts.run.executor != "in_process" or item_count(facts.run) < 2:
        return None
    steps = mapped_steps(facts.run)
    work_s = sum(compute_s(step) or 0.0 for step in steps)
    begins = [begin for step in steps if (begin := begin_s(step)) is not None]
    ends = [step.end_s for step in steps if step.end_s is not None]
    if not begins or not ends:
        return None
    window_s = max(ends) - min(begins)
    lost_s = window_s - work_s
    if lost_s < work_s or not facts.worth(lost_s):
        return None
    # One batch also spares the fan-out op its outputs and the collecting op its inputs.
    own_s = own_code_s(facts.run)
    return Diagnosis(
        code="RUN005",
        kind="many-tiny-steps",
        severity="warning",
        message=(
            f"{len(steps)} mapped steps took {_s(window_s)}, of which {_s(work_s)} is their work."
        ),
        evidence=(
            f"{_s(lost_s / len(steps))} of bookkeeping a step, {_s(work_s / len(steps))} of work",
            f"{facts.run.event_count} events in the log",
        ),
        remedy="Put several items into one step (batches): one set of events for many items.",
        gain_s=facts.makespan_s - own_s,
        formula=f"makespan - the ops' own code = {facts.makespan_s:.2f} - {own_s:.2f}",
        at_most=True,
    )


# --- slots ---------------------------------------------------------------------------------------


def slot_refill_lag(facts: Facts) -> Diagnosis | None:
    """RUN006: a freed slot stays empty while the executor polls."""
    if not facts.mapped or facts.run.executor == "in_process":
        return None
    op = facts.mapped[0]
    tail = op.phase("tail")
    if tail is None or tail.steps < 2:
        return None
    # The exit of the child itself is in every tail: what it takes where nothing else runs.
    floor_s = min(tail.spread_s.p10, _tail_alone_s(facts.run))
    excess_s = max(0.0, tail.spread_s.median - floor_s)
    slots = facts.slots
    polled_s = refill_lag_s(slots)
    polling = facts.run.executor in _DELEGATING
    lag_s = tail.spread_s.median if polling else excess_s
    if slots < 2 or lag_s < 0.1 * op.slot_s.median:
        return None
    gain = tail.steps * lag_s / slots
    if not facts.worth(gain):
        return None
    return Diagnosis(
        code="RUN006",
        kind="slot-refill-lag",
        severity="warning",
        message=(
            f"A freed slot stays empty for {_s(tail.spread_s.median)} before the next step is "
            f"launched, with {slots} steps at once."
        ),
        evidence=(
            (
                f"tail of a step: median {_s(tail.spread_s.median)}, 10 % below "
                f"{_s(tail.spread_s.p10)}, 10 % above {_s(tail.spread_s.p90)}"
            ),
            (
                "the executor polls the event log about once a second and launches one by one"
                if polling
                else f"the parent's polls alone may take {_s(polled_s)} at {slots} steps at once "
                f"({EVENTS_PER_STEP} events x {slots - 1} other steps x {TICK_S * 1000:.0f} ms)"
            ),
        ),
        remedy=(
            "Fewer, longer steps (batches), or set DAGSTER_STEP_DELEGATING_EXECUTOR_SLEEP_SECONDS "
            "lower."
            if polling
            else "Fewer steps at once (`max_concurrent`), with batches or threads inside a step "
            "for the concurrency that items need."
        ),
        gain_s=gain,
        formula=(
            f"steps x lag / slots = {tail.steps} x {lag_s:.2f} / {slots}"
            + ("" if polling else f" (lag: median tail - {floor_s:.2f} where nothing else runs)")
        ),
        at_most=polling,
    )


def fan_out_holds_back(facts: Facts) -> Diagnosis | None:
    """RUN007: nothing mapped begins before the fan-out op has ended."""
    step = fan_out_step(facts.run)
    if step is None or step.start_s is None or step.end_s is None:
        return None
    took_s = step.end_s - step.start_s
    first_s = (step.first_output_s or step.end_s) - step.start_s
    items = max(item_count(facts.run), step.outputs)
    if took_s < 0.2 * facts.makespan_s or items < 2:
        return None
    slots = facts.slots
    many = took_s - first_s > first_s  # the outputs themselves, not what precedes them
    # One step at a time does not wait for the fan-out more than for any other step.
    gain = took_s * (1 - 1 / slots) if slots > 1 else None
    return Diagnosis(
        code="RUN007",
        kind="fan-out-holds-everything-back",
        severity="warning" if gain else "note",
        message=(
            f"{step.op} ran for {_s(took_s)} of {_s(facts.makespan_s)} before any of its "
            f"{step.outputs} outputs was worked on."
        ),
        evidence=(
            (
                f"first output after {_s(first_s)}, last after "
                f"{_s((step.last_output_s or step.end_s) - step.start_s)}"
            ),
            f"{_s((took_s - first_s) / max(1, step.outputs - 1))} an output",
        ),
        remedy=(
            "Yield fewer outputs (one a batch of items); each costs two events and one store."
            if many
            else "Let the fan-out op yield keys or paths only, and do the loading in the mapped op."
        ),
        gain_s=gain,
        formula=(
            "fan-out x (1 - 1 / slots) = "
            f"{took_s:.2f} x (1 - 1 / {slots}), if its work moves into the mapped steps"
            if gain
            else ""
        ),
        at_most=gain is not None,
    )


def stragglers(facts: Facts) -> Diagnosis | None:
    """RUN008: slots stand empty at the end while a few long items finish."""
    steps = [
        (begin, step.end_s, step)
        for step in mapped_steps(facts.run)
        if step.end_s is not None and (begin := begin_s(step)) is not None
    ]
    slots = facts.slots
    if slots < 2 or len(steps) <= slots:
        return None
    last_begin = max(begin for begin, _, _ in steps)
    ends = sorted(end for _, end, _ in steps)
    # From the moment when nothing was left to start, each slot idles until the last step ends.
    final = [end for end in ends if end >= last_begin]
    idle_s = sum(ends[-1] - end for end in final[-slots:])
    idle_s += (slots - min(slots, len(final))) * (ends[-1] - last_begin)
    gain = idle_s / slots
    work = sorted((compute_s(step) or 0.0, step.step_key) for _, _, step in steps)
    median_s = float(np.median([seconds for seconds, _ in work]))
    longest_s, longest = work[-1]
    if longest_s < 2 * median_s or not facts.worth(gain):
        return None
    return Diagnosis(
        code="RUN008",
        kind="stragglers",
        severity="warning",
        message=(
            f"{longest} computed {_s(longest_s)} where the median item takes {_s(median_s)}; "
            "the other slots stood empty meanwhile."
        ),
        evidence=(
            f"nothing was left to start at {_s(last_begin)}, the last step ended at {_s(ends[-1])}",
            f"{_s(idle_s)} of idle slots in that time",
        ),
        remedy=(
            "Yield the longest items first, or split them; with batches, deal long and short "
            "items out evenly."
        ),
        gain_s=gain,
        formula=f"idle slot-seconds at the end / slots = {idle_s:.2f} / {slots}",
        at_most=True,
    )


def slots_unused(facts: Facts) -> Diagnosis | None:
    """RUN009: more slots configured than steps were ever at work."""
    p = facts.parallelism
    if facts.run.executor == "in_process" or p.configured is None or p.configured < 2:
        return None
    usable = min(p.configured, item_count(facts.run))
    if usable < 2 or (p.working_peak > max(1, usable // 2) and p.overlap > 0.1):
        return None
    if pool_waits(facts) is not None:
        return None  # a pool's limit holds the steps back, not their launches
    return Diagnosis(
        code="RUN009",
        kind="not-really-parallel",
        severity="note",
        message=(
            f"max_concurrent is {p.configured}, and on average {p.working_mean:.2f} steps were at "
            f"work, never more than {p.working_peak}."
        ),
        evidence=(
            f"slots held at once: {p.holding_peak}",
            f"overlap {100 * p.overlap:.0f} % of the time with a step at work",
        ),
        remedy=(
            "Steps end before the next ones have started: shorten the launch (warm forkserver), "
            "or give each step more work (batches)."
        ),
    )


def pool_waits(facts: Facts) -> Diagnosis | None:
    """RUN010: steps that waited for a pool's slot."""
    waits = facts.run.pool_waits_s
    total_s = sum(waits.values())
    if not waits:
        return None
    longest = max(waits, key=lambda key: waits[key])
    # With fewer steps than slots the last one waits alone: its wait then bounds the gain.
    shared_s = total_s / facts.slots
    gain = max(shared_s, waits[longest])
    if not facts.worth(gain):
        return None
    return Diagnosis(
        code="RUN010",
        kind="pool-waits",
        severity="warning",
        message=(
            f"{step_count(len(waits))} waited {_s(total_s)} in all for a slot of "
            f"{'its' if len(waits) == 1 else 'their'} pool."
        ),
        evidence=(f"longest: {longest} with {_s(waits[longest])}",),
        remedy=(
            "Raise the pool's limit (`dagster instance concurrency set POOL N`) if what it "
            "protects can bear it; else lower max_concurrent to it: a blocked claim is tried "
            "again only after a second or more."
        ),
        gain_s=gain,
        formula=(
            f"summed waits / slots = {total_s:.2f} / {facts.slots}"
            if shared_s >= waits[longest]
            else f"the longest wait = {waits[longest]:.2f}"
        ),
        at_most=True,
    )


_RULES: Sequence[Callable[[Facts], Diagnosis | None]] = (
    parallel_slower_than_expected,
    sequential_unexpectedly_slow,
    imports_dominate_launch,
    launches_compete,
    pod_start_dominates,
    many_tiny_steps,
    slot_refill_lag,
    fan_out_holds_back,
    stragglers,
    slots_unused,
    pool_waits,
    processes_held_open,
    skipped_steps,
    *FAILURES,
)


def _serial_s(facts: Facts) -> float:
    """All work of the run one after another: load, compute, store, and the step cost if known."""
    worked = sum(
        max(0.0, step.end_s - step.start_s)
        for step in facts.run.steps
        if step.start_s is not None and step.end_s is not None
    )
    step_s = facts.overhead.in_process.step_s if facts.overhead else 0.0
    return worked + step_s * len(facts.run.steps)


def _tail_alone_s(run: ObservedRun) -> float:
    """From the last mapped step's end to the launch of what follows it: an exit, undisturbed."""
    ends = [step.end_s for step in mapped_steps(run) if step.end_s is not None]
    after = [begin for step in collect_steps(run) if (begin := begin_s(step)) is not None]
    return max(0.0, min(after) - max(ends)) if ends and after else float("inf")


def _boot_alone_s(facts: Facts) -> float | None:
    """Launch and import of a step that nothing else ran beside: the collecting one."""
    found = [op.median_s("launch", "import and plan") for op in facts.ops if op.role == "collect"]
    return min(found, default=None)


def _boot_s(ops: Sequence[OpStatistics]) -> float:
    return sum(op.median_s(*BOOT) for op in ops)


def _work_s(ops: Sequence[OpStatistics]) -> float:
    return sum(op.median_s(*WORK) for op in ops)


def _compute_s(ops: Sequence[OpStatistics]) -> float:
    return sum(op.median_s("compute") for op in ops)
