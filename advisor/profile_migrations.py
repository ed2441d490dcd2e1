"""Profiles of older versions, made into documents of the next one."""

from collections.abc import Callable, Mapping
from typing import Any

Document = Mapping[str, Any]


def ops_by_handle(document: Document) -> dict[str, Any]:
    """Version 2 of a document of version 1, which named each measured op by its definition.

    Version 1 measured the ops in the order of the chain, so the place of each tells its handle
    also where two steps share one definition.

    Raises:
        KeyError, TypeError: The document is damaged.
    """
    description, workload = document["description"], document["workload"]
    mapped = [_renamed(op, "op", "reference") for op in description["mapped"]]
    ops = [_renamed(op, "op", "handle") for op in workload["ops"]]
    if len(ops) == len(mapped):
        for op, step in zip(ops, mapped, strict=True):
            op["handle"] = ".".join(step["reference"]["node_path"])
    return {
        **document,
        "description": {**description, "mapped": mapped},
        "workload": {**workload, "ops": ops},
    }


def _renamed(values: Document, old: str, new: str) -> dict[str, Any]:
    return {new if key == old else key: value for key, value in values.items()}


#: From a version to the function that makes the next one's document of it.
MIGRATIONS: Mapping[int, Callable[[Document], dict[str, Any]]] = {1: ops_by_handle}
