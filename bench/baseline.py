"""The baseline that the simulator must beat: closed-form mean-value analysis, on its coefficients.

A closed network with as many customers as slots: the parent (one server), the cores (several), and
waiting. Schweitzer's approximation (1979) of mean-value analysis (Reiser and Lavenberg 1980): an
arriving step sees what there is on average, less its own part.
"""

from __future__ import annotations

from advisor.domain.candidate import Candidate
from advisor.model.setting import Setting, call_kind, step_price

ROUNDS = 200
"""More than enough for the fixed point."""


def closed_form_s(candidate: Candidate, setting: Setting) -> float | None:
    """The baseline's prediction; None of ways with batches, and of those on an event loop."""
    if candidate.needs_code or candidate.executor not in ("in_process", "multiprocess"):
        return None
    items = setting.items
    own_s = items.fan_out_s + items.upstream_s + items.collect_s
    if candidate.executor == "in_process":
        return own_s + _serial_s(candidate, setting)
    price, call = step_price(candidate, setting), call_kind(candidate)
    plain = 1 + setting.before_steps + setting.after_steps
    total_s = own_s + price.start_s + price.end_s + price.server_start_s + plain * price.step_s
    total_s += items.count * (price.fan_out_output_s + price.collect_input_s)
    slots = min(candidate.max_concurrent, items.count)
    for stage in items.stages:
        extra = stage.first_call_extra(call)
        moved_s = float((stage.load_s + stage.store_s).mean())
        cpu_s = float(stage.cpu_s.mean()) + extra.cpu_s + moved_s + price.child_step_s
        wait_s = max(0.0, float((stage.wall_s - stage.cpu_s).mean())) + extra.wait_s
        total_s += items.count * _interval_s(price.parent_step_s, cpu_s, wait_s, slots, setting)
    return total_s


def _serial_s(candidate: Candidate, setting: Setting) -> float:
    items, bare = setting.items, candidate.launch == "execute_in_process"
    price = setting.overhead.execute_in_process if bare else setting.overhead.in_process
    steps = items.count * len(items.stages) + 1 + setting.before_steps + setting.after_steps
    each_s = price.fan_out_output_s + price.collect_input_s + float(items.wall_s.mean())
    if not bare:
        each_s += sum(float((stage.load_s + stage.store_s).mean()) for stage in items.stages)
    total_s = price.start_s + price.end_s + steps * price.step_s + items.count * each_s
    return total_s + items.first_extra_s


def _interval_s(
    parent_s: float, cpu_s: float, wait_s: float, slots: int, setting: Setting
) -> float:
    """Seconds between two steps that end, with the slots full."""
    at_parent, at_cores = slots / 3, slots / 3
    seen = (slots - 1) / slots
    for _ in range(ROUNDS):
        parent_stay_s = parent_s * (1 + seen * at_parent)
        cores_stay_s = cpu_s * max(1.0, (1 + seen * at_cores) / setting.capacity)
        each_s = (parent_stay_s + cores_stay_s + wait_s) / slots
        at_parent, at_cores = parent_stay_s / each_s, cores_stay_s / each_s
    return each_s
