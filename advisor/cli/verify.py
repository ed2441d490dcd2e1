"""``dynadvise verify TARGET``: real runs beside what was predicted for them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from advisor.cli import options, sections, values
from advisor.cli.context import CommandContext, pass_state
from advisor.domain.options import OutputOptions, VerifyOptions
from advisor.domain.quantities import count, seconds

if TYPE_CHECKING:
    from advisor.api.verify import VerifyOutcome, VerifyPlan


@sections.command("verify", "my_module:my_job --repeats 5")
@options.workload_options
@sections.configuration(
    "--configurations",
    type=values.NAMES,
    metavar="LIST",
    default="advised,config-only,current,default",
    show_default=True,
    help="What to run, separated by commas: advised, config-only, current, default, runner-up, "
    "grid, or ways such as execute_in_process, spawn:2, warm:4, "
    "warm:4:depth-first, async:16, in_process:batch=8:threads=8, cli-spawn:2.",
)
@sections.effort(
    "--repeats", type=values.COUNT, metavar="N", default=3, show_default=True, help="Runs of each."
)
@sections.manner(
    "--setup", metavar="MODULE:CALLABLE", help="Called before each run, in its process."
)
@sections.manner(
    "--run-timeout",
    "run_timeout_s",
    type=values.NUMBER,
    metavar="SECONDS",
    help="A run that takes longer is ended (default: ten times what is predicted).",
)
@sections.manner("--seed", type=int, metavar="N", default=0, help="Of the order of the runs.")
@sections.manner(
    "--yes/--no",
    "--allow-side-effects/--no-allow-side-effects",
    "agreed",
    default=None,
    help="Run without asking, or not at all (default: ask on a terminal).",
)
@sections.manner(
    "--dry-run", is_flag=True, help="Say what would be run, and how long; run nothing."
)
@options.scratch_postgres_option
@options.output_options("text", "json", "markdown")
@options.profiles_options
@options.grouped("request", VerifyOptions)
@pass_state
def command(
    state: CommandContext,
    *,
    request: VerifyOptions,
    agreed: bool | None,
    dry_run: bool,
    out: OutputOptions,
) -> None:
    """Run TARGET's job for real, in several ways, and compare with the predictions.

    Each run has a process and a temporary Dagster instance of its own; yours is not touched.
    The ways take turns. Where TARGET has no profile yet, it is profiled first. Of a bare op or a
    function the job that `dynadvise emit` hands over is run, on the samples.
    """
    target = request.workload.target
    options.refuse(not target, "Which TARGET?", "`dynadvise list` shows what there is.")
    from advisor.api.verify import verify

    request = replace(request, workload=state.settings.with_inputs(request.workload))
    answer = False if dry_run else agreed

    def confirm(plan: VerifyPlan) -> bool:
        return state.is_agreed(announcement(plan), answer)

    with state.progress() as progress:
        outcome = verify(request, progress, confirm=confirm, announce=state.announcing(answer))
    if outcome is not None:
        _show(state, outcome, out)


def announcement(plan: VerifyPlan) -> list[str]:
    """What will be run of the user's code, how often, and how long it takes."""
    ops = ", ".join(plan.mapped_ops)
    took = "for an unknown time"
    if plan.estimated_s is not None:
        took = f"about {seconds(plan.estimated_s)}"
    partition = plan.configurations[0].partition
    of = f"{plan.job}, partition {partition!r}" if partition else plan.job
    lines = [
        (
            f"{count(plan.runs, 'real run')} of {of} ({took}): all of its ops, {ops} for each of "
            f"{plan.items} items, including their side effects."
        ),
    ]
    if plan.other_storage is not None:
        lines.append(
            f"  The profile was calibrated on {plan.other_storage}, and predicts for that: these"
            " runs are not stored in it. `dynadvise profile TARGET --scratch-database URL` predicts"
            " for the server."
        )
    times = "" if plan.repeats == 1 else f", {plan.repeats} times"
    for configuration in plan.configurations:
        predicted = configuration.predicted_s
        expected = f", predicted {seconds(predicted.median)}" if predicted else ""
        lines.append(f"  {configuration.name}: {configuration.candidate.label}{times}{expected}")
    lines += [f"  {each.name} is left out: {each.reason}" for each in plan.left_out]
    return lines


def _show(state: CommandContext, outcome: VerifyOutcome, out: OutputOptions) -> None:
    from advisor.cli.showing import show
    from advisor.render.forms.documents import verification_to_json
    from advisor.render.verification import verification_document, verification_screen

    job, left_out = outcome.plan.job, outcome.plan.left_out
    show(
        state,
        out,
        outcome.verifications,
        partial(verification_document, job=job, left_out=left_out),
        partial(verification_screen, job=job, left_out=left_out),
        as_json=partial(verification_to_json, job=job, left_out=left_out),
    )
    if outcome.path is not None:
        state.say(
            f"Stored in {outcome.path}: the next prediction for this job takes it into account."
        )
    if outcome.unsaved is not None:
        raise outcome.unsaved
