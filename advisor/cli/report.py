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
def command(
    state: CommandContext, profile: str, output: Path | None, profiles: Path | None
) -> None:
    """Make one HTML page of PROFILE that needs nothing from elsewhere."""
    saved = options.read_profile(state, profile, profiles)
    from advisor.render.html import report_to_html

    page = report_to_html(
        saved.advice,
        saved.description,
        saved.host,
        saved.overhead,
        saved.verifications,
        written_at=saved.written_at,
        dynadvise_version=saved.dynadvise_version,
    )
    state.write(page, output)
