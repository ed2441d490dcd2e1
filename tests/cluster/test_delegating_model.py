"""The timeline of a pod per step, against arithmetic and against Dagster's own loop."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from dagster import DagsterInstance, execute_job, reconstructable
from factories import make_description, make_saved_profile
from standin_jobs import pooled_job, queue_job

from advisor.api.recommend import predict, recommend
from advisor.dagster_bridge.event_log import list_runs, read_run
from advisor.dagster_bridge.recorded_instance import open_instance_read_only
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import Cluster
from advisor.domain.errors import ConfigurationError
from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.options import AdviseOptions
from advisor.domain.overhead import DelegatedOverhead
from advisor.domain.quantities import Spread
from advisor.domain.tag_limits import TagLimits
from advisor.model.delegating import DelegatingRun, StepPrice
from advisor.model.pruning import score
from advisor.model.run_plan import RunPlan, StepWork
from advisor.model.run_statistics import mapped_steps
from advisor.settings import load

NOTHING = StepPrice(0, 0, 0, 0, 0, 0, 0, 0, poll_s=1.0, begin_s=0)
PROD = Cluster("prod", "k8s", cpu=8, step_cpu=1.0, start_s=8.0)
ON_K8S = ExecutorSetting("k8s", "k8s_job_executor", max_concurrent=16, effective_max_concurrent=16)
PODS = Candidate("execute_job", "k8s", max_concurrent=16)


def makespan(items, price=NOTHING, *, stages=1, cpu_s=0.0, **limits):
    step = StepWork(cpu_s, wait_s=0.0 if cpu_s else 2.0)
    plan = RunPlan((), [[step] * stages] * items, ())
    return DelegatingRun(price, plan, **{"max_concurrent": None, "room": None, **limits}).run()


def test_launches_are_serial_and_an_end_is_seen_at_the_next_poll() -> None:
    price = replace(NOTHING, launch_s=0.5, start_s=3.0, poll_s=1.0)
    # The fourth step is launched at 2.0 and ends at 7.0: polls are at 3, 4, ... and one sleep ends.
    assert makespan(4, price).makespan_s == pytest.approx(8.0)


def test_a_run_ends_one_turn_after_its_last_step_whose_pod_may_still_end() -> None:
    """The parent waits for no pod to leave: as without its exit, launched at 0 and done at 5."""
    price = replace(NOTHING, start_s=3.0, exit_s=30.0)
    assert makespan(1, price).makespan_s == pytest.approx(6.0)


def test_a_slot_stays_taken_until_the_poll_and_room_does_not() -> None:
    assert makespan(8, max_concurrent=2, room=None).makespan_s == pytest.approx(9.0)
    slow_poll = replace(NOTHING, poll_s=5.0)
    slots = makespan(8, slow_poll, max_concurrent=2)
    room = makespan(8, slow_poll, room=2)
    assert slots.makespan_s == pytest.approx(4 * 5.0 + 0.0, abs=5.0)
    assert room.makespan_s < slots.makespan_s


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("start_s", "poll_s"), [(3.0, 0.0), (1e9, 1.0)])
def test_a_parent_that_never_sleeps_and_a_start_of_years_are_simulated_too(start_s, poll_s) -> None:
    price = replace(NOTHING, start_s=start_s, poll_s=poll_s)
    assert makespan(4, price).makespan_s == pytest.approx(start_s + 2.0, abs=1.1)


def test_more_slots_than_room_gain_nothing() -> None:
    assert makespan(40, max_concurrent=40, room=4).makespan_s == pytest.approx(
        makespan(40, max_concurrent=4, room=4).makespan_s, rel=0.1
    )


def test_a_chain_is_as_many_steps_as_ops() -> None:
    one, three = makespan(6, max_concurrent=2), makespan(6, stages=3, max_concurrent=2)
    assert three.makespan_s == pytest.approx(3 * one.makespan_s, rel=0.15)
    assert three.pod_s == pytest.approx(3 * one.pod_s)


def limited_s(items: int, *, stages: int = 1, **limits: object) -> float:
    """The makespan of pods for all items, but for what a pool or a tag holds back."""
    step = StepWork(0.0, wait_s=2.0)
    plan = RunPlan((), [[step] * stages] * items, (), **limits)
    return DelegatingRun(NOTHING, plan, max_concurrent=None, room=None).run().makespan_s


def test_a_pool_caps_the_pods_in_parallel() -> None:
    free_s = limited_s(8)
    pooled_s = limited_s(8, stage_pools=("db",), pool_limits={"db": 2})
    assert free_s == pytest.approx(3.0)
    assert pooled_s >= 4 * 2.0
    assert pooled_s < limited_s(8, stage_pools=("db",), pool_limits={"db": 1})
    assert limited_s(8, stage_pools=("db",), pool_limits={"other": 1}) == free_s


def test_a_pool_of_one_op_of_a_chain_leaves_the_others_alone() -> None:
    first_s, last_s = (
        limited_s(6, stages=3, stage_pools=pools, pool_limits={"db": 2})
        for pools in (("db", None, None), (None, None, "db"))
    )
    both_s = limited_s(6, stages=3, stage_pools=("db", None, "db"), pool_limits={"db": 2})
    assert last_s >= 3 * 2.0 + 2 * 2.0
    assert last_s == pytest.approx(first_s, rel=0.2)
    assert both_s > 1.2 * last_s


def test_a_tag_limit_caps_the_pods_in_parallel() -> None:
    limits = TagLimits(steps={"team=sales": 2}, stages=(("team=sales",),))
    assert limited_s(8, tag_limits=limits) >= 4 * 2.0 > limited_s(8)


def test_containers_of_one_host_share_its_cores_and_a_limit_slows_the_boot() -> None:
    alone = makespan(1, cpu_s=4.0, cores=1.0).makespan_s
    assert makespan(3, cpu_s=4.0, cores=1.0).makespan_s == pytest.approx(3 * alone, rel=0.2)
    assert makespan(3, cpu_s=4.0).makespan_s == pytest.approx(alone)
    half = replace(NOTHING, boot_cpu_s=3.0, cpu_limit=0.5)
    assert makespan(1, half).makespan_s - makespan(1).makespan_s == pytest.approx(6.0)


def saved_on_k8s(items: int = 200):
    saved = make_saved_profile()
    return replace(
        saved,
        description=make_description(executor=ON_K8S),
        workload=replace(saved.workload, items=items),
    )


def test_predict_knows_the_cluster_and_refuses_what_it_does_not_with_the_way_out() -> None:
    saved, batched = saved_on_k8s(), replace(PODS, batch_size=10)
    options = AdviseOptions(cluster=PROD)
    single_s, batched_s = (predict(saved, c, options).makespan_s.median for c in (PODS, batched))
    assert batched_s < single_s / 2
    for cluster, way_out in ((None, "--cluster NAME"), (replace(PROD, start_s=None), "start = ")):
        with pytest.raises(ConfigurationError) as refused:
            predict(saved, PODS, AdviseOptions(cluster=cluster))
        assert way_out in str(refused.value)
    by_start = [line.split(": ")[0] for line in (refused.value.details or "").splitlines()]
    assert by_start == [f"started in {start}" for start in ("1.0 s", "5.0 s", "15 s", "60 s")]
    docker = replace(PROD, executor="docker")
    with pytest.raises(ConfigurationError, match="runs on the k8s executor"):
        recommend(saved, AdviseOptions(cluster=docker))


def test_a_celery_worker_has_started_before_its_tasks() -> None:
    saved, workers = saved_on_k8s(), Cluster("workers", "celery", cpu=4, slots=8)
    on_celery = ExecutorSetting("celery", "celery_executor")
    saved = replace(saved, description=make_description(executor=on_celery))
    advice = recommend(saved, AdviseOptions(cluster=workers))
    assert advice.current is not None
    assert "a task starts in 0 s (assumed: a free worker" in advice.cautions[0]


def test_a_start_time_is_learned_from_pods_only_where_there_are_pods() -> None:
    saved = replace(saved_on_k8s(), description=make_description())
    for executor, learned in (("docker", "--from-runs 3"), ("celery_k8s", "--pods pods.json")):
        way = Candidate("execute_job", executor, max_concurrent=4)
        options = AdviseOptions(cluster=Cluster("here", executor))
        with pytest.raises(ConfigurationError) as refused:
            predict(saved, way, options)
        assert learned in str(refused.value)


def test_with_a_cluster_current_is_predicted_and_its_figures_are_labelled() -> None:
    cluster = replace(PROD, sources={"start_s": "yours"})
    advice = recommend(saved_on_k8s(), AdviseOptions(cluster=cluster))
    assert advice.current is not None
    assert advice.current.candidate == PODS
    assert "a pod starts in 8.0 s (yours)" in advice.cautions[0]
    assert "a launch takes the parent 0.10 s (assumed)" in advice.cautions[0]
    assert not advice.start_times


def test_an_unknown_start_time_gives_a_table_and_no_number() -> None:
    advice = recommend(saved_on_k8s(), AdviseOptions(cluster=replace(PROD, start_s=None)))
    assert [row.start_s for row in advice.start_times] == [1.0, 5.0, 15.0, 60.0]
    spans = [row.makespan_s for row in advice.start_times]
    assert spans == sorted(spans)
    assert advice.current is None
    assert "how long a pod takes to start is not known" in advice.cautions[0]
    assert all(way.candidate.executor != "k8s" for way in advice.candidates)


SEEN = DelegatedOverhead(
    "k8s",
    start_s=Spread(9.0, 8.0, 10.0),
    prepare_s=Spread(1.0, 1.0, 1.0),
    load_s=Spread(0.1, 0.1, 0.1),
    store_s=Spread(0.1, 0.1, 0.1),
    poll_interval_s=None,
    steps=12,
    launch_s=0.02,
)


def test_past_runs_tell_what_a_pod_costs_and_no_start_time_need_be_described() -> None:
    saved = saved_on_k8s()
    seen = replace(saved, overhead=replace(saved.overhead, delegated={"k8s": SEEN}))
    undescribed = AdviseOptions(cluster=replace(PROD, start_s=None))
    advice = recommend(seen, undescribed)
    assert not advice.start_times
    assert "a pod starts in 9.0 s (with Python's, from 12 steps of past runs)" in advice.cautions[0]
    assert "(from past runs), the parent looks every" in advice.cautions[0]
    assert "boot as in 12 steps of past runs" in advice.cautions[0]
    roomy = replace(PROD, cpu=None)
    seen_s, split_s = (
        predict(seen, PODS, AdviseOptions(cluster=each)).makespan_s.median
        for each in (replace(roomy, start_s=None), roomy)
    )
    assert split_s == pytest.approx(seen_s, rel=0.01)  # of what was seen, a part
    slow = replace(SEEN, start_s=Spread(30.0, 30.0, 30.0))
    slower = replace(seen, overhead=replace(saved.overhead, delegated={"k8s": slow}))
    assert predict(slower, PODS, undescribed).makespan_s.median > 1.5 * seen_s


def test_pods_of_one_host_share_its_cores() -> None:
    saved = saved_on_k8s()
    narrow = AdviseOptions(cluster=replace(PROD, host_cores=1.0))
    wide = AdviseOptions(cluster=PROD)
    many = replace(PODS, max_concurrent=8)
    narrow_s, wide_s = (predict(saved, many, o).makespan_s.median for o in (narrow, wide))
    assert narrow_s > 1.5 * wide_s
    assert replace(PROD, host_cores=1.0).room(2.0, 0) == PROD.room(2.0, 0) == 4


def test_cost_is_what_pods_request_for_as_long_as_they_are_held() -> None:
    saved, options = saved_on_k8s(), AdviseOptions(cluster=PROD)
    short, long = (replace(options, cluster=replace(PROD, start_s=s)) for s in (1.0, 30.0))
    few = replace(PODS, batch_size=50)
    assert predict(saved, PODS, long).core_seconds > 2 * predict(saved, PODS, short).core_seconds
    assert predict(saved, few, long).core_seconds < predict(saved, PODS, long).core_seconds / 5


def test_a_pod_for_the_run_costs_its_cores_beside_what_the_steps_request() -> None:
    saved = saved_on_k8s()
    small, large = (AdviseOptions(cluster=PROD, cores=cores) for cores in (1.0, 4.0))
    one, four = (predict(saved, PODS, options) for options in (small, large))
    assert one.rented_core_seconds == one.core_seconds
    beside = four.core_seconds + 3 * four.makespan_s.median
    assert four.rented_core_seconds == pytest.approx(beside)
    in_run = predict(saved, Candidate("execute_job", "in_process"), large)
    assert in_run.rented_core_seconds == pytest.approx(4 * in_run.makespan_s.median)


def test_cost_says_that_one_machine_ranks_like_time_and_a_cluster_does_not() -> None:
    saved = saved_on_k8s()
    alone = recommend(saved, AdviseOptions(objective="cost"), snippets=False)
    assert any("on one machine it ranks like time" in note for note in alone.notes)
    described = recommend(saved, AdviseOptions(objective="cost", cluster=PROD), snippets=False)
    assert not any("ranks like time" in note for note in described.notes)
    quick_on_many = score("cost", 10.0, 5.0, rented=100.0)
    assert quick_on_many > score("cost", 30.0, 50.0, rented=60.0)


def test_a_cluster_is_read_from_the_settings_and_checked(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(
        "[tool.dynadvise.clusters.prod]\n"
        'executor = "k8s"\n'
        'quota = { cpu = 32, memory = "128GiB", pods = 60 }\n'
        'run-pod = { cpu = 2, memory = "4GiB" }\n'
        'step-pod = { cpu-limit = 0.5, max-memory = "8GiB" }\n'
        'start = "500ms"\nrun-start = "2m"\ndb-connections = 100\nruns-at-once = 4\n'
        "host-cores = 6\n"
    )
    cluster = load(tmp_path).cluster("prod")
    assert (cluster.start_s, cluster.run_start_s, cluster.cpu, cluster.step_cpu) == (
        0.5,
        120,
        32,
        0.5,
    )
    assert cluster.room(0.5, 2**30) == 12  # 32 CPUs over 4 runs, each of whose own pods has 2
    assert cluster.sources["start_s"] == "yours"
    assert cluster.shared_cores == 6
    for line, named in (("strat = 1", "Did you mean 'start'"), ("quota = { cpus = 3 }", "'cpu'")):
        file.write_text(f'[tool.dynadvise.clusters.prod]\nexecutor = "k8s"\n{line}\n')
        with pytest.raises(ConfigurationError) as refused:
            load(tmp_path)
        assert named in str(refused.value)
        assert "pyproject.toml:3" in str(refused.value)


def observed(home: Path, job, items: int, *, before=lambda _: None, **config: object):
    """One run of the stand-in, read as ``analyze`` reads it."""
    home.mkdir()
    run_config = {
        "execution": {"config": config},
        "ops": {"split": {"config": {"items": items}}, "wait_item": {"config": {"item_s": 0.5}}},
    }
    with DagsterInstance.local_temp(str(home)) as instance:
        before(instance)
        with execute_job(reconstructable(job), instance=instance, run_config=run_config) as result:
            assert result.success
    source = open_instance_read_only(home)
    return read_run(source, list_runs(source)[0].run_id)


def test_dagsters_own_loop_keeps_to_a_pool_as_its_timeline_does(tmp_path: Path) -> None:
    def pooled(instance: DagsterInstance) -> None:
        instance.event_log_storage.set_concurrency_slots("db", 1)

    run = observed(tmp_path / "home", pooled_job, 3, before=pooled, max_concurrent=3)
    steps = sorted((step.start_s, step.end_s) for step in mapped_steps(run))
    assert all(end_s <= start_s for (_, end_s), (start_s, _) in pairwise(steps))
    plan = RunPlan(
        (StepWork(0.0),),
        [[StepWork(0.0, wait_s=0.5)]] * 3,
        (StepWork(0.0),),
        stage_pools=("db",),
        pool_limits={"db": 1},
    )
    floor = DelegatingRun(NOTHING, plan, max_concurrent=3, room=None).run()
    free = replace(plan, pool_limits={})
    assert run.end_s >= floor.makespan_s - 1.0
    assert (
        floor.makespan_s
        > DelegatingRun(NOTHING, free, max_concurrent=3, room=None).run().makespan_s
    )


def test_dagsters_own_loop_is_never_faster_than_its_timeline(tmp_path: Path) -> None:
    """With nothing but what was scripted the timeline is a floor, however loaded the machine is."""
    run = observed(tmp_path / "home", queue_job, 2, max_concurrent=2, start_s=1.0, room=1)
    plan = RunPlan((StepWork(0.0),), [[StepWork(0.0, wait_s=0.5)]] * 2, (StepWork(0.0),))
    price = replace(NOTHING, start_s=1.0)
    floor = DelegatingRun(price, plan, max_concurrent=2, room=1).run()
    assert run.executor == "delegating"
    assert len(mapped_steps(run)) == 2
    assert run.end_s >= floor.makespan_s - 1.0  # it ends with the last poll's sleep, after the log
    assert floor.makespan_s > 4 * 1.0 + 2 * 0.5  # four starts one after another, two items
