"""``dynadvise schema``: the JSON Schema of what a command prints."""

from pathlib import Path

import click

from advisor.cli import options, sections
from advisor.cli.context import CommandContext, pass_state

#: As in :data:`advisor.render.forms.table.DOCUMENTS`, which is not imported for --help.
NAMES = (
    "advice",
    "analysis",
    "calibration",
    "check",
    "list",
    "plan",
    "prediction",
    "scan",
    "verification",
)


@sections.command("schema", "analysis -o analysis.schema.json")
@click.argument("name", metavar="[NAME]", type=click.Choice(NAMES), default="advice")
@options.output_option
@pass_state
def command(state: CommandContext, name: str, output: Path | None) -> None:
    """Print the JSON Schema (2020-12) of what --format json prints.

    NAME is advice (the default: profile, recommend), analysis (analyze), calibration (calibrate),
    check, list, plan, prediction (predict), scan or verification (verify).
    """
    from advisor.render.forms.encoding import json_text
    from advisor.render.forms.schema import schema_of

    state.write(json_text(schema_of(name)), output)
