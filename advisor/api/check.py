"""The use case behind ``dynadvise check``: static rules, counts, timing against a base, advice.

The pipeline: inspect every target (import only), survey base and head (each op once an item),
compare the counts, time pairs of fresh processes look by look, lay the job's configuration beside
the best one, and judge.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.domain.errors import ConfigurationError, DynadviseError, TargetError
from advisor.domain.finding import Finding
from advisor.domain.gate import (
    AdviceCheck,
    GateReport,
    OpTiming,
    ProxyCount,
    ProxyName,
    TargetCheck,
    Verdict,
    judged,
    without_ignored,
    worst,
)
from advisor.domain.workload import ItemSample, WorkloadDescription
from advisor.gate.options import DEFAULT_PAIRS, CheckOptions
from advisor.measure.sole_use import sole_use
from advisor.measure.workspace import workspace
from advisor.rules import gate as gate_rules

if TYPE_CHECKING:
    from advisor.gate.comparison import Comparison, LookPlan
    from advisor.gate.inspection import Inspected
    from advisor.gate.measuring import PairedTimings, PairMeasurer
    from advisor.gate.orders import OpCalls, OpSurvey, Survey, Tree
    from advisor.gate.worktree import BaseTree
    from advisor.store import SavedProfile

Progress = Callable[[str, "float | None"], None]
_PAST_PROCESSES = 7
_PROCESS_TIMEOUT_S = 900.0
_VERDICTS: Mapping[str, Verdict] = {"slower": "FAIL", "fine": "PASS", "open": "INCONCLUSIVE"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the gate asks of the world; tests replace single parts.

    Attributes:
        inspect: Targets to what their definitions say, without calling any op.
        measurer: Options, target, base's tree, head's tree and a temporary folder to what
            measures them.
        base_tree: Folder and revision to the checked-out base.
        profile: Folder of profiles and target to the committed profile; None without one.
        host_id: Id of this host's class.
        recommend: Saved profile and options to the advice check.
    """

    inspect: Callable[[CheckOptions], Sequence[Inspected]]
    measurer: Callable[[CheckOptions, str, Tree | None, Tree, Path], PairMeasurer]
    base_tree: Callable[[Path, str], contextlib.AbstractContextManager[BaseTree]]
    profile: Callable[[CheckOptions, WorkloadDescription], SavedProfile | None]
    host_id: Callable[[], str]
    advise: Callable[[CheckOptions, SavedProfile], AdviceCheck]


def real_surroundings() -> Surroundings:
    """The real ones."""
    from advisor.api.gate_advice import advise
    from advisor.gate.inspection import committed_profile, inspect_targets
    from advisor.gate.worktree import base_worktree
    from advisor.measure.machine import host_facts

    return Surroundings(
        inspect=inspect_targets,
        measurer=_child_processes,
        base_tree=base_worktree,
        profile=committed_profile,
        host_id=lambda: host_facts().id,
        advise=advise,
    )


def check(
    options: CheckOptions,
    progress: Progress | None = None,
    *,
    announce: Callable[[str], None] | None = None,
    surroundings: Surroundings | None = None,
) -> GateReport:
    """Check the targets.

    Raises:
        ConfigurationError: There is no target, or too few pairs to decide anything.
        GitError: The base revision cannot be had.
        ProfileError: A committed profile is damaged.
    """
    if not options.targets:
        raise ConfigurationError(
            "There is no target to check.",
            hint='Name one, or set targets = ["module:job"] in [tool.dynadvise].',
        )
    if options.base and not options.static:
        _planned(options.pairs, 1)  # too few for any op: said before any code runs
    started = time.monotonic()
    gate = _Gate(options, progress or _silent, surroundings or real_surroundings())
    gate.progress("static rules", None)
    inspected = gate.surroundings.inspect(options)
    if options.static:
        targets = [gate.statically(each) for each in inspected]
    else:
        if announce is not None and any(each.loaded for each in inspected):
            announce(_announcement(options, inspected))
        with sole_use(), workspace():
            targets = gate.measured(inspected)
    return GateReport(
        verdict=worst(tuple(target.verdict for target in targets)),
        targets=tuple(targets),
        static=options.static,
        base=options.base,
        base_revision=gate.revision,
        max_regression=options.max_regression,
        max_regret=options.max_regret,
        failing=options.failing,
        measured=gate.anything_measured or (options.static and any(i.loaded for i in inspected)),
        ignored=gate.ignored,
        op_executions=gate.executions,
        cost_s=time.monotonic() - started,
        notes=_notes(options),
    )


