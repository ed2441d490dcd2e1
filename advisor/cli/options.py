"""Options that several commands share; each value is checked here, before anything is run."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from advisor.cli.context import CommandContext
from advisor.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from advisor.api.options import AdviseOptions
    from advisor.store import SavedProfile

F = TypeVar("F", bound=Callable[..., Any])

#: As in advisor.emit, which is not imported for --help.
EMIT_KINDS = (
    "run-config",
    "python",
    "environments",
    "batch",
    "workers",
    "dagster-yaml",
    "async",
    "instrument",
    "monitor",
    "troubleshooting",
)


class _Number(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3
    """A finite number above 0."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number.

        Raises:
            BadParameter: It is none, or not above 0.
        """
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number.", param, ctx)
        if not (math.isfinite(number) and number > 0):
            self.fail(f"{value} is not above 0.", param, ctx)
        return number


class _Size(click.ParamType):  # type: ignore[type-arg]
    """Bytes, spelled ``8GiB`` or ``512MB``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The bytes.

        Raises:
            BadParameter: It is no size.
        """
        from advisor.settings import parse_size

        if isinstance(value, int):
            return value
        try:
            return parse_size(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


NUMBER = _Number()
SIZE = _Size()
COUNT = click.IntRange(min=1)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


def _together(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


target_argument = click.argument("target", metavar="TARGET")

job_option = click.option(
    "--job", metavar="NAME", help="The job, where TARGET is a module with Definitions."
)

#: For what the advice is: `items` and the machine, the objective, what may change.
advise_options = _together(
    click.option("--items", type=COUNT, metavar="N", help="How many items production has."),
    click.option("--cores", type=NUMBER, metavar="N", help="Advise for a machine with N cores."),
    click.option("--memory", type=SIZE, metavar="SIZE", help="... and with so much memory (8GiB)."),
    click.option("--host", metavar="NAME", help="Advise for a machine of [tool.dynadvise.hosts]."),
    click.option(
        "--change",
        type=click.Choice(["config", "code"]),
        help="What the advice may ask for: a pasted config, or a change of code too "
        "(default: code, with the config-only advice beside it).",
    ),
    click.option(
        "--objective",
        type=click.Choice(["time", "cost", "balanced"]),
        help="Wall clock (default), core-seconds, or a weighting of both.",
    ),
    click.option(
        "--environment",
        type=click.Choice(["dev", "test", "prod"]),
        help="Where it will run, which decides the ways that may be advised (default: prod).",
    ),
    click.option(
        "--max-connections",
        type=COUNT,
        metavar="N",
        help="Limit on concurrent items that hold a database connection.",
    ),
)

profiles_option = click.option(
    "--profiles", type=FOLDER, metavar="DIR", help="Where profiles live (default: profiles/)."
)

run_config_option = click.option(
    "--run-config",
    type=EXISTING_FILE,
    metavar="FILE",
    help="Dagster run config (YAML) for ops and resources.",
)

working_directory_option = click.option(
    "-d",
    "--working-directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Importable folder (default: the current one).",
)

instance_option = click.option(
    "--instance",
    type=FOLDER,
    metavar="DIR",
    help="Folder of the Dagster instance (default: DAGSTER_HOME).",
)


def instance_of(flag: Path | None) -> Path:
    """The instance that was named, or the environment's."""
    home = os.environ.get("DAGSTER_HOME")
    refuse(
        flag is None and not home,
        "Which Dagster instance?",
        "Give its folder: --instance DIR, or set DAGSTER_HOME.",
    )
    return flag or Path(str(home)).expanduser()


profile_argument = click.argument("profile", metavar="PROFILE")


def output_options(*formats: str) -> Callable[[F], F]:
    """``--format`` with ``formats`` (the first is the default) and ``-o``."""
    return _together(
        click.option(
            "--format",
            "form",
            type=click.Choice(formats),
            default=formats[0],
            show_default=True,
            help="Form of the output.",
        ),
        output_option,
    )


output_option = click.option(
    "-o", "--output", type=FILE, metavar="FILE", help="Write to FILE instead of stdout."
)


def profiles_dir(state: CommandContext, flag: Path | None) -> Path:
    """Where profiles live: flag over pyproject over ``profiles/``."""
    return flag or state.settings.profiles


def machine_values(
    state: CommandContext, host: str | None, cores: float | None, memory: int | None
) -> tuple[float | None, int | None]:
    """Cores and memory to advise for: the flags, else those of the named host.

    Raises:
        ConfigurationError: The host is not described.
    """
    if host is not None:
        described = state.settings.machine(host)
        cores = described.cores if cores is None else cores
        memory = described.memory_bytes if memory is None else memory
    return cores, memory


def advise_values(state: CommandContext, target: str, values: dict[str, Any]) -> AdviseOptions:
    """What :data:`advise_options` were given, completed from ``[tool.dynadvise]``.

    Raises:
        ConfigurationError: The settings are wrong, or the host is not described.
    """
    from advisor.api.options import AdviseOptions

    settings = state.settings
    cores, memory = machine_values(state, values["host"], values["cores"], values["memory"])
    return AdviseOptions(
        items=values["items"] or settings.items_of(target),
        cores=cores,
        memory_bytes=memory,
        objective=values["objective"] or settings.objective or "time",
        change=values["change"] or settings.change or "code",
        environment=values["environment"] or settings.environment or "prod",
        max_connections=values["max_connections"] or settings.max_connections,
        host=values["host"],
    )


def read_profile(state: CommandContext, spelled: str, profiles: Path | None) -> SavedProfile:
    """The profile that the user named, by its file or by its target.

    Raises:
        ProfileError: It is missing, damaged or too new.
    """
    from advisor import store

    return store.read(store.find_profile(spelled, profiles_dir(state, profiles)))


def refuse(condition: bool, what: str, hint: str | None = None) -> None:
    """Raise for options that do not go together.

    Raises:
        ConfigurationError: ``condition`` holds.
    """
    if condition:
        raise ConfigurationError(what, hint=hint)
