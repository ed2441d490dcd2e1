"""Advice from a saved profile: nothing is run, neither Dagster nor scikit-learn is imported."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timezone
from statistics import median
from typing import TYPE_CHECKING

from advisor.api.emitting import snippets_of
from advisor.api.ways import (
    WaysToRun,
    connections_held,
    held_by,
    may_be_ordered,
    preload_list,
    ways_to_run,
)
from advisor.domain.advice import (
    Advice,
    HostSummary,
    NextMeasurement,
    Prediction,
    WorkloadSummary,
)
from advisor.domain.candidate import Candidate
from advisor.domain.command_line import target_name, target_words
from advisor.domain.errors import ConfigurationError, DynadviseError
from advisor.domain.exclusions import exclusions
from advisor.domain.measured import Measured
from advisor.domain.options import AdviseOptions
from advisor.domain.quantities import Spread
from advisor.domain.verification import Verification
from advisor.domain.work_kind import kind_of
from advisor.domain.workload import WorkloadDescription

if TYPE_CHECKING:
    from advisor.model.items import Items
    from advisor.model.prediction import Setting
    from advisor.model.search import SearchResult
    from advisor.store import SavedProfile


def setting_of(saved: Measured, options: AdviseOptions, *, corrected: bool = True) -> Setting:
    """Everything that a prediction of this workload needs besides the candidate."""
    import numpy as np

    from advisor.model.contention import fit_contention
    from advisor.model.items import items_of
    from advisor.model.limits import limits_of
    from advisor.model.own_threads import limited_profile
    from advisor.model.prediction import Machine, Setting

    items = items_of(saved.workload, options.items)
    facts = saved.host.facts
    description = saved.description
    bare = description.fan_out is None
    setting = Setting(
        items=items,
        contention=fit_contention(
            saved.workload.probes,
            alone_s=float(np.median(items.wall_s)),
            cpu_s=float(np.median(items.cpu_s)),
            cores=facts.cpus,
            calls=items.calls,
        ),
        overhead=saved.overhead,
        machine=Machine(
            cores=options.cores or facts.cpus,
            memory_bytes=options.memory_bytes or facts.memory_bytes,
            base_rss_bytes=saved.host.base_rss_bytes,
        ),
        before_steps=len(description.upstream),
        fan_out=True,
        after_steps=1 if bare else len(description.collects) + description.other_steps,
        depth_first=_depth_first(description),
        limits=limits_of((*saved.workload.probes, *saved.workload.limited_probes)),
    )
    setting = _with_pools(setting, saved, options.max_connections)
    limited = limited_profile(saved.workload)
    if limited is not None:
        alike = setting_of(replace(saved, workload=limited), options, corrected=False)
        setting = replace(setting, limited=alike)
    if not corrected or not saved.verifications:
        return setting
    return replace(setting, correction=_corrections(saved.verifications, setting))


def with_own_ways(setting: Setting, saved: Measured, ways: WaysToRun) -> Setting:
    """The setting with what runs already: the job as it is, or Dagster's default, and real runs."""
    current = ways.current or (ways.default if saved.description.executor is None else None)
    verified = [
        each.candidate
        for each in saved.verifications
        if any(run.failed is None for run in each.runs)
    ]
    own = tuple(way for way in (current, *verified) if way is not None)
    return replace(setting, limits=replace(setting.limits, own=own))


def _with_pools(setting: Setting, saved: Measured, most: int | None) -> Setting:
    """The setting with what limits the ops: tags, the instance's pools, and one for connections.

    The latter is what ``emit --as dagster-yaml`` sets up for the ops of a chain that hold
    connections where others of it do not, so that only those have to wait.
    """
    from advisor.domain.tag_limits import tag_limits
    from advisor.model.pools import connection_pool

    mapped = saved.description.mapped
    held = [held_by(op) for op in saved.workload.ops]
    names = [op.pool for op in mapped]
    limits = dict(saved.description.pool_limits)
    if most is not None and len(held) == len(names):
        names, limits = connection_pool(names, limits, held, most)
    executor = saved.description.executor
    return replace(
        setting,
        tag_limits=tag_limits(
            executor.tag_concurrency_limits if executor else (), [op.tags for op in mapped]
        ),
        stage_pools=tuple(names),
        pool_limits=limits,
        holding_stages=tuple(c > 0 for c in held) if len(held) == len(names) else (),
    )


def _corrections(verifications: tuple[Verification, ...], setting: Setting) -> dict[str, float]:
    """Factor by method from real runs of this workload here, shrunk towards 1.

    The mean log ratio of measured to predicted counts as n / (n + 1) of n verified candidates.
    """
    import math

    from advisor.model.prediction import estimate

    ratios: dict[str, list[float]] = {}
    for verification in verifications:
        walls = [run.wall_s for run in verification.runs if run.failed is None]
        if not walls:
            continue
        try:
            raw = estimate(verification.candidate, setting).makespan_s
        except (KeyError, ValueError):
            continue
        method = verification.candidate.method.removeprefix("command line, ")
        ratios.setdefault(method, []).append(math.log(median(walls) / raw))
    return {method: math.exp(sum(logs) / (len(logs) + 1.0)) for method, logs in ratios.items()}


