"""``analyze --backfill``: queue, start and run of a backfill's runs, from their run events."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace

import pytest
from click.testing import CliRunner
from dagster import DagsterInstance, DynamicOut, DynamicOutput, job, op
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.tags import BACKFILL_ID_TAG
from factories import make_description, make_saved_profile

from advisor import store
from advisor.cli import cli
from advisor.history.backfills import RunMoments, backfill_times


def test_waits_starts_and_runs_are_told_apart():
    """Two places; the third run leaves the queue 3 s after the first has ended."""
    runs = [
        RunMoments(0.0, 2.0, 5.0, 20.0, succeeded=True),
        RunMoments(0.0, 2.0, 6.0, 30.0, succeeded=True),
        RunMoments(0.0, 23.0, 27.0, 40.0, succeeded=False),
    ]
    times = backfill_times("abc", "daily", runs)
    assert (times.runs, times.succeeded, times.runs_at_once, times.queued) == (3, 2, 2, 3)
    assert times.queue_s.median == 2.0
    assert times.place_s.median == 3.0
    assert times.start_s.median == 4.0
    assert times.run_s.median == 15.0
    assert times.makespan_s == 40.0


def test_a_run_that_has_not_ended_holds_its_place():
    runs = [
        RunMoments(0.0, 1.0, 2.0, None, succeeded=False),
        RunMoments(0.0, 3.0, 4.0, 5.0, succeeded=True),
        RunMoments(0.0, None, None, None, succeeded=False),
    ]
    times = backfill_times("abc", "daily", runs)
    assert times.runs_at_once == 2
    assert times.makespan_s == 5.0


@op(out=DynamicOut())
def split():
    for key in "ab":
        yield DynamicOutput(key, mapping_key=key)


@op
def work(item):
    return item


@job
def daily():
    split().map(work)


def queued(instance, run_id: str, at_s: float) -> None:
    """The events of a run's way through Dagster's queue, as its coordinator stores them."""
    for kind in (DagsterEventType.RUN_ENQUEUED, DagsterEventType.RUN_DEQUEUED):
        event = DagsterEvent(kind.value, job_name="daily")
        entry = EventLogEntry(None, logging.INFO, "", run_id, at_s, dagster_event=event)
        instance.event_log_storage.store_event(entry)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Three real runs of one backfill, and one of another."""
    home = tmp_path_factory.mktemp("home")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with DagsterInstance.from_config(str(home)) as instance:
        for backfill in ("firstone", "firstone", "firstone", "other"):
            began_s = time.time()
            run = daily.execute_in_process(instance=instance, tags={BACKFILL_ID_TAG: backfill})
            queued(instance, run.run_id, began_s)
    return home


@pytest.fixture
def analyze(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str):
        asked = ["analyze", "--instance", str(home), "--backfill", *arguments]
        return CliRunner().invoke(cli, asked)

    return run


def test_a_real_backfill_is_read(analyze):
    told = json.loads(analyze("firstone", "--format", "json").stdout)
    times = told["backfill"]
    assert (times["runs"], times["succeeded"], times["queued"]) == (3, 3, 3)
    assert times["runs_at_once"] == 1
    assert times["makespan_s"] >= 3 * times["run_s"]["p10"] > 0
    assert times["predicted_s"] is None
    assert len(told["runs"]) == 3


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_the_whole_and_the_options_of_the_next_plan_are_told(analyze, form):
    out = " ".join(analyze("firstone", "--format", form).stdout.split())
    assert "3 runs of daily, 1 in parallel" in out
    assert "--run-start" in out
    assert "--dequeue-interval" in out


def test_the_plan_of_a_profile_stands_beside_it(analyze, tmp_path):
    store.write(
        make_saved_profile(description=make_description(job_name="daily")), tmp_path / "profiles"
    )
    told = json.loads(analyze("firstone", "--format", "json").stdout)["backfill"]
    assert told["predicted_s"]["low"] < told["predicted_s"]["median"]
    assert "plan predicts" in " ".join(analyze("firstone").stdout.split())


def test_what_the_runs_tell_of_queue_and_start_stands_in_for_the_plans_own(analyze, tmp_path):
    """A profile of a machine that took 25 s to start a run there: the rest of it still holds."""
    saved = make_saved_profile(description=make_description(job_name="daily"))
    slow = replace(saved, overhead=replace(saved.overhead, cli_start_s=25.0))
    store.write(slow, tmp_path / "profiles")
    times = json.loads(analyze("firstone", "--format", "json").stdout)["backfill"]
    planned = times["planned"]
    assert planned["start_s"] == 25.0
    assert times["predicted_s"]["median"] > 3 * 25
    each_s = times["place_s"]["median"] + times["start_s"]["median"] + planned["run_s"]
    assert times["as_started_s"]["median"] == pytest.approx(3 * each_s)
    out = " ".join(analyze("firstone").stdout.split())
    assert "with the waits and starts of these runs" in out
    assert "start, until the job begins" in out
    assert "25 s" in out
    assert "--save writes a profile" in out  # its items take half a second, these none


def test_a_backfill_that_is_not_there_is_named_with_those_that_are(analyze):
    done = analyze("nosuch")
    assert done.exit_code == 2
    assert "no run of a backfill 'nosuch'" in done.stderr
    assert "Newest backfills: other, firstone" in done.stderr


def test_runs_are_named_once(analyze):
    done = analyze("firstone", "--job", "daily")
    assert done.exit_code == 2
    assert "give no --run or --job" in done.stderr
