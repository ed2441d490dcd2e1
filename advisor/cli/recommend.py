"""``dynadvise recommend PROFILE``: advise again, nothing is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from advisor.cli import options
from advisor.cli.context import CommandContext, pass_state


@click.command("recommend")
@options.profile_argument
@options.advise_options
@options.output_options("text", "json", "markdown")
@click.option(
    "--emit",
    type=click.Choice(options.EMIT_KINDS),
    metavar="KIND",
    help=f"Snippet to print with the advice: {', '.join(options.EMIT_KINDS)}.",
)
@options.profiles_option
@pass_state
def command(
    state: CommandContext,
    *,
    profile: str,
    form: str,
    output: Path | None,
    emit: str | None,
    profiles: Path | None,
    **values: Any,
) -> None:
    """Advise again from PROFILE: other items, another machine, another objective.

    PROFILE is a file below profiles/, or the target that was profiled. Nothing is run.
    """
    saved = options.read_profile(state, profile, profiles)
    advise = options.advise_values(state, saved.advice.target, values)
    from advisor.api.recommend import recommend
    from advisor.cli.showing import show_advice

    advice = recommend(saved, advise)
    emitted = None
    if emit:
        from advisor.api.emitting import snippet_as

        emitted = snippet_as(emit, saved, advice, advise.max_connections)
    show_advice(state, advice, form, output, emitted=emitted)
