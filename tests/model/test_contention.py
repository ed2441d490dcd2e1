"""How concurrency probes become slowdowns at any number of workers."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.domain.workload import ConcurrencyProbe
from advisor.model.contention import fit_contention, service_time_s


def probes(kind: str, **slowdowns: float) -> tuple[ConcurrencyProbe, ...]:
    return tuple(
        ConcurrencyProbe(kind, int(name[1:]), slowdown)  # type: ignore[arg-type]
        for name, slowdown in slowdowns.items()
    )


def test_waiting_threads_do_not_slow_each_other() -> None:
    found = fit_contention(probes("thread", n2=1.0, n4=1.01), alone_s=0.5, cpu_s=0.0, cores=2)
    assert found.slowdown("thread", 16) == pytest.approx(1.0, abs=0.15)


def test_the_interpreter_lock_makes_threads_useless_for_plain_python() -> None:
    found = fit_contention(probes("thread", n2=2.0, n4=4.0), alone_s=0.5, cpu_s=0.5, cores=2)
    assert found.slowdown("thread", 8) == pytest.approx(8.0, rel=0.05)


def test_threads_that_were_not_probed_are_taken_to_share_the_lock_for_their_cpu_time() -> None:
    found = fit_contention((), alone_s=1.0, cpu_s=0.5, cores=2)
    assert found.slowdown("thread", 32) == pytest.approx(16.0, rel=0.1)


def test_the_serial_demand_behind_the_probes_is_recovered() -> None:
    alone, serial = 1.0, 0.2
    seen = {f"n{n}": service_time_s(n, alone, serial) / alone for n in (2, 4, 8)}
    found = fit_contention(probes("thread", **seen), alone_s=alone, cpu_s=0.0, cores=2)
    assert found.thread_serial_s == pytest.approx(serial, abs=0.011)
    assert found.slowdown("thread", 32) == pytest.approx(service_time_s(32, alone, serial), rel=0.1)


def test_sharing_the_cores_is_not_counted_twice() -> None:
    found = fit_contention(probes("process", n2=1.0, n4=2.0), alone_s=1.0, cpu_s=1.0, cores=2)
    assert found.slowdown("process", 8) == pytest.approx(1.0, abs=0.05)


def test_a_remote_that_serves_eight_at_a_time_slows_nobody_before() -> None:
    seen = probes("thread", n2=1.0, n4=1.02, n8=1.05, n16=2.58)
    found = fit_contention(seen, alone_s=0.25, cpu_s=0.0, cores=2)
    assert found.slowdown("thread", 8) == pytest.approx(1.05)
    assert found.slowdown("thread", 16) == pytest.approx(2.58)
    assert found.slowdown("thread", 32) > 2.58


def test_a_failed_probe_says_why() -> None:
    failed = (ConcurrencyProbe("thread", 2, 0.0, failed="raised KeyError"),)
    assert fit_contention(failed, alone_s=1, cpu_s=1, cores=2).thread_failed == "raised KeyError"


def test_items_that_compute_queue_for_the_lock_with_all_their_cpu_time() -> None:
    found = fit_contention(probes("thread", n2=1.1, n4=1.5), alone_s=0.1, cpu_s=0.03, cores=2)
    wall, cpu = np.array([0.1, 0.1, 0.9]), np.array([0.03, 0.03, 0.8])
    assert found.serial_s("thread", wall, cpu).sum() > 0.8 * cpu.sum()
    assert found.serial_s("process", wall, cpu).sum() == 0.0


def test_a_lock_is_held_for_a_share_of_each_items_wall_clock() -> None:
    found = fit_contention(probes("thread", n2=2.0, n4=4.0), alone_s=0.5, cpu_s=0.0, cores=2)
    wall = np.array([0.5, 1.0])
    assert found.serial_s("thread", wall, np.zeros(2)).tolist() == pytest.approx([0.5, 1.0])


def test_probes_of_items_that_mostly_wait_cannot_tell_that_the_lock_is_given_up() -> None:
    probes = [ConcurrencyProbe("thread", 2, 0.92), ConcurrencyProbe("thread", 4, 1.08)]
    found = fit_contention(probes, alone_s=0.126, cpu_s=0.026, cores=2.0)
    computing = np.array([1.0, 0.03, 1.0])
    assert found.serial_s("thread", computing + 0.1, computing) == pytest.approx(computing)
