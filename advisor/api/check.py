"""The use case behind ``dynadvise check``: static rules, counts, timing against a base, advice."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from advisor.api.helm_check import helm_check
from advisor.api.recommend import recommend
from advisor.domain.command_line import target_name
from advisor.domain.errors import ConfigurationError
from advisor.domain.gate import AdviceCheck, GateReport, TargetCheck, worst
from advisor.domain.options import CheckOptions
from advisor.gate import pipeline, verdict
from advisor.gate.against_profile import own_configuration
from advisor.gate.surroundings import Surroundings
from advisor.measure.progress import Progress, silent
from advisor.measure.sole_use import sole_use
from advisor.measure.workspace import workspace
from advisor.store import SavedProfile


def check(
    options: CheckOptions,
    progress: Progress | None = None,
    *,
    announce: Callable[[str], None] | None = None,
    surroundings: Surroundings | None = None,
) -> GateReport:
    """Check the targets: import all, survey base and head, time pairs look by look, judge.

    Raises:
        ConfigurationError: There is no target, or too few pairs to decide anything.
        GitError: The base revision cannot be had.
        ProfileError: A committed profile is damaged.
    """
    _refuse_undecidable(options)
    started = time.monotonic()
    if not options.targets:
        return _report(options, [], started, measured=False)
    gate = pipeline.Gate(options, surroundings or RealSurroundings(), progress or silent)
    gate.progress("static rules", None)
    inspected = gate.surroundings.inspect(options)
    loaded = [each for each in inspected if each.loaded]
    if options.static:
        checks = [verdict.of_definitions(each, options) for each in inspected]
        return _report(options, checks, started, measured=bool(loaded))
    if announce is not None and loaded:
        announce(pipeline.announcement(options, [each.target for each in loaded]))
    base_tree = gate.surroundings.base_tree(options)
    with sole_use(), workspace(), base_tree as base:
        folder = tempfile.mkdtemp(prefix="samples-")
        subjects = [pipeline.survey(gate, each, base, Path(folder)) for each in loaded]
        plan = pipeline.planned_looks(options, subjects) if base is not None else None
        timings = [pipeline.time_ops(gate, each, plan) for each in subjects]
    measured = {
        each.target: verdict.of_measurements(
            each, timed, pipeline.advice_on_head(gate, each, timed), options
        )
        for each, timed in zip(subjects, timings, strict=True)
    }
    checks = [
        measured.get(each.target) or verdict.of_definitions(each, options, pipeline.NO_PROFILE)
        for each in inspected
    ]
    return _report(
        options,
        checks,
        started,
        measured=any(op.calls for subject in subjects for op in subject.head_ops),
        op_executions=sum(subject.measurer.executions for subject in subjects),
        base_revision=base.revision if base is not None else None,
    )


def _refuse_undecidable(options: CheckOptions) -> None:
    """Refuse what cannot be decided, before any code runs."""
    if not options.targets and not options.helm:
        raise ConfigurationError(
            "There is no target to check.",
            hint='Name one, set targets = ["module:job"] in [tool.dynadvise], or give --helm FILE.',
        )
    if options.base and not options.static:
        pipeline.planned_looks(options)


def _report(
    options: CheckOptions,
    checks: Sequence[TargetCheck],
    started: float,
    *,
    measured: bool,
    op_executions: int = 0,
    base_revision: str | None = None,
) -> GateReport:
    weaker = (
        "Without --base, head is laid beside the committed profile: weaker, because the machine "
        "may have changed its speed since."
    )
    checks = [*checks, *(helm_check(file, options) for file in options.helm)]
    of_values = not options.targets
    return GateReport(
        verdict=worst(tuple(check.verdict for check in checks)),
        targets=tuple(checks),
        static=options.static or of_values,
        base=options.base,
        base_revision=base_revision,
        max_regression=options.max_regression,
        max_regret=options.max_regret,
        failing=options.failing,
        measured=measured,
        ignored=sum(check.ignored for check in checks),
        op_executions=op_executions,
        cost_s=time.monotonic() - started,
        notes=() if options.static or options.base or of_values else (weaker,),
    )


class RealSurroundings(Surroundings):
    """The world as it is, with the advice of this package."""

    def advise(self, options: CheckOptions, profile: SavedProfile) -> AdviceCheck:
        """Advise anew, and lay the job's own configuration beside the best."""
        target = target_name(profile.description.target)
        items = options.items.get(target, options.items.get("*"))
        advice = recommend(profile, replace(options.advise, items=items))
        return own_configuration(advice)
