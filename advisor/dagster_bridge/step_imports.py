"""Imports what Dagster imports by the way before it calls an op: to be imported before a fork.

A module that has moved is imported later, and costs each child its time again.
"""

import contextlib
import importlib

import dagster  # noqa: F401

from advisor.domain.dagster_facts import BEFORE_AN_OP

for name in BEFORE_AN_OP:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
