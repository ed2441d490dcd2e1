"""Timing the same ops of two trees in pairs of fresh processes, and counting what has no noise.

A *survey* of a tree loads the target, draws sample inputs, calls every mapped op once on each,
and counts. *Timing* then calls the ops on the base's inputs in a fresh process of either tree.

Both processes of a pair are alive at once and take turns: one works for some 10 ms while the other
waits, in random order, so that both see the same moods of the machine. On a virtual machine whose
cores are shared with others these change several times a second, and processes that run one after
the other for a second each differ mostly by them.
"""

import math
import os
import random
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import cast

from advisor.gate.orders import (
    OTHER,
    SHORTEST_S,
    BatonRequest,
    OpCalls,
    OpSurvey,
    Side,
    Survey,
    SurveyRequest,
    TimingRequest,
)
from advisor.gate.timing import GONE, pipes_of_turns
from advisor.measure.child import ChildFailure, ChildResult, run_in_child
from advisor.measure.progress import Progress, silent

_TIMED_S = 0.8  # per op and process
_TURN_S = 0.01  # long beside the change between two processes, short beside the machine's moods
_MOST_REPEATS = 100


class ChildProcesses:
    """Measures in fresh processes; what they leave for each other is in a temporary folder."""

    def __init__(self, base: SurveyRequest | None, head: SurveyRequest, timeout_s: float) -> None:
        self._requests: dict[Side, SurveyRequest] = {"head": head}
        if base is not None:
            self._requests["base"] = base
        self._timeout_s = timeout_s
        self._surveys: dict[Side, Survey] = {}
        self.executions = 0

    def survey(self, side: Side) -> Survey:
        """Survey a side, the base first where both are."""
        request = self._requests[side]
        if side == "head" and "base" in self._surveys and self._surveys["base"].samples_kept:
            request = replace(request, other_samples_file=self._requests["base"].samples_file)
        result = run_in_child(
            "advisor.gate.survey:survey_tree",
            request,
            timeout_s=self._timeout_s,
            python_path=(request.tree.working_directory, *request.tree.python_path),
            working_directory=request.tree.working_directory,
        )
        survey = cast("Survey", result.unwrap(f"`{request.target}` ({side})"))
        self._surveys[side] = survey
        self.executions += survey.executions
        return survey

    def time(self, side: Side, ops: Sequence[str], number: int) -> Mapping[str, OpCalls]:
        """Time the ops in one fresh process of a side."""
        return self._calls(self._run(self._timing(side, ops), number), ops)

    def time_pair(
        self, ops: Sequence[str], number: int, order: random.Random
    ) -> Mapping[Side, Mapping[str, OpCalls]]:
        """Time the ops in a fresh process of each side; both hash strings alike.

        Where one side's process dies, the other is told so and ends; its timings are empty.
        """
        sides: list[Side] = ["base", "head"]
        order.shuffle(sides)
        seed = str(order.random())
        stop = threading.Event()
        with pipes_of_turns() as (folder, pipes), ThreadPoolExecutor(2) as pool:

            def run(side: Side) -> ChildResult:
                try:
                    timing = replace(self._timing(side, ops), baton=BatonRequest(folder, seed))
                    return self._run(timing, number, stop)
                finally:
                    os.write(pipes[OTHER[side]], GONE)

            try:
                running = {side: pool.submit(run, side) for side in sides}
                results = {side: future.result() for side, future in running.items()}
            finally:  # an interruption here ends their processes; the pool waits for it
                stop.set()
        return {side: self._calls(result, ops) for side, result in results.items()}

    def _run(
        self, timing: TimingRequest, number: int, stop: threading.Event | None = None
    ) -> ChildResult:
        tree = timing.survey.tree
        return run_in_child(
            "advisor.gate.timing:time_calls",
            timing,
            timeout_s=self._timeout_s,
            environment={"PYTHONHASHSEED": str(number + 1)},
            python_path=(tree.working_directory, *tree.python_path),
            working_directory=tree.working_directory,
            stop=stop,
        )

    def _calls(self, result: ChildResult, ops: Sequence[str]) -> Mapping[str, OpCalls]:
        if result.failure is not None:
            return _blamed(result.failure, ops)
        timed = cast("Mapping[str, OpCalls]", result.value)
        self.executions += sum(1 + sum(map(len, op.calls_s)) for op in timed.values())
        return {op: timed.get(op, OpCalls()) for op in ops}

    def _timing(self, side: Side, ops: Sequence[str]) -> TimingRequest:
        """Both sides get the base's inputs where head can read them, and the same repeats."""
        first: Side = "base" if "base" in self._surveys else "head"
        shared = all(
            survey.samples_kept and (name == first or survey.reads_other)
            for name, survey in self._surveys.items()
        )
        source = first if shared else side
        survey = self._surveys[source]
        return TimingRequest(
            survey=self._requests[side],
            ops=tuple(ops),
            repeats={op: repeats_for(self._surveys.values(), op) for op in ops},
            turns={op: turns_for(self._surveys.values(), op) for op in ops},
            samples_file=self._requests[source].samples_file if survey.samples_kept else None,
            drawn=survey.drawn,
        )