def _depth_first(description: WorkloadDescription) -> bool:
    """Whether the user's tags make the chain depth first."""
    priorities = [op.tags.get("dagster/priority", "0") for op in description.mapped]
    try:
        return len(priorities) > 1 and int(priorities[-1]) > int(priorities[0])
    except ValueError:
        return False


def _summary(saved: Measured, items: Items) -> WorkloadSummary:
    import numpy as np

    wall = items.wall_s
    low, middle, high = (float(q) for q in np.quantile(wall, [0.1, 0.5, 0.9]))
    cpu = float(items.cpu_s.mean())
    calls = (call for op in saved.workload.ops for call in op.calls)
    return WorkloadSummary(
        items=items.count,
        samples=items.samples,
        wall_s=Spread(median=middle, p10=low, p90=high),
        cpu_s=cpu,
        first_call_extra_s=items.first_extra_s,
        input_bytes=items.input_bytes,
        output_bytes=items.output_bytes,
        peak_rss_bytes=items.peak_rss_bytes,
        kind=kind_of(float(wall.mean()), cpu),
        hotspots=saved.workload.hotspots,
        category_shares=saved.workload.category_shares,
        errors_logged=len({call.item for call in calls if call.errors_logged}),
        not_included=exclusions(saved.description, saved.workload, items.count),
    )


def _cautions(summary: WorkloadSummary) -> tuple[str, ...]:
    if not summary.errors_logged:
        return ()
    logged = f"{summary.errors_logged} of {summary.samples} measured items logged an error"
    return (f"{logged}: what failed quietly may have taken less time than real work.",)


def recommend(saved: SavedProfile, options: AdviseOptions, *, snippets: bool = True) -> Advice:
    """Advise from a profile again, for its own machine and number of items or for others.

    The saved advice's findings and cost are carried over.

    Raises:
        DynadviseError: As :func:`advise`.
    """
    advice = advise(saved, options, snippets=snippets)
    earlier = saved.advice
    return replace(advice, warnings=earlier.warnings, measured_cost_s=earlier.measured_cost_s)


def advise(measured: Measured, options: AdviseOptions, *, snippets: bool = True) -> Advice:
    """Advise from what was measured; without findings.

    Args:
        measured: The workload, its host, and the real runs of it.
        options: What to advise for.
        snippets: Whether to emit the snippets as well.

    Raises:
        DynadviseError: No way to run fits the constraints; the figures are named.
    """
    setting = setting_of(measured, options)
    ways = ways_to_run(measured, options, setting)
    setting = with_own_ways(setting, measured, ways)
    result = _in_words(_searched(measured, options, setting, ways), setting, measured)
    advice = _advice_of(result, setting, ways, measured, options)
    return replace(advice, snippets=snippets_of(measured, advice)) if snippets else advice


def _searched(
    measured: Measured, options: AdviseOptions, setting: Setting, ways: WaysToRun
) -> SearchResult:
    """The search's result; with chains depth first as well, where tags can make them so."""
    from advisor.model.order import in_both_orders
    from advisor.model.search import Constraints, search

    environment = options.environment
    constraints = Constraints(
        objective=options.objective,
        change=options.change,
        environment="test" if ways.only_in_memory and environment == "prod" else environment,
        max_connections=options.max_connections,
        connections_per_item=connections_held(measured.workload),
    )
    try:
        result = search(
            ways.candidates, setting, constraints, current=ways.current, default=ways.default
        )
    except ValueError as error:
        raise DynadviseError(
            f"There is no advice for this workload: {error}.",
            hint="Allow more memory or connections, or another --environment.",
        ) from error
    if not may_be_ordered(measured.description):
        return result
    return in_both_orders(result, setting, change_code=options.change == "code")


def _in_words(result: SearchResult, setting: Setting, measured: Measured) -> SearchResult:
    """The result with each prediction's reasons and costs, and the command of what is next."""

    def worded(prediction: Prediction | None) -> Prediction | None:
        return None if prediction is None else _worded(prediction, setting, measured)

    return replace(
        result,
        recommendation=_worded(result.recommendation, setting, measured),
        config_only=_worded(result.config_only, setting, measured),
        current=worded(result.current),
        default=worded(result.default),
        candidates=tuple(_worded(each, setting, measured) for each in result.candidates),
        untried=worded(result.untried),
        next_measurement=of_target(result.next_measurement, measured),
    )


