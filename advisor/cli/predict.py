"""``dynadvise predict PROFILE``: one configuration's wall clock, nothing is run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from advisor.cli import options, sections, values
from advisor.cli.context import CommandContext, pass_state
from advisor.domain.advice import Advice
from advisor.domain.candidate import Candidate, Executor, Launch
from advisor.domain.cluster import BY_WORKERS, DELEGATING, DESCRIBED
from advisor.domain.executor_setting import StartMethod
from advisor.domain.options import AdviseOptions, OutputOptions
from advisor.domain.workload import WorkerKind

if TYPE_CHECKING:
    from advisor.store import SavedProfile

_EXECUTORS = ("in_process", "multiprocess", "async", *DESCRIBED)
_NAMED = ("advised", "current", "default", "config-only")


@dataclass(frozen=True, slots=True)
class _Changes:
    """What the options change of the configuration that the profile's advice names."""

    named: str | None
    launch: Launch | None
    executor: Executor | None
    start_method: StartMethod | None
    preload: tuple[str, ...]
    no_preload: bool
    max_concurrent: int | None
    batch_size: int | None
    workers: int | None
    worker_kind: WorkerKind | None
    depth_first: bool | None


@sections.command("predict", "my_module:my_job --max-concurrent 8")
@options.profile_argument
@options.grouped(
    "changes",
    _Changes,
    sections.configuration(
        "--as",
        "named",
        type=click.Choice(_NAMED),
        help="A configuration that the profile's advice names (default: advised); "
        "the options below change it.",
    ),
    sections.configuration(
        "--launch", type=click.Choice(["execute_in_process", "execute_job", "cli", "daemon"])
    ),
    sections.configuration(
        "--executor",
        type=click.Choice(_EXECUTORS),
        metavar="NAME",
        help="Without --as, a configuration of its own with Dagster's defaults: "
        f"{', '.join(_EXECUTORS)}. Those that start a pod, container or task per step need "
        "--cluster.",
    ),
    sections.configuration("--start-method", type=click.Choice(["spawn", "forkserver"])),
    sections.configuration(
        "--preload", metavar="MODULE", multiple=True, help="Preload it; may be repeated."
    ),
    sections.configuration(
        "--no-preload",
        is_flag=True,
        help="Forkserver without the preload list derived for this host.",
    ),
    sections.configuration(
        "--max-concurrent", type=values.COUNT, metavar="N", help="Steps in parallel."
    ),
    sections.configuration("--batch-size", type=values.COUNT, metavar="N", help="Items per step."),
    sections.configuration(
        "--workers", type=values.COUNT, metavar="N", help="Threads or processes inside a step."
    ),
    sections.configuration("--worker-kind", type=click.Choice(["thread", "process"])),
    sections.configuration(
        "--depth-first/--breadth-first",
        default=None,
        help="Order of a chain of mapped ops (dagster/priority tags).",
    ),
)
@options.advise_options
@options.output_options("text", "json", details=False)
@options.profiles_option
@pass_state
def command(
    state: CommandContext,
    *,
    profile: str,
    changes: _Changes,
    advise: AdviseOptions,
    out: OutputOptions,
    profiles: Path,
) -> None:
    """Predict the run time of one configuration, with interval and breakdown. Nothing is run."""
    saved, advise = options.read_asked(state, profile, profiles, advise)
    candidate = _candidate(saved, changes, advise)
    from advisor.api.cluster_advice import place_of
    from advisor.api.recommend import predict

    prediction = predict(saved, candidate, advise)
    from advisor.cli.showing import show
    from advisor.render.advice import prediction_document
    from advisor.render.forms.table import OnePrediction

    place = place_of(saved, advise)
    cautions = (place,) if place else ()
    items = _items(saved, advise.items)
    one = OnePrediction(saved.advice.target, items, prediction, cautions)
    show(state, out, one, prediction_document)


def _items(saved: SavedProfile, items: int | None) -> int:
    return items or saved.advice.workload.items


