"""The rate that the service behind the items allows, given or seen: no way gets more done."""

import math
from dataclasses import replace

import numpy as np

from advisor.domain.candidate import Candidate
from advisor.model.candidates import WORKERS
from advisor.model.estimate import Estimate
from advisor.model.estimators import model_of
from advisor.model.setting import Setting


def at_rate(estimate: Estimate, setting: Setting, factor: float = 1.0) -> Estimate:
    """The estimate with its mapped part no shorter than the rate lets it be; the rest is waited.

    Args:
        estimate: As if the service answered at any rate.
        factor: What the estimate is multiplied by later, which the service knows nothing of.
    """
    rate = setting.rate
    if rate is None:
        return estimate
    least_s = _before_and_after_s(estimate, setting)
    least_s += max(0, setting.items.count - rate.after_calls) / rate.per_s / factor
    wait_s = max(0.0, least_s - estimate.makespan_s)
    parts_s = estimate.breakdown_s
    return replace(
        estimate,
        makespan_s=estimate.makespan_s + wait_s,
        draws_s=np.maximum(estimate.draws_s, least_s),
        breakdown_s=replace(parts_s, idle_s=parts_s.idle_s + wait_s),
        rate_wait_s=wait_s,
    )


def most_fed(setting: Setting) -> int | None:
    """Most workers inside a step that the rate feeds; None where that is more than are tried."""
    if setting.rate is None:
        return None
    fed = math.floor(setting.rate.per_s * float(setting.items.wall_s.mean())) + 1
    return fed if fed <= max(WORKERS) else None


def keeps_busy(candidate: Candidate, setting: Setting) -> bool:
    """Whether the rate feeds all that run in parallel: as many as end within an item's time.

    An item takes its seconds and its part of a step's overhead, in which nothing is asked for.
    """
    if setting.rate is None:
        return True
    workers = candidate.workers_in_op
    each_s = float(setting.items.wall_s.mean())
    each_s += model_of(candidate).step_s(candidate, setting) * workers / candidate.batch_size
    return candidate.max_concurrent * workers <= setting.rate.per_s * each_s + 1


def _before_and_after_s(estimate: Estimate, setting: Setting) -> float:
    """Seconds of a run without its mapped work, at least."""
    candidate, items = estimate.candidate, setting.items
    own_s = items.fan_out_s + items.upstream_s + items.collect_s
    if candidate.executor == "in_process":
        return own_s + estimate.breakdown_s.launch_s
    without_work = replace(setting, items=replace(items, count=1, stages=()))
    return own_s + model_of(candidate).least_s(candidate, without_work)
