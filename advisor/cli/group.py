"""The group of all commands.

A command's module is imported when the command is called, not before; ``--help`` imports none.
"""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from advisor.cli.context import CommandContext, global_options, show_texts
from advisor.domain.errors import DynadviseError
from advisor.domain.nearest import nearest

INTERRUPTED = 130
WRONG = 2

#: Name to its one line of help; the command is in the module of its name.
COMMANDS: dict[str, str] = {
    "list": "List what fans out in a project, with the command to type.",
    "profile": "Measure a workload and advise how to run it.",
    "calibrate": "Measure the overhead of each executor on this machine.",
    "recommend": "Advise again from a saved profile; nothing is run.",
    "predict": "Predict one configuration's run time; nothing is run.",
    "verify": "Run the job for real: measured and predicted times.",
    "check": "The pre-merge gate: slower code, wrong configuration.",
    "analyze": "Analyze past runs of a Dagster instance.",
    "scan": "List an instance's jobs: hours, overhead, what config saves.",
    "plan": "Cut many runs (partitions, a backfill): runs, slots, batches.",
    "emit": "Print code or configuration to paste.",
    "report": "Make one self-contained HTML page of a profile.",
    "init": "Set a project up: settings, pre-commit, CI.",
    "schema": "Print the JSON Schema of --format json.",
}


#: Title, commands and an example of each part of ``dynadvise --help``.
PARTS: tuple[tuple[str, str, str], ...] = (
    (
        "Measure and advise",
        "list profile recommend predict verify emit report plan",
        "dynadvise profile my_module:my_job --inputs samples.json",
    ),
    (
        "Look at past runs",
        "scan analyze",
        "dynadvise analyze --instance ~/dagster_home --job my_job",
    ),
    (
        "Guard and set up",
        "check init calibrate schema",
        "dynadvise check my_module:my_job --base origin/main",
    ),
)


class LazyGroup(click.Group):
    """The commands of :data:`COMMANDS`; failures become a message and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Their names, in the order of a user's way through them."""
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        """Import a command's module; None where there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        command: click.Command = importlib.import_module(f"advisor.cli.{cmd_name}").command
        flags = {option for parameter in command.params for option in parameter.opts}
        # Users write `dynadvise profile TARGET -v` as often as `dynadvise -v profile TARGET`.
        command.params += [o for o in global_options() if not flags.intersection(o.opts)]
        self.commands[cmd_name] = command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that ``args`` start with; an unknown one names the nearest."""
        name = args[0]
        near = nearest(name, COMMANDS)
        if name not in COMMANDS and not name.startswith("-") and near:
            ctx.fail(f"No such command {name!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, which are what is looked for, and then the options."""
        self.format_commands(ctx, formatter)
        click.Command.format_options(self, ctx, formatter)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """The commands in their parts, without importing them."""
        for title, names, example in PARTS:
            with formatter.section(title):
                formatter.write_dl([(f"{name:<9}", COMMANDS[name]) for name in names.split()])
                formatter.write_text(f"Example: {example}")

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and end the process with the contract's exit status."""
        common: dict[str, Any] = {
            "args": args,
            "prog_name": prog_name or "dynadvise",
            "complete_var": complete_var,
            "windows_expand_args": windows_expand_args,
        }
        if not standalone_mode:
            return super().main(standalone_mode=False, **common, **extra)
        state = extra.setdefault("obj", CommandContext())
        show_texts(state)
        try:
            result = super().main(standalone_mode=False, **common, **extra)
            status = result if isinstance(result, int) else 0
        except click.ClickException as error:
            error.show()
            status = WRONG
        except (click.Abort, KeyboardInterrupt):
            state.say("Interrupted.")
            status = INTERRUPTED
        except DynadviseError as error:
            state.error(error)
            status = error.exit_status
        except OSError as error:
            state.error(_refused(error))
            status = WRONG
        except Exception as error:  # noqa: BLE001 - the last resort: an apology, not a traceback
            state.apologize(error)
            status = WRONG
        sys.exit(status)


def _refused(error: OSError) -> DynadviseError:
    """What the system refuses of the user's files and folders."""
    try:
        Path.cwd()
    except OSError:
        return DynadviseError(
            "The current folder does not exist any more.", hint="Change to one that does."
        )
    if error.filename is None and "temporary directory" in str(error.strerror):  # tempfile's
        return DynadviseError(
            "No folder for temporary files can be written.",
            hint="Name one that can in the environment variable TMPDIR.",
        )
    return DynadviseError(f"{error.filename or 'the system'}: {error.strerror or error}.")


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="TARGET is module:name or file.py:name: an op, a job, a graph, an asset or a function. "
    "Exit status: 0 done, 1 the gate failed, 2 wrong usage or failing user code, "
    "3 the gate could not decide, 130 interrupted.",
)
@click.version_option(package_name="dynadvise", prog_name="dynadvise")
def cli() -> None:
    """How to run a Dagster dynamic-output workload: measured, predicted, with config to paste."""


cli.params += global_options()
