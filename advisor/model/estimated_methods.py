"""What start methods charge that were not run on this host, from the warm forkserver's run.

All of them start a Python, import what a step imports, and run the step. They differ in when: a
spawned step does all of it, a forkserver without a preload list does about half of it once and half
in every step, the warm one all of it once (its ``server_start_s``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from advisor.domain.host import MultiprocessOverhead

SPAWN_BOOT, SPAWN_EXIT = 0.95, 0.25
FORKSERVER_START, FORKSERVER_BOOT = 0.52, 0.53
"""Of the warm forkserver's start: medians of 18 calibrations of a 2-core machine, quiet and busy
(0.91 to 1.03, 0.20 to 0.47, 0.48 to 0.73, 0.50 to 0.62)."""

AT_BEST = 0.85
"""Times an estimate, that the method may charge at its best."""


def estimated_methods(
    calibrated: Mapping[str, MultiprocessOverhead], failed: Collection[str]
) -> dict[str, MultiprocessOverhead]:
    """Those of the methods that were neither run nor failed; none without the warm one."""
    warm = calibrated.get("warm_forkserver")
    if warm is None:
        return {}
    start_s = warm.server_start_s
    estimates = {
        "spawn": replace(
            warm,
            server_start_s=0.0,
            boot_s=warm.boot_s + SPAWN_BOOT * start_s,
            exit_s=warm.exit_s + SPAWN_EXIT * start_s,
        ),
        "forkserver": replace(
            warm,
            server_start_s=FORKSERVER_START * start_s,
            boot_s=warm.boot_s + FORKSERVER_BOOT * start_s,
        ),
    }
    known = {*calibrated, *failed}
    return {method: each for method, each in estimates.items() if method not in known}


def at_best(estimate: MultiprocessOverhead) -> MultiprocessOverhead:
    """The least that a method may turn out to charge."""
    return replace(
        estimate,
        server_start_s=AT_BEST * estimate.server_start_s,
        boot_s=AT_BEST * estimate.boot_s,
        exit_s=AT_BEST * estimate.exit_s,
    )
