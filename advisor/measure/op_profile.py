"""Measure a workload: the user's ops on sample items, in child processes of our own.

The first call in a fresh process and later calls are kept apart, since under the multiprocess
executor every step pays the first-call price and in process only the first item does.
"""

from __future__ import annotations

import dataclasses
import math
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

from advisor.domain.quantities import seconds, size
from advisor.domain.workload import (
    OWN_THREADS,
    ConcurrencyProbe,
    ItemSample,
    OpProfile,
    WorkerKind,
    WorkloadDescription,
    WorkloadProfile,
)
from advisor.measure.child import ChildFailure, ChildResult, run_in_child
from advisor.measure.concurrency import Probed, probe_of
from advisor.measure.hotspots import HotspotOrder, HotspotResult
from advisor.measure.imports import FORK_CHECK_ENVIRONMENT, SINGLE_THREADED_BLAS, Preloadable
from advisor.measure.machine import host_facts
from advisor.measure.orders import (
    MOST_CALLS,
    Assignment,
    ChainRun,
    DrawnItems,
    FirstCalled,
    FirstCallOrder,
    LaterCalled,
    LaterCallsOrder,
    ResourceInit,
    Scouted,
    ScoutOrder,
)
from advisor.measure.parallel import ProbeOrder
from advisor.measure.progress import Progress, silent
from advisor.measure.results import Parts

DEFAULT_SAMPLES = 40
# how the budget is split; what one part does not need is left to those after it
_LATER_SHARE = 0.25
_SCOUT_SHARE = 0.75  # of the budget, after which the first child begins no further call
_PROBE_SHARE = 0.175  # each for threads and for processes
_HOTSPOT_SHARE = 0.15
_HOTSPOT_S = 3.0
FRESH_PROCESSES = 3
"""In which a first call of an item is measured."""
_MOMENT_S = 3.0  # of later calls at another moment
_STEADY_CPU = 0.1  # CPU over wall clock, below which the machine's changing speed hardly matters
_WAITING_CPU = 0.5  # CPU over wall clock, below which an item is mostly waiting
_MOST_WAITING = {"thread": 64, "process": 32}  # items that mostly wait, in parallel in a probe
_WARM_UP = 1.1  # a first call that takes this much longer than later ones must not be timed
_SHORT_S = 0.2  # an item so short that warming up costs nothing
_MEMORY_SHARE = 0.8  # of the machine's, that a probe may take
_MUCH_MEMORY_BYTES = 128 << 20  # an item's, from which it matters whether it was used lately
_COSTS_MORE = 1.2  # than expected, so that the budget is kept
_UNKNOWN_PEAK_BYTES = 1 << 30  # what an item may need that was never called
_FEWEST_LIKE_CALLS = 10  # that tell how uneven an item's calls are
_UNEVEN = 1.3  # between the slow and the quick calls of like items, from which it is told
_LOADING_S = 300.0  # for importing the user's code and drawing the samples, before it "hangs"


@dataclass(frozen=True, slots=True)
class ProfileRequest:
    """What to measure, and within which limits.

    Attributes:
        inputs: Sample inputs as ``--inputs`` names them; None: the job yields them, or the op's
            tag names them.
        items: Items in production; None: as many as there are.
        samples: Most different items to run; None: up to 40.
        budget_s: Seconds that all of it may take.
        item_timeout_s: Seconds after which one call counts as hung.
        setup, teardown: ``module:callable`` hooks, called in each process around its calls.
        flamegraph: Where to write pyinstrument's HTML.
        memory_limit_bytes: For each child with all it starts; None: 90 % of the machine's.
        each_item_once: Whether no item may run twice; probes and hot spots are then left out.
        fan_out_again: Whether the fan-out op may run in further processes, where the items that
            it yields cannot be pickled.
        measure_collect: Whether to run the collecting ops once, on the sampled outputs.
        seed: Of the random order of later calls.
    """

    description: WorkloadDescription
    run_config: Mapping[str, object] | None = None
    inputs: str | None = None
    items: int | None = None
    samples: int | None = None
    budget_s: float = 60.0
    item_timeout_s: float = 300.0
    setup: str | None = None
    teardown: str | None = None
    flamegraph: Path | None = None
    memory_limit_bytes: int | None = None
    each_item_once: bool = False
    fan_out_again: bool = False
    measure_collect: bool = False
    seed: int = 0
    on_progress: Progress = silent


