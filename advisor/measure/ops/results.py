"""Results as parts that can be compared: what an item gives in parallel, and what alone.

Parts are the keys of dictionaries, the attributes of objects and the places of sequences, however
deep. A part that differs between two calls alone (a time, a random name) tells nothing and is left
out; the others must be equal.
"""

import hashlib
import pickle
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

from advisor.domain.trial import Agreement, Comparison

_DEEPEST = 12
_MOST_PLACES = 16  # of a container that are parts of their own; those of a larger one are one part
_MOST_LEAVES = 20_000  # of a result that is taken apart; a larger one is pickled as a whole
_SHOWN = 3  # parts in a sentence
_ATOMS = (type(None), bool, int, str, complex)
_SCALARS = (*_ATOMS, float, bytes, bytearray)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a result: its digest, None where it cannot be compared, and a short form."""

    digest: str | None
    short: str


Parts = Mapping[str, Part]
"""Path of a part (``rows.total``) to the part; the result itself has an empty path."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A comparison, and the values that differ: these may be secrets and are never saved."""

    comparison: Comparison
    evidence: str = ""


class _Hashing:
    """A file that keeps no more than a digest of what is written to it."""

    def __init__(self) -> None:
        self.sha = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha.update(data)
        return len(data)


def parts_of(result: object) -> Parts:
    """The parts of a result, each with its digest.

    One part that cannot be compared, where an object raises when it is looked into.
    """
    try:
        return _parts_of(result)
    except Exception:  # noqa: BLE001 - whatever a user's object raises
        return {"": Part(None, f"<{type(result).__name__}>")}


def _parts_of(result: object) -> Parts:
    hashes: dict[str, hashlib._Hash | None] = {}
    shorts: dict[str, str] = {}
    for count, (path, leaf) in enumerate(_leaves(result, "", 0)):
        if count > _MOST_LEAVES:
            whole = _pickled(result)
            return {"": Part(whole.hex() if whole else None, _short(result))}
        digest, hasher = _digest(leaf), hashes.setdefault(path, hashlib.sha256())
        if digest is None:
            hashes[path] = None
        elif hasher is not None:
            hasher.update(digest)
        shorts.setdefault(path, _short(leaf))
    return {
        path: Part(hasher.hexdigest() if hasher else None, shorts[path])
        for path, hasher in hashes.items()
    }


def _leaves(value: object, path: str, depth: int) -> Iterator[tuple[str, object]]:
    """What cannot be taken apart further, in order, each with its path."""
    inside = None if depth >= _DEEPEST else _inside(value)
    if inside is None:
        yield path, value
        return
    yield path, f"{type(value).__name__} of {len(inside)}"
    for name, part in inside:
        within = name if len(inside) <= _MOST_PLACES else "*"
        if within != name:
            yield f"{path}.{within}".lstrip("."), name
        yield from _leaves(part, f"{path}.{within}".lstrip("."), depth + 1)


def _inside(value: object) -> list[tuple[str, object]] | None:
    """The named parts of a container or an object; None where it is one part."""
    if isinstance(value, (*_SCALARS, Enum, type, set, frozenset)) or callable(value):
        return None
    if isinstance(value, Mapping):
        return sorted(((_name(key), part) for key, part in value.items()), key=lambda each: each[0])
    if isinstance(value, (list, tuple)):
        return [(f"[{place}]", part) for place, part in enumerate(value)]
    if (columns := _columns(value)) is not None:
        return columns
    if is_dataclass(value):
        return [(each.name, getattr(value, each.name)) for each in fields(value)]
    kind = type(value)
    plain = kind.__reduce_ex__ is object.__reduce_ex__ and kind.__reduce__ is object.__reduce__
    attributes = getattr(value, "__dict__", None) if plain else None
    return _inside(attributes) if attributes else None


def _columns(value: object) -> list[tuple[str, object]] | None:
    """The parts of a data frame, a series, an index, or an array of objects."""
    frame: Any = value
    if hasattr(frame, "to_numpy"):
        columns = list(getattr(frame, "columns", ()))
        # one of two columns of the same name cannot be asked for
        if columns and hasattr(frame, "__getitem__") and len(set(columns)) == len(columns):
            index = [("index", frame.index)] if hasattr(frame, "index") else []
            return [*((str(name), frame[name]) for name in columns), *index]
        try:
            return [("values", frame.to_numpy())]
        except ValueError:  # an Arrow array with nulls
            return None
    if hasattr(frame, "tolist") and getattr(getattr(frame, "dtype", None), "hasobject", False):
        return [("values", frame.tolist())]
    return None