def _silent(_message: str, _fraction: float | None = None) -> None:
    """Say nothing."""


def _planned(pairs: int, ops: int) -> LookPlan:
    from advisor.gate.comparison import plan_looks

    try:
        return plan_looks(pairs, ops)
    except ValueError as error:
        raise ConfigurationError(f"--pairs: {error}.") from None


def _announcement(options: CheckOptions, inspected: Sequence[Inspected]) -> str:
    targets = ", ".join(each.target for each in inspected if each.loaded)
    if options.base:
        how = f"at {options.base} and at head, then in at most {options.pairs} pairs of processes, "
        how += "two at once that take turns"
    else:
        how = f"then in {_PAST_PROCESSES} processes where the profile is of this host class"
    return (
        f"check runs your code: for {targets}, the fan-out op and the mapped ops "
        f"on up to {options.samples} items, {how} (each calls every op again)."
    )


def _notes(options: CheckOptions) -> tuple[str, ...]:
    if options.static or options.base:
        return ()
    weaker = (
        "Without --base, head is laid beside the committed profile: weaker, because the machine "
        "may have changed its speed since."
    )
    return (weaker,)


@dataclass
class _Subject:
    """One target on its way through the gate."""

    inspected: Inspected
    measurer: PairMeasurer | None = None
    base: Survey | None = None
    head: Survey | None = None
    base_reason: str | None = None
    base_lacks_it: bool = False
    head_reason: str | None = None
    profile: SavedProfile | None = None
    timings: list[OpTiming] = field(default_factory=list)

    def op(self, side: Survey | None, handle: str) -> OpSurvey | None:
        """One op's survey on one side."""
        return next((op for op in side.ops if op.handle == handle), None) if side else None

    @property
    def comparable(self) -> tuple[str, ...]:
        """Handles of the ops that work on both sides."""
        if self.base is None or self.head is None:
            return ()
        works = {op.handle for op in self.base.ops if op.failed is None}
        return tuple(op.handle for op in self.head.ops if op.failed is None and op.handle in works)


