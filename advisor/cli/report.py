"""``dynadvise report A [B] -o report.html``."""

from __future__ import annotations

from pathlib import Path

import click

from advisor.cli import options, sections
from advisor.cli.context import CommandContext, pass_state


@sections.command("report", "my_module:my_job -o report.html --open")
@click.argument("profile", metavar="PROFILE")
@click.argument("other", metavar="[OTHER]", required=False)
@options.output_option
@sections.section(
    sections.OUTPUT,
    click.option("--open", "show_it", is_flag=True, help="Open the page in a browser (needs -o)."),
)
@options.profiles_option
@pass_state
def command(
    state: CommandContext,
    *,
    profile: str,
    other: str | None,
    output: Path | None,
    show_it: bool,
    profiles: Path,
) -> None:
    """Make one page of PROFILE, with sliders and charts, that needs nothing from elsewhere.

    With OTHER the two profiles are compared.
    """
    options.refuse(show_it and output is None, "--open needs a file.", "Name it: -o report.html")
    saved = options.read_profile(profile, profiles)
    every = [saved, *([options.read_profile(other, profiles)] if other else [])]
    from advisor.api.report_page import page_of
    from advisor.render.advice import report_document
    from advisor.render.html import to_html

    document = report_document(
        saved.advice, saved.description, saved.host, saved.overhead, saved.verifications
    )
    title = f"{saved.advice.target}: how to run it"
    footer = f"Written by dynadvise {saved.dynadvise_version} at {saved.written_at}."
    state.write(to_html(document, title, footer, [page_of(each) for each in every]), output)
    if show_it and output is not None:
        click.launch(str(output))
