"""Real runs of a workload under chosen configurations, interleaved, each in a fresh process.

Configurations take turns in a shuffled order that is the same for a seed: a machine that grows
slower meanwhile then slows all of them, and none is always first.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from advisor.dagster_bridge.instances import InstanceKind, temporary_instance_home
from advisor.dagster_bridge.runs import RunRequest, RunResult
from advisor.domain.candidate import THREAD_VARIABLES, Candidate
from advisor.domain.observed import ObservedRun
from advisor.domain.quantities import Interval
from advisor.domain.verification import Role, Verification, VerifiedRun, with_unlike_runs
from advisor.domain.workload import TargetReference
from advisor.measure.child import ChildResult, run_in_child, terminal

START_S = 3.0
"""What a fresh process takes before the run's clock starts (import of Dagster and the user's
code) and after it has stopped; for the announced duration only."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A way to run, ready to be run.

    Attributes:
        name: What the user calls it: ``advised``, ``default``, ``warm:4``.
        target: The job that runs that way; for a way that needs code, the emitted module's job.
        run_config: The whole run config, the executor's part included.
        predicted_s: What was predicted for it beforehand; None where nothing was.
        python_path: Folders that must be importable besides the working directory.
        expected_work_s: Predicted wall clock of the items' work: stands for that of a run that
            leaves no event log (``execute_in_process``).
        pool_limits: Slots of the job's pools, set on each run's instance.
        partition: That the runs are for; None: the job is not partitioned.
        compared: Handles of the ops by whose outputs runs are compared.
        setup: ``module:callable``, called before each run.
        roles: Its parts in the advice that were asked for.
    """

    name: str
    candidate: Candidate
    target: TargetReference
    run_config: Mapping[str, object]
    predicted_s: Interval | None = None
    python_path: tuple[str, ...] = ()
    expected_work_s: float = 0.0
    pool_limits: Mapping[str, int] = field(default_factory=dict)
    partition: str | None = None
    compared: tuple[str, ...] = ()
    setup: str | None = None
    roles: tuple[Role, ...] = ()


Runner = Callable[[Configuration], VerifiedRun]


def interleaved(names: Sequence[str], repeats: int, seed: int = 0) -> Iterator[str]:
    """Each name once a pass, every pass in an order of its own."""
    order = random.Random(seed)  # noqa: S311 - an order of measurements, not a secret
    for _ in range(repeats):
        yield from order.sample(list(names), len(names))


def estimated_s(
    configurations: Iterable[Configuration], repeats: int, pause_s: float = 0.0
) -> float | None:
    """How long the runs will take in all; None where one of them has no prediction."""
    total = 0.0
    for configuration in configurations:
        if configuration.predicted_s is None:
            return None
        total += (configuration.predicted_s.median + START_S + pause_s) * repeats
    return total


def work_s(run: ObservedRun) -> float:
    """Wall clock in which at least one mapped step was computing.

    Between a step's last input and its first output; the rest of the run is overhead. For items
    one after another it is the sum of their durations, the seed's "work time". A run without
    mapped steps (all items in one step) is taken by all its steps.
    """
    mapped = [step for step in run.steps if step.mapping_key is not None]
    spans = sorted(
        (step.inputs_s, step.first_output_s)
        for step in mapped or run.steps
        if step.inputs_s is not None and step.first_output_s is not None
    )
    total = 0.0
    until = float("-inf")
    for begin, end in spans:
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def thread_limit(candidate: Candidate) -> dict[str, str]:
    """The environment that keeps math libraries to the candidate's number of threads."""
    limit = candidate.op_threads
    return {} if limit is None else dict.fromkeys(THREAD_VARIABLES, str(limit))


def run_child(
    configuration: Configuration,
    *,
    timeout_s: float,
    instance_kind: InstanceKind | None = None,
    results: tuple[str, ...] = (),
) -> ChildResult:
    """Run a configuration once: a fresh process, a temporary instance, gone afterwards.

    ``results`` names the ops whose outputs are read back. The value is a `RunResult`.
    """
    target = configuration.target
    with temporary_instance_home(instance_kind) as home:
        request = RunRequest(
            target,
            configuration.candidate.launch,
            configuration.run_config,
            str(home),
            results,
            configuration.pool_limits,
            configuration.compared,
            configuration.partition,
        )
        setup = configuration.setup
        return run_in_child(
            f"{__name__}:set_up_and_execute" if setup else "advisor.dagster_bridge.runs:execute",
            (setup, request) if setup else request,
            timeout_s=timeout_s,
            target=target,
            python_path=configuration.python_path,
            environment={"DAGSTER_HOME": str(home), **thread_limit(configuration.candidate)},
        )


def set_up_and_execute(order: tuple[str, RunRequest]) -> RunResult:
    """Call the user's hook, then run; called in a fresh process."""
    from advisor.dagster_bridge.runs import execute
    from advisor.measure.ops.session import call_hook

    setup, request = order
    call_hook(setup)
    return execute(request)


def run_once(
    configuration: Configuration,
    *,
    timeout_s: float,
    instance_kind: InstanceKind | None = None,
) -> VerifiedRun:
    """`run_child`, as it is stored.

    A run that fails, hangs or dies is a `VerifiedRun` with the reason in ``failed``.
    """
    started_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    child = run_child(configuration, timeout_s=timeout_s, instance_kind=instance_kind)
    if child.failure is not None:
        return VerifiedRun(
            candidate=configuration.candidate,
            wall_s=child.wall_s,
            work_s=0.0,
            parent_cpu_s=0.0,
            child_cpu_s=child.cpu_s,
            started_at=started_at,
            failed=child.failure.as_note(),
            peak_rss_bytes=child.peak_rss_bytes,
        )
    result = child.value
    assert isinstance(result, RunResult)
    if result.failure_text:
        terminal.warning("%s", result.failure_text)
    return VerifiedRun(
        candidate=configuration.candidate,
        wall_s=result.wall_s,
        work_s=(
            work_s(result.run) if result.run else min(configuration.expected_work_s, result.wall_s)
        ),
        parent_cpu_s=result.parent_cpu_s,
        child_cpu_s=result.child_cpu_s,
        started_at=started_at,
        failed=result.failed,
        content=result.content,
        peak_rss_bytes=child.peak_rss_bytes,
    )


def run_interleaved(
    configurations: Sequence[Configuration],
    *,
    repeats: int,
    run: Runner,
    seed: int = 0,
    before_run: Callable[[int, Configuration], None] = lambda _number, _configuration: None,
    pause_s: float = 0.0,
) -> tuple[Verification, ...]:
    """Run every configuration ``repeats`` times, taking turns.

    A configuration that has failed is not run again: it would fail again, at the same price.

    Args:
        run: Runs one of them once.
        before_run: Told the number of runs done or left out so far, and what comes next.
        pause_s: Before each run, see `advisor.measure.first_touch.pause_before_run_s`.
    """
    by_name = {configuration.name: configuration for configuration in configurations}
    runs: dict[str, list[VerifiedRun]] = {name: [] for name in by_name}
    for done, name in enumerate(interleaved(list(by_name), repeats, seed)):
        if any(earlier.failed for earlier in runs[name]):
            continue
        before_run(done, by_name[name])
        time.sleep(pause_s)
        runs[name].append(run(by_name[name]))
    return with_unlike_runs(
        [
            Verification(way.name, way.candidate, way.predicted_s, tuple(runs[way.name]), way.roles)
            for way in configurations
        ]
    )