def _candidate(saved: SavedProfile, changes: _Changes, advise: AdviseOptions) -> Candidate:
    """The configuration that the options name."""
    own = changes.named is None and (changes.executor or changes.launch)
    base = Candidate("execute_job", "in_process") if own else _named(saved.advice, changes.named)
    launch = changes.launch or ("execute_job" if changes.executor else base.launch)
    executor = changes.executor or base.executor
    if launch == "execute_in_process":
        options.refuse(
            changes.executor not in (None, "in_process"),
            "`execute_in_process` runs in process whatever the executor is.",
            "--launch execute_job runs the executor.",
        )
        executor = "in_process"
    same = executor == base.executor
    slots = base.max_concurrent if same else _default_concurrency(saved, executor, advise)
    candidate = Candidate(
        launch=launch,
        executor=executor,
        max_concurrent=slots,
        batch_size=changes.batch_size or base.batch_size,
        workers_in_op=changes.workers or base.workers_in_op,
        depth_first=base.depth_first if same else False,
    )
    if changes.depth_first is not None:
        options.refuse(
            changes.depth_first and candidate.is_batched,
            "A batch runs the chain of each item whole: there is no order to choose.",
        )
        candidate = replace(candidate, depth_first=changes.depth_first)
    if changes.max_concurrent:
        options.refuse(
            executor == "in_process" and changes.max_concurrent > 1,
            "In process, one step runs at a time: --max-concurrent does not fit.",
            "--executor multiprocess runs several; --workers works inside a step.",
        )
        candidate = replace(candidate, max_concurrent=changes.max_concurrent)
    candidate = _with_workers(candidate, base, changes)
    return _with_start_method(candidate, base if same else None, saved, changes)


def _named(advice: Advice, name: str | None) -> Candidate:
    prediction = {
        "advised": advice.recommendation,
        "current": advice.current,
        "default": advice.default,
        "config-only": advice.config_only,
    }[name or "advised"]
    own = advice.own_way if name == "current" else None
    if prediction is None and own is not None:
        return own
    options.refuse(
        prediction is None,
        f"{advice.target} has no {name} configuration: it is not a job.",
        "Name one with --executor.",
    )
    assert prediction is not None
    return prediction.candidate


def _default_concurrency(saved: SavedProfile, executor: str, advise: AdviseOptions) -> int:
    """What Dagster takes where ``max_concurrent`` is not set."""
    if executor in BY_WORKERS and advise.cluster and advise.cluster.slots:
        return advise.cluster.slots
    if executor == "async" or executor in DELEGATING:
        return _items(saved, advise.items)  # no limit at all
    here = saved.host.facts.cpu_count
    return advise.default_concurrent(here) if executor != "in_process" else 1


def _with_workers(candidate: Candidate, base: Candidate, changes: _Changes) -> Candidate:
    kind = changes.worker_kind
    if candidate.workers_in_op > 1:
        options.refuse(
            candidate.batch_size == 1,
            "Workers inside a step share out its items: --workers needs --batch-size.",
        )
        return replace(candidate, worker_kind=kind or base.worker_kind or "thread")
    options.refuse(kind is not None, "--worker-kind needs --workers.")
    return candidate


def _with_start_method(
    candidate: Candidate, base: Candidate | None, saved: SavedProfile, changes: _Changes
) -> Candidate:
    """``base`` is the configuration that is changed, where it has the same executor."""
    preload, bare = changes.preload, changes.no_preload
    options.refuse(bool(preload) and bare, "--preload and --no-preload do not go together.")
    method = changes.start_method or (base.start_method if base else None)
    if candidate.executor != "multiprocess":
        options.refuse(
            changes.start_method is not None or bool(preload) or bare,
            f"The {candidate.executor} executor starts no processes of its own: "
            "--start-method and --preload do not fit.",
            "--executor multiprocess does.",
        )
        return candidate
    method = method or ("forkserver" if preload or bare else "spawn")
    options.refuse(
        method == "spawn" and (bool(preload) or bare),
        "Under spawn nothing is preloaded.",
        "--start-method forkserver preloads.",
    )
    if method == "forkserver" and not preload and not bare:
        listed = base.preload_modules if base and base.start_method == "forkserver" else ()
        explicit = changes.start_method is not None
        preload = listed or (saved.host.preload.modules if explicit else ())
    return replace(candidate, start_method=method, preload_modules=preload)
