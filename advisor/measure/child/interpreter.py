"""How a child's interpreter is started: with our package and nothing beside the user's code."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_START = """\
import sys
if sys.path[:1] == [""]:
    del sys.path[0]
sys.path.insert(0, sys.argv.pop())
import advisor
del sys.path[0]
from advisor.measure import supervisor
supervisor.{entry}()
"""
"""Our own package is loaded by its path, and not from the current folder that ``-c`` puts first:
nothing beside the user's code takes its place or that of a standard module."""
_OURS_ALONE = {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"} - set(os.environ)
"""Set in our process by scikit-learn when the model is fitted, unless the user has them."""
_ROOT = Path(__file__).resolve().parents[3]


def interpreter(entry: str, arguments: Sequence[object]) -> list[str]:
    """The command that starts a fresh interpreter at one of `supervisor`'s entry points."""
    return [sys.executable, "-c", _START.format(entry=entry), *map(str, arguments), str(_ROOT)]


def environment_of(added: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: the user's, that of the ``.env``, and what is added."""
    users = {name: value for name, value in os.environ.items() if name not in _OURS_ALONE}
    return {**users, **_env_file(), "PYTHONPATH": _python_path(added), **added}


def _env_file() -> dict[str, str]:
    """What Dagster's own commands add to the environment: the ``.env`` of the current folder."""
    if not Path(".env").is_file():
        return {}
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(".env").items() if value is not None}


def _python_path(environment: Mapping[str, str]) -> str:
    """PYTHONPATH by which the child's own children find this package, however it was found."""
    root = str(_ROOT)
    variable = environment.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    entries = [entry for entry in variable.split(os.pathsep) if entry]
    # an installed package is found anyway; its site-packages must not come first
    if "site-packages" in _ROOT.parts or root in entries:
        return os.pathsep.join(entries)
    return os.pathsep.join([*entries, root])
