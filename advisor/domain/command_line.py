"""How a command of ours is spelled for a target, so that it runs as it is printed."""

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from advisor.domain.trial import RateLimit
from advisor.domain.workload import TargetReference, WorkloadDescription


def target_name(reference: TargetReference) -> str:
    """One name for the target: as spelled, with what only ``--job`` or ``--asset`` tells."""
    return ":".join(filter(None, (reference.spelled, reference.by_option)))


def path_of(spelled: str) -> Path:
    """The path; ``~`` is the user's home where that is known, and a name like others elsewhere."""
    return Path(os.path.expanduser(spelled))  # noqa: PTH111 - Path's own raises without a home


def words_of(
    target: TargetReference, here: Path | None = None, options: Mapping[str, str | None] = {}
) -> str:
    """The target with the options that name it and further ones, quoted for a shell.

    ``here`` is the folder in which the user types (default: the current one).
    """
    folder = Path(target.working_directory or ".")
    elsewhere = folder.is_dir() and folder.resolve() != (here or Path.cwd()).resolve()
    named = {
        "--job": target.job if target.by_option else None,
        "--asset": target.asset if target.by_option else None,
        "-d": str(folder) if elsewhere else None,
        **options,
    }
    words = [target.spelled]
    for option, value in named.items():
        words += [option, value] if value else []
    return shlex.join(words)


def target_words(description: WorkloadDescription, here: Path | None = None) -> str:
    """The target with all options that are needed to load and run it, quoted for a shell."""
    flags = {
        "--inputs": description.inputs,
        "--run-config": description.run_config_file,
        "--partition": description.partition,
    }
    return words_of(description.target, here, flags)


def command(
    name: str, description: WorkloadDescription, *options: str, here: Path | None = None
) -> str:
    """``dynadvise NAME`` for the target of a description, with further options."""
    words = target_words(description, here)
    return " ".join(["dynadvise", name, words, *map(shlex.quote, options)])


def rate_option(rate: RateLimit | None) -> str:
    """The option of a command that profiles, with a space before it; empty where there is none.

    A rate that was seen is measured again, and not carried on.
    """
    return f" --max-rate {rate.per_s:g}" if rate and not rate.after_calls else ""


def emit_command(description: WorkloadDescription, kind: str) -> str:
    """``dynadvise emit`` of the target's saved profile."""
    return shlex.join(["dynadvise", "emit", target_name(description.target), "--as", kind])


def spelled_out(text: str, description: WorkloadDescription) -> str:
    """A text with its commands (``profile TARGET``, ``emit PROFILE --as KIND``) for the target.

    ``emit`` needs a saved profile, which a job that is only checked has not: ``profile --emit``
    gives the same.
    """
    words = target_words(description)
    text = re.sub(
        r"dynadvise emit PROFILE --as ([\w-]+)", r"dynadvise profile TARGET --emit \1", text
    )
    text = text.replace("`dynadvise profile`", "`dynadvise profile TARGET`")
    return text.replace(" TARGET", f" {words}")
