"""The real celery_executor with its worker on a Redis of our own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from celery_kit import app, redis, redis_missing, worker
from cluster_runs import run_job
from factories import make_overhead

from advisor.domain.cluster import Cluster
from advisor.history.learning import overhead_from_runs


@pytest.mark.skipif(bool(redis_missing()), reason=redis_missing())
def test_a_run_on_celery_teaches_what_a_task_costs(tmp_path: Path) -> None:
    ops = {"split": {"items": 3}, "wait_item": {"item_s": 0.2}}
    with redis(tmp_path) as url, worker(tmp_path, url, slots=2):
        run = run_job(tmp_path / "home", "celery_items", ops=ops, execution=app(url))
    seen = overhead_from_runs([run]).delegated["celery"]
    assert seen.steps == 3
    assert seen.launch_s is not None
    assert seen.start_s.median > 0
    # What a task computes shares the cores of its workers' host: none of it is a start.
    learned = replace(make_overhead(), delegated={"celery": seen})
    cluster = Cluster("here", "celery", cpu=2.0, slots=2).as_seen(learned)
    assert cluster.start_s == 0.0
    assert "computes on the cores that steps share" in cluster.sources["start_s"]
