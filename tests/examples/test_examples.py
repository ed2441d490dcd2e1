"""Each example gives the result that its data determine, however it is run."""

from __future__ import annotations

import hashlib
import importlib
import subprocess
import sys

import pytest

# The example, the op whose output is the result, the result, and run config that shortens waits.
CASES = [
    pytest.param("seed_chunks", "seed_job", "combine_chunks", 140, {}, id="seed"),
    pytest.param("sqlite_rows", "sqlite_job", "summarize_readings",
                 {"written": 200_000, "rows": 200_000, "millimetres": 9_598_567}, {}, id="sqlite"),
    pytest.param("async_calls", "async_job", "pick_warmest", 35, {}, id="async"),
    pytest.param("two_stage", "two_stage_job", "combine_fingerprints",
                 "d6a167d3c5cae7703cbfe840ef8f006950d78110dacafac83afd9e4c41fe5f4c", {},
                 id="two-stage"),
]  # fmt: skip


def run(module: str, job: str, run_config: dict | None = None):
    definition = getattr(importlib.import_module(f"advisor.examples.{module}"), job)
    return definition.execute_in_process(run_config=run_config or {})


@pytest.mark.parametrize(("module", "job", "last_op", "expected", "run_config"), CASES)
def test_gives_its_result(module, job, last_op, expected, run_config):
    assert run(module, job, run_config).output_for_node(last_op) == expected


def test_csv_totals_are_those_of_the_written_rows():
    totals = run("csv_files", "csv_job").output_for_node("combine_sales")
    assert sum(total["orders"] for total in totals.values()) == 12 * 40_000
    pieces = sum(row % 9 + 1 for row in range(40_000)) * 12
    assert sum(total["pieces"] for total in totals.values()) == pieces


def test_http_asks_the_service_for_every_city():
    quick = {"resources": {"service": {"config": {"delay_s": 0.01}}}}
    ranking = run("http_calls", "http_job", quick).output_for_node("rank_cities")
    assert len(ranking) == 20
    assert ranking[0] == ("Evora", 35)
    assert [degrees for _, degrees in ranking] == sorted((d for _, d in ranking), reverse=True)


def test_training_picks_the_least_accurate_segment_every_time():
    from advisor.examples.train_segments import train_segment

    result = run("train_segments", "train_job")
    accuracy, segment = result.output_for_node("pick_weakest")
    assert 0.5 < accuracy < 1.0
    assert train_segment(segment) == (accuracy, segment)


def test_the_bare_op_and_its_samples_fit_together():
    from advisor.examples import bare_op

    tag = bare_op.stretch_password.tags["dynadvise/inputs"]
    module, _, name = tag.partition(":")
    samples = list(getattr(importlib.import_module(module), name)())
    assert len(samples) == 10
    expected = hashlib.pbkdf2_hmac("sha256", b"password 0", b"bare_op", 100_000).hex()
    assert bare_op.stretch_password(**samples[0]) == expected == bare_op.stretch(**samples[0])


def test_an_example_runs_as_a_script():
    done = subprocess.run(
        [sys.executable, "-m", "advisor.examples.csv_files"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "north" in done.stdout


def test_every_example_job_is_found_by_dagster():
    from dagster import Definitions

    for module in ("seed_chunks", "csv_files", "http_calls", "train_segments", "sqlite_rows",
                   "two_stage", "async_calls"):  # fmt: skip
        defs = importlib.import_module(f"advisor.examples.{module}").defs
        assert isinstance(defs, Definitions)
        assert len(list(defs.resolve_all_job_defs())) == 1
