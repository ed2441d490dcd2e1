"""Literal surveys and timings for the gate's tests: no process is started, no clock is read."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from factories import make_description

from advisor.domain.errors import DynadviseError
from advisor.domain.gate import AdviceCheck
from advisor.domain.item_sample import ItemSample
from advisor.domain.options import CheckOptions
from advisor.domain.workload import MappedOp, OpReference, SourceLocation
from advisor.gate.inspection import Inspected
from advisor.gate.orders import OpCalls, OpSurvey, Survey
from advisor.gate.worktree import BaseTree
from advisor.measure.ops.orders import DrawnItems
from advisor.store import SavedProfile

TARGET = "shop.chunks:process_all"
_GOOD = AdviceCheck(0.0, "warm forkserver", "warm forkserver")


def mapped(name: str = "process_chunk", line: int = 12) -> MappedOp:
    op = OpReference(name, (name,), SourceLocation("shop/chunks.py", line))
    return MappedOp(reference=op, item_input="chunk", inputs=("chunk",), outputs=("result",))


def survey(
    *ops: str, items: int = 8, modules: int = 20, input_bytes: int = 100, **changes: Any
) -> Survey:
    names = ops or ("process_chunk",)
    calls = tuple(ItemSample(i, None, 0.01, 0.01, 0, input_bytes, 50) for i in range(3))
    described = make_description(mapped=tuple(mapped(name) for name in names))
    whole = Survey(
        description=described,
        items=items,
        ops=tuple(OpSurvey(mapped(name), calls, 0.01, modules) for name in names),
        steps=2 + items * len(names),
        events=100 + 12 * items * len(names),
        samples_kept=True,
        reads_other=True,
        executions=4,
        drawn=DrawnItems(items, (0, 1, 2), (None, None, None), None, 0.0),
    )
    return replace(whole, **changes)


def logging_errors(whole: Survey, calls: int) -> Survey:
    """The same with an error logged in each of the first calls of every op."""
    ops = tuple(
        replace(
            op,
            calls=tuple(replace(call, errors_logged=int(call.item < calls)) for call in op.calls),
        )
        for op in whole.ops
    )
    return replace(whole, ops=ops)


def failing(whole: Survey, op: str, reason: str) -> Survey:
    ops = tuple(
        replace(each, calls=(), failed=reason) if each.handle == op else each for each in whole.ops
    )
    return replace(whole, ops=ops)


@dataclass
class RecordedMeasurer:
    """Gives surveys and per-process seconds that were written down before.

    ``seconds`` maps side and op to the seconds of one process after the other; the last is
    repeated. A string instead of seconds is the reason why that process failed.
    """

    surveys: Mapping[str, Survey | DynadviseError]
    seconds: Mapping[tuple[str, str], Sequence[float | str]] = field(default_factory=dict)
    executions: int = 0
    processes: list[str] = field(default_factory=list)
    taken: dict[tuple[str, str], int] = field(default_factory=dict)

    def survey(self, side: str) -> Survey:
        found = self.surveys[side]
        if isinstance(found, DynadviseError):
            raise found
        return found

    def time_pair(
        self, ops: Sequence[str], number: int, order: random.Random
    ) -> dict[str, dict[str, OpCalls]]:
        return {side: self.time(side, ops, number) for side in ("base", "head")}

    def time(self, side: str, ops: Sequence[str], number: int) -> dict[str, OpCalls]:
        self.processes.append(side)
        timed = {}
        for op in ops:
            given = self.seconds[side, op]
            taken = self.taken.get((side, op), 0)
            self.taken[side, op] = taken + 1
            value = given[min(taken, len(given) - 1)]
            timed[op] = OpCalls(failed=value) if isinstance(value, str) else OpCalls(((value,),))
        return timed


@dataclass
class RecordedSurroundings:
    """A world with recorded answers; ``advised_on`` are the profiles that advice was asked for."""

    recorded: RecordedMeasurer
    inspected: Sequence[Inspected] | None = None
    profile: SavedProfile | None = None
    advice: AdviceCheck = _GOOD
    advised_on: list[SavedProfile] = field(default_factory=list)

    def inspect(self, options: CheckOptions) -> Sequence[Inspected]:
        head = self.recorded.surveys.get("head")
        description = head.description if isinstance(head, Survey) else make_description()
        return self.inspected or [Inspected(target, description) for target in options.targets]

    @contextlib.contextmanager
    def base_tree(self, options: CheckOptions) -> Iterator[BaseTree | None]:
        folder = options.folder
        yield BaseTree(folder, folder, "0123456789abcdef") if options.base else None

    def measurer(self, *_: object) -> RecordedMeasurer:
        return self.recorded

    def committed_profile(self, *_: object) -> SavedProfile | None:
        return self.profile

    def host_id(self) -> str:
        return "xeon-2c-8g-linux"

    def advise(self, _options: CheckOptions, profile: SavedProfile) -> AdviceCheck:
        self.advised_on.append(profile)
        return self.advice


def options(**changes: Any) -> CheckOptions:
    return replace(CheckOptions(targets=(TARGET,), base="main", seed=1), **changes)
