"""Runs under Celery and Docker as they really were: 10 (8) items of 0.5 s, recorded.

Celery: one worker with 4 processes, another run with 2; Docker: ``max_concurrent: 2``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from recorded_runs import CELERY_2, CELERY_4, DOCKER_2, recorded, write_recorded

from advisor.api.analyze import AnalyzeOptions, analyze
from advisor.dagster_bridge.event_log import assemble_run, list_runs
from advisor.dagster_bridge.recorded_instance import open_instance_read_only
from advisor.history.delegated import delegated_ways
from advisor.history.learning import overhead_from_runs
from advisor.history.run_analysis import analyze_run
from advisor.history.statistics import totals
from advisor.model.run_statistics import begin_s, mapped_steps, parallelism, step_phases
from advisor.store import read


@pytest.mark.parametrize(("name", "workers"), [(CELERY_4, 4), (CELERY_2, 2)])
def test_as_many_tasks_run_as_there_are_workers_whatever_is_queued(
    tmp_path: Path, name: str, workers: int
) -> None:
    run = recorded(tmp_path / "home", name)
    assert (run.executor, run.status, run.max_concurrent) == ("celery", "success", None)
    steps = mapped_steps(run)
    assert len(steps) == 10
    # All ten were in the queue before the first had ended: none held a slot by that.
    assert max(step.queued_s for step in steps) < min(step.end_s for step in steps)
    assert parallelism(run).holding_peak == workers
    assert totals(run, workers).efficiency > 0.15
    for step in steps:
        moments = [step.queued_s, step.worker_starting_s, step.worker_started_s, step.start_s]
        assert moments == sorted(moments)


def test_waiting_in_the_queue_is_no_launch(tmp_path: Path) -> None:
    run = recorded(tmp_path / "home", CELERY_2)
    phases = [found.seconds for found in step_phases(run) if found.step.mapping_key]
    assert max(found["wait for a slot"] for found in phases) > 5
    # All but one: a worker process imports the code with its first task.
    assert sorted(found["launch"] for found in phases)[-2] < 0.5
    assert all(0.5 <= found["compute"] < 0.7 for found in phases)
    learned = overhead_from_runs([run]).delegated["celery"]
    assert 0.05 < learned.start_s.median < 0.3
    # How soon a worker takes the next task from the queue cannot be seen in the log.
    assert learned.poll_interval_s is None


@pytest.mark.parametrize(("name", "at_once"), [(CELERY_4, 4), (CELERY_2, 2), (DOCKER_2, 2)])
def test_the_way_it_went_is_predicted_as_it_went(tmp_path: Path, name: str, at_once: int) -> None:
    run = recorded(tmp_path / "home", name)
    now = next(way for way in delegated_ways([run]) if way.current)
    assert (now.executor, now.max_concurrent) == (run.executor, at_once)
    took_s = totals(run, at_once).makespan_s
    assert now.predicted_s.low <= took_s <= now.predicted_s.high


def test_containers_start_longer_than_they_work(tmp_path: Path) -> None:
    run = recorded(tmp_path / "home", DOCKER_2)
    assert (run.executor, run.max_concurrent, run.start_method) == ("docker", 2, None)
    assert parallelism(run).holding_peak == 2
    found = {diagnosis.code: diagnosis for diagnosis in analyze_run(run).diagnoses}
    assert {"RUN001", "RUN004"} <= set(found)
    assert "docker executor" in found["RUN004"].message
    learned = overhead_from_runs([run]).delegated["docker"]
    assert learned.steps == 8
    assert learned.start_s.median > 4
    assert learned.poll_interval_s is not None


@pytest.mark.parametrize("name", [CELERY_4, DOCKER_2])
def test_a_profile_is_made_of_such_runs_alone(tmp_path: Path, name: str) -> None:
    home = write_recorded(tmp_path / "home", name)
    options = AnalyzeOptions(instance=home, profiles_dir=tmp_path / "profiles", save=True)
    saved = read(Path(analyze(options).saved_to or ""))
    executor = name.partition("_")[0]
    assert saved.description.executor.executor == executor
    assert saved.advice.recommendation.candidate.executor == "in_process"
    # One process would load and store as well, and start nothing.
    assert 0.01 < saved.overhead.in_process.step_s < 0.5


@pytest.mark.parametrize("until_s", [2.8, 5.0])
def test_tasks_in_the_queue_are_told_from_those_at_work(tmp_path: Path, until_s: float) -> None:
    home = write_recorded(tmp_path / "home", CELERY_2)
    source = open_instance_read_only(home)
    row = list_runs(source)[0]
    events = sorted(source.event_rows(row.run_id), key=lambda event: event.timestamp_s)
    begun_s = events[0].timestamp_s
    early = [event for event in events if event.timestamp_s - begun_s < until_s]
    run = assemble_run(replace(row, status="running"), early)
    at_work = [s for s in run.steps if s.status == "running" and begin_s(s) is not None]
    queued = [s for s in run.steps if begin_s(s) is None]
    assert len(at_work) <= 2
    assert run.notes[0].startswith(f"The run is still going ({len(at_work)} step")
    assert (f"{len(queued)} in the queue" in run.notes[0]) == bool(queued)
    assert analyze_run(run).items == len(mapped_steps(run))
