"""``dynadvise recommend PROFILE``: advise again, nothing is run."""

from pathlib import Path

from advisor.cli import options, sections
from advisor.cli.context import CommandContext, pass_state
from advisor.domain.options import AdviseOptions, OutputOptions


@sections.command("recommend", "my_module:my_job --items 500 --cores 8")
@options.profile_argument
@options.advise_options
@options.output_options("text", "json", "markdown")
@options.emit_option
@options.profiles_option
@pass_state
def command(
    state: CommandContext,
    *,
    profile: str,
    advise: AdviseOptions,
    out: OutputOptions,
    emit: str | None,
    profiles: Path,
) -> None:
    """Advise again from PROFILE: other items, another machine, another objective.

    PROFILE is a file below profiles/, or the target that was profiled. Nothing is run.
    """
    saved, advise = options.read_asked(state, profile, profiles, advise)
    from advisor.api.recommend import recommend
    from advisor.cli.showing import show_advice

    advice = recommend(saved, advise)
    show_advice(state, advice, out, measured=saved, asked=advise, emit=emit)