def profile_workload(
    request: ProfileRequest, once_it_works: Callable[[], float] | None = None
) -> WorkloadProfile:
    """Measure the workload within the budget.

    Args:
        request: What to measure.
        once_it_works: Called when the samples are drawn and the first of them have run, for what
            takes long and would be in vain for an op that fails. Its time is not the budget's; it
            returns the budget from here on, with what was spent already.

    Raises:
        TargetError: The target or its inputs cannot be loaded.
        UserCodeError: The user's code raised, hung, exited or was killed; with op, item and the
            last frames of the user's traceback.
    """
    with tempfile.TemporaryDirectory(prefix="dynadvise-", ignore_cleanup_errors=True) as workspace:
        return _Measurement(request, workspace).run(once_it_works)


def hotspots_s(request: ProfileRequest) -> float:
    """Seconds of calls under pyinstrument, about."""
    return min(_HOTSPOT_S, _HOTSPOT_SHARE * request.budget_s)


@dataclass
class _Measurement:
    """One measurement under way: what is known, and what it has cost so far."""

    request: ProfileRequest
    workspace: str
    began: float = field(default_factory=time.monotonic)
    executions: int = 0
    notes: dict[str, None] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    start_s: float = 0.0
    base_rss: list[int] = field(default_factory=list)
    resource_init: list[ResourceInit] = field(default_factory=list)
    repeatable: bool = True
    confined: bool = False  # to the first child: another would have to run the fan-out op again

    def run(self, once_it_works: Callable[[], float] | None) -> WorkloadProfile:
        """All parts, the most telling first, as far as the budget goes."""
        scouted = self._scout()
        if once_it_works is not None:
            paused = time.monotonic()
            budget_s = once_it_works()
            self.began += time.monotonic() - paused
            self.request = dataclasses.replace(self.request, budget_s=budget_s)
        preloadable = self._check_preload(scouted)
        preloaded = self._preloaded_calls(scouted, preloadable, places=(None,))
        kinds: list[WorkerKind] = ["process", "thread"]
        if _cpu_share(scouted.typical) < _WAITING_CPU:
            kinds.reverse()  # what can be advised is probed before the time is up
        probes = self._probe(kinds[0], scouted, preloadable)
        limited, limited_probes = self._limited(scouted, preloadable)
        first = [scouted.first, *self._first_calls(scouted, 1, from_place=0)]
        later = [*scouted.later, *self._more_later_calls(scouted, seed=1)]
        probes += self._probe(kinds[1], scouted, preloadable)
        later += self._more_later_calls(scouted, seed=2)
        if (times := unevenness(later)) >= _UNEVEN:
            self.notes[
                f"Some calls of an item took {times:.1f} times as much CPU as others of the same "
                "(90th over 10th percentile): this machine's speed changes, or the op's work does. "
                "Predictions are for the mean; their intervals carry the change."
            ] = None
        hot = self._hotspots(scouted)
        first += self._first_calls(scouted, FRESH_PROCESSES - len(first), from_place=1)
        preloaded += self._preloaded_calls(scouted, preloadable, places=(0, 1))
        if self.skipped:
            parts = ", ".join(dict.fromkeys(self.skipped))
            self.notes[
                f"Left out, since the budget of {seconds(self.request.budget_s)} was spent: "
                f"{parts}. A larger --budget measures it."
            ] = None
        scouted = dataclasses.replace(scouted, later=tuple(later))
        ops = self._ops(scouted, first, preloaded, limited, preloadable)
        drawn = scouted.drawn
        return WorkloadProfile(
            items=self.request.items or drawn.total,
            ops=ops,
            fan_out_s=drawn.fan_out_s,
            fan_out_items=drawn.total if drawn.fan_out_s is not None else 0,
            upstream_s=drawn.upstream_s,
            collect_s=scouted.collect_s,
            collect_items=scouted.collect_items,
            probes=tuple(probes),
            hotspots=hot.hotspots if hot else (),
            category_shares=hot.category_shares if hot else {},
            op_executions=self.executions,
            cost_s=time.monotonic() - self.began,
            measured_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            notes=tuple(self.notes),
            limited_probes=tuple(limited_probes),
        )

    # --- children ---

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.began

    def _fits(self, cost_s: float, what: str) -> bool:
        """Whether the rest of the budget is enough; what is left out is remembered."""
        if self.elapsed_s + _COSTS_MORE * cost_s <= self.request.budget_s:
            return True
        self.skipped.append(what)
        return False

    def _tell(self, message: str) -> None:
        share = min(0.99, self.elapsed_s / self.request.budget_s)
        self.request.on_progress(message, share)

    def _touch_memory(self, scouted: Scouted | None, items: int = 1) -> None:
        """Before items that need much memory, or may: what was not used lately is slow to get."""
        peak_bytes = _UNKNOWN_PEAK_BYTES if scouted is None else _peak_bytes(scouted)
        if peak_bytes >= _MUCH_MEMORY_BYTES:
            limit = self.request.memory_limit_bytes or host_facts().memory_bytes
            self._child("machine:touch_memory", min(items * peak_bytes, limit // 2))

    def _assignment(self) -> Assignment:
        request = self.request
        return Assignment(
            description=request.description,
            run_config=request.run_config,
            workspace=self.workspace,
            inputs=request.inputs,
            samples=max(1, request.samples or DEFAULT_SAMPLES),
            item_timeout_s=request.item_timeout_s,
            setup=request.setup,
            teardown=request.teardown,
            own_files_only=request.each_item_once,
        )

    def _child(
        self,
        function: str,
        argument: object,
        *,
        environment: Mapping[str, str] | None = None,
        told: list[Mapping[str, object]] | None = None,
    ) -> ChildResult:
        limit = self.request.memory_limit_bytes
        result = run_in_child(
            f"advisor.measure.{function}",
            argument,
            timeout_s=_LOADING_S + 2 * self.request.budget_s + self.request.item_timeout_s,
            memory_limit_bytes=limit or int(0.9 * host_facts().memory_bytes),
            target=self.request.description.target,
            environment=environment,
            on_progress=told.append if told is not None else None,
        )
        failure = result.failure
        if failure and self.request.teardown and failure.kind in ("killed", "hung", "memory"):
            self._teardown()
        return result

    def _teardown(self) -> None:
        """The hook that a killed child could not call."""
        result = run_in_child(
            "advisor.measure.session:call_hook",
            self.request.teardown,
            timeout_s=self.request.item_timeout_s,
            target=self.request.description.target,
        )
        if result.failure:
            self.notes[f"{result.failure.as_note('The teardown hook')}."] = None

    def _scout(self) -> Scouted:
        request = self.request
        self._tell("drawing the samples, first and later calls")
        self._touch_memory(None)
        order = ScoutOrder(
            self._assignment(),
            later_s=_LATER_SHARE * request.budget_s,
            most_s=_SCOUT_SHARE * request.budget_s,
            each_once=request.each_item_once,
            reserved=FRESH_PROCESSES + 1,
            seed=request.seed,
            collect=request.measure_collect,
        )
        result = self._child("scout:scout", order)
        scouted = cast("Scouted", result.unwrap(request.description.target.spelled))
        drawn = scouted.drawn
        self.executions += scouted.executions
        drawn_by_op = drawn.unpicklable is not None and drawn.fan_out_s is not None
        self.confined = drawn_by_op and not request.fan_out_again
        self.repeatable = scouted.repeatable and not self.confined
        self.start_s = scouted.start_s - (drawn.fan_out_s or 0.0) - drawn.upstream_s
        self.start_s += max(0.0, result.wall_s - scouted.start_s - _wall_s([scouted])) * 0.5
        self.base_rss.append(scouted.base_rss_bytes)
        self.resource_init.append(scouted.resource_init)
        self.notes.update(dict.fromkeys(scouted.notes))
        self._note_samples(scouted)
        return scouted

    def _note_samples(self, scouted: Scouted) -> None:
        drawn = scouted.drawn
        called = {run.item for run in (scouted.first, *scouted.later)}
        wanted = min(self.request.samples or DEFAULT_SAMPLES, drawn.total)
        if not scouted.later and not self.request.each_item_once:
            self.notes[
                f"One item takes {seconds(scouted.first.wall_s)}, so that it was run once in the "
                f"budget of {seconds(self.request.budget_s)}: there is no later call to compare "
                "with, and the intervals are wide."
            ] = None
        elif len(called) < wanted and not self.request.each_item_once:
            self.notes[
                f"{len(called)} of {wanted} samples were run within the budget: the intervals "
                "are wider for it."
            ] = None
        if drawn.unpicklable:
            self.notes[f"An item cannot be pickled: {drawn.unpicklable}."] = None
        if self.confined:
            self.notes[
                "Measured in one process only, since another one would have to run the fan-out op "
                "again for such items: --inputs gives them without it, --allow-side-effects "
                "lets it run again."
            ] = None

    def _check_preload(self, scouted: Scouted) -> Preloadable:
        """What of the first call's imports may be preloaded, and whether a fork is safe."""
        target, modules = self.request.description.target, scouted.imported
        if not modules and scouted.forkable:
            return Preloadable((), {}, forkable=True)
        self._tell("checking which imports are safe before a fork")
        result = self._child(
            "imports:check_preload",
            (target, modules),
            environment=FORK_CHECK_ENVIRONMENT,
        )
        if result.failure is not None:
            reason = result.failure.as_note("importing it alone")
            return Preloadable((), dict.fromkeys((target.module_name, *modules), reason))
        return cast("Preloadable", result.value)

    def _fresh_item(self, scouted: Scouted, place: int) -> int:
        """An item for a fresh process: not the first child's, and each time another."""
        count = len(scouted.drawn.positions)
        others = [item for item in range(count) if item != scouted.first.item]
        if self.request.each_item_once:
            called = {run.item for run in (scouted.first, *scouted.later)}
            others = [item for item in others if item not in called]
        if not others:
            return -1 if self.request.each_item_once else scouted.first.item
        steps = (0.25, 0.75, 0.0, 0.5)
        return others[min(len(others) - 1, int(steps[place % 4] * len(others)))]

    def _fresh(
        self, scouted: Scouted, item: int, preload: tuple[str, ...], what: str
    ) -> ChainRun | None:
        """One first call in a fresh process; None where there was no time, or it failed."""
        if item < 0 or not self._fits(self.start_s + scouted.first.wall_s, what):
            return None
        self._tell(what)
        self._touch_memory(scouted)
        order = FirstCallOrder(self._assignment(), scouted.drawn, item, preload)
        result = self._child("calls:first_call", order)
        if result.failure is not None:
            self._failed_again(result.failure)
            return None
        called = cast("FirstCalled", result.value)
        self.executions += called.executions
        self.start_s = max(0.0, result.wall_s - called.run.wall_s)
        if not preload:
            self.base_rss.append(called.base_rss_bytes)
        self.resource_init.append(called.resource_init)
        return called.run

    def _failed_again(self, failure: ChildFailure) -> None:
        self.executions += 1
        self.notes[f"{failure.as_note('A further call')}, though it had run before."] = None

    def _first_calls(self, scouted: Scouted, count: int, *, from_place: int) -> list[ChainRun]:
        if self.confined or not (self.repeatable or self.request.each_item_once):
            return []
        runs = [
            self._fresh(
                scouted, self._fresh_item(scouted, from_place + turn), (), "more first calls"
            )
            for turn in range(count)
        ]
        return [run for run in runs if run is not None]

    def _preloaded_calls(
        self, scouted: Scouted, preloadable: Preloadable, places: Sequence[int | None]
    ) -> list[ChainRun]:
        """The first calls again, on the same items, with their imports done before."""
        if not preloadable.safe or not self.repeatable:
            return []
        items = [
            scouted.first.item if place is None else self._fresh_item(scouted, place)
            for place in places
        ]
        what = "first calls with their imports preloaded"
        runs = [self._fresh(scouted, item, preloadable.safe, what) for item in items]
        return [run for run in runs if run is not None]

    def _more_later_calls(
        self,
        scouted: Scouted,
        *,
        seed: int,
        what: str = "later calls at another moment",
        environment: Mapping[str, str] | None = None,
    ) -> tuple[ChainRun, ...]:
        """Later calls at another moment: a shared machine computes at another speed then."""
        if not (self.repeatable and scouted.later) or _cpu_share(scouted.later) < _STEADY_CPU:
            return ()
        expected_s = _expected_s(scouted)
        round_s = sum(expected_s.values())
        items = [
            item
            for turn in range(max(1, math.ceil(_MOMENT_S / max(round_s, 1e-3))))
            for item in random.Random(f"{self.request.seed} {seed} {turn}").sample(  # noqa: S311
                list(expected_s), len(expected_s)
            )
        ][:MOST_CALLS]
        typical_s = statistics.fmean(expected_s.values())
        warm_up = scouted.first.wall_s > _WARM_UP * typical_s or typical_s < _SHORT_S
        cost_s = self.start_s + min(round_s, _MOMENT_S) + typical_s
        cost_s += scouted.first.wall_s if warm_up else 0.0
        if not self._fits(cost_s, what):
            return ()
        self._tell(what)
        self._touch_memory(scouted)
        order = LaterCallsOrder(self._assignment(), scouted.drawn, tuple(items), _MOMENT_S, warm_up)
        result = self._child("calls:later_calls", order, environment=environment)
        if result.failure is not None:
            self._failed_again(result.failure)
            return ()
        called = cast("LaterCalled", result.value)
        self.executions += called.executions
        return called.runs

    def _limited(
        self, scouted: Scouted, preloadable: Preloadable
    ) -> tuple[tuple[ChainRun, ...], list[ConcurrencyProbe]]:
        """Items that use several cores by themselves, with one thread each: alone, and at once."""
        cores = _cpu_share(scouted.typical)
        if cores < OWN_THREADS or (self.request.items or scouted.drawn.total) < 2:
            return (), []
        what = "items with one thread each"
        runs = self._more_later_calls(scouted, seed=3, what=what, environment=SINGLE_THREADED_BLAS)
        if runs and _cpu_share(runs) >= OWN_THREADS:
            self.notes[
                f"An item computes on {cores:.1f} cores, also with OMP_NUM_THREADS=1: it starts "
                "processes or threads of its own."
            ] = None
            return (), []
        if not runs:
            return (), []
        alone = dataclasses.replace(scouted, later=runs)
        return runs, [
            *self._probe("process", alone, preloadable, SINGLE_THREADED_BLAS),
            *self._probe("thread", alone, preloadable, SINGLE_THREADED_BLAS),
        ]

    # --- probes ---

    def _probe(
        self,
        kind: WorkerKind,
        scouted: Scouted,
        preloadable: Preloadable,
        environment: Mapping[str, str] | None = None,
    ) -> list[ConcurrencyProbe]:
        """The probes of one kind that are worth their time."""
        total = self.request.items or scouted.drawn.total
        if total < 2:
            return []
        if self.confined:
            return []
        if not self.repeatable:
            self.notes["Not measured: how items slow each other, since they run only once."] = None
            return []
        expected_s = _expected_s(scouted)
        typical_s = statistics.fmean(expected_s.values())
        workers = self._workers(kind, scouted, total)
        if len(workers) * typical_s > _PROBE_SHARE * self.request.budget_s:
            workers = workers[1::2] or workers  # fewer probes, but as far
        if environment is not None:  # one probe, with an item on every core
            workers = tuple(w for w in workers if w <= max(2.0, host_facts().cpus))[-1:]
        # without later calls, expected_s holds the first-call price: compare like with like
        warm = bool(scouted.later) and (
            scouted.first.wall_s > _WARM_UP * typical_s or typical_s < _SHORT_S
        )
        alone = 2 if typical_s < 1.5 else 1 if typical_s < 5.0 else 0
        plural = "processes" if kind == "process" else "threads"
        plural += " with one thread an item" if environment is not None else ""
        cost_s = self._probe_cost_s(workers, typical_s, alone)
        if warm:
            cost_s += scouted.first.wall_s
        if kind == "process" and workers:
            at_once = min(workers) / max(1.0, host_facts().cpus)
            again_s = (scouted.first.wall_s - typical_s if warm else 0.0) + (
                0.0 if preloadable.forkable else self.start_s
            )
            cost_s += max(1.0, at_once) * max(0.0, again_s)
        if not workers or not self._fits(cost_s, f"items at once as {plural}"):
            return []
        self._tell(f"items at once, as {plural}")
        order = ProbeOrder(
            assignment=self._assignment(),
            drawn=scouted.drawn,
            kind=kind,
            workers=workers,
            expected_s=expected_s,
            most_s=_PROBE_SHARE * self.request.budget_s,
            warm_up=warm,
            passes_alone=alone,
            forkable=preloadable.forkable,
            start_timeout_s=60.0 + 4 * max(workers) * (self.start_s + scouted.first.wall_s),
            preload=preloadable.safe,
            results=_results(scouted),
        )
        self._touch_memory(scouted, max(workers))
        return self._probed(order, environment)

    def _probed(
        self, order: ProbeOrder, environment: Mapping[str, str] | None
    ) -> list[ConcurrencyProbe]:
        told: list[Mapping[str, object]] = []
        result = self._child("concurrency:probe", order, environment=environment, told=told)
        chain = len(self.request.description.mapped)
        if result.failure is None:
            probed = cast("Probed", result.value)
            self.executions += probed.executions * chain
            return list(probed.probes)
        probes = [
            probe_of(cast("dict[str, Any]", message["probe"]))
            for message in told
            if "probe" in message
        ]
        counts = [cast("int", message["executions"]) for message in told if "probe" in message]
        tried = [cast("int", message["probing"]) for message in told if "probing" in message]
        at = tried[-1] if tried else order.workers[0]
        self.executions += (max(counts, default=0) + at) * chain
        evidence = f"{result.failure.during or 'the probe'} {result.failure.reason}"
        lost = ConcurrencyProbe(order.kind, at, 0.0, result.failure.kind, evidence=evidence)
        return [*probes, lost]

    def _workers(self, kind: WorkerKind, scouted: Scouted, total: int) -> tuple[int, ...]:
        """How many in parallel to try: the cores, and more where items mostly wait."""
        waits = _cpu_share(scouted.typical) < _WAITING_CPU
        most = min(total, _MOST_WAITING[kind] if waits else max(4, round(host_facts().cpus)))
        wanted = {most, *(2**power for power in range(1, most.bit_length()))}
        limit = self.request.memory_limit_bytes or host_facts().memory_bytes
        each = _peak_bytes(scouted) + (scouted.base_rss_bytes if kind == "process" else 0)
        room = max(1, int(_MEMORY_SHARE * limit / max(1, each)))
        if room < max(wanted):
            self.notes[f"No more than {room} items were run at once: each takes {size(each)}."] = (
                None
            )
        return tuple(sorted(count for count in wanted if 1 < count <= room))

    def _probe_cost_s(self, workers: tuple[int, ...], typical_s: float, alone: int) -> float:
        """Seconds of the first probe at least; the child itself leaves out what takes too long."""
        if not workers:
            return 0.0
        once_s = max(typical_s, 0.3) * 1.5
        return self.start_s + once_s + alone * max(typical_s, min(2.0, 4 * typical_s))

    # --- hot spots ---

    def _hotspots(self, scouted: Scouted) -> HotspotResult | None:
        if not self.repeatable:
            return None
        most_s = hotspots_s(self.request)
        typical_s = statistics.fmean(_expected_s(scouted).values())
        later_s = max(typical_s, most_s - scouted.first.wall_s, 1.0)
        cost_s = self.start_s + scouted.first.wall_s + later_s
        wanted = self.request.flamegraph is not None
        if not wanted and not self._fits(cost_s, "hot spots under pyinstrument"):
            return None
        self._tell("where the time goes, under pyinstrument")
        items = [scouted.first.item, *dict.fromkeys(run.item for run in scouted.later)][:20]
        order = HotspotOrder(
            self._assignment(),
            scouted.drawn,
            tuple(items),
            most_s=later_s,
            interval_s=0.001 if typical_s > 0.05 else 0.0002,
            html=wanted,
        )
        result = self._child("hotspots:profile_items", order)
        if result.failure is not None:
            self._failed_again(result.failure)
            return None
        hot = cast("HotspotResult", result.value)
        self.executions += hot.executions
        if self.request.flamegraph is not None and hot.html is not None:
            _write_whole(self.request.flamegraph, hot.html)
        return hot

    # --- the profile ---

    def _ops(
        self,
        scouted: Scouted,
        first: list[ChainRun],
        preloaded: list[ChainRun],
        limited: Sequence[ChainRun],
        preloadable: Preloadable,
    ) -> tuple[OpProfile, ...]:
        found = []
        init = ResourceInit(
            statistics.fmean(each.wall_s for each in self.resource_init),
            statistics.fmean(each.cpu_s for each in self.resource_init),
        )
        for place, mapped in enumerate(self.request.description.mapped):
            reasons = [
                run.unpicklable[place]
                for run in (scouted.first, *scouted.later)
                if run.unpicklable[place]
            ]
            unpicklable = f"output {reasons[0]}" if reasons else None
            if place == 0 and scouted.drawn.unpicklable:
                unpicklable = unpicklable or scouted.drawn.unpicklable
            found.append(
                OpProfile(
                    handle=mapped.handle,
                    first_calls=self._samples(first, place, scouted.drawn),
                    preloaded_first_calls=self._samples(preloaded, place, scouted.drawn),
                    later_calls=self._samples(scouted.later, place, scouted.drawn),
                    resource_init_s=init.wall_s if mapped.resource_keys else 0.0,
                    resource_init_cpu_s=init.cpu_s if mapped.resource_keys else 0.0,
                    base_rss_bytes=int(statistics.median(self.base_rss)),
                    first_call_modules=preloadable.safe if place == 0 else (),
                    unsafe_modules=preloadable.unsafe if place == 0 else {},
                    unpicklable=unpicklable,
                    limited_calls=self._samples(limited, place, scouted.drawn),
                )
            )
        return tuple(found)

    @staticmethod
    def _samples(runs: Sequence[ChainRun], place: int, drawn: DrawnItems) -> tuple[ItemSample, ...]:
        """The samples of one op, numbered by their place among all items."""
        return tuple(
            dataclasses.replace(sample, item=drawn.positions[sample.item])
            for sample in (run.samples[place] for run in runs)
        )


def _wall_s(scouted: Sequence[Scouted]) -> float:
    return sum(run.wall_s for each in scouted for run in (each.first, *each.later))


def _peak_bytes(scouted: Scouted) -> int:
    """Most memory that an item took beyond its process's own."""
    return max(sample.peak_rss_bytes for run in scouted.typical for sample in run.samples)


def _cpu_share(runs: Sequence[ChainRun]) -> float:
    """CPU over wall clock of the calls."""
    wall_s = sum(run.wall_s for run in runs)
    return sum(sample.cpu_s for run in runs for sample in run.samples) / max(wall_s, 1e-9)


def unevenness(runs: Sequence[ChainRun]) -> float:
    """How many times as long like calls compute at slow moments as at quick ones.

    The 90th over the 10th percentile of CPU seconds, each over the median of its item's; 1 where
    too few calls can be compared, or where they mostly wait.
    """
    by_item: dict[int, list[float]] = {}
    for run in runs:
        by_item.setdefault(run.item, []).append(sum(sample.cpu_s for sample in run.samples))
    over_median = [
        cpu_s / max(statistics.median(calls), 1e-9)
        for calls in by_item.values()
        for cpu_s in (calls if len(calls) > 1 else ())
    ]
    if len(over_median) < _FEWEST_LIKE_CALLS or _cpu_share(runs) < _WAITING_CPU:
        return 1.0
    tenths = statistics.quantiles(over_median, n=10)
    return tenths[-1] / max(tenths[0], 1e-9)


def _expected_s(scouted: Scouted) -> dict[int, float]:
    """Item to its seconds alone in a process that is warm; as far as any was measured."""
    found: dict[int, list[float]] = {}
    for run in scouted.typical:
        found.setdefault(run.item, []).append(run.wall_s)
    return {item: statistics.median(walls) for item, walls in found.items()}


def _results(scouted: Scouted) -> dict[int, list[Parts]]:
    """Item to what its calls alone gave."""
    found: dict[int, list[Parts]] = {}
    for run in (scouted.first, *scouted.later):
        found.setdefault(run.item, []).append(run.result)
    return found


def _write_whole(path: Path, text: str) -> None:
    """Write the file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
