"""The paired statistics: exact where they claim to be, sparing with false alarms, and able."""

from __future__ import annotations

import math
import random
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.gate.comparison import (
    FALSE_ALARM,
    compare,
    compare_with_past,
    fewest_pairs,
    log_ratio,
    pair_value,
    plan_looks,
    process_seconds,
    still_open,
    weights_of,
)

PLAN = plan_looks(20)


def judge(values, plan=PLAN):
    return compare({"op": list(values)}, plan, max_regression=0.1)["op"]


def test_the_planned_errors_add_up_and_no_look_claims_what_signs_cannot_show():
    for ops in (1, 2, 5, 40):
        plan = plan_looks(20, ops)
        assert ops * sum(plan.slower_levels) <= FALSE_ALARM + 1e-12
        assert sum(plan.fine_levels) <= 0.025 + 1e-12
        for pairs, level in zip(plan.looks, plan.slower_levels, strict=True):
            assert level == 0 or level >= 2.0**-pairs
    assert PLAN.looks == (8, 10, 14, 20)


def test_too_few_pairs_are_refused_with_the_number_that_would_do():
    assert fewest_pairs(1) == 7
    with pytest.raises(ValueError, match="at least 10 are needed"):
        plan_looks(9, 10)
    assert plan_looks(7).looks[-1] == 7


def test_a_bound_excludes_no_change_exactly_when_the_sign_flip_test_rejects():
    """Against the definition: all 2**n patterns of signs, counted one by one."""
    generator = random.Random(1)
    plan = plan_looks(10)
    level = plan.slower_levels[-1]
    rejected = 0
    for _ in range(40):
        values = [generator.gauss(0.07, 0.1) for _ in range(10)]
        observed = sum(values)
        as_large = sum(
            sum(s * v for s, v in zip(signs, values, strict=True)) >= observed - 1e-12
            for signs in product((1, -1), repeat=10)
        )
        found = judge(values, plan=plan)
        if found.pairs == 10:  # not decided at an earlier look
            assert (found.low > 1) == (as_large / 2**10 <= level)
            rejected += found.low > 1
    assert rejected > 3


def test_bounds_of_pairs_that_count_unequally_are_as_exact():
    """The same count of sign patterns, with pairs far off weighted down."""
    generator = random.Random(2)
    plan = plan_looks(10)
    level = plan.slower_levels[-1]
    verdicts = set()
    for _ in range(40):
        values = np.array([generator.gauss(0.07, generator.choice((0.03, 0.3))) for _ in range(10)])
        terms = list(weights_of(values) * values)
        as_large = sum(
            sum(s * term for s, term in zip(signs, terms, strict=True)) >= sum(terms) - 1e-9
            for signs in product((1, -1), repeat=10)
        )
        found = judge(values, plan=plan)
        if found.pairs == 10:
            assert (found.low > 1) == (as_large / 2**10 <= level)
            verdicts.add(found.low > 1)
    assert verdicts == {True, False}


def test_a_pair_far_off_counts_less_whichever_side_it_is_on():
    values = np.array([0.01, -0.02, 0.01, 0.0, 0.4, -0.4])
    weights = weights_of(values)
    assert list(weights[:4]) == [1.0] * 4
    assert weights[4] == weights[5] < 0.2
    assert list(weights_of(np.full(8, 0.4))) == [1.0] * 8
    found = judge([0.1] * 9 + [-0.4], plan=plan_looks(10))
    assert found.ratio == pytest.approx(1.06, abs=0.01)  # the plain mean is +5 %


def test_what_two_calls_side_by_side_have_in_common_drops_out():
    """The machine's speed changes by a half all the time; head is 10 % slower, one call hung."""
    generator = random.Random(4)
    speeds = [[generator.choice((1.0, 1.5)) for _ in range(9)] for _ in range(2)]
    base = [
        [scale * speed for speed in item] for scale, item in zip((0.01, 0.1), speeds, strict=True)
    ]
    head = [[1.1 * call for call in item] for item in base]
    head[1][3] = 60.0
    assert pair_value(base, head) == pytest.approx(math.log(1.1))
    assert pair_value(head, base) == pytest.approx(-math.log(1.1))


def test_items_count_by_their_seconds_and_other_inputs_are_compared_as_a_whole():
    assert pair_value([[0.1] * 4, [0.9] * 4], [[0.2] * 4, [0.9] * 4]) == pytest.approx(
        math.log(1.1), abs=0.002
    )
    assert pair_value([[0.1, 0.1]], [[0.15], [0.15]]) == pytest.approx(math.log(3))


