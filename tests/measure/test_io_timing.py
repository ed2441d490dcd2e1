"""What an IO manager waits for, told from what it computes: slots overlap the one alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import storage_jobs

from advisor.dagster_bridge.invocation import open_invocation
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.options import Storing
from advisor.measure.ops import io_timing
from advisor.measure.ops.io_timing import IoTimes


def busy(seconds: float) -> None:
    until_s = time.process_time() + seconds
    while time.process_time() < until_s:
        pass


@pytest.mark.parametrize(("pause", "low", "high"), [(time.sleep, 0.9, 1.0), (busy, 0.0, 0.4)])
def test_a_slow_io_manager_waits_or_computes(
    pause: Callable[[float], None],
    low: float,
    high: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(storage_jobs, "time", SimpleNamespace(sleep=pause))
    here = Path(storage_jobs.__file__).parent
    loaded = load_target(parse_target("storage_jobs:slow_files_job", working_directory=here))
    with open_invocation(
        loaded, describe(loaded, None), None, tmp_path, storing=Storing.ANY
    ) as invocation:
        (wait,) = invocation.description.mapped
        times = IoTimes(invocation)
        times.measure(wait, {"result": 1}, 0, loaded=True)
        store_s, load_s = times.of(wait, 0)
        assert min(store_s, load_s) > 0.9 * storage_jobs.CALL_S
        assert low <= times.wait_share(wait) <= high


def test_memory_of_the_values_size_is_used_just_before_it_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int] = []
    monkeypatch.setattr(io_timing, "touch_memory", used.append)
    here = Path(storage_jobs.__file__).parent
    loaded = load_target(parse_target("storage_jobs:slow_files_job", working_directory=here))
    with open_invocation(
        loaded, describe(loaded, None), None, tmp_path, storing=Storing.ANY
    ) as invocation:
        (wait,) = invocation.description.mapped
        times = IoTimes(invocation)
        for _ in range(2):  # what was timed is not timed again
            times.measure(wait, {"result": 1}, 0, loaded=True, value_bytes=8 << 20)
    assert used == [16 << 20]  # pickled, and as a file
