"""Options that several commands share; each value is checked here, before anything is run."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from advisor.cli import sections, values
from advisor.cli.context import CommandContext
from advisor.domain.advice import Objective
from advisor.domain.command_line import path_of
from advisor.domain.errors import ConfigurationError
from advisor.domain.options import (
    AdviseOptions,
    MeasureOptions,
    OutputOptions,
    ProfilesOptions,
    WorkloadOptions,
)
from advisor.emit import KINDS

if TYPE_CHECKING:
    from advisor.store import SavedProfile

F = TypeVar("F", bound=Callable[..., Any])


def grouped(
    name: str, group: Callable[..., object], *options: Callable[[F], F]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Options that a command gets as one argument: a ``group`` of their values, by its fields."""
    fields = tuple(inspect.signature(group).parameters)

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def call(*args: Any, **values: Any) -> Any:
            own = {field: values.pop(field) for field in fields if field in values}
            return command(*args, **values, **{name: group(**own)})

        decorated: Callable[..., Any] = call
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def setting(name: str, otherwise: object = None) -> Callable[[], Any]:
    """An option's default from ``[tool.dynadvise]``, or ``otherwise``; read where it is needed."""

    def value() -> Any:
        state = click.get_current_context().ensure_object(CommandContext)
        in_settings = getattr(state.settings, name)
        return otherwise if in_settings is None else in_settings

    return value


def profiles_option_as(name: str) -> Callable[[F], F]:
    """``--profiles`` as the argument ``name``."""
    return sections.places(
        "--profiles",
        name,
        type=values.FOLDER,
        metavar="DIR",
        default=setting("profiles"),
        help="Folder of the profiles (default: profiles/).",
    )


profiles_option = profiles_option_as("profiles")

profiles_options = grouped(
    "profiles",
    ProfilesOptions,
    profiles_option_as("folder"),
    sections.places("--save/--no-save", default=True, help="Write to the profile (default: yes)."),
)

job_option = sections.measured(
    "--job", metavar="NAME", help="The job, where TARGET is a module of Definitions."
)
asset_option = sections.measured(
    "--asset", metavar="KEY", help="The asset, likewise, by its key (a/b)."
)
run_config_option = sections.measured(
    "--run-config",
    type=values.EXISTING_FILE,
    metavar="FILE",
    help="Dagster run config (YAML) for ops and resources.",
)
scratch_postgres_option = sections.manner(
    "--scratch-database",
    "--scratch-postgres",
    "scratch_postgres",
    metavar="URL",
    envvar=["DYNADVISE_SCRATCH_DATABASE", "DYNADVISE_SCRATCH_POSTGRES"],
    help="Calibrate (verify: run) on this Postgres or MySQL server, in a database that is made "
    "for it and dropped; without it, on SQLite. DYNADVISE_SCRATCH_DATABASE keeps the password "
    "off the command line.",
)
working_directory_option = sections.places(
    "-d",
    "--working-directory",
    type=values.EXISTING_FOLDER,
    metavar="DIR",
    help="Importable folder (default: the current one).",
)

workload_options = grouped(
    "workload",
    WorkloadOptions,
    click.argument("target", metavar="TARGET", required=False, default=""),
    job_option,
    asset_option,
    sections.measured(
        "--inputs",
        metavar="FILE|MODULE:CALLABLE",
        help="Sample inputs: JSON, JSON Lines or YAML with one entry per item, or a callable.",
    ),
    run_config_option,
    sections.measured(
        "--partition",
        metavar="KEY",
        help="Partition to run, of a partitioned job (default: the last).",
    ),
    working_directory_option,
)

measure_options = grouped(
    "measure",
    MeasureOptions,
    sections.effort("--samples", type=values.COUNT, metavar="K", help="Run at most K items."),
    sections.effort(
        "--budget",
        "budget_s",
        type=values.NUMBER,
        metavar="SECONDS",
        default=setting("budget_s", MeasureOptions().budget_s),
        help="The most that the measuring may take in all (default: 60).",
    ),
    sections.effort(
        "--precision",
        type=values.SHARE,
        metavar="SHARE",
        help="Measure until the advised way's interval is within this share of its median (15%).",
    ),
    sections.effort("--fast", is_flag=True, help="A first answer only, without hot spots."),
    sections.effort(
        "--spend-budget",
        is_flag=True,
        help="Use the whole budget (default: end when the advice is settled).",
    ),
    sections.effort("--recalibrate", is_flag=True, help="Measure the host again, cached or not."),
    sections.manner(
        "--allow-side-effects/--no-allow-side-effects",
        default=None,
        help="Whether ops may run more than once: --no runs no op twice, each item at most once.",
    ),
    sections.manner(
        "--measure-collect",
        is_flag=True,
        help="Run the collecting op too, on the sampled outputs (default: never).",
    ),
    sections.manner(
        "--setup",
        metavar="MODULE:CALLABLE",
        help="Called before the measured calls, in their process.",
    ),
    sections.manner("--teardown", metavar="MODULE:CALLABLE", help="Called after them."),
    sections.manner(
        "--item-timeout",
        "item_timeout_s",
        type=values.NUMBER,
        metavar="SECONDS",
        default=MeasureOptions().item_timeout_s,
        help="An item that takes longer counts as hung (default: 300).",
    ),
    sections.manner(
        "--flamegraph", type=values.FILE, metavar="FILE", help="Write pyinstrument's HTML to FILE."
    ),
    scratch_postgres_option,
)

