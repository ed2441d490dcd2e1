from __future__ import annotations

from pathlib import Path
from statistics import median

import psutil
import pytest
from factories import make_sample
from measuring import profile_workload
from workloads import MANY

from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.errors import UserCodeError
from advisor.domain.options import MeasureOptions
from advisor.domain.workload import OWN_THREADS
from advisor.measure.budget import Budget
from advisor.measure.ops.orders import ChainRun
from advisor.measure.progress import silent
from advisor.measure.workload.calls import unevenness
from advisor.measure.workload.children import ProfileRequest
from advisor.measure.workload.op_profile import measured_workload
from advisor.measure.workload.planned_calls import planned_calls
from advisor.measure.workload.scouting import scout
from advisor.measure.workspace import workspace
from advisor.model.items import items_of
from advisor.model.own_threads import limited_profile

HERE = Path(__file__).parent
FILE = HERE / "workloads.py"


def request(name, *, inputs=None, memory_limit_bytes=None, **options):
    target = parse_target(f"{FILE}:{name}", working_directory=HERE)
    if name not in {"two_stage", "napping"}:
        inputs = inputs or "workloads:items"
    return ProfileRequest(
        describe(load_target(target)),
        inputs=inputs,
        options=MeasureOptions(**options),
        memory_limit_bytes=memory_limit_bytes,
    )


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    return tmp_path_factory.mktemp("counted") / "calls"


@pytest.fixture(scope="module")
def two_stage(counted):
    """One full measurement of a job with two mapped ops."""
    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTED", str(counted))
        patch.setenv("TMPDIR", str(counted.parent))
        profile = profile_workload(
            request(
                "two_stage",
                measure_collect=True,
                flamegraph=counted.parent / "flame.html",
            ),
            budget_s=200.0,
            progress=lambda message, share: told.append((message, share)),
        )
    assert told
    assert all(0 <= share < 1 for _, share in told)
    return profile


def test_a_long_item_that_came_first_is_not_taken_for_the_price_of_first_calls():
    """Steps of a process each were predicted to take 20 s that took 11."""
    asked = request("long_in_the_middle", inputs="workloads:many")
    budget = Budget(60.0)
    with workspace():
        campaign = scout(asked, budget, budget.on_bar(silent))
        (op,) = measured_workload(campaign).ops
    assert [call.item for call in op.later_calls].count(MANY // 2) == 1
    assert len(op.later_calls) < MANY  # it was not just that all were called
    assert items_of(measured_workload(campaign)).first_extra_s < 0.1


def test_every_op_of_the_chain_is_measured(two_stage):
    prepare, burn = two_stage.ops
    assert (prepare.handle, burn.handle) == ("prepare", "burn")
    assert two_stage.items == 6
    for profile in two_stage.ops:
        assert len(profile.first_calls) >= 2
        assert len(profile.later_calls) >= 6
        assert {sample.item for sample in profile.later_calls} == set(range(6))
        assert profile.base_rss_bytes > 10 << 20
    assert all(sample.key is None for sample in burn.later_calls)


def test_two_steps_of_one_op_are_two_profiles():
    short, long = profile_workload(request("napping"), budget_s=5.0).ops
    assert (short.handle, long.handle) == ("short", "long")
    assert median(call.wall_s for call in long.calls) > 0.02
    assert median(call.wall_s for call in short.calls) < 0.02


def test_waiting_and_computing_are_told_apart(two_stage):
    def cpu_share(calls):
        return median(sample.cpu_s / sample.wall_s for sample in calls)

    prepare, burn = two_stage.ops
    assert cpu_share(prepare.later_calls) < 0.5 < cpu_share(burn.later_calls)
    assert median(sample.cpu_s for sample in burn.later_calls) >= 0.02


def test_bytes_are_those_of_the_pickled_values(two_stage):
    prepare, burn = two_stage.ops
    for sample in prepare.later_calls:
        assert 1000 * (sample.item + 1) <= sample.output_bytes < 1000 * (sample.item + 1) + 100
    for sample in burn.later_calls:
        assert sample.input_bytes >= 1000 * (sample.item + 1)
    assert any(sample.store_s > 0 for sample in prepare.later_calls)
    assert any(sample.load_s > 0 for sample in burn.later_calls)


def test_first_call_imports_are_named_and_the_unsafe_one_is_left_out(two_stage):
    prepare = two_stage.ops[0]
    assert "xmlrpc.client" in prepare.first_call_modules
    assert "starts_a_thread" not in prepare.first_call_modules
    assert "poller" in prepare.unsafe_modules["starts_a_thread"]
    assert not [name for name in prepare.first_call_modules if name.startswith("advisor")]
    assert prepare.preloaded_first_calls


def test_collect_and_fan_out_are_measured(two_stage):
    assert two_stage.collect_s is not None
    assert two_stage.collect_items == 6
    assert two_stage.fan_out_s is not None
    assert two_stage.fan_out_items == 6


def test_every_execution_is_counted(two_stage, counted):
    assert two_stage.op_executions == len(counted.read_text().splitlines())


def test_probes_work_in_both_kinds(two_stage):
    for kind in ("thread", "process"):
        probes = [probe for probe in two_stage.probes if probe.worker_kind == kind]
        assert [probe.workers for probe in probes][:1] == [2]
        assert all(probe.failed is None for probe in probes)
        assert all(0.1 < probe.slowdown < 100 for probe in probes)
        assert all(len(probe.items) == probe.workers for probe in probes)
        assert {item for probe in probes for each in probe.items for item in each} <= set(range(6))


def test_hot_spots_name_the_users_functions(two_stage):
    shares = two_stage.category_shares
    assert sum(shares.values()) == pytest.approx(1.0)
    named = {(spot.where.split()[1], spot.category) for spot in two_stage.hotspots}
    assert ("burn", "user code") in named
    assert ("prepare", "waiting") in named
    assert all(spot.where.startswith("workloads.py:") for spot in two_stage.hotspots[:2])


def test_flame_graph_is_whole_and_nothing_else_is_left(two_stage, counted):
    assert "</html>" in (counted.parent / "flame.html").read_text()
    left = {path.name for path in counted.parent.iterdir()}
    assert left == {"calls", "flame.html"}
    children = [  # other tests' forkservers among them
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE
    ]
    assert not [child for child in children if "supervisor" in " ".join(child.cmdline())]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("raises_on_three", {}, ["on item 3", "ValueError: three is broken"]),
        ("hangs", {"item_timeout_s": 0.5}, ["on item 2", "0.5 s"]),
        ("exits", {}, ["on item 2", "sys.exit(5)"]),
        ("dies", {}, ["on item 2", "exit status 9"]),
        ("eats_memory", {"memory_limit_bytes": 600 << 20}, ["on item 2", "limit of 600 MiB"]),
    ],
)
def test_failures_name_the_item_and_the_users_line(name, options, words):
    with pytest.raises(UserCodeError) as caught:
        profile_workload(request(name, **options))
    for word in words:
        assert word in str(caught.value)
    assert f"op {name!r}" in caught.value.what
    assert str(FILE) in (caught.value.where or "")
    assert "supervisor.py" not in str(caught.value)


