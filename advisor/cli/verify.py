"""``dynadvise verify TARGET``: real runs beside what was predicted for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from advisor.cli import options, sections, values
from advisor.cli.consent import announcing, is_agreed
from advisor.cli.context import CommandContext, pass_state
from advisor.domain.options import OutputOptions, ProfilesOptions, VerifyOptions, WorkloadOptions
from advisor.domain.quantities import seconds

if TYPE_CHECKING:
    from advisor.api.verify import VerifyOutcome, VerifyPlan


@sections.command("verify", "my_module:my_job --repeats 5")
@options.workload_options
@sections.section(
    sections.CONFIGURATION,
    click.option(
        "--configurations",
        metavar="LIST",
        default="advised,config-only,current,default",
        show_default=True,
        help="What to run, separated by commas: advised, config-only, current, default, runner-up, "
        "grid, or ways such as execute_in_process, spawn:2, warm:4, "
        "warm:4:depth-first, async:16, in_process:batch=8:threads=8, cli-spawn:2.",
    ),
)
@sections.section(
    sections.EFFORT,
    click.option(
        "--repeats",
        type=values.COUNT,
        metavar="N",
        default=3,
        show_default=True,
        help="Runs of each.",
    ),
)
@sections.section(
    sections.MANNER,
    click.option(
        "--setup", metavar="MODULE:CALLABLE", help="Called before each run, in its process."
    ),
    click.option(
        "--run-timeout",
        "run_timeout_s",
        type=values.NUMBER,
        metavar="SECONDS",
        help="A run that takes longer is ended (default: ten times what is predicted).",
    ),
    click.option("--seed", type=int, metavar="N", default=0, help="Of the order of the runs."),
    click.option(
        "--yes/--no",
        "--allow-side-effects/--no-allow-side-effects",
        "agreed",
        default=None,
        help="Run without asking, or not at all (default: ask on a terminal).",
    ),
    click.option(
        "--dry-run", is_flag=True, help="Say what would be run, and how long; run nothing."
    ),
)
@options.scratch_postgres_option
@options.output_options("text", "json", "markdown")
@options.profiles_options
@pass_state
def command(
    state: CommandContext,
    *,
    workload: WorkloadOptions,
    configurations: str,
    repeats: int,
    setup: str | None,
    run_timeout_s: float | None,
    seed: int,
    agreed: bool | None,
    dry_run: bool,
    scratch_postgres: str | None,
    out: OutputOptions,
    profiles: ProfilesOptions,
) -> None:
    """Run TARGET's job for real, in several ways, and compare with the predictions.

    Each run has a process and a temporary Dagster instance of its own; yours is not touched.
    The ways take turns. Where TARGET has no profile yet, it is profiled first. Of a bare op or a
    function the job that `dynadvise emit` hands over is run, on the samples.
    """
    options.refuse(not workload.target, "Which TARGET?", "`dynadvise list` shows what there is.")
    from advisor.api.verify import verify

    request = VerifyOptions(
        workload=state.settings.with_inputs(workload),
        profiles=profiles,
        configurations=tuple(name.strip() for name in configurations.split(",") if name.strip()),
        repeats=repeats,
        run_timeout_s=run_timeout_s,
        seed=seed,
        setup=setup,
        scratch_postgres=scratch_postgres,
    )
    answer = False if dry_run else agreed

    def confirm(plan: VerifyPlan) -> bool:
        return is_agreed(state, announcement(plan), answer)

    with state.progress() as progress:
        outcome = verify(request, progress, confirm=confirm, announce=announcing(state, answer))
    if outcome is not None:
        _show(state, outcome, out)


def announcement(plan: VerifyPlan) -> list[str]:
    """What will be run of the user's code, how often, and how long it takes."""
    runs = "run" if plan.runs == 1 else "runs"
    ops = ", ".join(plan.mapped_ops)
    took = "for an unknown time"
    if plan.estimated_s is not None:
        took = f"about {seconds(plan.estimated_s)}"
    partition = plan.configurations[0].partition
    of = f"{plan.job}, partition {partition!r}" if partition else plan.job
    lines = [
        (
            f"{plan.runs} real {runs} of {of} ({took}): all of its ops, {ops} for each of "
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
    from advisor.render.verification import verification_document
    from advisor.render.verification_screen import verification_screen

    job, left_out = outcome.plan.job, outcome.plan.left_out
    verifications = outcome.verifications
    show(
        state,
        out,
        document=lambda: verification_document(verifications, job, left_out=left_out),
        as_json=lambda: verification_to_json(verifications, job, left_out=left_out),
        screen=lambda: verification_screen(verifications, job, left_out=left_out),
    )
    if outcome.path is not None:
        state.say(
            f"Stored in {outcome.path}: the next prediction for this job takes it into account."
        )
    if outcome.unsaved is not None:
        raise outcome.unsaved
