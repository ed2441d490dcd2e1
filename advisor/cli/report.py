"""``dynadvise report PROFILE -o report.html``."""

from __future__ import annotations

from pathlib import Path

import click

from advisor.cli import options
from advisor.cli.context import CommandContext, pass_state


@click.command("report")
@options.profile_argument
@options.output_option
@options.profiles_option
@pass_state
def command(state: CommandContext, profile: str, output: Path | None, profiles: Path) -> None:
    """Make one HTML page of PROFILE that needs nothing from elsewhere."""
    saved = options.read_profile(profile, profiles)
    from advisor.render.advice import report_document
    from advisor.render.html import to_html

    document = report_document(
        saved.advice, saved.description, saved.host, saved.overhead, saved.verifications
    )
    title = f"{saved.advice.target}: how to run it"
    footer = f"Written by dynadvise {saved.dynadvise_version} at {saved.written_at}."
    state.write(to_html(document, title, footer), output)