def _advice_of(
    result: SearchResult,
    setting: Setting,
    ways: WaysToRun,
    measured: Measured,
    options: AdviseOptions,
) -> Advice:
    from advisor.model.break_even import crossings
    from advisor.model.search import floors

    summary = _summary(measured, setting.items)
    share = float(setting.items.cpu_s.mean()) / max(1e-9, float(setting.items.wall_s.mean()))
    facts, machine = measured.host.facts, setting.machine
    probed = (setting.limits.thread, setting.limits.process)
    return Advice(
        target=target_name(measured.description.target),
        dagster_version=facts.dagster_version,
        python_version=facts.python_version,
        objective=options.objective,
        change=options.change,
        environment=options.environment,
        host=HostSummary(options.host or facts.id, machine.cores, machine.memory_bytes),
        workload=summary,
        recommendation=result.recommendation,
        config_only=result.config_only,
        current=result.current,
        default=result.default,
        candidates=result.candidates,
        rejected=(*ways.impossible, *result.rejected),
        floors=floors(setting),
        break_even=crossings(
            measured.overhead,
            items=setting.items.count,
            cores=machine.cores,
            cpu_share=min(1.0, share),
            preload=preload_list(measured),
        ),
        notes=_notes(result, setting, ways, measured, summary),
        tie=result.tie,
        limits=tuple(limit for limit in probed if limit.probed),
        untried=result.untried,
        next_measurement=result.next_measurement,
        measured_cost_s=measured.workload.cost_s + measured.host.cost_s,
        op_executions=measured.workload.op_executions,
        advised_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        cautions=_cautions(summary),
    )


def _notes(
    result: SearchResult,
    setting: Setting,
    ways: WaysToRun,
    measured: Measured,
    summary: WorkloadSummary,
) -> tuple[str, ...]:
    from advisor.model.cheaper_steps import cheaper_steps
    from advisor.model.remedies import remedies

    return (
        *remedies(measured.description, result.config_only, setting),
        *cheaper_steps(measured.host, result.config_only, setting),
        *measured.workload.notes,
        *(excluded.sentence for excluded in summary.not_included),
        *_left_out(measured),
        *_unmeasured(measured),
        *([_ONLY_IN_MEMORY.format(ways.only_in_memory)] if ways.only_in_memory else []),
    )


_ONLY_IN_MEMORY = "Only execute_in_process can run this, which keeps values in memory: {}."


def of_target(found: NextMeasurement | None, saved: Measured) -> NextMeasurement | None:
    """The measurement with its command spelled for the profile's target.

    Its budget is twice what was spent: with as much again, the same would be left out.
    """
    if found is None:
        return None
    command = found.command.replace("BUDGET", str(max(120, math.ceil(2 * saved.workload.cost_s))))
    return replace(found, command=command.replace("TARGET", target_words(saved.description)))


def _left_out(saved: Measured) -> list[str]:
    """Which parts of the results differ by themselves, and were not compared."""
    probes = saved.workload.probes
    names = sorted({name for probe in probes for name in probe.comparison.left_out})
    if not names:
        return []
    listed = ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
    return [f"Not compared in parallel, since it differs between two calls alone: {listed}."]


def _unmeasured(saved: Measured) -> list[str]:
    return [
        f"Could not be measured: {name} ({why})." for name, why in saved.host.unmeasured.items()
    ]


def _worded(prediction: Prediction, setting: Setting, saved: Measured) -> Prediction:
    from advisor.model.wording import costs, reasons

    return replace(
        prediction,
        reasons=reasons(prediction, setting, saved.host),
        costs=costs(prediction.candidate),
    )


def predict(saved: Measured, candidate: Candidate, options: AdviseOptions) -> Prediction:
    """One candidate's prediction; that it does not fit the machine is among its costs.

    Raises:
        ConfigurationError: There is no model of it on the profile's host.
    """
    from advisor.model.order import with_first_result
    from advisor.model.prediction import estimate, prediction_of
    from advisor.model.search import Constraints, rejection_of

    blocked = _no_loop_for(saved.description) if candidate.executor == "async" else None
    if blocked:
        raise ConfigurationError(
            f"There is no prediction of '{candidate.label}': {blocked}.",
            hint="Threads overlap what blocks: --batch-size with --workers.",
        )
    setting = setting_of(saved, options)
    setting = with_own_ways(setting, saved, ways_to_run(saved, options, setting))
    try:
        found = estimate(candidate, setting)
    except (KeyError, ValueError) as error:
        known = ", ".join(sorted(saved.overhead.multiprocess)) or "none"
        raise ConfigurationError(
            f"There is no prediction of '{candidate.label}': the host's calibration has no such "
            "method.",
            hint=f"Calibrated multiprocess methods: {known}.",
        ) from error
    prediction = with_first_result(prediction_of(found, setting), setting)
    constraints = Constraints(
        max_connections=options.max_connections,
        connections_per_item=connections_held(saved.workload),
    )
    worded = _worded(prediction, setting, saved)
    reason = rejection_of(found, setting, constraints)
    if reason is None:
        return worded
    return replace(worded, costs=(f"it does not fit: it {reason}", *worded.costs))


def _no_loop_for(description: WorkloadDescription) -> str | None:
    """Why the ops' waits cannot share an event loop; a missing package hinders no prediction."""
    blocking = [op.name for op in description.mapped if not op.is_async]
    if not blocking:
        return None
    return f"{', '.join(blocking)} is not `async def` and blocks the loop"
