"""Advice from a saved profile: nothing is run, neither Dagster nor scikit-learn is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from advisor.api.cluster_advice import caution, unknown_start, with_start_times
from advisor.api.emitting import snippets_of
from advisor.api.fan_outs import several_fan_outs
from advisor.api.predictors import constraints_of, predictor_of
from advisor.domain.advice import (
    Advice,
    HostSummary,
    Prediction,
    WorkloadSummary,
)
from advisor.domain.candidate import Candidate, name_in_words
from advisor.domain.command_line import target_name
from advisor.domain.errors import ConfigurationError
from advisor.domain.exclusions import exclusions
from advisor.domain.measured import Measured
from advisor.domain.options import AdviseOptions
from advisor.domain.quantities import Spread
from advisor.domain.work_kind import kind_of
from advisor.domain.workload import WorkloadDescription
from advisor.explanation.next_measurement import next_measurement
from advisor.explanation.reasons import costs, reasons
from advisor.explanation.remedies import building_remedy, cheaper_steps, remedies
from advisor.model.break_even import crossings
from advisor.model.items import Items
from advisor.model.order import in_both_orders, with_first_result
from advisor.model.prediction import Predictor
from advisor.model.search import SearchResult, floors, misfit_of, search
from advisor.model.setting import Setting
from advisor.model.stopping import Choice
from advisor.model.uncertainty import calibrated_as
from advisor.model.ways import (
    WaysToRun,
    may_be_ordered,
    preload_list,
)

if TYPE_CHECKING:
    from advisor.store import SavedProfile

_RENTED = (
    "Cost is the machine's cores for as long as the run holds them: on one machine it ranks like "
    "time; --objective cost-cpu minimises CPU-seconds."
)
_ONLY_IN_MEMORY = "Only execute_in_process can run this, which keeps values in memory: {}."


def _summary(saved: Measured, items: Items) -> WorkloadSummary:
    wall = items.wall_s
    low, middle, high = (float(q) for q in np.quantile(wall, [0.1, 0.5, 0.9]))
    cpu = float(items.cpu_s.mean())
    calls = [call for op in saved.workload.ops for call in op.calls]
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
        not_included=exclusions(saved.description, saved.workload, items.count, saved.further),
        resources_measured=saved.workload.resources_measured,
        partition=saved.description.partition,
        events=sum(
            fmean(call.events for call in op.calls) * stage.share
            for op, stage in zip(saved.workload.ops, items.stages, strict=True)
            if op.calls
        ),
        hooks_s=items.hooks.wall_s,
        retried=len({call.item for call in calls if call.attempts > 1}),
        branches={
            op.handle: items.samples - len(op.skipped) for op in saved.workload.ops if op.skipped
        },
    )


def _cautions(summary: WorkloadSummary, measured: Measured, setting: Setting) -> tuple[str, ...]:
    elsewhere = caution(measured.description.executor, setting.cluster, setting.overhead)
    cautions = (elsewhere,) if elsewhere else ()
    if not summary.errors_logged:
        return cautions
    logged = f"{summary.errors_logged} of {summary.samples} measured items logged an error"
    return (
        *cautions,
        f"{logged}: what failed quietly may have taken less time than real work.",
    )


def _rate_seen(setting: Setting) -> tuple[str, ...]:
    """That calls were let through at a rate, and what to give once it is known for sure."""
    rate = setting.rate
    if rate is None or not rate.after_calls:
        return ()
    about = f"a rate limit of about {rate.per_s:.2g} items per second"
    slower = f"after {rate.after_calls} calls each takes longer"
    option = f"--max-rate {rate.per_s:.2g}, or the rate that you know"
    return (f"{slower}: {about}, which the advice keeps to ({option}).",)


def recommend(saved: SavedProfile, options: AdviseOptions, *, snippets: bool = True) -> Advice:
    """Advise from a profile again, for its own machine and number of items or for others.

    The saved advice's findings and cost are carried over.

    Raises:
        DynadviseError: As :func:`advise`.
    """
    advice = advise(saved, options, snippets=snippets)
    earlier = saved.advice
    return replace(
        advice,
        warnings=earlier.warnings,
        measured_cost_s=earlier.measured_cost_s,
        measuring=earlier.measuring,
    )


def advise(measured: Measured, options: AdviseOptions, *, snippets: bool = True) -> Advice:
    """Advise from what was measured; without findings.

    Raises:
        DynadviseError: No way to run fits the constraints; the figures are named.
    """
    predictor, ways = predictor_of(measured, options)
    result = _search(measured, options, predictor, ways)
    several = several_fan_outs(measured, predictor, options)
    result = in_words(Choice(several.chosen(result) if several else result, predictor), measured)
    advice = _advice_of(result, predictor, ways, measured, options)
    if several:
        fan_outs, whole_run = several.advice(result)
        advice = replace(advice, fan_outs=fan_outs, whole_run=whole_run)
    advice = with_start_times(advice, predictor.setting, measured, options)
    return (
        replace(advice, snippets=snippets_of(measured, advice, options.cluster))
        if snippets
        else advice
    )


def searched(measured: Measured, options: AdviseOptions, among: Sequence[Candidate] = ()) -> Choice:
    """What an advice would choose, without any words.

    Args:
        among: The only ways to choose from; none: all.

    Raises:
        DynadviseError: As :func:`advise`.
    """
    predictor, ways = predictor_of(measured, options)
    if among:
        ways = replace(ways, candidates=tuple(among))
    return Choice(_search(measured, options, predictor, ways), predictor)


def _search(
    measured: Measured, options: AdviseOptions, predictor: Predictor, ways: WaysToRun
) -> SearchResult:
    """The search's result; with chains depth first as well, where tags can make them so."""
    constraints = constraints_of(measured, options, ways)
    result = search(
        ways.candidates, predictor, constraints, current=ways.current, default=ways.default
    )
    if not may_be_ordered(measured.description):
        return result
    return in_both_orders(result, predictor, change_code=options.change == "code")


