"""Names that a user may have meant."""

import difflib
from collections.abc import Iterable, Sequence

_SHOWN = 8


def nearest(name: str, choices: Iterable[str], *, most: int = 1, cutoff: float = 0.5) -> list[str]:
    """The known names most like ``name``, the most alike first; ``cutoff`` as difflib's."""
    return difflib.get_close_matches(name, list(choices), n=most, cutoff=cutoff)


def nearest_or_some(name: str, choices: Sequence[str], others: str) -> str | None:
    """A hint that names the known names most like ``name``, or after ``others`` some of them."""
    names = list(dict.fromkeys(choices))
    if alike := nearest(name, names, most=3):
        return f"Did you mean {' or '.join(alike)}?"
    if names:
        more = ", ..." if len(names) > _SHOWN else ""
        return f"{others}: {', '.join(names[:_SHOWN])}{more}."
    return None
