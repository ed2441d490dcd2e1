"""``dynadvise profile TARGET``: measure, advise, save."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.cli import options
from advisor.cli.consent import announcing
from advisor.cli.context import CommandContext, pass_state

if TYPE_CHECKING:
    from advisor.api.options import ProfileOptions


@click.command("profile")
@options.target_argument
@options.job_option
@click.option(
    "--inputs",
    metavar="FILE|MODULE:CALLABLE",
    help="Sample inputs: JSON, JSON Lines or YAML with one entry an item, or a callable.",
)
@click.option("--samples", type=options.COUNT, metavar="K", help="Run at most K items.")
@click.option(
    "--budget",
    type=options.NUMBER,
    metavar="SECONDS",
    help="How long the measuring may take in all (default: 60).",
)
@options.run_config_option
@options.advise_options
@options.output_options("text", "json", "markdown")
@click.option(
    "--emit",
    type=click.Choice(options.EMIT_KINDS),
    metavar="KIND",
    help=f"Snippet to print with the advice: {', '.join(options.EMIT_KINDS)}.",
)
@options.profiles_option
@click.option("--save/--no-save", default=True, help="Save the profile (default: yes).")
@click.option(
    "--dry-run", is_flag=True, help="Say what would be run, how often, and measured; run nothing."
)
@click.option(
    "--allow-side-effects/--no-allow-side-effects",
    default=None,
    help="Whether ops may run more than once: --no runs no op twice, each item at most once.",
)
@click.option(
    "--measure-collect",
    is_flag=True,
    help="Run the collecting op too, on the sampled outputs (default: never).",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask before ops are run repeatedly.")
@click.option(
    "--setup", metavar="MODULE:CALLABLE", help="Called before the measured calls, in their process."
)
@click.option("--teardown", metavar="MODULE:CALLABLE", help="Called after them.")
@click.option(
    "--item-timeout",
    type=options.NUMBER,
    metavar="SECONDS",
    help="An item that takes longer counts as hung (default: 300).",
)
@click.option(
    "--flamegraph", type=options.FILE, metavar="FILE", help="Write pyinstrument's HTML to FILE."
)
@click.option(
    "--from-runs",
    type=options.COUNT,
    metavar="K",
    help="Call no op: learn from the job's newest K runs in --instance.",
)
@options.instance_option
@click.option("--recalibrate", is_flag=True, help="Measure the host again, cached or not.")
@options.working_directory_option
@pass_state
def command(
    state: CommandContext,
    *,
    target: str,
    form: str,
    output: Path | None,
    dry_run: bool,
    yes: bool,
    from_runs: int | None,
    instance: Path | None,
    **values: Any,
) -> None:
    """Measure TARGET on sample inputs and advise how to run it.

    Runs your code (--dry-run says what of it), measures this host once, and prints the fastest
    way to run with its predicted time, the reasons, and the config to paste.
    """
    request = _request(state, target, values)
    from advisor.api import profile

    if dry_run:
        state.write("\n".join(profile.plan(request)) + "\n", output)
        return
    if output is not None:
        _check_writable(output)
    with state.progress() as progress:
        if from_runs:
            outcome = profile.profile_from_runs(request, options.instance_of(instance), from_runs)
        else:
            agreed = True if yes or request.allow_side_effects is not None else None
            outcome = profile.profile(request, progress, announcing(state, agreed))
    emitted = None
    if request.emit:
        from advisor.api.emitting import snippet_as

        emitted = snippet_as(request.emit, outcome.saved, outcome.advice, request.max_connections)
    from advisor.cli.showing import show_advice

    show_advice(state, outcome.advice, form, output, path=outcome.path, emitted=emitted)


def _request(state: CommandContext, target: str, values: dict[str, Any]) -> ProfileOptions:
    from advisor.api.options import DEFAULT_BUDGET_S, DEFAULT_ITEM_TIMEOUT_S, ProfileOptions

    settings = state.settings
    advise = options.advise_values(state, target, values)
    return ProfileOptions(
        target=target,
        job=values["job"],
        inputs=values["inputs"] or settings.inputs_of(target),
        items=advise.items,
        samples=values["samples"],
        budget_s=values["budget"] or settings.budget_s or DEFAULT_BUDGET_S,
        run_config=values["run_config"],
        cores=advise.cores,
        memory_bytes=advise.memory_bytes,
        host=advise.host,
        change=advise.change,
        objective=advise.objective,
        environment=advise.environment,
        max_connections=advise.max_connections,
        emit=values["emit"],
        profiles_dir=options.profiles_dir(state, values["profiles"]),
        save=values["save"],
        allow_side_effects=values["allow_side_effects"],
        measure_collect=values["measure_collect"],
        setup=values["setup"],
        teardown=values["teardown"],
        item_timeout_s=values["item_timeout"] or DEFAULT_ITEM_TIMEOUT_S,
        flamegraph=values["flamegraph"],
        recalibrate=values["recalibrate"],
        working_directory=values["working_directory"],
    )


def _check_writable(output: Path) -> None:
    """A minute of measuring must not end in a file that cannot be written."""
    options.refuse(
        str(output) != "-" and not output.absolute().parent.is_dir(),
        f"{str(output)!r} cannot be written: its folder does not exist.",
    )
