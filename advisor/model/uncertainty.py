"""How sure an estimate is: spread over items, noise of the host, the model's own error."""

import math
from collections.abc import Sequence
from zlib import crc32

import numpy as np

from advisor.domain.candidate import Candidate
from advisor.domain.overhead import overhead_key
from advisor.domain.quantities import Interval
from advisor.model.estimate import Estimate
from advisor.model.setting import Setting
from advisor.model.stage import FloatArray

PLAIN_SD, BATCHED_SD = 0.07, 0.12
"""Relative standard deviation of the model's own error for ways with an item in a step, and for
batched ones: what the median errors of the published passes of ``make bench`` (5.7 and 9.1 %) leave
beside the host's noise."""

ROUGH_SD = 0.4
"""Of the overhead's share of a way by processes on a host where none was run at all: estimates
from a run in process are right within a factor of two."""

AGE_SD = 0.03
"""Of the overhead's share of a way, for each day (their root) since its method was last run here:
what an hour may change (`advisor.model.fit.SLOW_DRIFT`). After a week, when a calibration is made
anew, that is 8 %."""

COMMON_SD, OWN_SD = 0.87, 0.5
"""Parts of that error: three quarters of the variance are common to the ways of one method."""

LEAST_OWN_CPU_S, LEAST_ITEMS_CPU_S = 0.5, 0.05
"""CPU seconds that a calibration, and the calls of the items, count with at least."""

NORMALS_PER_DRAW = 10
"""Draws of the host's and the model's error for each draw of the items."""


def noisy_draws(estimates: Sequence[Estimate], setting: Setting) -> FloatArray:
    """Draws with all errors of the intervals, for comparing ways (shape: candidates x draws).

    Neighbours (one method at other concurrency) err alike: three quarters of the variance is
    common to a method. A candidate's error depends on itself alone, so that leaving another one
    out changes nothing; and the command line errs as what it calls, so that it is never the faster.
    """

    def normal(name: str) -> FloatArray:
        drawn = np.random.default_rng(crc32(name.encode())).standard_normal(setting.draws)
        return np.asarray((drawn - drawn.mean()) / drawn.std())  # no name is luckier than others

    ways = [each.candidate.without_command_line for each in estimates]
    families = {way.family: normal(way.family) for way in ways}
    rows = []
    for each, way in zip(estimates, ways, strict=True):
        own = normal(f"{way} itself")
        error = COMMON_SD * families[way.family] + OWN_SD * own
        rows.append(each.draws_s * np.exp(relative_sd(each, setting) * error))
    return np.array(rows)


def relative_sd(estimate: Estimate, setting: Setting) -> float:
    """Standard deviation of the log of real over predicted makespan, items' own spread apart.

    The model's own error, slow drift of the host, and its noise: in the run itself, in the
    calibration that the overhead is known from, and in the calls that the items are known from.
    """
    overhead, items = setting.overhead, setting.items
    own_sd = BATCHED_SD if estimate.candidate.is_batched else PLAIN_SD
    fixed = own_sd**2 + overhead.drift**2 * (1.0 + 1.0 / max(1, overhead.moments))
    makespan, used = max(estimate.makespan_s, 1e-9), estimate.core_seconds
    at_once = max(1.0, used / makespan)
    own = min(used, float(items.cpu_s.mean()) * items.count)
    method = calibrated_as(estimate.candidate)
    beside_work = 1.0 - min(1.0, estimate.breakdown_s.work_s / makespan)
    if method in overhead.estimated and "warm_forkserver" not in overhead.measured_cpu_s:
        fixed += (ROUGH_SD * beside_work) ** 2
    fixed += overhead.age_days.get(method, 0.0) * (AGE_SD * beside_work) ** 2
    run = used / (at_once * makespan) ** 2
    calibrated = overhead.measured_cpu_s.get(method, 0.0)
    calibration = ((used - own) / (at_once * makespan)) ** 2 / max(calibrated, LEAST_OWN_CPU_S)
    sampled = (own / (at_once * makespan)) ** 2 / max(items.measured_cpu_s, LEAST_ITEMS_CPU_S)
    return math.sqrt(fixed + overhead.noise**2 * (run + calibration + sampled))


def calibrated_as(candidate: Candidate) -> str:
    """The calibration's name of a candidate's method."""
    if candidate.executor == "multiprocess":
        return overhead_key(candidate.start_method, warm=candidate.is_warm)
    return "execute_in_process" if candidate.launch == "execute_in_process" else "in_process"


def interval(estimate: Estimate, setting: Setting) -> Interval:
    """The 90 % interval: spread over items, noise of the host and error of the model together."""
    draws_s = np.repeat(estimate.draws_s, NORMALS_PER_DRAW)
    sd = relative_sd(estimate, setting)
    normal = np.random.default_rng(13579).standard_normal(len(draws_s))
    low, high = np.quantile(draws_s * np.exp(sd * normal), [0.05, 0.95])
    median = estimate.makespan_s
    return Interval(median=median, low=min(median, float(low)), high=max(median, float(high)))
