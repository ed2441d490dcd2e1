"""``dynadvise plan``: how to cut many runs (partitions, a backfill); nothing is run."""

from dataclasses import replace
from pathlib import Path

from advisor.cli import options, sections, values
from advisor.cli.context import CommandContext, pass_state
from advisor.domain.options import OutputOptions, PlanOptions


@sections.command("plan", "my_module:my_job --partitions 365 --items 40")
@options.profile_argument
@sections.advised(
    "--partitions",
    type=values.COUNT,
    metavar="P",
    required=True,
    help="Partitions of the backfill; --items counts those of one partition.",
)
@sections.advised(
    "--runs-at-once",
    type=values.COUNT,
    metavar="K",
    help="Most runs in parallel (default: 16).",
)
@sections.advised(
    "--run-start",
    "run_start_s",
    type=values.NUMBER,
    metavar="SECONDS",
    help="From a run's dequeuing until its job begins (default: as measured on the host).",
)
@sections.advised(
    "--dequeue-interval",
    "dequeue_interval_s",
    type=values.NUMBER,
    metavar="SECONDS",
    default=5.0,
    show_default=True,
    help="How often the daemon looks at the queue of runs.",
)
@options.advise_options
@options.output_options("text", "json", "markdown")
@options.profiles_option
@options.grouped("asked", PlanOptions)
@pass_state
def command(
    state: CommandContext,
    *,
    profile: str,
    asked: PlanOptions,
    out: OutputOptions,
    profiles: Path,
) -> None:
    """Choose how many partitions a run takes, and how many runs and steps run in parallel.

    PROFILE is a target that was profiled, or a profile's file. Nothing is run.
    """
    saved, advise = options.read_asked(state, profile, profiles, asked.advise)
    from advisor.api.plan import plan
    from advisor.cli.showing import show
    from advisor.render.plan import plan_document, plan_screen

    with state.progress() as progress:
        outcome = plan(saved, replace(asked, advise=advise), progress)
    show(state, out, outcome, plan_document, plan_screen)
