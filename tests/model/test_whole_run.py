"""Several fan-outs in one run: what each takes, in turn or side by side, and one executor."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import make_saved_profile, make_workload_profile
from test_order import WARM, setting_for
from test_search import OVERHEAD, profile

from advisor.api.recommend import recommend
from advisor.domain.candidate import Candidate
from advisor.domain.fan_outs import FurtherFanOut
from advisor.domain.graph import GraphNode, Wire
from advisor.domain.options import AdviseOptions
from advisor.domain.workload import MappedOp, OpReference, WorkloadDescription, WorkloadProfile
from advisor.model.prediction import Predictor
from advisor.model.run_plan import RunPlan, StepWork
from advisor.model.timeline import MultiprocessRun
from advisor.model.whole_run import FanOutPart, makespan_s, own_settings

IN_PROCESS = Candidate("execute_job", "in_process")


def described(name: str, *, after: str | None = None, others: int = 0) -> WorkloadDescription:
    """A fan-out ``name`` with one mapped op and a collecting one; ``after`` another's collect."""
    upstream = [after, f"do_{after}"] if after else []
    references = {op: OpReference(op, (op,)) for op in (name, f"end_{name}", *upstream)}
    mapped = MappedOp(OpReference(f"do_{name}", (f"do_{name}",)), "item", ("item",), ("result",))
    results = Wire("results", ((f"do_{name}", "result"),), collected=True)
    graph = (
        GraphNode(name, outputs=("result",), dynamic_outputs=("result",)),
        GraphNode(f"do_{name}", (Wire("item", ((name, "result"),)),), ("item",), ("result",)),
        GraphNode(f"end_{name}", (results,), ("results",), ("result",)),
    )
    return WorkloadDescription(
        target=make_saved_profile().description.target,
        kind="job",
        job_name="both",
        mapped=(mapped,),
        fan_out=references[name],
        upstream=tuple(references[op] for op in upstream),
        collects=(references[f"end_{name}"],),
        other_steps=others,
        graph=graph,
    )


def parts(*each: tuple[WorkloadDescription, WorkloadProfile]) -> list[FanOutPart]:
    settings = own_settings([(described, setting_for(work)) for described, work in each])
    return [FanOutPart(described, Predictor(setting)) for described, setting in settings]


def alone_s(part: FanOutPart, way: Candidate) -> float:
    return part.predictor.predict(way).makespan_s.median


def test_one_after_the_other_they_take_the_sum_less_what_a_run_takes_once() -> None:
    first = described("files", others=2)
    first = replace(first, collects=(OpReference("chunks", ("chunks",)),))
    second = described("chunks", after="files")
    both = parts((first, profile(0.3, 0.1, 6)), (second, profile(0.05, 0.01, 20)))
    assert [part.predictor.setting.before_steps for part in both] == [0, 0]
    assert [part.predictor.setting.after_steps for part in both] == [0, 1]
    for way, once_s in ((IN_PROCESS, 0.24), (WARM, 0.2 + 1.3 + 0.03)):
        total = makespan_s(both, [way, way])
        assert total.median == pytest.approx(sum(alone_s(each, way) for each in both) - once_s)
        assert total.low < total.median < total.high


def test_side_by_side_they_share_the_slots_of_processes_but_not_those_of_one() -> None:
    """Few long items beside few: as one list of both, simulated by itself."""
    work = profile(2.0, 0.01, 4)
    both = parts((described("a", others=3), work), (described("b"), work))
    wide = replace(WARM, max_concurrent=8)
    together = makespan_s(both, [wide, wide]).median
    assert together < 0.75 * sum(alone_s(each, wide) for each in both)
    items = [(StepWork(0.01, 2.0),)] * 8
    step = StepWork(0.0)
    plan = RunPlan((step, step), items, (step, step))
    run = MultiprocessRun(OVERHEAD.multiprocess["warm_forkserver"], plan, cores=2, max_concurrent=8)
    assert together == pytest.approx(run.run().makespan_s, rel=0.15)
    in_turn = makespan_s(both, [IN_PROCESS, IN_PROCESS]).median
    assert in_turn == pytest.approx(sum(alone_s(each, IN_PROCESS) for each in both) - 0.24)


def saved_with(first: WorkloadProfile, second: WorkloadProfile):
    saved = make_saved_profile(workload=first, verifications=())
    description = replace(saved.description, other_fan_outs=("b",), other_steps=3)
    further = FurtherFanOut(described("b"), second)
    return replace(saved, description=description, further=(further,))


def of_calls(wall_s: float, cpu_s: float, items: int) -> WorkloadProfile:
    """Items of other seconds in the profile of a project."""
    workload = make_workload_profile(items=items, fan_out_items=items, collect_items=items)
    (op,) = workload.ops
    calls = tuple(replace(each, wall_s=wall_s, cpu_s=cpu_s) for each in op.later_calls)
    op = replace(op, later_calls=calls, first_calls=calls[:1], preloaded_first_calls=calls[:1])
    return replace(workload, ops=(op,))


def test_each_fan_out_has_batches_of_its_own_under_one_executor() -> None:
    saved = saved_with(of_calls(2.0, 0.01, 8), of_calls(0.01, 0.01, 300))
    advice = recommend(saved, AdviseOptions(), snippets=False)
    first, second = advice.fan_outs
    assert (first.op, first.items, second.op, second.items) == ("split", 8, "b", 300)
    assert second.wall_s.median == pytest.approx(0.01)
    assert second.best.executor == first.best.executor
    assert second.best.max_concurrent == first.best.max_concurrent
    assert second.best.batch_size > first.best.batch_size
    assert not first.config_only.is_batched
    assert not second.config_only.is_batched
    whole = advice.whole_run
    assert whole.best_s.median < whole.config_only_s.median <= whole.now_s.median
    assert whole.best_s.median > advice.recommendation.makespan_s.median
    assert not [each for each in advice.workload.not_included if each.op == "b"]


def test_the_executor_is_that_under_which_the_whole_run_is_fastest() -> None:
    """Few waiting items alone want processes; 3,000 tiny ones beside them want none."""
    few = of_calls(2.0, 0.01, 4)
    alone = recommend(make_saved_profile(workload=few, verifications=()), CONFIG, snippets=False)
    assert alone.recommendation.candidate.executor == "multiprocess"
    both = recommend(saved_with(few, of_calls(0.001, 0.001, 3000)), CONFIG, snippets=False)
    assert both.recommendation.candidate.executor == "in_process"


CONFIG = AdviseOptions(change="config")
