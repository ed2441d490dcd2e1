"""Spending what is left of the budget on the one measurement that settles an open decision."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.domain.errors import DynadviseError
from advisor.domain.verification import comparable

if TYPE_CHECKING:
    from advisor.domain.verification import Verification
    from advisor.measure.progress import Progress
    from advisor.store import SavedProfile


def settling_runs(
    saved: SavedProfile, run_config: Mapping[str, object], left_s: float, tell: Progress
) -> tuple[Verification, ...]:
    """One real run of each rival, where the decision is not sure and the time is enough.

    Only for the number of items that the job itself yields: another number cannot be run.
    """
    from advisor.api.asked_ways import AskedWay
    from advisor.api.runnable import configuration_for
    from advisor.measure.verification import START_S, run_interleaved, run_once

    rival = saved.advice.runner_up
    as_yielded = saved.advice.workload.items == saved.workload.fan_out_items
    if saved.advice.next_measurement is None or rival is None or not as_yielded:
        return ()
    both = (saved.advice.recommendation, rival)
    if sum(p.makespan_s.high + START_S for p in both) > left_s:
        return ()
    tell("a real run of the two leading ways", 0.95)
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
                for prediction in both
            ]
        except DynadviseError:
            return ()
        return comparable(
            run_interleaved(
                configurations,
                repeats=1,
                run=lambda configuration: run_once(configuration, timeout_s=2 * left_s),
            )
        )