def repeats_for(surveys: Iterable[Survey], handle: str) -> int:
    """Timed calls an item, the same on both sides: about 0.8 s in all, and 100 at most."""
    ops = _surveyed(surveys, handle)
    if not ops or any(op.memoises for op in ops):
        return 1
    pass_s = max(SHORTEST_S, *(op.warm_s * max(1, len(op.calls)) for op in ops))
    return min(_MOST_REPEATS, max(1, round(_TIMED_S / pass_s)))


def turns_for(surveys: Iterable[Survey], handle: str) -> int:
    """Turns in which the calls of one process are made: as many calls in each as 10 ms allow."""
    ops = _surveyed(surveys, handle)
    if not ops:
        return 1
    calls = repeats_for(surveys, handle) * max(1, *(len(op.calls) for op in ops))
    call_s = max(SHORTEST_S, *(op.warm_s for op in ops))
    return math.ceil(calls / max(1, round(_TURN_S / call_s)))


def _surveyed(surveys: Iterable[Survey], handle: str) -> list[OpSurvey]:
    return [op for survey in surveys for op in survey.ops if op.handle == handle]


@dataclass
class PairedTimings:
    """What the pairs gave so far, by op, in the order of measuring.

    Attributes:
        base, head: The calls of each process; entries of the same place are a pair.
        failed: Op to the side and the reason, where a process had no timing of it.
    """

    base: dict[str, list[OpCalls]] = field(default_factory=dict)
    head: dict[str, list[OpCalls]] = field(default_factory=dict)
    failed: dict[str, tuple[Side, str]] = field(default_factory=dict)


def measure_pairs(
    measurer: ChildProcesses,
    ops: Sequence[str],
    max_pairs: int,
    *,
    still_open: Callable[[PairedTimings], Sequence[str]],
    seed: int,
    progress: Progress = silent,
) -> PairedTimings:
    """Measure pair after pair, base and head in random order, until all ops are decided.

    Args:
        still_open: Called after each pair; the ops that want more.
    """
    order = random.Random(seed)  # noqa: S311 - no secret
    timings = PairedTimings({op: [] for op in ops}, {op: [] for op in ops})
    open_ops = tuple(ops)
    for pair in range(max_pairs):
        if not open_ops:
            break
        progress(f"pair {pair + 1} of at most {max_pairs}: {', '.join(open_ops)}", pair / max_pairs)
        measured = measurer.time_pair(open_ops, pair, order)
        for op in open_ops:
            failed = [(side, calls[op].failed) for side, calls in measured.items()]
            reasons = [(side, reason) for side, reason in failed if reason is not None]
            if reasons:
                timings.failed[op] = reasons[0]
                continue
            timings.base[op].append(measured["base"][op])
            timings.head[op].append(measured["head"][op])
        open_ops = tuple(op for op in still_open(timings) if op not in timings.failed)
    return timings


def _blamed(failure: ChildFailure, ops: Sequence[str]) -> dict[str, OpCalls]:
    """A dead process takes the timings of all its ops with it; the one that ran is named."""
    reason = failure.as_note("the measured process")
    guilty = failure.op if failure.op in ops else None
    return {
        op: OpCalls(failed=reason if guilty in (op, None) else f"its process ended: {reason}")
        for op in ops
    }
