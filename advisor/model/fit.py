"""From calibration runs to the overhead model: few, non-negative numbers with a meaning each.

Phases of a step are means over the steps of runs at one step at a time (medians were not better,
and means add up). What depends on a size (bytes, items, steps) is a line fitted with
scikit-learn's non-negative least squares.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np

from advisor.domain.host import (
    BUILDS_OF_COMMAND,
    BUILDS_OF_RUN,
    CalibrationRun,
    CpuScaling,
    HostProfile,
    user_import_in,
)
from advisor.domain.overhead import (
    EVENTS_PER_OUTPUT,
    InProcessOverhead,
    MultiprocessOverhead,
    OverheadModel,
)
from advisor.model.estimated_methods import estimated_methods, roughly_warm
from advisor.model.run_overhead import (
    Overhead,
    at_pace,
    in_process_overhead,
    mean_of,
    merged,
    multiprocess_overhead,
    spans_s,
    with_parent,
)
from advisor.model.run_statistics import mapped_steps

NOISE_FLOOR, NOISE_CEILING = 0.02, 0.40

PRIOR_NOISE, PRIOR_WEIGHT = 0.155, 4
"""What is believed of a host's noise before like runs were seen twice, and for how many it counts.
On a shared 2-core machine a loop's speed had a log standard deviation of 0.2 and an
autocorrelation time of 0.3 s: 0.2 * sqrt(2 * 0.3 s)."""

SLOW_DRIFT = 0.03
"""Relative standard deviation of what changes in an hour, beyond the noise."""


def fit_line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Intercept and slope, both at least 0, by non-negative least squares.

    Relative errors count (weights 1/y^2), so that small sizes are not drowned by large ones.
    """
    if len({x for x, _ in points}) < 2:
        return mean_of([y for _, y in points]), 0.0
    x = np.array([[1.0, px] for px, _ in points])
    scale = x.max(axis=0)
    y = np.array([max(py, 1e-9) for _, py in points])
    weighted = x / scale / y[:, None]
    coefficients = np.linalg.lstsq(weighted, np.ones(len(y)), rcond=None)[0]
    if coefficients.min() < 0.0:  # seldom: what bounds them takes a second to import
        from sklearn.linear_model import LinearRegression

        model = LinearRegression(positive=True, fit_intercept=False)
        coefficients = model.fit(weighted, np.ones(len(y))).coef_
    intercept, slope = (float(each) for each in coefficients / scale)
    return intercept, slope


def _multiprocess(run: CalibrationRun, quota: float) -> MultiprocessOverhead:
    """One run's phases, at one step at a time, as they are on whole cores."""
    log = run.run
    overhead = multiprocess_overhead(log)
    # The log's clock starts at its first event; the call started before it.
    lead_s = max(0.0, log.started_at_s - run.started_at_s) + log.run_start_s
    start_s = lead_s + overhead.start_s
    last_end_s = max((step.end_s or 0.0 for step in log.steps), default=0.0) - log.run_start_s
    end_s = max(0.0, run.wall_s - lead_s - last_end_s - overhead.exit_s)
    around_call_s = mean_of(spans_s(mapped_steps(log), "inputs_s", "first_output_s"))
    before_cpu_s = start_s if run.start_cpu_s is None else min(start_s, run.start_cpu_s)
    priced = with_parent(
        replace(
            overhead,
            start_s=start_s,
            server_start_s=0.0 if run.method == "spawn" else overhead.server_start_s,
            load_s=overhead.load_s + max(0.0, around_call_s - run.item_wait_s),
            end_s=end_s,
        ),
        max(0.0, run.parent_cpu_s - before_cpu_s - end_s) / len(log.steps),
        run.store_wait_s,
    )
    until_call_s = priced.boot_s + priced.prepare_s + priced.load_s
    pace, wait_share = unthrottled(until_call_s, run.step_cpu_s, run.step_delay_s, quota)
    return replace(at_pace(priced, pace), wait_share=wait_share)


def unthrottled(wall_s: float, cpu_s: float, delayed_s: float, quota: float) -> tuple[float, float]:
    """What seconds under a quota below one core are on a whole one.

    Args:
        wall_s: As they were measured.
        cpu_s: Of which so many were computed; 0 where it was not measured.
        delayed_s: For so many a core was missing. On whole cores others had it, and it counts as
            computing, as it will in the next run beside them.
        quota: Cores of the machine.

    Returns:
        The factor to them, and the share of them that waits.
    """
    if wall_s <= 0 or cpu_s <= 0:
        return 1.0, 0.0
    speed = min(1.0, quota)
    busy = min(1.0, max(cpu_s / speed, cpu_s + delayed_s) / wall_s)
    pace = 1.0 - busy * (1.0 - speed)
    return pace, (1.0 - busy) / pace