def in_words(choice: Choice, measured: Measured) -> SearchResult:
    """The result with each prediction's reasons and costs."""
    result, setting = choice.result, choice.predictor.setting

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
    )


def _advice_of(
    result: SearchResult,
    predictor: Predictor,
    ways: WaysToRun,
    measured: Measured,
    options: AdviseOptions,
) -> Advice:
    setting = predictor.setting
    summary = _summary(measured, setting.items)
    share = float(setting.items.cpu_s.mean()) / max(1e-9, float(setting.items.wall_s.mean()))
    facts, machine = measured.host.facts, setting.machine
    return Advice(
        target=target_name(measured.description.target),
        dagster_version=facts.dagster_version,
        python_version=facts.python_version,
        objective=options.objective,
        change=options.change,
        environment=options.environment,
        host=HostSummary(
            options.host or facts.id, machine.cores, machine.memory_bytes, machine.memory_headroom
        ),
        workload=summary,
        recommendation=result.recommendation,
        config_only=result.config_only,
        current=result.current,
        default=result.default,
        candidates=result.candidates,
        rejected=(*ways.impossible, *result.rejected),
        floors=floors(predictor),
        break_even=crossings(
            setting.overhead,
            items=setting.items.count,
            cores=setting.capacity,
            cpu_share=min(1.0, share),
            preload=preload_list(measured),
        ),
        notes=(
            *_notes(result, predictor, ways, measured, summary),
            *([_RENTED] if options.objective == "cost" and not options.cluster else []),
        ),
        tie=result.tie,
        limits=setting.limits.probed,
        untried=result.untried,
        next_measurement=next_measurement(result, measured, setting.rate),
        measured_cost_s=measured.workload.cost_s + measured.host.cost_s,
        op_executions=sum(
            each.op_executions
            for each in (measured.workload, *(other.workload for other in measured.further))
        ),
        advised_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        cautions=(
            *_cautions(summary, measured, setting),
            *_rate_seen(setting),
            *building_remedy(measured.host, result.config_only, predictor),
        ),
        own_way=ways.own,
        max_rate=options.max_rate,
    )


def _notes(
    result: SearchResult,
    predictor: Predictor,
    ways: WaysToRun,
    measured: Measured,
    summary: WorkloadSummary,
) -> tuple[str, ...]:
    return (
        *remedies(measured.description, result.config_only, predictor),
        *cheaper_steps(measured.host, result.config_only, predictor.setting),
        *measured.workload.notes,
        *(excluded.sentence for excluded in summary.not_included),
        *_left_out(measured),
        *_unmeasured(measured),
        *_estimated(measured, result),
        *([_ONLY_IN_MEMORY.format(ways.only_in_memory.words)] if ways.only_in_memory else []),
    )


def _left_out(saved: Measured) -> list[str]:
    """Which parts of the results differ by themselves, and were not compared."""
    probes = saved.workload.probes
    names = sorted({name for probe in probes for name in probe.comparison.left_out})
    if not names:
        return []
    listed = ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
    note = (
        f"Not compared in parallel, since it differs between two calls alone: {listed}. If that is "
        "no time and no chance, items change something that they share (a resource, a global): "
        "steps in one process then give other results than steps in processes of their own."
    )
    return [note]


def _unmeasured(saved: Measured) -> list[str]:
    return [
        f"Could not be measured: {name_in_words(name)} ({why})."
        for name, why in saved.host.unmeasured.items()
    ]


def _estimated(measured: Measured, result: SearchResult) -> list[str]:
    """Methods that are shown beside the advice, though they were not run on this host."""
    methods = {calibrated_as(way.candidate) for way in (result.current, result.default) if way}
    return [
        f"{method} was not run with this code on this host: its figures are estimated. "
        "`dynadvise calibrate TARGET` runs it."
        for method in measured.overhead.estimated
        if method in methods
    ]


def _worded(prediction: Prediction, setting: Setting, saved: Measured) -> Prediction:
    return replace(
        prediction,
        reasons=reasons(
            prediction, setting, saved.host, cpu_measured=saved.workload.resources_measured
        ),
        costs=costs(prediction.candidate),
    )


def predict(saved: Measured, candidate: Candidate, options: AdviseOptions) -> Prediction:
    """One candidate's prediction; that it does not fit the machine is among its costs.

    Raises:
        ConfigurationError: There is no model of it on the profile's host.
    """
    blocked = _no_loop_for(saved.description) if candidate.executor == "async" else None
    if blocked:
        raise ConfigurationError(
            f"There is no prediction of '{candidate.label}': {blocked}.",
            hint="Threads overlap what blocks: --batch-size with --workers.",
        )
    predictor, ways = predictor_of(saved, options)
    if (refused := unknown_start(candidate, predictor.setting)) is not None:
        raise refused
    estimate = predictor.estimate(candidate)
    prediction = with_first_result(predictor.prediction_of(estimate), predictor)
    worded = _worded(prediction, predictor.setting, saved)
    misfit = misfit_of(estimate, predictor.setting, constraints_of(saved, options, ways))
    if misfit is None:
        return worded
    return replace(worded, costs=(f"it does not fit: it {misfit.words}", *worded.costs))


def _no_loop_for(description: WorkloadDescription) -> str | None:
    """Why the ops' waits cannot share an event loop; a missing package hinders no prediction."""
    blocking = [op.name for op in description.mapped if not op.is_async]
    if not blocking:
        return None
    return f"{', '.join(blocking)} is not `async def` and blocks the loop"
