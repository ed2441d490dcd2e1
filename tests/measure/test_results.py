"""Results of the libraries that people compute with are compared by what they hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pydantic
import pytest

from advisor.domain.trial import Agreement
from advisor.measure.ops.results import compare, differing, parts_of


class Frame:
    """As a data frame: equality is by element, and truth is ambiguous."""

    columns = ("a", "a")

    def __init__(self, n: int) -> None:
        self.n = n

    def __getitem__(self, name: str) -> Frame:
        return self

    def __eq__(self, other: object) -> Any:
        return self

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        message = "The truth value of a frame is ambiguous."
        raise ValueError(message)

    def to_numpy(self) -> np.ndarray:
        return np.array([self.n, np.nan])


class Nulls:
    """As an Arrow array with nulls, which is not handed over without a copy."""

    def __init__(self, n: int) -> None:
        self.n = n

    def to_numpy(self) -> np.ndarray:
        message = "zero_copy_only"
        raise ValueError(message)


@dataclasses.dataclass
class Point:
    values: np.ndarray


class Model(pydantic.BaseModel):
    n: int


def _of(module: str, make: Callable[[Any, int], object]) -> Callable[[int], object]:
    return lambda n: make(pytest.importorskip(module), n)


KINDS: dict[str, Callable[[int], object]] = {
    "ambiguous truth": Frame,
    "no copy": Nulls,
    "not a number": lambda n: np.array([n, np.nan]),
    "dataclass": lambda n: Point(np.array([[np.nan, n]])),
    "pydantic": lambda n: Model(n=n),
    "pandas": _of("pandas", lambda pd, n: pd.DataFrame({"a": [n, None], "s": ["x", None]})),
    "columns of one name": _of("pandas", lambda pd, n: pd.DataFrame([[n, 1]], columns=["a", "a"])),
    "pandas series": _of("pandas", lambda pd, n: pd.Series([n, None])),
    "polars": _of("polars", lambda pl, n: pl.DataFrame({"a": [n, None], "l": [[1], []]})),
    "arrow table": _of("pyarrow", lambda pa, n: pa.table({"a": [n, None]})),
    "arrow array": _of("pyarrow", lambda pa, n: pa.array([n, None])),
}


@pytest.mark.parametrize("kind", KINDS)
def test_equal_values_are_the_same_and_others_differ(kind: str) -> None:
    one, again, other = (parts_of({"value": KINDS[kind](n)}) for n in (1, 1, 2))
    assert not differing(one, again)
    assert differing(one, other)
    assert len(one) < 50


def test_a_lazy_frame_is_not_compared_and_does_no_harm() -> None:
    pl = pytest.importorskip("polars")
    alone = {n: [parts_of(pl.LazyFrame({"a": [n]})) for _ in range(2)] for n in range(2)}
    together = [(n, parts_of(pl.LazyFrame({"a": [n]}))) for n in range(2)]
    verdict = compare(alone, together, lambda n: parts_of(pl.LazyFrame({"a": [n]})))
    assert verdict.comparison.agreement is not Agreement.DIFFERS


def test_what_raises_when_it_is_looked_into_cannot_be_compared() -> None:
    class Broken:
        def to_numpy(self) -> np.ndarray:
            raise RuntimeError

    (part,) = parts_of([Broken()]).values()
    assert part.digest is None
