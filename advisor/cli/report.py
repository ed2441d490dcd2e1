"""``dynadvise report A [B] -o report.html``."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from advisor.cli import options, sections
from advisor.cli.context import CommandContext, pass_state
from advisor.domain.options import AdviseOptions

if TYPE_CHECKING:
    from advisor.store import SavedProfile


@sections.command("report", "my_module:my_job -o report.html --open")
@options.profile_argument
@click.argument("other", metavar="[OTHER]", required=False)
@options.advise_options
@options.output_option
@options.open_option
@options.profiles_option
@pass_state
def command(
    state: CommandContext,
    *,
    profile: str,
    other: str | None,
    advise: AdviseOptions,
    output: Path | None,
    show_it: bool,
    profiles: Path,
) -> None:
    """Make one page of PROFILE, with sliders and charts, that needs nothing from elsewhere.

    With OTHER the two profiles are compared. It shows the saved advice; with options of `recommend`
    the advice for those.
    """
    saved, *others = (
        _advised(state, options.read_profile(spelled, profiles), advise)
        for spelled in (profile, other)
        if spelled
    )
    from advisor.api.report_page import page_of
    from advisor.render.advice import report_document
    from advisor.render.html import InteractivePart, to_html

    first, _ = saved
    document = report_document(
        first.advice, first.description, first.host, first.overhead, first.verifications
    )
    title = f"{first.advice.target}: how to run it"
    footer = f"Written by dynadvise {first.dynadvise_version} at {first.written_at}."
    above = InteractivePart("report", {"profiles": [page_of(*each) for each in (saved, *others)]})
    page = to_html(document, title, footer, above)
    (state.open_page if show_it else state.write)(page, output)


def _advised(
    state: CommandContext, saved: SavedProfile, advise: AdviseOptions
) -> tuple[SavedProfile, AdviseOptions | None]:
    """The profile with the advice that is asked for; as it was saved where nothing is asked."""
    context = click.get_current_context()
    sources = {context.get_parameter_source(each.name) for each in fields(AdviseOptions)}
    if ParameterSource.COMMANDLINE not in sources:
        return saved, None
    from advisor.api.recommend import recommend

    asked = state.settings.for_target(advise, saved.advice.target)
    return replace(saved, advice=recommend(saved, asked)), asked
