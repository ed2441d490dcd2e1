"""Names that stand for a job only once they are called, or for several jobs, or for a method."""

import inspect
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

from dagster import GraphDefinition, JobDefinition, OpDefinition

from advisor.dagster_bridge.private import UnresolvedAssetJobDefinition, compute_function
from advisor.dagster_bridge.source_hash import source_location
from advisor.dagster_bridge.target.place import Place
from advisor.dagster_bridge.user_frames import last_frames, type_in_words, user_location
from advisor.domain.errors import TargetError

JOBS = (JobDefinition, UnresolvedAssetJobDefinition, GraphDefinition)
_MAKING = frozenset({"to_job", "JobDefinition", "GraphDefinition", "define_asset_job"})
"""Names in the code of a function that makes a job."""
_DECORATING = frozenset({"job", "graph"})
"""The same, where the function defines another one that they decorate."""


def job_that_it_makes(place: Place, function: Callable[..., Any]) -> object | None:
    """The job or graph that calling it gives; None for a function that works on an item.

    It is called, as Dagster's own tools do it, where it needs no argument and either has no named
    one or is seen to make a job.

    Raises:
        TargetError: It makes a job but needs an argument, it raised, or it takes no item and
            makes no job.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    needed = [p.name for p in named if p.default is p.empty]
    name = place.reference.attribute
    if named and not _is_seen_to_make_a_job(function):
        return None
    if needed:
        raise TargetError(
            f"'{name}' makes a job, and needs {', '.join(map(repr, needed))} for it.",
            where=_where(function),
            hint="Call it in a function of its own that needs no argument, and name that.",
        )
    try:
        value: object = function()
    except Exception as error:
        location = user_location(error)
        raise TargetError(
            f"'{name}' takes no item, so it was called for the job that it makes; it raised "
            f"{type_in_words(error)}.",
            where=str(location) if location else _where(function),
            details=last_frames(error),
            hint="Call it in a function of its own that needs no argument, and name that.",
        ) from error
    if not isinstance(value, JOBS):
        raise TargetError(
            f"'{name}' takes no item, and calling it gives a {type(value).__name__}, not a job.",
            where=_where(function),
            hint="Name a job, or a function whose arguments are what one item needs.",
        )
    return value


def _is_seen_to_make_a_job(function: Callable[..., Any]) -> bool:
    """By its annotation, else by the names in its code."""
    answer = getattr(function, "__annotations__", {}).get("return")
    name = answer if isinstance(answer, str) else getattr(answer, "__name__", "")
    kinds = {kind.__name__ for kind in JOBS}
    code = getattr(inspect.unwrap(function), "__code__", None)
    used = set(getattr(code, "co_names", ()))
    defines = any(isinstance(each, CodeType) for each in getattr(code, "co_consts", ()))
    making = _MAKING | _DECORATING if defines else _MAKING
    return name.rpartition(".")[2] in kinds or not making.isdisjoint(used)


def _where(function: Callable[..., Any]) -> str | None:
    location = source_location(function)
    return str(location) if location else None


def refuse_collection(place: Place, value: object) -> None:
    """Jobs in a dict or a list have no name of their own.

    Raises:
        TargetError: The value is such a collection.
    """
    held = list(value.values()) if isinstance(value, Mapping) else value
    if not isinstance(held, (list, tuple)):
        return
    jobs = [each.name for each in held if isinstance(each, JOBS)]
    if not jobs:
        return
    module = place.reference.source
    names = [f"{module}:{name}" for name in jobs if name in place.job_names]
    hint = f"Put them into the module's Definitions, then name one: {module}:{jobs[0]}."
    raise TargetError(
        f"'{place.reference.attribute}' is a {type(value).__name__} of {len(jobs)} jobs.",
        hint=f"Name one of them: {', '.join(names)}." if names else hint,
    )


def refuse_method(place: Place, op: OpDefinition) -> None:
    """Dagster takes the ``self`` of a method for an input, for which no run has a value.

    Raises:
        TargetError: The op is a method.
    """
    function = compute_function(op)
    if next(iter(op.input_dict), None) not in ("self", "cls") or function is None:
        return
    raise TargetError(
        f"'{place.reference.attribute}' is a method decorated with @op: Dagster takes its `self` "
        "for an input of the op, so no job can run it.",
        where=_where(function),
        hint="Make the op a function that calls the method, or give it the object as a resource.",
    )
