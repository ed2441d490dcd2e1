"""``dynadvise scan``: every job of an instance, its hours, and what config alone would save."""

from pathlib import Path

import click

from advisor.cli import options, sections, values
from advisor.cli.context import CommandContext, pass_state
from advisor.domain.options import OutputOptions


@sections.command("scan", "--instance ~/dagster_home --days 7")
@options.instance_option
@sections.runs(
    "--days",
    type=click.FloatRange(min=0, min_open=True),
    metavar="D",
    default=30.0,
    show_default=True,
    help="How far back.",
)
@sections.runs(
    "--last",
    type=values.COUNT,
    metavar="K",
    default=10,
    show_default=True,
    help="Logs to read per job, the newest ones.",
)
@options.output_options("text", "json", "markdown")
@options.profiles_option
@pass_state
def command(
    state: CommandContext,
    *,
    instance: Path | None,
    days: float,
    last: int,
    out: OutputOptions,
    profiles: Path,
) -> None:
    """List every job of an instance: runs, hours, overhead, and what config alone would save.

    The instance is opened for reading only, and no code of yours is run.
    """
    from advisor.api.scan import ScanOptions, scan
    from advisor.cli.showing import show
    from advisor.render.scan import scan_document, scan_screen

    outcome = scan(ScanOptions(options.named(instance), days, last, profiles))
    show(state, out, outcome, scan_document, scan_screen)
