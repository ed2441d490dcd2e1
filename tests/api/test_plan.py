"""``dynadvise plan``: how many runs, how many partitions in each."""

from __future__ import annotations

import json
from dataclasses import replace

import dagster
import pytest
import yaml
from click.testing import CliRunner
from dagster import BackfillPolicy, DagsterInstance
from factories import make_prediction, make_saved_profile

from advisor import store
from advisor.api.plan import PlanOptions, plan
from advisor.cli import cli
from advisor.domain.backfill import Backfill, RunStart
from advisor.domain.candidate import Candidate
from advisor.domain.options import AdviseOptions
from advisor.model.backfill import by_makespan, cut


def run_of(seconds: float):
    return make_prediction(Candidate("execute_job", "in_process"), seconds)


def test_waves_of_a_queue():
    """Seven runs, two in parallel: four waves, each with the wait and the start."""
    start = RunStart(queue_s=2.0, start_s=1.0, origin="")
    way = cut(Backfill(partitions=7, items=1, cores=4, start=start), 1, 2, run_of(10.0))
    assert (way.runs, way.runs_at_once) == (7, 2)
    assert way.makespan_s.median == pytest.approx(4 * (2 + 1 + 10))


def test_starts_share_the_cores():
    start = RunStart(queue_s=0.0, start_s=1.0, origin="")
    way = cut(Backfill(partitions=8, items=1, cores=2, start=start), 1, 8, run_of(10.0))
    assert way.makespan_s.median == pytest.approx(8 / 2 * 1.0 + 10)


@pytest.mark.parametrize(("start_s", "partitions_per_run"), [(0.01, 1), (120.0, 30)])
def test_a_run_that_starts_slowly_takes_more_partitions(start_s, partitions_per_run):
    backfill = Backfill(30, items=1, cores=2, start=RunStart(0.0, start_s, ""))
    ways = (cut(backfill, 1, 2, run_of(10.0)), cut(backfill, 30, 1, run_of(200.0)))
    assert by_makespan(ways)[0].partitions_per_run == partitions_per_run


def test_limits_hold_over_all_runs():
    saved = make_saved_profile()
    options = PlanOptions(
        12, AdviseOptions(items=4, max_connections=4), run_start_s=1.0, runs_at_once=2
    )
    outcome = plan(saved, options)
    assert {way.runs_at_once for way in outcome.cuts} <= {1, 2}
    for way in outcome.cuts:
        assert way.peak_memory_bytes <= saved.host.facts.memory_bytes


def test_a_service_sees_all_runs_together():
    options = PlanOptions(12, AdviseOptions(items=4, max_rate=0.5), run_start_s=1.0)
    outcome = plan(make_saved_profile(), options)
    assert {way.runs_at_once for way in outcome.cuts} > {1, 2}
    assert all(way.makespan_s.median >= 12 * 4 / 0.5 for way in outcome.cuts)


@pytest.fixture
def planned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved = make_saved_profile()
    overhead = replace(saved.overhead, cli_start_s=30.0)
    path = store.write(replace(saved, overhead=overhead), tmp_path / "profiles")

    def run(*arguments: str):
        asked = ["plan", str(path), "--partitions", "24", "--items", "4", "--runs-at-once", "3"]
        outcome = CliRunner().invoke(cli, [*asked, *arguments])
        assert outcome.exit_code == 0, outcome.output
        return outcome.stdout

    return run


def test_what_is_pasted_is_dagsters(planned, tmp_path):
    told = json.loads(planned("--format", "json"))
    best, snippets = told["cuts"][0], told["snippets"]
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(snippets["dagster.yaml"])
    with DagsterInstance.from_config(str(home)) as instance:
        (limit,) = instance.get_concurrency_config().run_queue_config.tag_concurrency_limits
    assert limit["limit"] == best["runs_at_once"]
    helm = yaml.safe_load(snippets["values.yaml of the Helm chart"])
    queue = helm["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    assert queue["tagConcurrencyLimits"][0]["limit"] == best["runs_at_once"]
    assert best["partitions_per_run"] > 1
    policy = eval(snippets["the asset"].split("=", 1)[1].rstrip(",\n"), {"dg": dagster})
    assert isinstance(policy, BackfillPolicy)
    assert policy.max_partitions_per_run in (best["partitions_per_run"], None)


def test_the_verdict_comes_first(planned):
    first = planned().split("\n")[0]
    assert "in parallel: " in first
