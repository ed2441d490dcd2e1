"""``dynadvise plan``: how many runs, how many partitions in each."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import dagster
import pytest
import yaml
from click.testing import CliRunner
from dagster import BackfillPolicy, DagsterInstance
from factories import make_description, make_prediction, make_saved_profile

from advisor import store
from advisor.api import plan as plan_module
from advisor.api.plan import PlanOptions, plan
from advisor.api.recommend import recommend
from advisor.cli import cli
from advisor.domain.backfill import Backfill, RunStart
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import Cluster
from advisor.domain.errors import ConfigurationError
from advisor.domain.options import AdviseOptions
from advisor.domain.stopping import MeasuringEnd, StopReason
from advisor.domain.workload import ExecutorSetting
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


def test_one_screen_prints_the_command_of_a_run_and_details_all_that_is_pasted(planned):
    screen = planned()
    assert "dagster/backfill" not in screen
    everything = planned("--details")
    assert everything.count("dagster/backfill") == 2
    assert len(json.loads(planned("--format", "json"))["cuts"]) < everything.count(" of ")
    _, _, typed = screen.replace("\\\n", "").partition("dynadvise ")
    words = shlex.split(typed.splitlines()[0])
    assert CliRunner().invoke(cli, words).exit_code == 0


PROD = Cluster(
    "prod",
    "k8s",
    cpu=8,
    run_pod_cpu=2,
    start_s=5.0,
    run_start_s=20.0,
    sources={"run_start_s": "yours"},
)


def on_cluster(cluster: Cluster = PROD, *, partitions: int = 24, **asked: object):
    setting = ExecutorSetting("k8s", "k8s_job_executor", max_concurrent=2)
    saved = make_saved_profile(description=make_description(executor=setting))
    advise = AdviseOptions(items=4, cluster=cluster, cores=cluster.run_pod_cpu)
    return plan(saved, PlanOptions(partitions, advise, **asked))


def test_runs_share_the_quota_of_a_cluster():
    outcome = on_cluster()
    assert max(way.runs_at_once for way in outcome.cuts) == 4  # run pods of 2 of 8 CPUs
    assert outcome.backfill.start.pod_s == 20.0
    assert outcome.now is not None
    assert outcome.now.run.candidate.executor == "k8s"
    assert outcome.now.runs_at_once == 3  # four leave no CPU for steps
    assert "a pod starts in 5.0 s" in outcome.cautions[0]
    assert "--cluster prod" in outcome.snippets["each run"]


def test_more_quota_lets_more_steps_run_beside_as_many_runs():
    def makespan_s(cpu: float) -> float:
        outcome = on_cluster(replace(PROD, cpu=cpu), runs_at_once=2)
        assert outcome.now is not None
        return outcome.now.makespan_s.median

    assert makespan_s(32.0) < makespan_s(9.0)


def test_a_share_leaves_room_for_the_runs_themselves():
    quota = replace(PROD, memory_bytes=64, pods=10, db_connections=40, slots=9)
    share = quota.share(2)
    assert share is not None
    assert share.room(1.0, 0) == replace(quota, runs_at_once=2).room(1.0, 0) == 2  # 8 / 2 less 2
    assert share.room(0.1, 0) == 4  # of five pods, one is its own
    assert (share.db_connections, share.slots, share.runs_at_once) == (20, 4, 1)
    assert quota.share(4) is None  # 8 CPUs are taken by four runs of 2
    assert replace(PROD, executor="docker").share(4).cpu == 2.0  # its runs are on the same cores


@pytest.mark.parametrize(
    ("cluster", "asked", "what", "way_out"),
    [
        (replace(PROD, start_s=None), {}, "starts is not known|to start is not", "analyze --pods"),
        (PROD, {"runs_at_once": 5}, "5 runs in parallel do not fit", "--runs-at-once 4"),
    ],
)
def test_what_a_cluster_cannot_do_is_refused_with_the_way_out(cluster, asked, what, way_out):
    with pytest.raises(ConfigurationError, match=what) as refused:
        on_cluster(cluster, **asked)
    assert way_out in (refused.value.hint or "")


def test_a_start_that_was_measured_on_a_crowded_machine_is_said_first():
    saved = make_saved_profile()
    crowded = MeasuringEnd(StopReason.SETTLED, 20.0, load=40.0)
    saved = replace(saved, advice=replace(saved.advice, measuring=crowded))
    (caution,) = plan(saved, PlanOptions(12, AdviseOptions(items=4))).cautions
    assert "at a load of 40" in caution
    assert "--run-start SECONDS" in caution
    assert plan(saved, PlanOptions(12, AdviseOptions(items=4), run_start_s=1.0)).cautions == ()


def test_many_partitions_take_few_searches(monkeypatch):
    """10,000 partitions: whole searches for runs of few items, the best of them for long runs."""
    searched = []
    real = plan_module.searched

    def counted(saved, advise, among=()):
        searched.append((advise.items, len(among)))
        return real(saved, advise, among)

    monkeypatch.setattr(plan_module, "searched", counted)
    outcome = plan(make_saved_profile(), PlanOptions(10_000, AdviseOptions(items=40)))
    assert max(items for items, among in searched if not among) <= plan_module.CHOSEN_AT_ITEMS
    assert len(searched) <= 30
    assert outcome.cuts[0].partitions_per_run > 1


def test_the_way_of_a_long_run_is_that_of_a_full_search():
    """Chosen among the best for fewer items, and within a few percent of all ways compared."""
    saved = make_saved_profile()
    options = PlanOptions(300, AdviseOptions(items=40), runs_at_once=2)
    (best,) = [c for c in plan(saved, options).cuts if (c.runs_at_once, c.runs) == (2, 3)]
    whole = recommend(saved, replace(options.advise, items=4_000, cores=1.0), snippets=False)
    assert best.run.makespan_s.median <= 1.05 * whole.recommendation.makespan_s.median
