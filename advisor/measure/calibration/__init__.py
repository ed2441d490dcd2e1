"""Measuring the host: tiny real Dagster runs in fresh processes, read back from the event log.

Each run has a process of its own, as a user's run has, so that what a run pays once (lazy imports
of the parent, the forkserver's start and preload) is in it.
"""

from advisor.measure.calibration.cache_rules import pooled, without_module
from advisor.measure.calibration.passes import calibrate, for_module, refresh
from advisor.measure.calibration.subject import CalibrationSubject

__all__ = ["CalibrationSubject", "calibrate", "for_module", "pooled", "refresh", "without_module"]
