"""Ops that some items skip: each branch is priced by its share."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import make_description
from test_order import WARM, chain, setting_for

from advisor.domain.candidate import Candidate
from advisor.domain.exclusions import ExclusionKind, exclusions
from advisor.domain.workload import WorkloadProfile
from advisor.model.items import items_of
from advisor.model.prediction import Predictor

IN_PROCESS = Candidate("execute_job", "in_process")
MEASURED = 5


def taking(items: int, *, count: int) -> WorkloadProfile:
    """A chain of two ops, of which ``items`` of the measured ones take the second."""
    workload = chain(2.0, 0.0, MEASURED)
    first, second = workload.ops
    taken = tuple(call for call in second.later_calls if call.item < items)
    second = replace(second, later_calls=taken, skipped=tuple(range(items, MEASURED)))
    return replace(workload, ops=(first, second), items=count)


def test_seconds_and_steps_are_those_of_the_items_that_take_the_op() -> None:
    items = items_of(taking(2, count=MEASURED))
    assert [stage.share for stage in items.stages] == [1.0, 0.4]
    skipped = items.stages[1].wall_s[2:]
    assert skipped.tolist() == [0.0] * 3


@pytest.mark.parametrize("candidate", [IN_PROCESS, WARM])
def test_a_branch_costs_its_share_of_work_and_of_steps(candidate) -> None:
    seconds = {
        items: Predictor(setting_for(taking(items, count=100))).predict(candidate).makespan_s
        for items in (0, 2, MEASURED)
    }
    none, some, every = (seconds[items].median for items in (0, 2, MEASURED))
    assert none < some < every
    assert some - none == pytest.approx(0.4 * (every - none), rel=0.2)


def test_a_branch_that_no_measured_item_took_is_named_as_left_out() -> None:
    workload = taking(0, count=100)
    first, second = workload.ops
    untaken = replace(second, first_calls=(), preloaded_first_calls=())
    left_out = exclusions(make_description(), replace(workload, ops=(first, untaken)), 100)
    (branch,) = (each for each in left_out if each.kind is ExclusionKind.BRANCH)
    assert branch.op == second.handle
    assert "--samples" in branch.sentence
    taken = exclusions(make_description(), taking(1, count=100), 100)
    assert all(each.kind is not ExclusionKind.BRANCH for each in taken)
