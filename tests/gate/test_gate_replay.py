"""Gates replayed from recorded real timings: how often a false alarm, how often a finding.

The recording is of the same code on both sides, on a machine that was busy with other work. A
gate takes 20 pairs in a row and swaps the sides of each at random, as the real gate orders them
at random; a slowdown is made by multiplying head's calls. Seeds are fixed.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from advisor.model.comparison import (
    compare,
    log_ratio,
    plan_looks,
    process_seconds,
    process_speed,
)

OPS = ("cpu", "memory", "parse", "wait")


@pytest.fixture(scope="module")
def pairs():
    path = Path(__file__).parent / "fixtures" / "same_code_pairs.json"
    processes = json.loads(path.read_text())["processes"]
    measured = [
        {op: (process_seconds([calls]), process_speed(loops)) for op, (calls, loops) in p.items()}
        for p in processes
    ]
    return list(zip(measured[::2], measured[1::2], strict=True))


def gate(pairs, ops, seed, slowdown=1.0, limit=0.1, adjust=True):
    generator = random.Random(seed)
    start = generator.randrange(len(pairs))
    values = {op: [] for op in ops}
    speeds = {op: [] for op in ops}
    for index in range(20):
        sides = list(pairs[(start + index) % len(pairs)])
        generator.shuffle(sides)
        base, head = sides
        for op in ops:
            values[op].append(log_ratio(base[op][0], slowdown * head[op][0]))
            speeds[op].append(log_ratio(base[op][1], head[op][1]))
    plan = plan_looks(20, len(ops))
    return compare(values, plan, max_regression=limit, speeds=speeds if adjust else None)


def share(found, said):
    return sum(said(c) for c in found) / len(found)


def test_false_alarms_of_500_gates_are_at_most_one_percent(pairs):
    found = [gate(pairs, [op], seed)[op] for op in OPS for seed in range(125)]
    assert share(found, lambda c: c.outcome == "slower") <= 0.01
    assert share(found, lambda c: c.certainly_slower) <= 0.02  # 1 % is the level; 500 are few
    assert share(found, lambda c: c.outcome == "fine") >= 0.9


def test_false_alarms_of_gates_of_several_ops(pairs):
    gates = [gate(pairs, OPS, seed) for seed in range(120)]
    alarmed = sum(any(c.outcome == "slower" for c in found.values()) for found in gates)
    assert alarmed / len(gates) <= 0.01


def test_ten_percent_is_found_in_95_of_100_gates(pairs):
    """Found: the bound says slower. Under a limit below 10 % the gate then fails."""
    gates = [
        gate(pairs, [op], seed, 1.1, limit)[op]
        for limit in (0.1, 0.05)
        for op in OPS
        for seed in range(50)
    ]
    by_default, strict = gates[: len(gates) // 2], gates[len(gates) // 2 :]
    assert share(by_default, lambda c: c.certainly_slower) >= 0.95
    assert share(by_default, lambda c: c.outcome == "fine") <= 0.05
    assert share(strict, lambda c: c.outcome == "slower") >= 0.95
    assert max(c.pairs for c in gates) <= 20


def test_a_slowdown_well_beyond_the_limit_fails(pairs):
    for slowdown, least in ((1.25, 0.98), (1.5, 1.0)):
        found = [gate(pairs, [op], seed, slowdown)[op] for op in OPS for seed in range(25)]
        assert share(found, lambda c: c.outcome == "slower") >= least


def test_taking_the_machines_speed_off_is_worth_it(pairs):
    """Without it, the same timings of the same op find 10 % less often."""
    ways = {
        adjust: share(
            [gate(pairs, ["cpu"], seed, 1.1, adjust=adjust)["cpu"] for seed in range(40)],
            lambda c: c.certainly_slower,
        )
        for adjust in (True, False)
    }
    assert ways[True] >= ways[False] + 0.1
