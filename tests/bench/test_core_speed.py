"""The watch on the cores' speed."""

from __future__ import annotations

import psutil
import pytest
from core_speed import CoreSpeed, watched


def fails_while_watched(seen: list[CoreSpeed]) -> None:
    with watched() as speed:
        seen.append(speed)
        raise KeyError


def test_the_cores_are_timed_also_of_a_block_that_fails_and_nothing_is_left():
    before = psutil.Process().children()
    seen: list[CoreSpeed] = []
    with pytest.raises(KeyError):
        fails_while_watched(seen)
    assert psutil.Process().children() == before
    assert seen[0].mean_s > 0


def test_what_was_interrupted_is_no_speed():
    assert CoreSpeed([1.0, 2.0, 3.0, 40.0]).mean_s == 2.0
    assert CoreSpeed().mean_s is None
