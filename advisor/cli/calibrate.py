"""``dynadvise calibrate``: measure this host alone."""

import click

from advisor.cli import options, sections
from advisor.cli.context import CommandContext, pass_state
from advisor.domain.options import OutputOptions, WorkloadOptions


@sections.command("calibrate", "my_module:my_job")
@options.grouped(
    "workload",
    WorkloadOptions,
    click.argument("target", metavar="[TARGET]", required=False, default=""),
    options.job_option,
    options.working_directory_option,
)
@sections.effort("--recalibrate", is_flag=True, help="Measure again, cached or not.")
@options.scratch_postgres_option
@options.output_options("text", "json", "markdown")
@pass_state
def command(
    state: CommandContext,
    *,
    workload: WorkloadOptions,
    recalibrate: bool,
    scratch_postgres: str | None,
    out: OutputOptions,
) -> None:
    """Measure the overhead of each executor on this machine, by tiny real Dagster runs.

    With TARGET its module is imported in them, as it will be in the steps of its job. What is
    measured is kept and used again until the host, Python, Dagster or the storage changes.
    """
    from advisor.api.calibrating import calibrate_host

    with state.progress() as progress:
        calibration = calibrate_host(
            workload if workload.target else None,
            recalibrate=recalibrate,
            scratch_postgres=scratch_postgres,
            progress=progress,
        )
    from advisor.cli.showing import show
    from advisor.render.host import host_document, host_screen

    show(state, out, calibration, host_document, host_screen)
