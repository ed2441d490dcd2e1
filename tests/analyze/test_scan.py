"""``dynadvise scan``: one line per job of an instance, from its logs alone."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from fabricated_instance import EPOCH_S, Event, Run, multiprocess_events, write_instance

from advisor.cli import cli

SPAWN_2 = {"execution": {"config": {"multiprocess": {"max_concurrent": 2}}}}


def plain_job(step_s=1.0, boot_s=3.0):
    """Two steps, one after the other, each in a process of its own."""
    events = [Event(0.0, "PIPELINE_START")]
    at = 0.0
    for key in ("extract", "load"):
        for kind, later_s in (
            ("STEP_WORKER_STARTING", 0.0),
            ("STEP_WORKER_STARTED", boot_s / 2),
            ("RESOURCE_INIT_STARTED", boot_s / 2),
            ("RESOURCE_INIT_SUCCESS", 0.0),
            ("STEP_START", 0.0),
            ("STEP_OUTPUT", step_s),
            ("HANDLED_OUTPUT", 0.0),
            ("STEP_SUCCESS", 0.0),
        ):
            at += later_s
            events.append(Event(at, kind, key))
    return [*events, Event(at, "PIPELINE_SUCCESS")]


@pytest.fixture
def instance(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.time", lambda: EPOCH_S + 86_400)
    runs = [
        *(Run(f"fan-{n}-abcdef", multiprocess_events(8), run_config=SPAWN_2) for n in range(3)),
        Run("failed-abcdef", multiprocess_events(8), run_config=SPAWN_2, status="FAILURE"),
        Run("plain-abcdef", plain_job(), job="rows", run_config=SPAWN_2),
    ]
    return write_instance(tmp_path / "home", runs)


def scanned(instance, *arguments):
    outcome = CliRunner().invoke(cli, ["scan", "--instance", str(instance), *arguments])
    return outcome.exit_code, outcome.stdout, outcome.stderr


def test_a_job_that_fans_out_and_one_that_does_not(instance):
    status, out, _ = scanned(instance, "--format", "json")
    jobs = {job["job"]: job for job in json.loads(out)["jobs"]}
    assert status == 0
    assert set(jobs) == {"chunks", "rows"}
    assert jobs["chunks"]["items"] == 8
    assert jobs["chunks"]["runs"] == 4
    assert jobs["chunks"]["failed"] == 1
    rows = jobs["rows"]
    assert rows["mapped_ops"] == []
    # Two steps of 1 s, each 3 s to start: one process would have taken 2 of 8 s.
    assert rows["total_s"] == pytest.approx(8.0)
    assert rows["overhead_s"] == pytest.approx(6.0)
    assert rows["saving_s"] == pytest.approx(6.0)


def test_runs_that_are_not_read_count_as_those_that_are(instance):
    read_one = json.loads(scanned(instance, "--format", "json", "--last", "1")[1])
    read_all = json.loads(scanned(instance, "--format", "json")[1])
    one, many = ({j["job"]: j for j in each["jobs"]}["chunks"] for each in (read_one, read_all))
    assert (one["read"], many["read"]) == (1, 4)
    assert one["total_s"] == pytest.approx(many["total_s"])
    assert one["saving_s"] == pytest.approx(many["saving_s"])


def test_the_verdict_comes_first_and_the_most_to_save_leads(instance):
    status, out, _ = scanned(instance)
    lines = [line.strip() for line in out.splitlines() if line.strip()]
    assert status == 0
    assert lines[0].startswith("Config alone would save")
    assert out.index("chunks") < out.index("rows")


@pytest.mark.parametrize("name", ["j{n}", "exports_of_the_shop_to_all_partners_{n}"])
def test_many_jobs_are_one_screen_and_all_of_them_behind_details(tmp_path, monkeypatch, name):
    monkeypatch.setattr("time.time", lambda: EPOCH_S + 86_400)
    monkeypatch.setenv("COLUMNS", "79")
    runs = [
        Run(f"run-{n}-abcdef", plain_job(boot_s=9.0 - n / 10), job=name.format(n=f"{n:02}"))
        for n in range(40)
    ]
    instance = write_instance(tmp_path / "home", runs)
    for n in range(3):
        (instance / "history" / "runs" / f"run-{30 + n}-abcdef.db").write_bytes(b"no database")
    lines = scanned(instance)[1].splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 79
    screen = "\n".join(lines)
    assert name.format(n="00")[-12:] in screen
    assert "more jobs, 2 more logs not read: --details" in " ".join(screen.split())
    everything = "".join(scanned(instance, "--details")[1].split())
    assert all(name.format(n=f"{n:02}")[-12:] in everything for n in range(40) if n < 30)


def test_old_runs_are_not_looked_at(instance):
    status, _, err = scanned(instance, "--days", "0.5")
    assert status == 2
    assert "no runs of the last 0.5 days" in err


def test_a_damaged_log_is_named_and_the_others_are_shown(instance):
    (instance / "history" / "runs" / "plain-abcdef.db").write_bytes(b"no database")
    status, out, _ = scanned(instance)
    assert status == 0
    assert "chunks" in out
    assert "rows: " in " ".join(out.split())
