"""Measuring the host: tiny real Dagster runs in fresh processes, read back from the event log.

Each run has a process of its own, as a user's run has, so that what a run pays once (lazy imports
of the parent, the forkserver's start and preload) is in it.
"""

from advisor.measure.calibration.cache_rules import (
    expected_s,
    longest_ago_first,
    pooled,
    starts_are_known,
    without_module,
)
from advisor.measure.calibration.passes import calibrate, completed, for_module, with_run
from advisor.measure.calibration.tiny_runs import CalibrationSubject

__all__ = [
    "CalibrationSubject",
    "calibrate",
    "completed",
    "expected_s",
    "for_module",
    "longest_ago_first",
    "pooled",
    "starts_are_known",
    "with_run",
    "without_module",
]