def test_equal_sides_pass_at_the_first_look_on_a_quiet_machine():
    found = judge([0.001, -0.001, 0.002, 0.0, -0.002, 0.001, -0.001, 0.001])
    assert found.verdict == "PASS"
    assert found.pairs == 8
    assert found.high < 1.1


def test_a_large_slowdown_is_found_at_the_second_look():
    found = judge([0.4 + 0.01 * (i % 3) for i in range(20)])
    assert found.verdict == "FAIL"
    assert found.pairs == 10
    assert found.ratio == pytest.approx(math.exp(0.41), rel=0.02)


def test_slower_for_certain_but_within_the_limit_is_no_failure():
    found = judge([0.05 + 0.002 * (i % 3) for i in range(20)])
    assert found.verdict == "PASS"


def test_between_the_looks_nothing_is_decided():
    for count in (1, 7, 8, 9):
        assert judge([0.5] * count).verdict == "INCONCLUSIVE"
    assert judge([0.5] * 9).pairs == 8


def test_pairs_after_the_decision_do_not_change_it():
    quiet = [0.001, -0.001] * 4
    assert judge([*quiet[:8], *[0.9] * 12]).verdict == "PASS"


def test_where_it_is_open_the_number_of_pairs_that_would_decide_is_told():
    generator = np.random.default_rng(3)
    noisy = generator.normal(0.0, 0.3, 20) + 0.02
    found = judge(noisy)
    assert found.verdict == "INCONCLUSIVE"
    assert 20 < found.pairs_to_decide < 400
    on_the_limit = generator.normal(0, 0.1, 20)
    on_the_limit += math.log(1.1) - on_the_limit.mean()
    assert judge(on_the_limit).pairs_to_decide is None


def test_one_slow_op_among_equal_ones_is_found_and_alone():
    generator = np.random.default_rng(5)
    ops = {f"op{i}": list(generator.normal(0, 0.03, 20)) for i in range(8)}
    ops["slow"] = list(generator.normal(0.3, 0.03, 20))
    found = compare(ops, plan_looks(20, 9), max_regression=0.1)
    assert [op for op, c in found.items() if c.verdict == "FAIL"] == ["slow"]
    assert all(c.verdict == "PASS" for op, c in found.items() if op != "slow")


def test_ops_that_are_decided_ask_for_no_more_pairs():
    found = compare({"a": list([0.0] * 8), "b": list([0.3, -0.3] * 4)}, PLAN, max_regression=0.1)
    assert still_open(found, PLAN) == ("b",)


def test_more_pairs_than_can_be_enumerated():
    plan = plan_looks(40)
    generator = np.random.default_rng(7)
    assert judge(generator.normal(0.3, 0.6, 40), plan=plan).pairs in plan.looks
    steady = generator.normal(0.15, 0.12, 40)
    assert judge(steady, plan=plan).verdict == "FAIL"
    assert judge(steady, plan=plan) == judge(steady, plan=plan)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-2, 2), min_size=7, max_size=14))
def test_bounds_enclose_the_estimate(values):
    found = judge(values, plan=plan_looks(14))
    if math.isfinite(found.low) and found.low > 0:
        assert found.low <= found.ratio * (1 + 1e-9)
    if math.isfinite(found.high):
        assert found.high >= found.ratio * (1 - 1e-9)


def test_one_disturbed_call_does_not_move_a_process():
    quiet = [[0.010] * 9, [0.020] * 9]
    disturbed = [[0.010] * 4 + [5.0] * 5, [0.020] * 9]
    assert process_seconds(quiet) == pytest.approx(0.03)
    assert process_seconds(disturbed) == pytest.approx(0.03)
    assert log_ratio(1.0, 1.1) == pytest.approx(math.log(1.1))


def test_against_the_past_the_hosts_drift_widens_the_bounds():
    values = [0.2 + 0.005 * (i % 3) for i in range(7)]
    assert compare_with_past(values, 0.01, max_regression=0.1).verdict == "FAIL"
    assert compare_with_past(values, 0.10, max_regression=0.1).verdict == "INCONCLUSIVE"
    assert compare_with_past([0.0] * 7, 0.01, max_regression=0.1).verdict == "PASS"
