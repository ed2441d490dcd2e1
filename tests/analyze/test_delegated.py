"""Advice for k8s and the like, from their own history alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from observed_runs import make_observed

from advisor.history.delegated import delegated_ways


def test_the_way_it_went_is_predicted_as_it_went() -> None:
    run = make_observed([2.0] * 30, slots=5, launch_s=8.0, tail_s=1.0, executor="k8s")
    now = next(way for way in delegated_ways([run]) if way.current)
    assert (now.max_concurrent, now.batch_size, now.pods) == (5, 1, 30)
    assert now.predicted_s.median == pytest.approx(run.end_s, rel=0.05)


def test_short_items_in_slow_pods_want_batches() -> None:
    run = make_observed([0.5] * 200, slots=4, launch_s=20.0, tail_s=1.0, executor="k8s")
    ways = delegated_ways([run])
    now = next(way for way in ways if way.current)
    assert ways[0].batch_size >= 20
    assert ways[0].predicted_s.median < now.predicted_s.median / 5


def test_each_op_of_a_chain_is_a_step_of_its_own() -> None:
    run = make_observed([2.0] * 30, slots=3, launch_s=8.0, tail_s=1.0, executor="k8s")
    mapped = iter(range(30))
    steps = tuple(
        replace(step, op=f"op{(n := next(mapped)) % 3}", mapping_key=f"k{n // 3}")
        if step.mapping_key
        else step
        for step in run.steps
    )
    chain = replace(run, steps=steps)
    now = next(way for way in delegated_ways([chain]) if way.current)
    assert now.pods == 30  # ten items, three ops
    assert now.predicted_s.median == pytest.approx(chain.end_s, rel=0.05)
    batched = next(way for way in delegated_ways([chain]) if way.batch_size == 10)
    assert batched.pods == 1
    assert batched.predicted_s.median > 30 * 2.0  # one step works through the whole chains


def test_more_containers_of_one_host_are_not_promised_to_help() -> None:
    run = make_observed([2.0] * 30, slots=4, launch_s=8.0, executor="docker")
    assert {way.max_concurrent for way in delegated_ways([run])} == {2, 4}


def test_long_items_want_none() -> None:
    run = make_observed([900.0] * 40, slots=4, launch_s=20.0, executor="docker")
    assert delegated_ways([run])[0].batch_size == 1


def test_a_large_run_is_scaled() -> None:
    run = make_observed([1.0] * 6000, slots=10, launch_s=5.0, tail_s=1.0, executor="k8s")
    now = next(way for way in delegated_ways([run]) if way.current)
    assert now.predicted_s.median == pytest.approx(run.end_s, rel=0.05)


def test_other_executors_and_too_few_steps_give_no_advice() -> None:
    assert delegated_ways([make_observed([1.0] * 8)]) == ()
    few = make_observed([1.0] * 2, executor="k8s")
    assert delegated_ways([few]) == ()
    failed = replace(few, steps=())
    assert delegated_ways([failed]) == ()


def test_three_observed_steps_give_the_interval_of_three() -> None:
    """The mean of 10, 20 and 60 s may be half or one and a half of it, for 300 pods as well."""
    run = make_observed([10.0, 20.0, 60.0] * 100, slots=10, launch_s=1.0, executor="k8s")
    few = [*run.steps[:4], *(replace(step, status="failure") for step in run.steps[4:])]
    now = next(way for way in delegated_ways([replace(run, steps=tuple(few))]) if way.current)
    assert now.predicted_s.high > 1.3 * now.predicted_s.median
    assert now.predicted_s.low < 0.75 * now.predicted_s.median
