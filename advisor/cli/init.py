"""``dynadvise init``: set a project up, showing the change first."""

import sys
from pathlib import Path

import click

from advisor.cli import sections
from advisor.cli.context import CommandContext, pass_state
from advisor.cli.values import EXISTING_FOLDER
from advisor.domain.errors import ConfigurationError


@sections.command("init", "my_module:my_job --dry-run")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@sections.output("--pre-commit/--no-pre-commit", default=True, help="Add the pre-commit entry.")
@sections.output("--ci/--no-ci", default=True, help="Add the GitHub workflow.")
@sections.output("-y", "--yes", is_flag=True, help="Write without asking.")
@sections.output("--dry-run", is_flag=True, help="Show the change; write nothing.")
@sections.places(
    "-d",
    "--working-directory",
    type=EXISTING_FOLDER,
    metavar="DIR",
    help="A folder of the project (default: the current one).",
)
@pass_state
def command(
    state: CommandContext,
    targets: tuple[str, ...],
    *,
    pre_commit: bool,
    ci: bool,
    yes: bool,
    dry_run: bool,
    working_directory: Path | None,
) -> None:
    """Write [tool.dynadvise], a pre-commit entry and a CI job into a project.

    The change is shown as a diff on stdout first. What is there already stays as it is. TARGETs
    (module:job) are what `dynadvise check` will look at; without any, what
    fans out in the project is offered.
    """
    from advisor.api.project_setup import carry_out, plan_setup

    plan = plan_setup(working_directory or Path.cwd(), targets, pre_commit=pre_commit, ci=ci)
    if not plan.changes:
        state.say(f"{plan.root} is set up already; nothing to change.")
        return
    state.write(_colored(plan.diff()) if state.colored(sys.stdout) else plan.diff())
    for note in plan.notes:
        state.say(note)
    if dry_run:
        return
    if not yes and not _agreed(len(plan.changes), plan.root):
        state.say("Nothing was written.")
        return
    carry_out(plan)
    for change in plan.changes:
        state.say(f"Written: {change.path.relative_to(plan.root)}")


def _agreed(files: int, root: Path) -> bool:
    try:
        return click.confirm(f"Write {files} files in {root}?", default=False, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise ConfigurationError(
            "Nothing was written: there is nobody to ask.",
            hint="Use --yes to write without asking, or --dry-run to look alone.",
        ) from None


def _colored(diff: str) -> str:
    colors = {"+": "green", "-": "red", "@": "cyan"}
    return "".join(
        click.style(line, fg=colors[line[0]]) if line[:1] in colors else line
        for line in diff.splitlines(keepends=True)
    )
