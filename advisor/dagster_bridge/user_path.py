"""Where modules of the user's are looked for: first while their code loads, as Dagster does it.

While our own and Dagster's modules load, the user's folders come last, so that a ``json.py`` or a
``click.py`` beside the user's code cannot replace a module that we or Dagster need.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_OURS = Path(__file__).parents[1]  # the package that is called `advisor`

_folders: list[str] = []


def add_user_folders(folders: Iterable[str]) -> None:
    """Make the user's folders importable in this process, after everything else."""
    _folders[:] = dict.fromkeys(folders)
    sys.path += [folder for folder in _folders if folder not in sys.path]


@contextmanager
def loading_user_code(*folders: str) -> Iterator[None]:
    """The user's folders and ``folders`` come first, as in Dagster's own loading of a module.

    Afterwards they are last again; what the user's code itself has put on ``sys.path`` stays.
    """
    with _at(0, folders):
        yield


@contextmanager
def calling_user_code() -> Iterator[None]:
    """The user's folders come before what is installed, but after the standard library.

    For imports inside an op. Our and Dagster's late imports in the same process are safe from
    files that have the name of a standard module.
    """
    installed = ("site-packages", "dist-packages")
    place = (n for n, entry in enumerate(sys.path) if Path(entry).name in installed)
    with _at(next(place, len(sys.path)), ()):
        yield


@contextmanager
def _at(place: int, folders: tuple[str, ...]) -> Iterator[None]:
    places = list(dict.fromkeys((*folders, *_folders)))
    before = list(sys.path)
    head, tail = before[:place], before[place:]
    sys.path[:] = [*head, *places, *(entry for entry in tail if entry not in places)]
    try:
        yield
    finally:
        added = [entry for entry in sys.path if entry not in before and entry not in places]
        missing = [folder for folder in places if folder not in before]
        sys.path[:] = [*added, *before, *missing]


def shadowed_names(folders: Iterable[str], message: str) -> str | None:
    """A hint that names files of the user's which have the name of a module of others.

    Args:
        folders: Where the user's code lies.
        message: The traceback and text of the error; only files that it has to do with are named.
    """
    for folder in dict.fromkeys(folders):
        for path in sorted(Path(folder).glob("*")):
            if path.name == _OURS.name and path != _OURS and f"{_OURS.name}." in message:
                return (
                    f"{path} has the name of dynadvise's own package: `import {_OURS.name}` gives "
                    "that one while dynadvise runs your code. Name yours otherwise."
                )
            name = path.stem if path.suffix == ".py" else path.name
            loaded = getattr(sys.modules.get(name), "__file__", None) or ""
            standard = name in sys.stdlib_module_names
            if standard and (loaded.startswith(str(path)) or str(path) in message):
                return (
                    f"{path} has the name of Python's own module `{name}` and is imported in its "
                    "place: rename it."
                )
            if standard and f"'{name}'" in message and path.suffix == ".py":
                return (
                    f"{path} has the name of Python's own module `{name}`, which was imported "
                    "before, as under Dagster: rename it."
                )
    return None
