"""``dynadvise calibrate``: measure this host alone."""

from pathlib import Path

import click

from advisor.cli import options, sections
from advisor.cli.context import CommandContext, pass_state
from advisor.domain.options import OutputOptions, WorkloadOptions


@sections.command("calibrate", "my_module:my_job")
@click.argument("target", metavar="[TARGET]", required=False)
@options.job_option
@sections.section(
    sections.EFFORT,
    click.option("--recalibrate", is_flag=True, help="Measure again, cached or not."),
)
@options.scratch_postgres_option
@options.output_options("text", "json", "markdown")
@options.working_directory_option
@pass_state
def command(
    state: CommandContext,
    *,
    target: str | None,
    job: str | None,
    recalibrate: bool,
    scratch_postgres: str | None,
    out: OutputOptions,
    working_directory: Path | None,
) -> None:
    """Measure the overhead of each executor on this machine, by tiny real Dagster runs.

    With TARGET its module is imported in them, as it will be in the steps of its job. What is
    measured is kept and used again until the host, Python, Dagster or the storage changes.
    """
    from advisor.api.calibrating import calibrate_host

    workload = None
    if target is not None:
        workload = WorkloadOptions(target, job, working_directory=working_directory)
    with state.progress() as progress:
        calibration = calibrate_host(
            workload,
            recalibrate=recalibrate,
            scratch_postgres=scratch_postgres,
            progress=progress,
        )
    from advisor.cli.showing import show
    from advisor.render.forms.documents import to_json
    from advisor.render.host import host_document
    from advisor.render.host_screen import host_screen

    show(
        state,
        out,
        document=lambda: host_document(calibration),
        as_json=lambda: to_json(calibration),
        screen=lambda: host_screen(calibration),
    )
