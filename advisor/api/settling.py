"""Spending what is left of the budget on the one measurement that settles an open decision."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.domain.advice import Prediction
from advisor.domain.errors import DynadviseError
from advisor.domain.options import AdviseOptions
from advisor.domain.verification import Verification, comparable

if TYPE_CHECKING:
    from advisor.measure.budget import Budget
    from advisor.measure.progress import Progress
    from advisor.store import SavedProfile


def settled(
    saved: SavedProfile,
    options: AdviseOptions,
    run_config: Mapping[str, object],
    budget: Budget,
    progress: Progress,
) -> SavedProfile:
    """The profile with a real run of each rival and what is advised with them.

    As it was where the decision is sure, the time is not enough, or the job itself yields another
    number of items than is advised for: another one cannot be run.
    """
    from advisor.api.recommend import advise
    from advisor.measure.first_touch import pause_before_run_s
    from advisor.measure.verification import START_S
    from advisor.store import with_advice

    rival = saved.advice.runner_up
    as_yielded = saved.advice.workload.items == saved.workload.fan_out_items
    if saved.advice.next_measurement is None or rival is None or not as_yielded:
        return saved
    rivals = (saved.advice.recommendation, rival)
    pause_s = pause_before_run_s(saved.workload.first_touch_byte_s)
    around_s = pause_s + budget.slowness * START_S
    if sum(each.makespan_s.high + around_s for each in rivals) > budget.left_s:
        return saved
    progress("a real run of the two leading ways", None)
    runs = _real_runs(saved, rivals, run_config, budget, pause_s)
    if not runs:
        return saved
    with_runs = replace(saved, verifications=(*saved.verifications, *runs))
    return with_advice(with_runs, advise(with_runs, options))


def _real_runs(
    saved: SavedProfile,
    rivals: tuple[Prediction, ...],
    run_config: Mapping[str, object],
    budget: Budget,
    pause_s: float,
) -> tuple[Verification, ...]:
    """One of each; none where one of them cannot be run here, or passes the budget."""
    from advisor.api.asked_ways import AskedWay
    from advisor.api.runnable import configuration_for
    from advisor.measure.verification import run_interleaved, run_once

    with tempfile.TemporaryDirectory(prefix="dynadvise-settle-") as folder:
        try:
            configurations = [
                configuration_for(
                    AskedWay(prediction.candidate),
                    prediction,
                    saved,
                    target=saved.description.target,
                    run_config=run_config,
                    directory=Path(folder),
                )
                for prediction in rivals
            ]
        except DynadviseError:
            return ()
        return comparable(
            run_interleaved(
                configurations,
                repeats=1,
                run=lambda configuration: run_once(configuration, timeout_s=budget.cut_off_s),
                pause_s=pause_s,
            )
        )