@dataclass
class _Gate:
    options: CheckOptions
    progress: Progress
    surroundings: Surroundings
    revision: str | None = None
    ignored: int = 0
    executions: int = 0
    anything_measured: bool = False

    # --- static ---

    def statically(self, each: Inspected) -> TargetCheck:
        """A target of which only the definitions were looked at."""
        return self._closed(TargetCheck(each.target, "PASS"), each, each.findings)

    # --- measured ---

    def measured(self, inspected: Sequence[Inspected]) -> list[TargetCheck]:
        """All targets, base and head."""
        from advisor.gate.measuring import samples_folder

        with contextlib.ExitStack() as stack:
            base = None
            if self.options.base is not None:
                base = stack.enter_context(
                    self.surroundings.base_tree(self.options.folder, self.options.base)
                )
                self.revision = base.revision
            folder = stack.enter_context(samples_folder())
            subjects = [_Subject(each) for each in inspected]
            for number, subject in enumerate(subjects):
                place = folder / str(number)
                place.mkdir()
                self._survey(subject, base, place)
            plan = self._plan(subjects) if base is not None else None
            for subject in subjects:
                if plan is not None:
                    self._time_pairs(subject, plan)
                else:
                    self._time_against_profile(subject)
            self.executions = sum(
                getattr(subject.measurer, "executions", 0) for subject in subjects
            )
        return [self._conclude(subject) for subject in subjects]

    def _survey(self, subject: _Subject, base: BaseTree | None, folder: Path) -> None:
        if not subject.inspected.loaded:
            return
        target = subject.inspected.target
        head_tree, base_tree = trees(self.options.folder, base)
        measurer = self.surroundings.measurer(self.options, target, base_tree, head_tree, folder)
        subject.measurer = measurer
        if subject.inspected.description is not None:
            subject.profile = self.surroundings.profile(self.options, subject.inspected.description)
        if base is not None:
            self.progress(f"{target} at {self.options.base}", None)
            try:
                subject.base = measurer.survey("base")
            except DynadviseError as error:
                # With details it is an exception of the user's code, while it was imported.
                subject.base_lacks_it = isinstance(error, TargetError) and error.details is None
                subject.base_reason = _in_one_line(error)
        self.progress(f"{target} at head", None)
        try:
            subject.head = measurer.survey("head")
        except DynadviseError as error:
            subject.head_reason = _in_one_line(error)
        self.anything_measured |= any(op.calls for op in (subject.head.ops if subject.head else ()))

    def _plan(self, subjects: Sequence[_Subject]) -> LookPlan | None:
        ops = sum(len(subject.comparable) for subject in subjects)
        if ops == 0:
            return _planned(max(self.options.pairs, DEFAULT_PAIRS), 1)
        return _planned(self.options.pairs, ops)

    def _time_pairs(self, subject: _Subject, plan: LookPlan) -> None:
        from advisor.gate import comparison
        from advisor.gate.measuring import measure_pairs

        handles = subject.comparable
        if handles and subject.measurer is not None:
            seed = self.options.seed if self.options.seed is not None else time.time_ns()

            def judge(timings: PairedTimings) -> dict[str, Comparison]:
                pairs = {
                    op: [
                        comparison.pair_value(base.calls_s, head.calls_s)
                        for base, head in zip(timings.base[op], timings.head[op], strict=True)
                    ]
                    for op in handles
                    if op not in timings.failed
                }
                return comparison.compare(pairs, plan, max_regression=self.options.max_regression)

            def still_open(timings: PairedTimings) -> Sequence[str]:
                return comparison.still_open(judge(timings), plan)

            timings = measure_pairs(
                subject.measurer,
                handles,
                plan.max_pairs,
                still_open=still_open,
                seed=seed,
                progress=self.progress,
            )
            judged = judge(timings)
            subject.timings = [self._timing(subject, op, timings, judged) for op in handles]
        subject.timings += self._unmeasured(subject)

    def _timing(
        self,
        subject: _Subject,
        op: str,
        timings: PairedTimings,
        judged: Mapping[str, Comparison],
    ) -> OpTiming:
        head = subject.op(subject.head, op)
        assert head is not None
        location = head.op.location
        if op in timings.failed:
            side, reason = timings.failed[op]
            return OpTiming(
                op, "COULD NOT MEASURE", reason=f"at {side}: {reason}", location=location
            )
        from advisor.gate.comparison import process_seconds

        found = judged[op]

        def item_s(processes: Sequence[OpCalls]) -> float:
            return statistics.median(process_seconds(c.calls_s) / len(c.calls_s) for c in processes)

        return OpTiming(
            op=op,
            verdict=_VERDICTS[found.outcome],
            ratio=found.ratio,
            low=found.low,
            high=found.high,
            base_s=item_s(timings.base[op]),
            head_s=item_s(timings.head[op]),
            pairs=found.pairs,
            pairs_to_decide=found.pairs_to_decide,
            certainly_slower=found.certainly_slower,
            location=location,
        )

    def _unmeasured(self, subject: _Subject) -> list[OpTiming]:
        """Every op of head (and of the definitions) that has no timing, with the reason."""
        done = {timing.op for timing in subject.timings}
        description = subject.inspected.description
        if subject.head is None:
            mapped = description.mapped if description else ()
            return [
                OpTiming(
                    op.handle,
                    "COULD NOT MEASURE",
                    reason=subject.head_reason or "head could not be measured",
                    location=op.location,
                )
                for op in mapped
            ]
        listed = []
        for op in subject.head.ops:
            if op.handle in done:
                continue
            reason, new = self._reason(subject, op)
            listed.append(
                OpTiming(
                    op.handle,
                    "COULD NOT MEASURE",
                    reason=reason,
                    location=op.op.location,
                    new=new,
                )
            )
        return listed

    def _reason(self, subject: _Subject, op: OpSurvey) -> tuple[str, bool]:
        if op.failed is not None:
            return op.failed, False
        if self.options.base is None:
            return subject.base_reason or "there is no committed profile of this host class", False
        if subject.base_lacks_it:
            return f"the base has no such target to compare: {subject.base_reason}", True
        if subject.base is None:
            return f"at the base: {subject.base_reason}", False
        base = subject.op(subject.base, op.handle)
        if base is None:
            return "it is new: the base has no such op", True
        return f"at the base: {base.failed}", False

    def _time_against_profile(self, subject: _Subject) -> None:
        """Without a base: fresh processes of head against the profile's figures."""
        profile = subject.profile
        if profile is None:
            subject.base_reason = (
                "there is neither --base nor a committed profile to compare with "
                "(`dynadvise profile` makes one)"
            )
        elif profile.host.facts.id != self.surroundings.host_id():
            subject.base_reason = (
                f"the committed profile is of another host class ({profile.host.facts.id}); "
                "use --base"
            )
        elif subject.head is not None and subject.measurer is not None:
            past = {op.handle: op.later_calls or op.first_calls for op in profile.workload.ops}
            known = [op for op in subject.head.ops if op.failed is None and past.get(op.handle)]
            timed = self._past_processes(subject.measurer, [op.handle for op in known])
            subject.timings = [
                self._past_timing(
                    op,
                    timed[op.handle],
                    _past_seconds(past[op.handle], len(op.calls)),
                    profile.overhead.spread(1.0),
                )
                for op in known
            ]
        subject.timings += self._unmeasured(subject)

    def _past_processes(
        self, measurer: PairMeasurer, handles: Sequence[str]
    ) -> dict[str, list[OpCalls]]:
        timed: dict[str, list[OpCalls]] = {op: [] for op in handles}
        for number in range(_PAST_PROCESSES if handles else 0):
            self.progress(f"process {number + 1} of {_PAST_PROCESSES}", number / _PAST_PROCESSES)
            for op, calls in measurer.time("head", handles, number).items():
                timed[op].append(calls)
        return timed

    def _past_timing(
        self, op: OpSurvey, timed: Sequence[OpCalls], past_s: float, drift: float
    ) -> OpTiming:
        from advisor.gate import comparison

        handle, location = op.handle, op.op.location
        failed = next((calls.failed for calls in timed if calls.failed is not None), None)
        if failed is not None:
            return OpTiming(handle, "COULD NOT MEASURE", reason=failed, location=location)
        seconds = [comparison.process_seconds(c.calls_s) / len(c.calls_s) for c in timed]
        judged = comparison.compare_with_past(
            [comparison.log_ratio(past_s, head_s) for head_s in seconds],
            drift,
            max_regression=self.options.max_regression,
        )
        return OpTiming(
            op=handle,
            verdict=_VERDICTS[judged.outcome],
            ratio=judged.ratio,
            low=judged.low,
            high=judged.high,
            base_s=past_s,
            head_s=statistics.median(seconds),
            pairs=judged.pairs,
            certainly_slower=judged.certainly_slower,
            basis="committed profile",
            location=location,
        )

    # --- the end of a target ---

    def _conclude(self, subject: _Subject) -> TargetCheck:
        options = self.options
        target = subject.inspected.target
        proxies = compare_counts(subject.base, subject.head)
        advice = self._advice(subject)
        first = subject.inspected.description
        job_location = first.mapped[0].location if first and first.mapped else None
        findings: list[Finding] = list(subject.inspected.findings)
        findings += filter(
            None,
            (
                gate_rules.timing_finding(timing, target, options.max_regression)
                for timing in subject.timings
            ),
        )
        for proxy in proxies:
            owner = subject.op(subject.head, proxy.op) if proxy.op else None
            finding = gate_rules.counts.check(
                proxy,
                target,
                options.max_regression,
                owner.op.location if owner else job_location,
            )
            findings += [finding] if finding else []
        if advice is not None:
            finding = gate_rules.regret.check(advice, target, options.max_regret, job_location)
            findings += [finding] if finding else []
        head_failed = subject.head_reason is not None or any(
            op.failed is not None for op in (subject.head.ops if subject.head else ())
        )
        check = TargetCheck(
            target,
            "PASS",
            timings=tuple(subject.timings),
            proxies=proxies,
            advice=advice,
            notes=_target_notes(subject),
            user_code_failed=head_failed,
        )
        return self._closed(check, subject.inspected, findings)

    def _closed(
        self, check: TargetCheck, inspected: Inspected, findings: Sequence[Finding]
    ) -> TargetCheck:
        """The verdict, on what is left after the ignore lists."""
        from advisor.gate.silencing import silenced_by_comments

        silenced = silenced_by_comments(findings, self.options.folder)
        kept, ignored = without_ignored(findings, self.options.ignore, silenced)
        self.ignored += ignored
        notes = check.notes
        if inspected.error is not None:
            notes = (*notes, f"Could not be loaded: {inspected.error}")
        check = replace(
            check,
            findings=kept,
            notes=notes,
            user_code_failed=check.user_code_failed or inspected.error is not None,
        )
        return judged(
            check,
            self.options.failing,
            static=self.options.static,
            error=inspected.error is not None or check.user_code_failed,
        )

    def _advice(self, subject: _Subject) -> AdviceCheck | None:
        if subject.profile is None or subject.head is None:
            return AdviceCheck(
                None, reason="not checked: there is no committed profile of this target"
            )
        scaled = on_head(subject.profile, subject.head, subject.timings)
        try:
            return self.surroundings.advise(self.options, scaled)
        except DynadviseError as error:
            return AdviceCheck(None, reason=f"not checked: {_in_one_line(error)}")


