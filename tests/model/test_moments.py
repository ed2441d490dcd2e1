"""Truth recovery: methods that were seen at different moments of a host whose speed changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import make_host_profile
from hypothesis import given
from hypothesis import strategies as st

from advisor.domain.host import CalibrationRun
from advisor.model.moments import to_newest_moment

CPU_S = {"spawn": 6.0, "warm_forkserver": 2.5, "in_process": 1.0}


def run(method: str, moment: int, speed: float) -> CalibrationRun:
    one = make_host_profile().runs[0]
    place = list(CPU_S).index(method)
    return replace(
        one,
        method=method,  # type: ignore[arg-type]
        started_at_s=600.0 * moment + 8.0 * place,
        wall_s=8.0,
        parent_cpu_s=0.0,
        child_cpu_s=CPU_S[method] * speed,
        server_import_s=0.0,
        step_import_s=0.0,
    )


def seen(speeds: list[float], spawn_at: set[int]) -> list[CalibrationRun]:
    return [
        run(method, moment, speed)
        for moment, speed in enumerate(speeds)
        for method in CPU_S
        if method != "spawn" or moment in spawn_at
    ]


def test_a_method_seen_in_fast_moments_alone_is_moved_to_the_newest() -> None:
    speeds = [1.0, 1.0, 1.0, 1.3, 1.3, 1.3]
    factors = to_newest_moment(seen(speeds, {0, 1, 2}), noise=0.02)
    assert factors["spawn"] == pytest.approx(1.3, rel=0.03)
    assert factors["warm_forkserver"] == pytest.approx(1.3**0.5, rel=0.03)


def test_what_was_always_measured_together_moves_together() -> None:
    factors = to_newest_moment(seen([1.0, 1.4, 1.1], {0, 1, 2}), noise=0.1)
    assert max(factors.values()) == pytest.approx(min(factors.values()))


def test_a_host_that_was_seen_once_is_as_it_was_seen() -> None:
    assert set(to_newest_moment(seen([1.4], {0}), noise=0.1).values()) == {1.0}


def test_noise_alone_moves_little() -> None:
    rng = np.random.default_rng(5)
    speeds = list(np.exp(0.02 * rng.standard_normal(8)))
    factors = to_newest_moment(seen(speeds, {0}), noise=0.4)
    assert all(abs(factor - 1) < 0.02 for factor in factors.values())


@given(st.lists(st.floats(0.5, 2.0), min_size=1, max_size=6), st.sets(st.integers(0, 5)))
def test_no_factor_leaves_the_range_of_the_speeds(speeds: list[float], spawn_at: set[int]) -> None:
    factors = to_newest_moment(seen(speeds, spawn_at), noise=0.1)
    span = max(speeds) / min(speeds) + 1e-6
    assert all(1 / span <= factor <= span for factor in factors.values())