def _name(key: object) -> str:
    return key if isinstance(key, str) else reprlib.repr(key)


def _digest(leaf: object) -> bytes | None:
    """A digest that equal leaves share, also in another process; None: it cannot be compared."""
    if isinstance(leaf, float):
        return f"{leaf:.12g}".encode()
    if isinstance(leaf, Enum):
        return f"{type(leaf).__qualname__}.{leaf.name}".encode()
    if isinstance(leaf, _ATOMS):
        return f"{type(leaf).__name__} {leaf!r}".encode("utf-8", "surrogatepass")
    if isinstance(leaf, (set, frozenset)):
        digests = [_digest(element) for element in leaf]
        return None if None in digests else b" ".join(sorted(filter(None, digests)))
    if hasattr(leaf, "tobytes") and hasattr(leaf, "dtype") and hasattr(leaf, "shape"):
        return f"{leaf.dtype} {leaf.shape}".encode() + hashlib.sha256(leaf.tobytes()).digest()
    return _pickled(leaf)


def _pickled(value: object) -> bytes | None:
    file = _Hashing()
    try:
        pickle.Pickler(file, protocol=4).dump(value)
    except Exception:  # noqa: BLE001 - cannot be pickled, so cannot be compared
        return None
    return file.sha.digest()


def _short(leaf: object) -> str:
    return reprlib.repr(leaf) if isinstance(leaf, _SCALARS) else f"<{type(leaf).__name__}>"


def differing(one: Parts, other: Parts) -> set[str]:
    """Paths of the parts that are not the same in both, or cannot be compared."""
    parts = set(one) ^ set(other)
    for path in set(one) & set(other):
        if one[path].digest is None or one[path].digest != other[path].digest:
            parts.add(path)
    return parts


def compare(
    alone: Mapping[int, Sequence[Parts]],
    together: Sequence[tuple[int, Parts]],
    again: Callable[[int], Parts | None],
) -> Verdict:
    """Whether items gave in parallel what they give alone.

    Args:
        together: Items and their results in parallel.
        again: Calls an item alone once more, which tells what differs by itself; None where it
            failed. Only called where something differs.
    """
    unstable = set[str]().union(
        *(differing(calls[0], call) for calls in alone.values() for call in calls)
    )
    comparable = [(item, parts) for item, parts in together if alone.get(item)]
    for item, parts in comparable:
        if not differing(alone[item][0], parts) - unstable:
            continue
        repeated = again(item)
        if repeated is None:
            return _not_compared("an item failed when it was called alone again", unstable)
        unstable |= differing(alone[item][0], repeated)
        if paths := sorted(differing(repeated, parts) - unstable):
            return _difference(item, paths, repeated, parts, unstable)
    if not comparable:
        return _not_compared("no item in parallel was called alone as well", unstable)
    if len({item for item, _ in together}) < 2:
        return _not_compared("only one item was measured", unstable)
    results = {
        tuple(sorted((path, part.digest) for path, part in parts.items() if path not in unstable))
        for _, parts in together
    }
    if len(results) < 2:
        return _not_compared(_nothing_to_compare(together[0][1], unstable), unstable)
    return Verdict(Comparison(Agreement.SAME, "", left_out=_names(unstable)))


def _nothing_to_compare(parts: Parts, unstable: set[str]) -> str:
    if set(parts) == {""} and parts[""].short == "None":
        return "the result is None, and what else the op does cannot be seen"
    if unstable:
        return "all that tells one item's result from another's differs between two calls alone"
    return "every item gives the same result, and what else the op does cannot be seen"


def _names(paths: set[str]) -> tuple[str, ...]:
    return tuple(sorted(path or "all of it" for path in paths))


def _not_compared(reason: str, unstable: set[str]) -> Verdict:
    return Verdict(Comparison(Agreement.NOT_COMPARED, reason, left_out=_names(unstable)))


def _difference(
    item: int, paths: list[str], alone: Parts, together: Parts, unstable: set[str]
) -> Verdict:
    def shown(parts: Parts) -> str:
        values = [(path, parts[path].short if path in parts else "nothing") for path in paths]
        return ", ".join(f"{path}: {short}" if path else short for path, short in values[:_SHOWN])

    return Verdict(
        Comparison(Agreement.DIFFERS, "", item, _names(set(paths)), _names(unstable)),
        f"{shown(together)}; alone: {shown(alone)}",
    )
