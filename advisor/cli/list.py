"""``dynadvise list [PROJECT]``: what fans out in a project, and the command for each."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from advisor.cli import options, sections
from advisor.cli.context import CommandContext, pass_state
from advisor.domain.command_line import path_of
from advisor.domain.errors import UnnamedTargetError
from advisor.domain.options import OutputOptions, ProfilesOptions, WorkloadOptions

WRONG = 2  # of the contract's exit status: nothing could be loaded


@sections.command("list", "")
@click.argument("project", metavar="[PROJECT]", required=False)
@sections.section(
    sections.MEASURED,
    click.option("-m", "--module-name", metavar="MODULE", help="A module with definitions."),
    click.option("-f", "--python-file", metavar="FILE", help="A file with definitions."),
    click.option("-w", "--workspace", metavar="FILE", help="A workspace.yaml."),
)
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
    show_listing(
        state, out, named[0] if named else None, working_directory, profiles, instance=instance
    )


def show_listing(
    state: CommandContext,
    out: OutputOptions,
    project: str | None,
    working_directory: Path | None,
    profiles: Path,
    *,
    instance: Path | None,
) -> None:
    """Write the list; runs are counted in DAGSTER_HOME where no instance is named.

    Raises:
        TargetError: There is no such project.
    """
    from advisor.api.listing import ListOptions, list_project
    from advisor.cli.showing import show
    from advisor.render.forms.documents import to_json
    from advisor.render.listing import listing_document, listing_screen

    home = os.environ.get("DAGSTER_HOME")
    instance = instance or (path_of(home) if home else None)
    with state.progress() as progress:
        progress("importing the project", None)
        listing = list_project(ListOptions(project, working_directory, instance, profiles))
    show(
        state,
        out,
        document=lambda: listing_document(listing),
        as_json=lambda: to_json(listing),
        screen=lambda: listing_screen(listing),
    )
    if all(location.error for location in listing.locations):
        click.get_current_context().exit(WRONG)


def or_list(command: Callable[..., None]) -> Callable[..., None]:
    """Answer no TARGET, a folder and a package with the list of what there is to name."""

    @functools.wraps(command)
    def call(
        state: CommandContext, *, workload: WorkloadOptions, profiles: ProfilesOptions, **rest: Any
    ) -> None:
        def show_list() -> None:
            project, folder = workload.target or None, workload.working_directory
            show_listing(
                state, rest["out"], project, folder, profiles.folder, instance=rest["instance"]
            )

        folder = Path(workload.working_directory or ".", workload.target)
        if not (workload.job or workload.asset) and folder.is_dir():
            show_list()
            return
        try:
            command(state, workload=workload, profiles=profiles, **rest)
        except UnnamedTargetError:
            show_list()

    return call