def test_what_cannot_be_pickled_is_a_fact_and_no_error():
    profile = profile_workload(request("gives_a_lambda"), budget_s=0.1)
    assert "cannot be pickled" in profile.ops[0].unpicklable
    assert profile.ops[0].first_calls[0].output_bytes == 0


def test_items_that_run_only_once_are_not_run_twice(counted, monkeypatch):
    monkeypatch.setenv("COUNTED", str(counted.parent / "once"))
    profile = profile_workload(request("only_once", allow_side_effects=False))
    assert profile.op_executions == len(list(counted.parent.glob("once-*")))
    assert not profile.probes
    assert profile.notes


def test_budget_is_kept_and_what_was_left_out_is_said():
    profile = profile_workload(request("mixes_up_threads"), budget_s=0.1)
    assert len(profile.ops[0].first_calls) == 1
    assert not profile.probes
    assert any("budget" in note for note in profile.notes)


def test_children_of_an_op_count():
    sample = profile_workload(request("starts_children"), budget_s=1.0).ops[0].first_calls[0]
    assert sample.cpu_s >= 0.29
    assert sample.peak_rss_bytes > 60 << 20


def test_connections_are_counted():
    sample = profile_workload(request("connects"), budget_s=1.0).ops[0].first_calls[0]
    assert sample.connections == 1


def chain_run(item, cpu_s, wall_s=None):
    return ChainRun(item, {"op": make_sample(item, cpu_s=cpu_s, wall_s=wall_s or cpu_s)})


def test_unevenness_is_of_like_items_that_compute():
    # items of 0.1 and 0.2 s, a fifth of the calls at half the speed
    calls = [(item, (0.1 + 0.1 * item) * slow) for item in (0, 1) for slow in (1, 1, 1, 1, 2) * 4]
    assert unevenness([chain_run(*call) for call in calls]) == pytest.approx(2.0)
    assert unevenness([chain_run(item, cpu_s, 10 * cpu_s) for item, cpu_s in calls]) == 1.0
    assert unevenness([chain_run(*call) for call in calls[:8]]) == 1.0
    idle = [chain_run(0, cpu_s, 1e-9) for cpu_s in (0.0, 0.0, 1e-5, 2e-4) * 10]
    assert unevenness(idle) == pytest.approx(1.0)
    alike = [chain_run(item, 0.1 + 0.1 * item) for item in (0, 1) for _ in range(20)]
    assert unevenness(alike) == pytest.approx(1.0)
    once = [chain_run(item, 0.1 * (1 + item)) for item in range(20)]
    assert unevenness(once) == 1.0


def cores_used(samples):
    return sum(sample.cpu_s for sample in samples) / sum(sample.wall_s for sample in samples)


@pytest.mark.skipif(len(psutil.Process().cpu_affinity()) < 2, reason="needs two cores")
def test_an_op_that_uses_several_cores_is_also_measured_with_one_thread():
    profile = profile_workload(request("uses_cores", samples=2), budget_s=200.0)
    (op,) = profile.ops
    if cores_used(op.later_calls) < OWN_THREADS + 0.4:  # it may have shown less when it was judged
        pytest.skip("this machine is too busy to compute on several cores")
    assert op.limited_calls
    assert cores_used(op.limited_calls) < cores_used(op.later_calls)
    assert [probe.worker_kind for probe in profile.limited_probes] == ["process", "thread"]
    limited = limited_profile(profile)
    assert limited is not None
    assert limited.ops[0].later_calls == op.limited_calls


def test_dry_run_tells_what_would_run(counted):
    before = counted.read_text() if counted.exists() else ""
    asked = request("two_stage", setup="workloads:start")
    told = " ".join(planned_calls(asked, budget_s=60.0))
    for name in ("'numbers'", "'prepare'", "'burn'", "'total'", "workloads:start"):
        assert name in told
    assert (counted.read_text() if counted.exists() else "") == before
