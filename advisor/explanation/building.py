"""Advice apart from the way to run: what building the definitions takes, and a job without it."""

from collections.abc import Iterator
from dataclasses import replace

from advisor.domain.advice import Prediction
from advisor.domain.building import building
from advisor.domain.host import HostProfile
from advisor.domain.quantities import seconds
from advisor.model.fit import fit_overhead
from advisor.model.other_cores import overhead_on
from advisor.model.prediction import Predictor

BUILD_SHARE = 0.1
"""Building the definitions is worth a word from this share of the makespan on."""

LEAN_MODULE = (
    "a small module that defines this job alone (no @definitions function, fewer components), "
    "and is run in its place"
)


def building_remedy(host: HostProfile, chosen: Prediction, predictor: Predictor) -> Iterator[str]:
    """What building the definitions takes of the chosen way, and what is left without it."""
    candidate, setting = chosen.candidate, predictor.setting
    if not host.step_build_s or candidate.launch == "execute_in_process":
        return
    bare = fit_overhead(replace(host, user_build_s=0.0, user_rebuild_s=0.0))
    overhead = overhead_on(bare, setting.machine.cores)
    limited = setting.limited and replace(setting.limited, overhead=overhead)
    without = Predictor(replace(setting, overhead=overhead, limited=limited))
    lean = without.estimate(candidate).makespan_s
    takes = predictor.estimate(candidate).makespan_s
    if takes - lean < BUILD_SHARE * takes:
        return
    yield (
        f"{building(host, in_steps=candidate.executor != 'in_process')}. Instead: {LEAN_MODULE}: "
        f"{seconds(lean)} instead of {seconds(takes)} (predicted)."
    )
