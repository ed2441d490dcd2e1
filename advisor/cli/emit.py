"""``dynadvise emit PROFILE --as KIND``: a snippet again, in any form."""

from pathlib import Path

import click

from advisor.cli import options, sections
from advisor.cli.context import CommandContext, pass_state
from advisor.domain.options import AdviseOptions
from advisor.emit import KINDS


@sections.command("emit", "my_module:my_job --as run-config -o run.yaml")
@options.profile_argument
@sections.output(
    "--as",
    "kind",
    type=click.Choice(KINDS),
    required=True,
    metavar="KIND",
    help=f"What to emit: {', '.join(KINDS)}.",
)
@options.advise_options
@options.output_option
@options.profiles_option
@pass_state
def command(
    state: CommandContext,
    *,
    profile: str,
    kind: str,
    advise: AdviseOptions,
    output: Path | None,
    profiles: Path,
) -> None:
    """Print code or configuration for PROFILE's advice; it never imports dynadvise."""
    saved, advise = options.read_asked(state, profile, profiles, advise)
    from advisor.api.emitting import snippet
    from advisor.api.recommend import recommend

    advice = recommend(saved, advise, snippets=False)
    text = snippet(kind, saved, advice, advise.max_connections, advise.cluster)
    state.write(text if text.endswith("\n") else text + "\n", output)