def _in_one_line(error: DynadviseError) -> str:
    return error.without_texts


def _target_notes(subject: _Subject) -> tuple[str, ...]:
    notes = []
    if subject.base is not None and subject.head is not None and not subject.head.reads_other:
        notes.append(
            "Base and head were timed on inputs of their own: what the base's fan-out op gives "
            "cannot be pickled, or head's ops take other inputs."
        )
    memoising = [op.handle for op in (subject.head.ops if subject.head else ()) if op.memoises]
    if memoising:
        notes.append(
            f"{', '.join(memoising)} keeps results between calls, so each item is timed once a "
            "process."
        )
    return tuple(notes)


def compare_counts(base: Survey | None, head: Survey | None) -> tuple[ProxyCount, ...]:
    """The counts that have no noise, of what is on both sides."""
    if base is None or head is None:
        return ()
    counts: list[ProxyCount] = []
    pairs: tuple[tuple[ProxyName, int | None, int | None], ...] = (
        ("steps", base.steps, head.steps),
        ("events", base.events, head.events),
    )
    counts += [
        ProxyCount(name, before, after)
        for name, before, after in pairs
        if before is not None and after is not None
    ]
    bases = {op.handle: op for op in base.ops}
    for op in head.ops:
        handle = op.handle
        before = bases.get(handle)
        if before is None or not before.calls or not op.calls:
            continue
        counts += [
            ProxyCount(
                "input_bytes",
                _mean_bytes(before.calls, "input_bytes"),
                _mean_bytes(op.calls, "input_bytes"),
                handle,
            ),
            ProxyCount(
                "output_bytes",
                _mean_bytes(before.calls, "output_bytes"),
                _mean_bytes(op.calls, "output_bytes"),
                handle,
            ),
            ProxyCount("modules", before.modules, op.modules, handle),
        ]
    return tuple(counts)


