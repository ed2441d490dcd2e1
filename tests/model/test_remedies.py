"""Advice apart from the way to run, each with its figures."""

from __future__ import annotations

from dataclasses import replace

from test_search import OVERHEAD, profile

from advisor.domain.candidate import Candidate
from advisor.domain.workload import (
    MappedOp,
    OpReference,
    TargetReference,
    WorkloadDescription,
    WorkloadProfile,
)
from advisor.explanation.remedies import remedies
from advisor.model.contention import Contention
from advisor.model.items import items_of
from advisor.model.prediction import Predictor
from advisor.model.setting import Machine, Setting


def describe(*ops: str) -> WorkloadDescription:
    mapped = tuple(MappedOp(OpReference(op, (op,)), "item", ("item",), ("result",)) for op in ops)
    return WorkloadDescription(
        TargetReference("m:j", "m", None, "j", None, "."), "job", "j", mapped
    )


def said(workload: WorkloadProfile, candidate: Candidate, *ops: str) -> list[str]:
    items = items_of(workload)
    contention = Contention(float(items.wall_s.mean()))
    setting = Setting(items, contention, OVERHEAD, Machine(2.0, 24 << 30))
    return list(remedies(describe(*ops), Predictor(setting).predict(candidate), Predictor(setting)))


WARM = Candidate("execute_job", "multiprocess", "forkserver", ("m",), 4)
IN_PROCESS = Candidate("execute_job", "in_process")


def test_small_quick_items_need_no_remedy() -> None:
    assert said(profile(0.5, 0.1, 8), WARM, "work") == []


def test_large_payloads_are_named_with_their_seconds() -> None:
    workload = profile(0.05, 0.05, 10)
    op = workload.ops[0]
    heavy = tuple(
        replace(call, load_s=0.2, store_s=0.3, input_bytes=32 << 20, output_bytes=32 << 20)
        for call in op.later_calls
    )
    heavier = replace(op, first_calls=heavy, preloaded_first_calls=heavy, later_calls=heavy)
    found = said(replace(workload, ops=(heavier,)), IN_PROCESS, "work")
    assert len(found) == 1
    assert "64.0 MiB" in found[0]
    assert "5.0 s in all" in found[0]


def test_a_chain_is_advised_depth_first_where_its_first_result_is_late() -> None:
    workload = profile(0.5, 0.1, 40)
    chain = replace(workload, ops=(workload.ops[0], replace(workload.ops[0], handle="then")))
    for candidate in (WARM, IN_PROCESS):
        found = said(chain, candidate, "work", "then")
        assert any("dagster/priority" in text and "'then'" in text for text in found)


def test_an_op_with_threads_of_its_own_is_told_to_limit_them_when_several_run() -> None:
    found = said(profile(1.0, 1.9, 8), WARM, "work")
    assert any("OMP_NUM_THREADS" in text for text in found)
    assert said(profile(1.0, 1.9, 8), IN_PROCESS, "work") == []
