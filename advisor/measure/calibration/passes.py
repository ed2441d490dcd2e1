"""A calibration from nothing, one for a further module, and one more look at the host."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone

from advisor.dagster_bridge.instances import temporary_instance_home
from advisor.domain.candidate import name_in_words
from advisor.domain.errors import DynadviseError
from advisor.domain.host import SERIAL_METHODS, CalibrationRun, HostProfile, PreloadList
from advisor.measure.calibration.cache_rules import (
    PROOF_SLACK,
    UNKNOWN_S,
    boot_s,
    expected_s,
    newest,
    newest_scaling,
    starts_are_known,
    step_start_s,
    with_proof,
)
from advisor.measure.calibration.starts import POOL_START
from advisor.measure.calibration.tiny_runs import (
    COMMAND_LINE,
    FEW_ITEMS,
    IN_PROCESS,
    PROOF,
    RUNS,
    CalibrationSubject,
    Probe,
    TinyRuns,
    named,
)
from advisor.measure.loading import StepImports
from advisor.measure.progress import Progress, silent


def calibrate(
    subject: CalibrationSubject,
    *,
    left_s: Callable[[], float] = lambda: math.inf,
    on_progress: Progress = silent,
    starts: bool = True,
    start_s: float | None = None,
) -> HostProfile:
    """Measure of this host, from nothing, what any advice needs; `completed` measures the rest.

    Args:
        left_s: Seconds that are left; after them only what no advice can do without is measured.
        starts: Whether a step with a process of its own is run; else it is estimated from the run
            in process, and `for_module` measures it.
        start_s: About how long a Python that has imported Dagster takes to start, where there is
            no time to start one: a short run in process is all then.

    Raises:
        DynadviseError: No run could be made at all; the reason of the last is shown.
    """
    begun = time.monotonic()
    with temporary_instance_home(subject.instance) as home:
        tiny = TinyRuns(subject, str(home), {}, python_start_s=start_s)

        def goes_on() -> bool:
            tiny.left_s = left_s
            return start_s is None and left_s() > UNKNOWN_S

        preload, runs = _first_runs(tiny, goes_on, on_progress, starts=starts)
        with_rest = goes_on()
        if with_rest:
            on_progress("storing, bookkeeping, cores", 0.8)
        storing, growth = tiny.bookkeeping() if with_rest else ((), ())
        scaling = tiny.cpu_scaling() if with_rest and starts else ()
    if not runs:
        raise _not_one_run(tiny.unmeasured)
    return HostProfile(
        facts=subject.facts,
        storage=subject.instance.storage,
        user_module=subject.user_module,
        preload=with_proof(preload, runs),
        runs=tuple(runs),
        storing=storing,
        cpu_scaling=scaling,
        cli_start_s=None,
        base_rss_bytes=tiny.base_rss_bytes,
        cost_s=time.monotonic() - begun,
        calibrated_at=_now(),
        unmeasured=tiny.unmeasured,
        plan_growth=growth,
        process_start_s=_pool_start_s(tiny),
        user_import_s=tiny.imports.user_import_s,
        user_build_s=tiny.imports.user_build_s,
        user_rebuild_s=tiny.imports.user_rebuild_s,
        user_rss_bytes=tiny.imports.user_rss_bytes,
        user_roots=tiny.imports.users,
        user_preloaded=subject.is_preloaded,
        python_start_s=tiny.python_start_s,
    )


def _pool_start_s(tiny: TinyRuns) -> float:
    """What a worker process of a pool takes to start, estimated; `completed` measures it."""
    import_s = tiny.imports.user_import_s
    return import_s + POOL_START * max(0.0, tiny.python_start_s - import_s) or 0.5


def _first_runs(
    tiny: TinyRuns, goes_on: Callable[[], bool], on_progress: Progress, *, starts: bool
) -> tuple[PreloadList, list[CalibrationRun]]:
    """A run in process, and one under the warm forkserver; spawned where that one failed."""
    preload = PreloadList(())
    items = FEW_ITEMS if tiny.forks else IN_PROCESS.items
    in_process, warm, spawned = replace(IN_PROCESS, items=items), RUNS[0], RUNS[-1]
    on_progress(f"a tiny run: {name_in_words(named(in_process))}", 0.0)
    runs = tiny.run(in_process, ())
    if not (goes_on() and (starts or not runs)):
        return preload, runs
    on_progress("deriving the preload list", 0.2)
    tiny.derive()
    preload = tiny.preload(tiny.imports.dagsters + tiny.imports.users)
    for probe in (warm, spawned):
        if goes_on() and not any(run.method == warm.method for run in runs):
            on_progress(f"a tiny run: {name_in_words(named(probe))}", 0.5)
            runs += tiny.run(probe, preload.modules)
    return preload, runs


def completed(
    subject: CalibrationSubject,
    host: HostProfile,
    *,
    budget_s: float,
    on_progress: Progress = silent,
) -> HostProfile:
    """A calibration with the methods that were not run yet, the command line and a pool's claim.

    What is charged in process is looked at twice more, before and after them, since the host's
    speed drifts. What needs more than is left of ``budget_s`` is left for the next time.
    """
    begun, unmeasured = time.monotonic(), dict(host.unmeasured)
    methods = {*(run.method for run in host.runs), *unmeasured}
    missing = [
        probe for probe in RUNS if probe.method not in methods and named(probe) not in methods
    ]
    if not missing and (host.cli_start_s is not None or COMMAND_LINE in unmeasured):
        return host
    runs: list[CalibrationRun] = []
    with temporary_instance_home(subject.instance) as home:
        tiny = TinyRuns(subject, str(home), unmeasured)
        tiny.imports = StepImports((), host.user_roots, host.user_import_s)
        moments = [IN_PROCESS] if missing else []
        for index, probe in enumerate([*moments, *missing, *moments]):
            if time.monotonic() - begun + expected_s(probe, host) > budget_s:
                continue
            on_progress(f"a tiny run: {name_in_words(named(probe))}", 0.5 + 0.05 * index)
            runs.extend(tiny.run(probe, host.preload.modules))
        on_progress("command line, pools, cores", 0.9)
        scaling, claim_s = tiny.cpu_scaling(), tiny.claim_s()
        cli_start_s = host.cli_start_s if host.cli_start_s is not None else tiny.cli_start_s()
        process_start_s = tiny.process_start_s(host.preload)
    every = newest([*host.runs, *runs])
    return replace(
        host,
        runs=every,
        preload=with_proof(host.preload, every),
        cpu_scaling=newest_scaling([*host.cpu_scaling, *scaling]),
        cli_start_s=cli_start_s,
        claim_s=claim_s,
        process_start_s=process_start_s,
        unmeasured=unmeasured,
        cost_s=host.cost_s + time.monotonic() - begun,
        calibrated_at=_now(),
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
    subject: CalibrationSubject,
    shared: HostProfile,
    *,
    left_s: Callable[[], float] = lambda: math.inf,
    on_progress: Progress = silent,
) -> HostProfile | None:
    """The calibration for a module, from what is known of the host without it.

    Only what depends on the module is measured: what it imports and how long that takes, which of
    it is safe to preload, and one tiny run with the longer preload list as the proof. So are the
    starts of processes where none was run on the host yet.

    Returns:
        The calibration; None where the proof failed: the tiny run did not succeed, or its steps
        take longer than imports explain. The host must then be measured with the module.
    """
    begun = time.monotonic()
    unmeasured: dict[str, str] = {}
    with temporary_instance_home(subject.instance) as home:
        tiny = TinyRuns(subject, str(home), unmeasured, left_s)
        on_progress("what the module imports; the rest of this host is known", 0.0)
        tiny.derive()
        dagsters = shared.preload.modules or tiny.imports.dagsters
        preload = tiny.preload(dagsters + tiny.imports.users)
        probe = PROOF if starts_are_known(shared) else RUNS[0]
        on_progress(f"a tiny run: {name_in_words(named(probe))}", 0.5)
        runs = tiny.run(probe, preload.modules)
        scaling = shared.cpu_scaling or tiny.cpu_scaling()
    known_s = step_start_s(shared.runs)
    if unmeasured or not runs or (known_s and step_start_s(runs) > PROOF_SLACK * known_s):
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
        cpu_scaling=scaling,
        base_rss_bytes=shared.base_rss_bytes + imports.user_rss_bytes,
        cost_s=time.monotonic() - begun,
        calibrated_at=_now(),
        process_start_s=shared.process_start_s + imports.user_import_s,
        user_import_s=imports.user_import_s,
        user_build_s=imports.user_build_s,
        user_rebuild_s=imports.user_rebuild_s,
        user_rss_bytes=imports.user_rss_bytes,
        user_roots=imports.users,
        user_preloaded=subject.is_preloaded,
    )


def with_run(
    subject: CalibrationSubject, host: HostProfile, probe: Probe, *, left_s: Callable[[], float]
) -> HostProfile:
    """A calibration with one more tiny run of a method; where others share the cores, as now."""
    begun = time.monotonic()
    with temporary_instance_home(subject.instance) as home:
        tiny = TinyRuns(subject, str(home), {}, left_s)
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
