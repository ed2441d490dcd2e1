"""Which imports code makes while it runs: the roots, not what they import in turn."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

TRANSPARENT = ("advisor",)
"""Packages whose own imports count as roots: what a user preloads must not need dynadvise."""


@dataclass(frozen=True, slots=True)
class RootImport:
    """A module that was imported while tracing, with everything below it."""

    module: str
    seconds_s: float


@contextmanager
def traced_imports() -> Iterator[list[RootImport]]:
    """Record root imports in order, on all threads, while the block runs.

    CPython looks ``_find_and_load`` up in ``importlib._bootstrap`` for every module that is not
    yet in ``sys.modules``, for ``import`` statements and ``import_module`` alike.
    """
    bootstrap: Any = sys.modules["_frozen_importlib"]
    original = bootstrap._find_and_load
    roots: list[RootImport] = []
    state = threading.local()

    def traced(name: str, import_: object) -> object:
        if name.split(".", maxsplit=1)[0] in TRANSPARENT or getattr(state, "inside", False):
            return original(name, import_)
        state.inside = True
        begun = time.perf_counter()
        try:
            module = original(name, import_)
        finally:
            state.inside = False
        roots.append(RootImport(name, time.perf_counter() - begun))
        return module

    bootstrap._find_and_load = traced
    try:
        yield roots
    finally:
        bootstrap._find_and_load = original
