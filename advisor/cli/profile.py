"""``dynadvise profile TARGET``: measure, advise, save."""

from dataclasses import replace
from pathlib import Path

from advisor.cli import options, sections, values
from advisor.cli.context import CommandContext, pass_state
from advisor.cli.list import or_list
from advisor.domain.options import OutputOptions, ProfileOptions


@sections.command("profile", "my_module:my_job --inputs samples.json")
@options.workload_options
@options.measure_options
@options.advise_options
@options.output_options("text", "json", "markdown")
@options.emit_option
@options.profiles_options
@sections.manner(
    "--dry-run", is_flag=True, help="Say what would be run, how often, and measured; run nothing."
)
@sections.manner("-y", "--yes", is_flag=True, help="Do not ask before ops are run repeatedly.")
@sections.manner(
    "--from-runs",
    type=values.COUNT,
    metavar="K",
    help="Call no op: learn from the job's newest K runs in --instance.",
)
@options.instance_option
@options.grouped("request", ProfileOptions)
@pass_state
@or_list
def command(
    state: CommandContext,
    *,
    request: ProfileOptions,
    out: OutputOptions,
    emit: str | None,
    dry_run: bool,
    yes: bool,
    from_runs: int | None,
    instance: Path | None,
) -> None:
    """Measure TARGET on sample inputs and advise how to run it.

    Runs your code (--dry-run says what of it), measures this host once, and prints the fastest
    way to run with its predicted time, the reasons, and the config to paste. Without TARGET, or
    for a folder or a package, it lists what there is to measure.
    """
    from advisor.api import profile
    from advisor.cli.showing import show_advice

    request = replace(
        request,
        advise=state.settings.for_target(request.advise, request.workload.target),
        workload=state.settings.with_inputs(request.workload),
    )
    measure = request.measure
    if dry_run:
        state.write("\n".join(profile.plan(request)) + "\n", out.output)
        return
    options.refuse(measure.fast and measure.spend_budget, "--fast does not spend a budget.")
    if out.output is not None:
        _check_writable(out.output)
    announce = state.announcing(True if yes or measure.allow_side_effects is not None else None)
    try:
        with state.progress(phases=not from_runs) as progress:
            if from_runs:
                home = options.named(instance)
                outcome = profile.profile_from_runs(request, home, from_runs)
            else:
                watch, begun_s = progress.watch, state.begun_s
                outcome = profile.profile(request, progress, announce, watch, begun_s=begun_s)
    except KeyboardInterrupt:
        state.say("Nothing measured yet: there is no advice, and nothing was saved.")
        raise
    show_advice(
        state,
        outcome.advice,
        out,
        measured=outcome.saved,
        asked=request.advise,
        path=outcome.path,
        emit=emit,
    )
    if outcome.unsaved is not None:
        raise outcome.unsaved
    if outcome.interrupted:
        raise KeyboardInterrupt


def _check_writable(output: Path) -> None:
    """A minute of measuring must not end in a file that cannot be written."""
    options.refuse(
        str(output) != "-" and not output.absolute().parent.is_dir(),
        f"{str(output)!r} cannot be written: its folder does not exist.",
    )