def _mean_bytes(calls: Sequence[ItemSample], name: str) -> int:
    return round(statistics.fmean(getattr(call, name) for call in calls))


def _past_seconds(calls: Sequence[ItemSample], items: int) -> float:
    """Mean over the items that head was timed on, where the profile has them all, of medians."""
    by_item: dict[int, list[float]] = {}
    for call in calls:
        by_item.setdefault(call.item, []).append(call.wall_s)
    if all(item in by_item for item in range(items)):
        return statistics.fmean(statistics.median(by_item[item]) for item in range(items))
    return statistics.median(call.wall_s for call in calls)


def on_head(profile: SavedProfile, head: Survey, timings: Sequence[OpTiming]) -> SavedProfile:
    """The committed profile as it would be for head.

    The definitions are head's. Each op's seconds are the profile's times the ratio that was
    measured, which is without unit and so holds for a profile of another host class too.
    """
    ratios = {timing.op: timing.ratio for timing in timings if timing.ratio is not None}

    def scaled(calls: tuple[ItemSample, ...], ratio: float) -> tuple[ItemSample, ...]:
        return tuple(
            replace(call, wall_s=call.wall_s * ratio, cpu_s=call.cpu_s * ratio) for call in calls
        )

    ops = tuple(
        replace(
            op,
            first_calls=scaled(op.first_calls, ratios.get(op.handle, 1.0)),
            preloaded_first_calls=scaled(op.preloaded_first_calls, ratios.get(op.handle, 1.0)),
            later_calls=scaled(op.later_calls, ratios.get(op.handle, 1.0)),
        )
        for op in profile.workload.ops
    )
    return replace(
        profile,
        description=head.description,
        workload=replace(profile.workload, ops=ops),
    )


