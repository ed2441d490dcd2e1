"""The gate's benchmark, on gates whose outcome is known: nothing is measured here."""

from __future__ import annotations

import gates
import pytest
from replayed import read

from advisor.gate.orders import OpCalls


def entry(variant, number, verdicts, slowed=None, wall_s=50.0):
    process = [[1000, 1010], [2000, 2020]]
    return {
        "kind": "gate", "variant": variant, "number": number, "target": "shop:compute_job",
        "slowed": slowed, "verdict": "FAIL" if "FAIL" in verdicts.values() else "PASS",
        "status": 0, "wall_s": wall_s, "at": f"2026-01-0{number + 1}T00:00:00+00:00", "load": 0.1,
        "timings": [
            {"op": op, "verdict": verdict, "ratio": 1.5 if op == slowed else 1.02, "low": 1.0,
             "high": 1.1, "pairs": 8 + number, "certainly_slower": False}
            for op, verdict in verdicts.items()
        ],
        "findings": [], "pairs": {op: [[process, process]] * 10 for op in verdicts},
    }  # fmt: skip


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(gates, "STATE", tmp_path)
    monkeypatch.setattr(gates, "ROOT", tmp_path)
    monkeypatch.setattr(gates, "RESULTS", tmp_path / "gates.jsonl")
    same = {"score": "PASS", "rank": "PASS"}
    gates.record(entry("same", 0, same))
    gates.record(entry("same", 1, {**same, "rank": "FAIL"}, wall_s=90.0))
    gates.record(entry("slow50", 0, {**same, "score": "FAIL"}, slowed="score"))
    with gates.RESULTS.open("a") as stream:
        stream.write('{"kind":"gate","variant":"sa')  # interrupted while it was written
    return tmp_path


def test_what_is_recorded_is_not_run_again_and_the_variants_take_turns(recorded):
    left = list(gates.pending(4, 2))
    assert left == [("slow10", 0), ("same", 2), ("slow10", 1), ("slow50", 1), ("same", 3)]


def test_a_false_alarm_is_counted_and_a_slowed_op_is_none(recorded):
    same, slow = gates.gates_table()
    assert same["verdicts"] == {"PASS": 1, "FAIL": 1}
    assert (same["unchanged_ops_failed"], same["unchanged_ops_timed"]) == (1, 4)
    assert (slow["unchanged_ops_failed"], slow["unchanged_ops_timed"]) == (0, 1)
    assert slow["largest_error"] == pytest.approx(0.02)
    facts = {"processor": "Xeon", "cpus": 2.0, "memory_bytes": 2**33, "system": "Linux",
             "python_version": "3.11", "dagster_version": "1.13"}  # fmt: skip
    page = gates.page(
        {
            "host": facts,
            "gates": [same, slow],
            "replayed": [],
            "static": {"jobs": 20, "wall_s": [2]},
        }
    )
    assert "| no change | 2 | 1 PASS, 1 FAIL | 1 of 4 | 8.5 (9) | 70 s (90 s) | 2.0 % |" in page
    assert "2026-01-01 to 2026-01-02" in page
    assert "20 jobs, each in a file of its own: 2.0 s" in page


def test_pairs_are_added_to_a_recording(tmp_path, monkeypatch):
    class Measured:
        def __init__(self, base, head, timeout_s):
            assert base.tree.root != head.tree.root

        def survey(self, side):
            pass

        def time_pair(self, ops, number, order):
            calls = OpCalls(((0.001, 0.00101), (0.002, 0.00202)))
            return {side: dict.fromkeys(ops, calls) for side in ("base", "head")}

    monkeypatch.setattr(gates, "ChildProcesses", Measured)
    for _ in range(2):
        gates.record_pairs(tmp_path / "pairs.json", 10)
    recorded = read(tmp_path / "pairs.json")
    assert recorded.families == (("rank", "score"), ("convert", "fetch"))
    assert len(recorded.pairs(("score",))) == 20
    base, head = recorded.pairs(("rank",))[0]["rank"]
    assert base == head
    assert base.calls_s == ((0.001, 0.00101), (0.002, 0.00202))
    assert recorded.about.startswith("Recorded")
