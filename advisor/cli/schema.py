"""``dynadvise schema``: the JSON Schema of the advice."""

from __future__ import annotations

from pathlib import Path

import click

from advisor.cli import options
from advisor.cli.context import CommandContext, pass_state


@click.command("schema")
@options.output_option
@pass_state
def command(state: CommandContext, output: Path | None) -> None:
    """Print the JSON Schema (2020-12) of what --format json prints."""
    from advisor.render.json_form import schema_text

    state.write(schema_text(), output)