# --- the real measurer ------------------------------------------------------------------------


def trees(folder: Path, base: BaseTree | None) -> tuple[Tree, Tree | None]:
    """Head's tree, and the base's with the same folders of it importable.

    Raises:
        ConfigurationError: The working directory is outside of the repository.
    """
    from advisor.gate.orders import Tree

    if base is None:
        return Tree("head", str(folder), str(folder)), None
    counterpart = base.counterpart(folder)
    if counterpart is None or not counterpart.is_dir():
        raise ConfigurationError(
            f"{folder} does not exist at the base revision.",
            hint="Run the gate in a folder that both revisions have.",
        )
    head = Tree("head", str(base.head_root), str(folder), foreign_root=str(base.root))
    return head, Tree(
        "base",
        str(base.root),
        str(counterpart),
        # What an editable installation or PYTHONPATH adds of the user's tree: a src folder, mostly.
        python_path=tuple(
            str(other)
            for entry in (*sys.path, str(folder / "src"))
            if entry and (other := base.counterpart(Path(entry))) is not None and other.is_dir()
        ),
        foreign_root=str(base.head_root),
    )


def _child_processes(
    options: CheckOptions, target: str, base: Tree | None, head: Tree, folder: Path
) -> PairMeasurer:
    from advisor.gate.inspection import run_config_of
    from advisor.gate.measuring import ChildProcesses
    from advisor.gate.orders import SurveyRequest

    def request(tree: Tree, spelled: str) -> SurveyRequest:
        return SurveyRequest(
            tree=tree,
            target=spelled,
            job=options.job,
            run_config=run_config_of(options),
            inputs=_inputs_of(options, target),
            samples=options.samples,
            samples_file=str(folder / f"{tree.side}.pickle"),
            item_timeout_s=options.item_timeout_s,
        )

    return ChildProcesses(
        request(base, _spelled_in(base, head, target)) if base else None,
        request(head, target),
        2 * max(_PROCESS_TIMEOUT_S, 3 * options.item_timeout_s),
    )


def _spelled_in(base: Tree, head: Tree, target: str) -> str:
    """The target for the base; an absolute path of the user's tree becomes the base's."""
    where, separator, attribute = target.rpartition(":")
    path = Path(where if separator else target)
    if not path.is_absolute():
        return target
    with contextlib.suppress(ValueError):
        moved = Path(base.root) / path.resolve().relative_to(head.root)
        return f"{moved}{separator}{attribute}" if separator else str(moved)
    return target


def _inputs_of(options: CheckOptions, target: str) -> str | None:
    """Sample inputs; a file is head's for both sides, so that both get the same."""
    spelled = options.inputs.get(target)
    if spelled is None:
        return None
    file = options.folder / spelled
    return str(file) if file.is_file() else spelled
