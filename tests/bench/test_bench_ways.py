"""What the table of ways says of recorded runs, and what is still to be run."""

from __future__ import annotations

import pytest
import ways

from advisor.domain.host import HostFacts

EXAMPLE = ways.EXAMPLES[0]
FACTS = HostFacts("host", 2.0, 2, 24 << 30, "processor", "Linux", "3.11.7", "1.13.29")


def way(label: str, median: float) -> dict:
    return {"label": label, "median": median, "low": 0.8 * median, "high": 1.2 * median}


PROFILE = {
    "kind": "profile", "example": EXAMPLE, "items": 8,
    "advised": "in_process", "config_only": "in_process", "default": "spawn:2",
    "ways": {
        "execute_in_process": way("execute_in_process", 4.0),
        "in_process": way("in_process executor", 5.0),
        "spawn:2": way("multiprocess, spawn, 2 in parallel", 20.0),
    },
}  # fmt: skip


def run(name: str, repeat: int, wall_s: float, results: str = "[140]", failed: str | None = None):
    return {
        "kind": "run", "example": EXAMPLE, "way": name, "repeat": repeat, "wall_s": wall_s,
        "results": results, "failed": failed, "at": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip


def test_slow_ways_miss_every_second_pass_and_what_is_recorded_is_not_run_again():
    left = ways.pending([PROFILE], [EXAMPLE], 3)
    assert len(left) == 8
    assert (1, EXAMPLE, "spawn:2") not in left
    made = [PROFILE, run("spawn:2", 0, 20.0), run("in_process", 0, 1.0, failed="no")]
    left = ways.pending(made, [EXAMPLE], 3)
    assert [way for _, _, way in left].count("spawn:2") == 1
    assert "in_process" not in {way for _, _, way in left}


def test_an_example_is_profiled_before_it_is_run():
    assert ways.pending([], [EXAMPLE], 1) == [(0, EXAMPLE, "(to be profiled)")]


def test_the_page_tells_medians_errors_and_whose_results_differ():
    made = [
        PROFILE, run("execute_in_process", 0, 4.2), run("execute_in_process", 1, 4.4),
        run("in_process", 0, 6.0, results="[139]"), run("spawn:2", 0, 0.0, failed="it hung"),
    ]  # fmt: skip
    page, data = ways.page_of(made, FACTS)
    rows = [line for line in page.splitlines() if line.startswith("| ")][2:]
    assert [row["way"] for row in data["examples"][EXAMPLE]] == [
        "execute_in_process", "in_process", "spawn:2",
    ]  # fmt: skip
    assert "| 4.30 (4.20 to 4.40) | 4.00 (3.20 to 4.80) | -7 % | same |" in rows[0]
    assert "**(advised, best by config alone)**" in rows[1]
    assert rows[1].endswith("| -17 % | **differ** |")
    assert "it hung" in rows[2]


def test_results_are_compared_by_value():
    assert ways.fingerprint({"a": [(1, 2)], "b": {"y": 1, "x": 2}}) == ways.fingerprint(
        {"b": {"x": 2, "y": 1}, "a": [[1, 2]]}
    )
    assert ways.fingerprint({"a": 1}) != ways.fingerprint({"a": 2})


@pytest.mark.parametrize("launch", ["in_process", "cli-in_process", "execute_in_process"])
def test_the_results_of_a_real_run_are_read_back(launch):
    from advisor.dagster_bridge.target import parse_target
    from advisor.domain.candidate import read_candidate
    from advisor.measure.verification import Configuration, run_child

    candidate = read_candidate(launch, ())
    target = parse_target("advisor.examples.csv_files:csv_job")
    config = {} if launch == "execute_in_process" else {"execution": {"config": {"in_process": {}}}}
    child = run_child(
        Configuration(launch, candidate, target, config),
        timeout_s=120,
        results=("combine_sales",),
    )
    assert child.failure is None
    totals = child.value.outputs["combine_sales"]
    assert sum(total["orders"] for total in totals.values()) == 12 * 40_000
