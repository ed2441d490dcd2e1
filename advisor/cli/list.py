"""``dynadvise list [PROJECT]``: what fans out in a project, and the command for each."""

import contextlib
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from advisor.cli import options, sections
from advisor.cli.context import CommandContext, pass_state
from advisor.domain.errors import UnnamedTargetError
from advisor.domain.options import ListOptions, OutputOptions, ProfileOptions

WRONG = 2  # of the contract's exit status: nothing could be loaded


@sections.command("list", "")
@click.argument("project", metavar="[PROJECT]", required=False)
@sections.measured("-m", "--module-name", metavar="MODULE", help="A module with definitions.")
@sections.measured("-f", "--python-file", metavar="FILE", help="A file with definitions.")
@sections.measured("-w", "--workspace", metavar="FILE", help="A workspace.yaml.")
@options.working_directory_option
@options.instance_option
@options.output_options("text", "json", "markdown")
@options.profiles_option
@pass_state
def command(
    state: CommandContext,
    *,
    project: str | None,
    module_name: str | None,
    python_file: str | None,
    workspace: str | None,
    working_directory: Path | None,
    instance: Path | None,
    out: OutputOptions,
    profiles: Path,
) -> None:
    """List what fans out in PROJECT, with the command that measures it.

    PROJECT is a folder (default: the current one), a module, a file or a workspace.yaml; a folder's
    project is found as by Dagster's own tools. Your code is imported, no op is run.
    """
    named = [each for each in (project, module_name, python_file, workspace) if each]
    options.refuse(len(named) > 1, "Name one project.")
    project = named[0] if named else None
    show_listing(state, out, ListOptions(project, working_directory, instance, profiles))


def show_listing(state: CommandContext, out: OutputOptions, asked: ListOptions) -> None:
    """Write the list, with the runs of an instance.

    Raises:
        TargetError: There is no such project.
    """
    from advisor.api.listing import list_project
    from advisor.cli.showing import show
    from advisor.render.listing import listing_document, listing_screen

    with state.progress() as progress:
        progress("importing the project", None)
        listing = list_project(asked)
    show(state, out, listing, listing_document, listing_screen)
    if all(location.error for location in listing.locations):
        click.get_current_context().exit(WRONG)


def or_list(command: Callable[..., None]) -> Callable[..., None]:
    """Answer no TARGET, a folder and a package with the list of what there is to name."""

    @functools.wraps(command)
    def call(state: CommandContext, *, request: ProfileOptions, **rest: Any) -> None:
        workload = request.workload
        project = Path(workload.working_directory or ".", workload.target)
        if workload.job or workload.asset or not project.is_dir():
            with contextlib.suppress(UnnamedTargetError):
                command(state, request=request, **rest)
                return
        asked = ListOptions(
            workload.target or None,
            workload.working_directory,
            rest["instance"],
            request.profiles.folder,
        )
        show_listing(state, rest["out"], asked)

    return call
