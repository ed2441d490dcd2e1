"""How a user spells a target."""

from pathlib import Path

from advisor.domain.command_line import path_of
from advisor.domain.errors import TargetError
from advisor.domain.workload import TargetReference


def parse_target(
    spelled: str,
    *,
    job: str | None = None,
    asset: str | None = None,
    working_directory: Path | None = None,
) -> TargetReference:
    """Read ``module:attribute``, ``path/to/file.py:attribute``, or a module or file alone.

    Raises:
        TargetError: It is empty or has an empty part, or both a job and an asset are named.
    """
    if job and asset:
        raise TargetError("--job and --asset name two targets.", hint="Give one of them.")
    directory = (working_directory or Path.cwd()).resolve()
    where, separator, attribute = spelled.strip().rpartition(":")
    if not separator:
        where, attribute = spelled.strip(), ""
    if not where or (separator and not attribute):
        raise TargetError(
            f"'{spelled}' is not a target.",
            hint="Spell it module:name or path/to/file.py:name; a module alone needs --job NAME "
            "or --asset KEY.",
        )
    is_file = where.endswith(".py") or "/" in where
    return TargetReference(
        spelled=spelled,
        module=None if is_file else where,
        file=str((directory / path_of(where)).resolve()) if is_file else None,
        attribute=attribute or None,
        job=job,
        working_directory=str(directory),
        asset=asset,
    )