def _with_module(
    overhead: MultiprocessOverhead, host: HostProfile, run: CalibrationRun | None = None
) -> MultiprocessOverhead:
    """The phases of a run as they would be with the host's user module instead of the run's.

    No tiny run builds definitions: it has a job of its own. Without a run, the phases are those of
    the warm forkserver, with no module.
    """
    method = run.method if run else "warm_forkserver"
    server_s, step_s = user_import_in(method, host.user_import_s, host.preloads)
    if run:
        server_s, step_s = server_s - run.server_import_s, step_s - run.step_import_s
    return replace(
        overhead,
        start_s=overhead.start_s + BUILDS_OF_RUN["multiprocess"] * host.user_rebuild_s,
        server_start_s=max(0.0, overhead.server_start_s + server_s),
        prepare_s=max(0.0, overhead.prepare_s + step_s) + host.step_build_s,
    )


def _in_process(run: CalibrationRun, quota: float) -> InProcessOverhead:
    """A serial run; what its steps do not explain counts as its start: nothing tells them apart."""
    overhead = in_process_overhead(run.run, lambda _step: run.item_wait_s)
    inside = overhead.step_s * (run.items + 2)
    inside += (overhead.fan_out_output_s + overhead.collect_input_s + run.item_wait_s) * run.items
    overhead = replace(overhead, start_s=max(0.0, run.wall_s - inside), end_s=0.0)
    own_s = run.wall_s - run.item_wait_s * run.items
    used_s = run.parent_cpu_s + run.child_cpu_s
    pace, wait_share = unthrottled(own_s, used_s, run.parent_delay_s, quota)
    return replace(at_pace(overhead, pace), wait_share=wait_share)


def _imported_s(run: CalibrationRun) -> float:
    """Seconds in which a run imported the user's module: in the server, and in every step."""
    return run.server_import_s + run.step_import_s * len(run.run.steps)


def _own_cpu_s(run: CalibrationRun) -> float:
    """CPU seconds of a run without the imports of the user's module."""
    return max(run.parent_cpu_s + run.child_cpu_s - _imported_s(run), 1e-3)


def noise_of(runs: Sequence[CalibrationRun]) -> float:
    """Log standard deviation of one second of computing, from like runs at different moments.

    On a core that others share, the speed changes several times a second, and what takes long
    averages over it: variances shrink as one over the CPU seconds. Pooled over the kinds of runs;
    bounded, since with few runs the estimate itself is uncertain.
    """
    groups: dict[tuple[str, int, int], list[tuple[float, float]]] = {}
    for run in runs:
        key = (run.method, run.max_concurrent, run.items)
        wall_s = run.wall_s - run.item_wait_s * run.items - _imported_s(run)
        groups.setdefault(key, []).append((wall_s, _own_cpu_s(run)))
    squares, freedom = 0.0, 0
    for group in groups.values():
        if len(group) > 1:
            logs = np.log([max(wall_s, 1e-3) for wall_s, _ in group])
            seconds = fmean(used_s for _, used_s in group)
            squares += float(((logs - logs.mean()) ** 2).sum()) * seconds
            freedom += len(group) - 1
    variance = (squares + PRIOR_WEIGHT * PRIOR_NOISE**2) / (freedom + PRIOR_WEIGHT)
    return float(min(max(variance**0.5, NOISE_FLOOR), NOISE_CEILING))


def _measured_cpu_s(runs: Sequence[CalibrationRun]) -> dict[str, float]:
    cpu_s: dict[str, float] = {}
    for run in runs:
        used_s = run.parent_cpu_s + run.child_cpu_s
        cpu_s[run.method] = cpu_s.get(run.method, 0.0) + used_s
    return cpu_s


def _age_days(runs: Sequence[CalibrationRun], at_s: float) -> dict[str, float]:
    """By method, days since its newest run."""
    newest_s: dict[str, float] = {}
    for run in runs:
        newest_s[run.method] = max(run.started_at_s, newest_s.get(run.method, 0.0))
    return {method: max(0.0, at_s - then_s) / 86_400 for method, then_s in newest_s.items()}


