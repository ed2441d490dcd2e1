"""Gates replayed from recorded real timings, for the tests and for the benchmark's page.

A recording holds the pairs of real gates of unchanged code. A replayed gate takes 20 of an op's
pairs in a row and swaps the sides of each at random, as the real gate orders them at random; a
slowdown is made by multiplying head's seconds. Seeds are fixed.

``tuning_pairs.json`` is the recording on which the statistic was tuned; ``held_out_pairs.json``
was made afterwards. Both hold seconds by item in microseconds, of base and of head.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from advisor.gate.comparison import Comparison, compare, pair_value, plan_looks
from advisor.gate.orders import OpCalls

FIXTURES = Path(__file__).resolve().parent / "fixtures"
TUNING, HELD_OUT = FIXTURES / "tuning_pairs.json", FIXTURES / "held_out_pairs.json"
PAIRS = 20

Pair = tuple[OpCalls, OpCalls]


@dataclass(frozen=True)
class Recording:
    """Recorded gates of unchanged code; each has its ops' pairs, by op."""

    about: str
    gates: tuple[Mapping[str, Sequence[Pair]], ...]

    @property
    def ops(self) -> tuple[str, ...]:
        """Every op with enough pairs for a gate."""
        names = dict.fromkeys(op for gate in self.gates for op in gate)
        return tuple(op for op in names if len(self.pairs((op,))) >= PAIRS)

    @property
    def families(self) -> tuple[tuple[str, ...], ...]:
        """Ops that were timed in the same processes."""
        together = dict.fromkeys(tuple(sorted(gate)) for gate in self.gates)
        return tuple(ops for ops in together if len(self.pairs(ops)) >= PAIRS)

    def pairs(self, ops: Sequence[str]) -> list[dict[str, Pair]]:
        """All pairs in which all of these ops were timed, gate after gate."""
        found = []
        for gate in self.gates:
            if all(op in gate for op in ops):
                rows = zip(*(gate[op] for op in ops), strict=False)
                found += [dict(zip(ops, row, strict=True)) for row in rows]
        return found


def read(path: Path) -> Recording:
    """Read a recording."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return Recording(document["about"], tuple(map(gate_from_json, document["gates"])))


def gate_from_json(gate: Mapping[str, Any]) -> dict[str, list[Pair]]:
    """One gate's pairs; microseconds become seconds."""
    return {
        op: [(_calls_from_json(base), _calls_from_json(head)) for base, head in pairs]
        for op, pairs in gate.items()
    }


def _calls_from_json(items: Sequence[Sequence[int]]) -> OpCalls:
    return OpCalls(tuple(tuple(call * 1e-6 for call in item) for item in items))


def calls_to_json(calls: OpCalls) -> list[list[int]]:
    """One op's calls in one process, by item, in microseconds."""
    return [[round(call * 1e6) for call in item] for item in calls.calls_s]


@dataclass(frozen=True)
class Tally:
    """What replayed gates of one op each said.

    Attributes:
        slower: Gates that said FAIL.
        certain: Gates that said at least that the op is certainly slower.
        fine: Gates that said PASS.
        pairs: Median of the pairs used.
    """

    gates: int
    slower: int
    certain: int
    fine: int
    pairs: float

    @classmethod
    def of(cls, found: Sequence[Comparison]) -> Tally:
        return cls(
            gates=len(found),
            slower=sum(c.verdict == "FAIL" for c in found),
            certain=sum(c.certainly_slower for c in found),
            fine=sum(c.verdict == "PASS" for c in found),
            pairs=median(c.pairs for c in found),
        )


def gate(
    pairs: Sequence[Mapping[str, Pair]],
    seed: int,
    slowdown: float = 1.0,
    *,
    limit: float = 0.1,
) -> dict[str, Comparison]:
    """One gate of all ops of the pairs, at the most pairs that a gate takes by default."""
    generator = random.Random(seed)
    start = generator.randrange(len(pairs))
    compared: dict[str, list[float]] = {op: [] for op in pairs[0]}
    for index in range(PAIRS):
        pair = pairs[(start + index) % len(pairs)]
        first, second = generator.sample((0, 1), 2)
        for op in pair:
            base, head = pair[op][first], slowed(pair[op][second], slowdown)
            compared[op].append(pair_value(base.calls_s, head.calls_s))
    return compare(compared, plan_looks(PAIRS, len(compared)), max_regression=limit)


def slowed(calls: OpCalls, factor: float) -> OpCalls:
    """The same calls, each ``factor`` times as long."""
    items = tuple(tuple(factor * call for call in item) for item in calls.calls_s)
    return replace(calls, calls_s=items)


def tally(
    recording: Recording,
    gates: int,
    slowdown: float = 1.0,
    *,
    limit: float = 0.1,
    ops: Sequence[str] = (),
) -> Tally:
    """Replay ``gates`` gates of one op each, the ops in turn."""
    names = tuple(ops) or recording.ops
    pairs = {op: recording.pairs((op,)) for op in names}
    return Tally.of(
        [
            gate(pairs[op], seed, slowdown, limit=limit)[op]
            for seed in range(gates // len(names))
            for op in names
        ]
    )


def family_alarms(recording: Recording, gates: int) -> tuple[int, int]:
    """Gates of all ops of a process at once: how many, and how many failed any op."""
    alarmed = [
        any(c.verdict == "FAIL" for c in gate(pairs, seed).values())
        for pairs in map(recording.pairs, recording.families)
        for seed in range(gates // len(recording.families))
    ]
    return len(alarmed), sum(alarmed)
