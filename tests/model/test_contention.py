"""How concurrency probes become slowdowns at any number of workers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.domain.workload import ConcurrencyProbe
from advisor.model.contention import fit_contention


def probes(kind: str, **slowdowns: float) -> tuple[ConcurrencyProbe, ...]:
    return tuple(
        ConcurrencyProbe(kind, int(name[1:]), slowdown)  # type: ignore[arg-type]
        for name, slowdown in slowdowns.items()
    )


def test_waiting_threads_do_not_slow_each_other() -> None:
    found = fit_contention(probes("thread", n2=1.0, n4=1.01), alone_s=0.5, cpu_s=0.0, cores=2)
    assert found.slowdown("thread", 16, 2.0) == pytest.approx(1.0, abs=0.15)


def test_the_interpreter_lock_makes_threads_useless_for_plain_python() -> None:
    found = fit_contention(probes("thread", n2=2.0, n4=4.0), alone_s=0.5, cpu_s=0.5, cores=2)
    assert found.slowdown("thread", 8, 2.0) == pytest.approx(8.0, rel=0.05)


def test_threads_that_were_not_probed_are_taken_to_share_the_lock_for_their_cpu_time() -> None:
    found = fit_contention((), alone_s=1.0, cpu_s=0.5, cores=2)
    assert found.slowdown("thread", 32, 2.0) == pytest.approx(16.5)
    assert found.slowdown("process", 32, 2.0) == pytest.approx(8.5)


def test_threads_that_give_up_the_lock_take_turns_at_the_cores() -> None:
    found = fit_contention(probes("thread", n2=1.0, n4=2.0), alone_s=0.5, cpu_s=0.5, cores=2)
    assert found.lock_share == 0.0
    assert found.slowdown("thread", 8, 2.0) == pytest.approx(4.0, rel=0.05)
    assert found.slowdown("thread", 8, 8.0) == pytest.approx(1.0, rel=0.05)


def test_items_that_give_up_the_lock_for_a_part_of_their_computing_take_turns_at_the_rest() -> None:
    # 0.7 of it holds the lock: two need 1.4, four 2.8 times the seconds, on however many cores
    found = fit_contention(probes("thread", n2=1.4, n4=2.8), alone_s=0.5, cpu_s=0.5, cores=2)
    assert found.lock_share == pytest.approx(0.7)
    for cores in (2.0, 8.0):
        assert found.slowdown("thread", 8, cores) == pytest.approx(5.6, rel=0.05)
    assert found.slowdown("process", 8, 8.0) == pytest.approx(1.0)


def test_items_that_compute_on_every_core_by_themselves_take_turns() -> None:
    seen = probes("process", n2=2.0, n4=4.0)
    found = fit_contention(seen, alone_s=0.4, cpu_s=0.8, cores=2)
    assert found.beyond_turns("process", 4) == pytest.approx(1.0)
    assert found.slowdown("process", 4, 2.0) == pytest.approx(4.0)


def test_a_small_slowdown_is_not_extrapolated_into_a_wall() -> None:
    found = fit_contention(probes("thread", n2=1.0, n4=1.15), alone_s=1.0, cpu_s=0.0, cores=2)
    assert found.slowdown("thread", 16, 2.0) < 1.6


def test_what_is_shared_outside_slows_the_items_of_all_processes() -> None:
    seen = (*probes("thread", n2=1.0, n32=1.0, n64=2.0), *probes("process", n2=1.0, n4=1.0))
    found = fit_contention(seen, alone_s=1.0, cpu_s=0.0, cores=2)
    assert found.among_steps(16)(4) == pytest.approx(2.0)
    assert found.beyond_turns("process", 64) == pytest.approx(2.0)


def test_a_lock_inside_of_the_process_slows_no_other_process() -> None:
    seen = (*probes("thread", n2=2.0, n4=4.0, n8=8.0), *probes("process", n2=1.0, n4=1.0))
    found = fit_contention(seen, alone_s=1.0, cpu_s=0.0, cores=2)
    assert found.beyond_turns("thread", 8) == pytest.approx(8.0)
    assert found.beyond_turns("process", 16) == pytest.approx(1.0)


def test_sharing_the_cores_is_not_counted_twice() -> None:
    found = fit_contention(probes("process", n2=1.0, n4=2.0), alone_s=1.0, cpu_s=1.0, cores=2)
    assert found.beyond_turns("process", 8) == pytest.approx(1.0, abs=0.05)


def test_items_that_wait_first_and_then_compute_together_are_taking_turns() -> None:
    # 0.3 s of waiting, then four that compute 0.1 s each on two cores: 0.5 s.
    seen = probes("process", n4=0.5 / 0.4)
    found = fit_contention(seen, alone_s=0.4, cpu_s=0.1, cores=2)
    assert found.beyond_turns("process", 4) == pytest.approx(1.0)


def test_a_probe_is_explained_by_the_items_that_it_ran() -> None:
    # One worker computes, the other waits: neither can slow the other, whatever the typical item.
    calls = {0: (1.0, 1.0), 1: (1.0, 0.0)}
    seen = [ConcurrencyProbe("thread", 2, 1.3, items=((0,), (1,)))]
    found = fit_contention(seen, alone_s=1.0, cpu_s=0.5, cores=2, calls=calls)
    assert found.beyond_turns("thread", 2) > 1.15
    assert fit_contention(seen, alone_s=1.0, cpu_s=0.5, cores=2).beyond_turns("thread", 2) == 1.0


@pytest.mark.parametrize("items", [(), ((), ()), ((7,), (8,))])
def test_a_probe_whose_items_are_not_known_is_one_of_typical_items(items) -> None:
    seen = [ConcurrencyProbe("thread", 2, 2.0, items=items)]
    found = fit_contention(seen, alone_s=0.5, cpu_s=0.5, cores=2)
    assert found.beyond_turns("thread", 2) == 1.0
    assert found.lock_share == 1.0


def test_a_remote_that_serves_eight_at_a_time_slows_nobody_before() -> None:
    seen = probes("thread", n2=1.0, n4=1.02, n8=1.05, n16=2.58)
    found = fit_contention(seen, alone_s=0.25, cpu_s=0.0, cores=2)
    assert found.slowdown("thread", 8, 2.0) == pytest.approx(1.05)
    assert found.slowdown("thread", 16, 2.0) == pytest.approx(2.58)
    assert found.slowdown("thread", 32, 2.0) > 2.58


def test_items_that_never_happen_to_compute_together_say_nothing_of_the_lock() -> None:
    calls = {0: (0.13, 0.03), 1: (0.08, 0.03), 2: (0.33, 0.03), 3: (0.10, 0.03)}
    seen = [ConcurrencyProbe("thread", 4, 1.03, items=((0,), (1,), (2,), (3,)))]
    found = fit_contention(seen, alone_s=0.13, cpu_s=0.03, cores=4.0, calls=calls)
    assert found.lock_share == 1.0


def test_probes_of_items_that_mostly_wait_cannot_tell_that_the_lock_is_given_up() -> None:
    calls = {0: (1.1, 1.0), 1: (0.1, 0.003), 2: (0.12, 0.02), 3: (0.11, 0.01), 4: (0.1, 0.0)}
    # 1 to 4 wait: that they did not slow each other says nothing of the lock.
    seen = [
        ConcurrencyProbe("thread", 2, 0.92, items=((1,), (2,))),
        ConcurrencyProbe("thread", 4, 1.08, items=((1,), (2,), (3,), (4,))),
    ]
    found = fit_contention(seen, alone_s=0.126, cpu_s=0.026, cores=2.0, calls=calls)
    assert found.lock_share == 1.0


@given(wall_s=st.floats(0.01, 10.0), share=st.floats(0.0, 1.0), workers=st.integers(1, 64))
def test_more_workers_never_slow_an_item_by_more_than_their_number(wall_s, share, workers) -> None:
    found = fit_contention((), alone_s=wall_s, cpu_s=share * wall_s, cores=4.0)
    lock, cores = (found.slowdown(kind, workers, 4.0) for kind in ("thread", "process"))
    assert 1.0 - 1e-9 <= cores <= lock + 1e-9 <= max(1.0, workers) + 2e-9