def fit_overhead(host: HostProfile, at_s: float | None = None) -> OverheadModel:
    """Fit the overhead model of a calibrated host.

    Args:
        host: The calibration.
        at_s: When it is used, in seconds since the epoch; None: when it is made.

    Raises:
        ValueError: The calibration holds no in-process run at all.
    """
    runs = host.runs
    plan_item_s = fit_line([(float(g.items), g.plan_s) for g in host.plan_growth])[1]
    turn_item_s = fit_line([(float(g.items), g.turn_s) for g in host.plan_growth])[1]
    serial = [r for r in runs if r.max_concurrent == 1]
    multiprocess = {
        method: replace(way, plan_item_s=plan_item_s, turn_item_s=turn_item_s, claim_s=host.claim_s)
        for method, way in _ways_with_processes(host, serial)
    }
    in_process = _fit_serial(host, "in_process")
    bare = _fit_serial(host, "execute_in_process")
    rough = None
    if in_process is not None and host.python_start_s:
        rough = _with_module(roughly_warm(in_process, host.python_start_s), host)
    estimates = estimated_methods(multiprocess, host.unmeasured, rough)
    in_process, bare = in_process or bare, bare or in_process
    if in_process is None or bare is None:
        message = "the calibration holds no in-process run"
        raise ValueError(message)
    each_store_s, store_byte_s = fit_line([(float(s.value_bytes), s.store_s) for s in host.storing])
    each_load_s, load_byte_s = fit_line([(float(s.value_bytes), s.load_s) for s in host.storing])
    built_s = BUILDS_OF_RUN["in_process"] * host.user_rebuild_s
    inner_turn_s = 2 * turn_item_s
    return OverheadModel(
        execute_in_process=replace(
            bare, step_growth_s=inner_turn_s, output_events=EVENTS_PER_OUTPUT - 1
        ),
        in_process=replace(
            _with_file(in_process, each_store_s),
            start_s=in_process.start_s + built_s,
            step_growth_s=inner_turn_s,
            claim_s=host.claim_s,
        ),
        multiprocess={
            name: _with_file(overhead, each_store_s)
            for name, overhead in {**multiprocess, **estimates}.items()
        },
        estimated=tuple(estimates),
        cli_start_s=_cli_start_s(host, in_process),
        store_byte_s=store_byte_s,
        load_byte_s=load_byte_s,
        transfer_s=each_store_s + each_load_s,
        cpu_scaling=_mean_scaling(host.cpu_scaling),
        process_start_s=host.process_start_s * min(1.0, host.facts.cpus),
        drift=SLOW_DRIFT,
        moments=max(1, sum(run.method == "warm_forkserver" for run in serial)),
        noise=noise_of(runs),
        measured_cpu_s=_measured_cpu_s(serial),
        age_days={} if at_s is None else _age_days(serial, at_s),
        whole_step=host.whole_step,
    )


def _with_file(overhead: Overhead, store_s: float) -> Overhead:
    """The overhead with what the file is of an output; at most half, of two measurements."""
    return replace(overhead, output_store_s=min(store_s, overhead.fan_out_output_s / 2))


def _ways_with_processes(
    host: HostProfile, serial: Sequence[CalibrationRun]
) -> Iterator[tuple[str, MultiprocessOverhead]]:
    """The mean of the runs of each method that ran, by the method."""
    for method in ("spawn", "forkserver", "warm_forkserver"):
        runs = [
            _with_module(_multiprocess(run, host.facts.cpus), host, run)
            for run in serial
            if run.method == method and run.run.steps
        ]
        if runs:
            yield method, merged(runs, fmean)


def _mean_scaling(scalings: Sequence[CpuScaling]) -> tuple[CpuScaling, ...]:
    """One a number of workers, over all moments.

    A virtual machine's cores are now two cores, now two threads of one: the mean is what a run
    can expect.
    """
    slowdowns: dict[int, list[float]] = {}
    for one in scalings:
        slowdowns.setdefault(one.workers, []).append(one.slowdown)
    return tuple(
        CpuScaling(workers, fmean(factors)) for workers, factors in sorted(slowdowns.items())
    )


def _fit_serial(host: HostProfile, method: str) -> InProcessOverhead | None:
    runs = [run for run in host.runs if run.method == method and run.run.steps]
    overheads = [_in_process(run, host.facts.cpus) for run in runs]
    return merged(overheads, fmean) if overheads else None


def _cli_start_s(host: HostProfile, in_process: InProcessOverhead) -> float | None:
    """The command's whole time less the one tiny step that it ran, and the user's loading."""
    if host.cli_start_s is None:
        return None
    inside = in_process.start_s + in_process.step_s + in_process.end_s
    speed = min(1.0, host.facts.cpus)
    loading_s = host.user_import_s + host.user_build_s
    loading_s += (BUILDS_OF_COMMAND - 1) * host.user_rebuild_s
    return max(0.0, host.cli_start_s * speed - inside) + loading_s
