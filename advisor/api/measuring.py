"""From the first answer on: measure what can still change it, part by part, until it is settled.

Between two parts the model is asked what each of those that are left could change at most; neither
the measuring nor the model knows the other. The rule: ``docs/stopping.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from advisor.api.recommend import searched
from advisor.domain.measured import Measured, Standing
from advisor.domain.options import AdviseOptions, MeasureOptions
from advisor.domain.quantities import count, percent, seconds
from advisor.domain.stopping import MeasuringEnd, PartKind, StopReason, Unknown
from advisor.measure.interrupts import deferred
from advisor.measure.workload.calls import hotspot_calls, is_preload_known, preloadable
from advisor.measure.workload.campaign import Campaign, Part
from advisor.measure.workload.children import CutOffError
from advisor.measure.workload.op_profile import (
    begin,
    continue_from,
    measured_workload,
    note_what_is_less_certain,
    open_parts,
)
from advisor.model.continuing import continued, is_alike, worked
from advisor.model.stopping import (
    Choice,
    Stakes,
    half_width,
    is_wide,
    methods_of,
    needed_workers,
    next_unknown,
    stakes_of,
)

if TYPE_CHECKING:
    from advisor.api.host_calibration import HostCalibration
    from advisor.domain.verification import Verification
    from advisor.domain.workload import WorkloadProfile

Watch = Callable[[Standing], None]

_TRIALS = (PartKind.THREADS, PartKind.PROCESSES)
_OF_HOST = (PartKind.METHOD, PartKind.MOMENT)
_NARROWING = (PartKind.SAMPLES, PartKind.MOMENT)
_SHOWN = 3  # ways that lead, on the live table
_PRELOAD_CHECK = "which imports are safe before a fork"
_FAST = (
    "A first answer only (--fast): hot spots and what would make it surer were left out. "
    "The same command without --fast goes on from here."
)


@dataclass
class Measuring:
    """One measurement of a workload under way.

    Attributes:
        campaign: Of the user's ops, its first child done.
        watch: Told how things stand whenever they change.
        skipped: Parts that are left out, since they cannot matter.
    """

    campaign: Campaign
    host: HostCalibration
    options: AdviseOptions
    asked: MeasureOptions
    watch: Watch = lambda _standing: None
    verifications: tuple[Verification, ...] = ()
    skipped: tuple[str, ...] = ()
    _earlier: WorkloadProfile | None = None
    _gain_s: float = 0.0
    _needed_s: float = 0.0

    def go_on_from(self, earlier: WorkloadProfile) -> None:
        """Take an earlier profile's measurements of the same code too, if it was the same work."""
        if earlier.op_executions and is_alike(earlier, measured_workload(self.campaign)):
            self._earlier = earlier
            self.campaign.children.notes.add(
                "The measuring goes on from an earlier profile of the same code, with its "
                f"{count(earlier.op_executions, 'execution')}."
            )
            continue_from(self.campaign, earlier, worked(earlier))

    def measured(self) -> Measured:
        """All that is known by now."""
        workload = measured_workload(self.campaign)
        if self._earlier is not None:
            workload = continued(self._earlier, workload)
        return Measured(
            description=self.campaign.request.description,
            workload=workload,
            host=self.host.profile,
            overhead=self.host.overhead,
            verifications=self.verifications,
        )

    def until_settled(self) -> MeasuringEnd:
        """Measure until nothing that is left can change the advice, or the budget is spent."""
        budget = self.campaign.budget
        try:
            reason = self._parts()
        except KeyboardInterrupt:
            reason = StopReason.INTERRUPTED
        note_what_is_less_certain(self.campaign)
        return MeasuringEnd(
            reason,
            budget.spent_s,
            budget.load,
            self.skipped,
            self._needed_s,
            budget.importing_s + self.campaign.scouted.start_s,
        )

    def _parts(self) -> StopReason:
        choice = self._choice()
        self._note_late_answer()
        if self.asked.fast:
            self._check_preload(choice)
            self.campaign.children.notes.add(_FAST)
            return StopReason.BUDGET
        choice, reason = self._while_it_matters(choice)
        for part in hotspot_calls(self.campaign):
            if self.campaign.budget.fits(part.cost_s, part.name):
                self._begin(part, choice)
        return reason

    def _while_it_matters(self, choice: Choice) -> tuple[Choice, StopReason]:
        """The last choice, and why nothing more is measured for it."""
        while True:
            with deferred():
                part = self._next(choice)
            if isinstance(part, StopReason):
                if not self._check_preload(choice):
                    self._note_precision(choice)
                    return choice, part
            else:
                self._begin(part, choice)
            choice = self._choice()

    def _note_late_answer(self) -> None:
        """What even a first answer needs was done, and took longer than all that was asked for."""
        budget = self.campaign.budget
        if budget.is_over:
            self._needed_s = budget.spent_s
            importing_s = budget.importing_s + self.campaign.scouted.start_s
            self.campaign.children.notes.add(
                f"The budget of {seconds(budget.asked_s)} is too short here and now: a first "
                f"answer needed {seconds(budget.spent_s)}, of which starting and importing took "
                f"{seconds(importing_s)}."
            )

    def _note_precision(self, choice: Choice) -> None:
        asked, reached = self.asked.precision, half_width(choice.result.recommendation)
        if asked is not None and reached > asked:
            self.campaign.children.notes.add(
                f"The advised way's interval is within {percent(reached)} of its median; "
                f"--precision asks for {percent(asked)}."
            )

    def _next(self, choice: Choice) -> Part | StopReason:
        """The part that can save the most; why there is none, where there is none."""
        parts = [*open_parts(self.campaign), *self.host.open_parts(methods_of(choice))]
        if not parts:
            return StopReason.NOTHING_LEFT
        fits = self.campaign.budget.fits
        if self.asked.spend_budget:
            return next((p for p in parts if fits(p.cost_s, p.name)), StopReason.BUDGET)
        measured = self.measured()
        widest = _widest(parts)
        costs_s = {unknown: part.cost_s for unknown, part in widest.items()}
        dearest_first = sorted(costs_s, key=lambda unknown: -costs_s[unknown])
        stakes = stakes_of(measured, choice, dearest_first, self._search, self.options)
        stakes = self._narrowing(stakes, measured, choice)
        spent = self.campaign.budget.is_over
        while (unknown := next_unknown(stakes, costs_s)) is not None:
            part = self._at_workers(parts, unknown, stakes)
            if fits(part.cost_s, part.name):
                self._gain_s = stakes.gains_s[unknown] or stakes.together_s
                return part
            stakes, spent = stakes.without(unknown), True
        if spent:
            return StopReason.BUDGET
        self.skipped = tuple(part.name for part in parts)
        return StopReason.SETTLED

    def _narrowing(self, stakes: Stakes, measured: Measured, choice: Choice) -> Stakes:
        """The stakes with what makes a wide interval narrower, worth what it leaves unknown."""
        advised = choice.result.recommendation
        if not is_wide(measured, advised, self.options, self.asked.precision):
            return stakes
        unsure_s = half_width(advised) * advised.makespan_s.median
        narrowing = _NARROWING if self.asked.precision is not None else (PartKind.SAMPLES,)
        gains_s = {
            unknown: max(gain_s, unsure_s if unknown.kind in narrowing else 0.0)
            for unknown, gain_s in stakes.gains_s.items()
        }
        return replace(stakes, gains_s=gains_s)

    def _at_workers(self, parts: Sequence[Part], unknown: Unknown, stakes: Stakes) -> Part:
        """The part for an unknown: a probe with as many workers as the way in question needs."""
        alike = [part for part in parts if part.tells.kind is unknown.kind]
        if unknown.kind not in _TRIALS:
            return next(part for part in alike if part.tells == unknown)
        needed = needed_workers(stakes.leads, unknown.kind)
        threads = [p for p in self.campaign.probes if p.worker_kind == "thread" and not p.failed]
        if unknown.kind is PartKind.PROCESSES and any(p.workers >= needed for p in threads):
            needed = 2  # as many threads worked: what processes dispute shows with two of them
        enough = [part for part in alike if part.tells.workers >= needed]
        return enough[0] if enough else alike[-1]

    def _begin(self, part: Part, choice: Choice) -> None:
        self._tell(choice, part.name, self._gain_s)
        self._gain_s = 0.0
        if part.tells.kind in _OF_HOST:
            self.campaign.children.progress(part.name, None)
            part.run()
        else:
            begin(self.campaign, part)

    def _check_preload(self, choice: Choice) -> bool:
        """Look which imports are safe, where a chosen way forks; whether that was still open."""
        chosen = (choice.result.recommendation, choice.result.config_only)
        forks = any(each.candidate.start_method == "forkserver" for each in chosen)
        if not forks or is_preload_known(self.campaign):
            return False
        if not self.campaign.budget.fits(self.campaign.start_s, _PRELOAD_CHECK):
            return False
        with suppress(CutOffError):
            preloadable(self.campaign)
        return is_preload_known(self.campaign)

    def _search(self, measured: Measured) -> Choice:
        return searched(measured, self.options)

    def _choice(self) -> Choice:
        with deferred():
            choice = self._search(self.measured())
            self._tell(choice)
        return choice

    def _tell(self, choice: Choice, part: str = "", gain_s: float = 0.0) -> None:
        budget, result = self.campaign.budget, choice.result
        allowed = (each for each in result.candidates if each.allowed)
        leading = dict.fromkeys((result.recommendation, result.config_only, *allowed))
        shown = tuple(leading)[:_SHOWN]
        self.watch(Standing(shown, part, gain_s, budget.spent_s, budget.asked_s))


def _widest(parts: Sequence[Part]) -> dict[Unknown, Part]:
    """One part for each unknown; of probes of one kind, that with the most workers."""
    most: dict[tuple[PartKind, str], Part] = {}
    for part in parts:
        key = (part.tells.kind, part.tells.method)
        if key not in most or part.tells.workers > most[key].tells.workers:
            most[key] = part
    return {part.tells: part for part in most.values()}
