"""A mistake in the user's op is told before the host is measured."""

from __future__ import annotations

import json

import pytest

from advisor.api import host_calibration
from advisor.api import profile as profiling
from advisor.domain.errors import UserCodeError
from advisor.domain.options import MeasureOptions, ProfileOptions, WorkloadOptions

RAISING = """
from dagster import op


@op
def divide(number: int) -> float:
    return 1 / number
"""


def test_an_op_that_raises_is_told_before_the_host_is_calibrated(tmp_path, monkeypatch):
    (tmp_path / "raising_op.py").write_text(RAISING)
    (tmp_path / "numbers.json").write_text(json.dumps([0, 0, 0]))

    def calibrate(*_arguments: object, **_options: object) -> object:
        pytest.fail("the host was calibrated for an op that does not work")

    monkeypatch.setattr(host_calibration, "calibrated_host", calibrate)
    monkeypatch.setattr(host_calibration, "first_look", calibrate)
    options = ProfileOptions(
        WorkloadOptions("raising_op:divide", inputs="numbers.json", working_directory=tmp_path),
        measure=MeasureOptions(recalibrate=True),
    )

    with pytest.raises(UserCodeError, match="ZeroDivisionError") as caught:
        profiling.profile(options)

    assert "item" in str(caught.value)
    assert "raising_op.py:7" in str(caught.value)
