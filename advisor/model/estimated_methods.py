"""What start methods charge that were not run on this host, from the warm forkserver's run.

Where the budget ended before that one too, it is estimated roughly from a run in process.

All of them start a Python, import what a step imports, and run the step. They differ in when: a
spawned step does all of it, a forkserver without a preload list does about half of it once and half
in every step, the warm one all of it once (its ``server_start_s``).
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from advisor.domain.overhead import InProcessOverhead, MultiprocessOverhead

SPAWN_BOOT, SPAWN_EXIT = 0.95, 0.25
FORKSERVER_START, FORKSERVER_BOOT = 0.52, 0.53
"""Of the warm forkserver's start: medians of 18 calibrations of a 2-core machine, quiet and busy
(0.91 to 1.03, 0.20 to 0.47, 0.48 to 0.73, 0.50 to 0.62)."""

AT_BEST, ROUGHLY_AT_BEST = 0.85, 0.5
"""Times an estimate, that the method may charge at its best: one from the warm forkserver's run,
and one from a run in process, which is right within a factor of two."""


def roughly_warm(serial: InProcessOverhead, python_start_s: float) -> MultiprocessOverhead:
    """The warm forkserver's charges, from a run in process and from how long its Python started.

    The ratios are those of one calibration of a quiet 2-core machine: an estimate of this kind is
    right within a factor of about two.
    """
    step_s = serial.step_s
    return MultiprocessOverhead(
        start_s=0.5 * serial.start_s,
        server_start_s=python_start_s,
        boot_s=3.5 * step_s,
        prepare_s=3.5 * step_s,
        load_s=step_s,
        finish_s=0.5 * step_s,
        exit_s=2.0 * step_s,
        fan_out_output_s=serial.fan_out_output_s,
        collect_input_s=serial.collect_input_s,
        end_s=serial.end_s,
        parent_step_s=0.7 * step_s,
        wait_share=serial.wait_share,
    )


def estimated_methods(
    calibrated: Mapping[str, MultiprocessOverhead],
    failed: Collection[str],
    rough: MultiprocessOverhead | None = None,
) -> dict[str, MultiprocessOverhead]:
    """Those of the methods that were neither run nor failed.

    ``rough`` stands for the warm one where that was not run; without any there are none.
    """
    warm = calibrated.get("warm_forkserver", rough)
    if warm is None:
        return {}
    start_s = warm.server_start_s
    estimates = {
        "warm_forkserver": warm,
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
    methods = {*calibrated, *failed}
    return {method: each for method, each in estimates.items() if method not in methods}


def at_best(
    estimate: MultiprocessOverhead, *, import_s: float, roughly: bool
) -> MultiprocessOverhead:
    """The least that a method may turn out to charge; ``roughly`` estimated, all of it is open.

    Each step may be spared ``import_s``, where what it imports turns out to be safe to preload.
    """
    estimate = replace(estimate, prepare_s=max(0.0, estimate.prepare_s - import_s))
    share, parts = AT_BEST, ["server_start_s", "boot_s", "exit_s"]
    if roughly:
        share, parts = ROUGHLY_AT_BEST, [*parts, "start_s", "prepare_s", "load_s", "finish_s"]
    return replace(estimate, **{name: share * getattr(estimate, name) for name in parts})