#: For what the advice is: `items` and the machine, the objective, what may change.
advise_options = grouped(
    "advise",
    AdviseOptions,
    sections.advised(
        "--items", type=values.ITEMS, metavar="N", help="Number of items in production."
    ),
    sections.advised(
        "--cores", type=values.NUMBER, metavar="N", help="Advise for a machine with N cores."
    ),
    sections.advised(
        "--memory",
        "memory_bytes",
        type=values.SIZE,
        metavar="SIZE",
        help="... and with so much memory (8GiB).",
    ),
    sections.advised(
        "--memory-headroom",
        type=values.SHARE,
        metavar="FRACTION",
        default=setting("memory_headroom"),
        help="Share of the memory that the advice leaves free (default: 15%).",
    ),
    sections.advised(
        "--cpu-count",
        type=values.COUNT,
        metavar="N",
        help="... where Python counts N CPUs, which Dagster's default takes: a pod's cores are "
        "fewer than its node's (default: N of --cores).",
    ),
    sections.advised(
        "--host", metavar="NAME", help="Advise for a machine of [tool.dynadvise.hosts]."
    ),
    sections.advised(
        "--cluster",
        "cluster_name",
        metavar="NAME",
        help="Advise for a cluster of [tool.dynadvise.clusters.NAME].",
    ),
    sections.advised(
        "--change",
        type=click.Choice(["config", "code"]),
        default=setting("change", "code"),
        help="What the advice may ask for: a pasted config, or a change of code too "
        "(default: code, and the config-only advice as well).",
    ),
    sections.advised(
        "--objective",
        type=click.Choice(get_args(Objective)),
        default=setting("objective", "time"),
        help="Run time (default); cost: the cores held times the run's time, and what pods "
        "request (on one machine it ranks like time); cost-cpu: CPU-seconds; balanced: time "
        "and CPU-seconds.",
    ),
    sections.advised(
        "--environment",
        type=click.Choice(["dev", "test", "prod"]),
        default=setting("environment", "prod"),
        help="Where it will run, which decides the ways that may be advised (default: prod).",
    ),
    sections.advised(
        "--max-connections",
        type=values.COUNT,
        metavar="N",
        default=setting("max_connections"),
        help="Limit on concurrent items that hold a database connection.",
    ),
    sections.advised(
        "--max-rate",
        type=values.NUMBER,
        metavar="N",
        default=setting("max_rate"),
        help="Items per second that the service behind the op allows.",
    ),
)

emit_option = sections.output(
    "--emit",
    type=click.Choice(KINDS),
    metavar="KIND",
    help=f"Snippet to print with the advice: {', '.join(KINDS)}.",
)


def _or_home(
    _context: click.Context, _parameter: click.Parameter, folder: Path | None
) -> Path | None:
    home = os.environ.get("DAGSTER_HOME")
    return folder or (path_of(home) if home else None)


instance_option = sections.places(
    "--instance",
    callback=_or_home,
    type=values.FOLDER,
    metavar="DIR",
    help="Folder of the Dagster instance (default: DAGSTER_HOME).",
)


def named(instance: Path | None) -> Path:
    """The instance, where one is named.

    Raises:
        ConfigurationError: None is.
    """
    if instance is None:
        raise ConfigurationError(
            "Which Dagster instance?",
            hint="Give its folder: --instance DIR, or set DAGSTER_HOME.",
        )
    return instance


def _profile_name(profile: str, job: str | None, asset: str | None) -> str:
    """A profile's file, or its target, spelled as for ``profile``."""
    refuse(bool(job and asset), "--job and --asset name two targets.", "Give one of them.")
    return ":".join(filter(None, (profile, job or asset)))


profile_argument = grouped(
    "profile",
    _profile_name,
    click.argument("profile", metavar="PROFILE"),
    job_option,
    asset_option,
)


def output_options(
    *formats: str, details: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--format`` with ``formats`` (the first is the default), ``-o`` and ``--details``."""
    form = sections.output(
        "--format",
        "form",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Form of the output.",
    )
    whole = sections.output("--details", is_flag=True, help="Print everything, not one screen.")
    return grouped("out", OutputOptions, form, output_option, *([whole] if details else []))


output_option = sections.output(
    "-o", "--output", type=values.FILE, metavar="FILE", help="Write to FILE instead of stdout."
)
open_option = sections.output(
    "--open",
    "show_it",
    is_flag=True,
    help="Open the page in a browser (without -o: a temporary file).",
)


def read_profile(spelled: str, profiles: Path) -> SavedProfile:
    """The profile that the user named, by its file or by its target.

    Raises:
        ProfileError: It is missing, damaged or too new.
    """
    from advisor import store

    return store.read(store.find_profile(spelled, profiles))


def read_asked(
    state: CommandContext, profile: str, profiles: Path, advise: AdviseOptions
) -> tuple[SavedProfile, AdviseOptions]:
    """The profile that the user named, and what to advise for, with what the settings say of it.

    Raises:
        DynadviseError: As `read_profile`; a host or cluster is not described.
    """
    saved = read_profile(profile, profiles)
    return saved, state.settings.for_target(advise, saved.advice.target)


def refuse(condition: bool, what: str, hint: str | None = None) -> None:
    """Raise a `ConfigurationError` for options that do not go together."""
    if condition:
        raise ConfigurationError(what, hint=hint)
