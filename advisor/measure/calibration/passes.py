"""A calibration from nothing, one for a further module, and one more look at the host."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone

from advisor.dagster_bridge.instances import temporary_instance_home
from advisor.domain.errors import DynadviseError
from advisor.domain.host import SERIAL_METHODS, CalibrationRun, CpuScaling, HostProfile
from advisor.measure.calibration.cache_rules import (
    PROOF_SLACK,
    boot_s,
    newest,
    newest_scaling,
    step_start_s,
    with_proof,
)
from advisor.measure.calibration.subject import FULL_PASS, PROOF, CalibrationSubject, Probe
from advisor.measure.calibration.tiny_runs import TinyRuns, named
from advisor.measure.preload import StepImports

Progress = Callable[[str, float], None]


def calibrate(
    subject: CalibrationSubject, *, budget_s: float = 60.0, on_progress: Progress | None = None
) -> HostProfile:
    """Measure this host from nothing.

    Args:
        subject: What to measure for.
        budget_s: The runs stop being added when this is nearly used up; one run of each method
            is always tried.
        on_progress: Called with what is measured and the share that is done.

    Raises:
        DynadviseError: No run could be made at all; the reason of the last is shown.
    """
    tell = on_progress or (lambda _message, _share: None)
    begun = time.monotonic()
    with temporary_instance_home(subject.instance) as home:
        tiny = TinyRuns(subject, str(home), {})
        tell("deriving the warm preload list", 0.0)
        tiny.derive()
        preload = tiny.preload(tiny.imports.dagsters + tiny.imports.users)
        runs: list[CalibrationRun] = []
        scaling: list[CpuScaling] = []
        for index, probe in enumerate(FULL_PASS):
            tell(f"a tiny run: {named(probe)}", 0.15 + 0.65 * index / len(FULL_PASS))
            runs.extend(tiny.run(probe, preload.modules))
            if index % 2 == 0:
                scaling.extend(tiny.cpu_scaling())
        tell("storing, bookkeeping, command line", 0.85)
        cli_start_s = None
        if time.monotonic() - begun < budget_s - 5:
            cli_start_s = tiny.cli_start_s()
        else:
            tiny.unmeasured["command line"] = "the budget was used up"
        storing, growth = tiny.bookkeeping()
        process_start_s = tiny.process_start_s(preload)
        claim_s = tiny.claim_s()
    if not runs:
        raise _not_one_run(tiny.unmeasured)
    return HostProfile(
        facts=subject.facts,
        storage=subject.instance.storage,
        user_module=subject.user_module,
        preload=with_proof(preload, runs),
        runs=tuple(runs),
        storing=storing,
        cpu_scaling=tuple(scaling),
        cli_start_s=cli_start_s,
        base_rss_bytes=tiny.base_rss_bytes,
        cost_s=time.monotonic() - begun,
        calibrated_at=_now(),
        unmeasured=tiny.unmeasured,
        plan_growth=growth,
        process_start_s=process_start_s,
        user_import_s=tiny.imports.user_import_s,
        user_rss_bytes=tiny.imports.user_rss_bytes,
        user_roots=tiny.imports.users,
        user_preloaded=subject.is_preloaded,
        claim_s=claim_s,
    )


def _not_one_run(unmeasured: Mapping[str, str]) -> DynadviseError:
    return DynadviseError(
        "this host could not be measured: not one tiny Dagster run succeeded",
        details="; ".join(f"{name}: {why}" for name, why in unmeasured.items()),
        hint="run `dagster job execute` on a job of yours to see whether Dagster works here",
    )


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def for_module(
    subject: CalibrationSubject, shared: HostProfile, *, on_progress: Progress | None = None
) -> HostProfile | None:
    """The calibration for a module, from what is known of the host without it.

    Only what depends on the module is measured: what it imports and how long that takes, which of
    it is safe to preload, and one tiny run with the longer preload list as the proof.

    Returns:
        The calibration; None where the proof failed: the tiny run did not succeed, or its steps
        take longer than imports explain. The host must then be measured with the module.
    """
    tell = on_progress or (lambda _message, _share: None)
    begun = time.monotonic()
    unmeasured: dict[str, str] = {}
    with temporary_instance_home(subject.instance) as home:
        tiny = TinyRuns(subject, str(home), unmeasured)
        tell("what the module imports; the rest of this host is known", 0.0)
        tiny.derive()
        preload = tiny.preload(shared.preload.modules + tiny.imports.users)
        tell(f"a tiny run: {named(PROOF)}", 0.5)
        runs = tiny.run(PROOF, preload.modules)
    if unmeasured or not runs or step_start_s(runs) > PROOF_SLACK * step_start_s(shared.runs):
        return None
    imports = tiny.imports
    return replace(
        shared,
        user_module=subject.user_module,
        preload=replace(
            preload,
            left_out={**shared.preload.left_out, **preload.left_out},
            boot_before_s=shared.preload.boot_before_s,
            boot_after_s=boot_s(runs, "warm_forkserver"),
        ),
        runs=newest([*shared.runs, *runs]),
        base_rss_bytes=shared.base_rss_bytes + imports.user_rss_bytes,
        cost_s=time.monotonic() - begun,
        calibrated_at=_now(),
        process_start_s=shared.process_start_s + imports.user_import_s,
        user_import_s=imports.user_import_s,
        user_rss_bytes=imports.user_rss_bytes,
        user_roots=imports.users,
        user_preloaded=subject.is_preloaded,
    )


def with_run(
    subject: CalibrationSubject, host: HostProfile, probe: Probe, *, timeout_s: float
) -> HostProfile:
    """A calibration with one more tiny run of a method; where others share the cores, as now."""
    begun = time.monotonic()
    with temporary_instance_home(subject.instance) as home:
        tiny = TinyRuns(subject, str(home), {}, timeout_s)
        tiny.imports = StepImports((), host.user_roots, host.user_import_s)
        runs = tiny.run(probe, host.preload.modules)
        scaling = () if probe.method in SERIAL_METHODS else tiny.cpu_scaling()
    return replace(
        host,
        runs=newest([*host.runs, *runs]),
        cpu_scaling=newest_scaling([*host.cpu_scaling, *scaling]),
        cost_s=host.cost_s + time.monotonic() - begun,
        calibrated_at=_now(),
    )
