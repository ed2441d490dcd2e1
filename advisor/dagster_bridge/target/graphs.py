"""A graph as the user's project runs it: with the resources that its definitions or a job give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from dagster import GraphDefinition, JobDefinition

from advisor.dagster_bridge.target.in_definitions import in_location
from advisor.dagster_bridge.target.jobs import (
    defined_job,
    job_of_graph,
    missing_resources,
    own_job,
)
from advisor.dagster_bridge.target.loaded import LoadedTarget, Place
from advisor.domain.errors import TargetError


def named_graph(place: Place, graph: GraphDefinition) -> LoadedTarget:
    """A graph that is a target.

    Where it needs resources, those of the definitions of its module or code location are taken,
    else the only job that is made of it.

    Raises:
        TargetError: Several jobs give it resources, or none does.
    """
    around = in_location(place)
    places = [place, *([around] if around else [])]
    for where in places:
        loaded = job_of_graph(
            replace(place, definitions=where.definitions), graph, place.reference.attribute
        )
        assert loaded.job is not None
        missing = missing_resources(loaded.job)
        if not missing:
            return loaded
    jobs: dict[str, Callable[[], LoadedTarget]] = {}
    for where in reversed(places):
        for name, load in _jobs_made_of(where, graph):
            jobs.setdefault(name, load)
    if len(jobs) == 1:
        return next(iter(jobs.values()))()
    needs = f"Graph '{graph.name}' needs the resource '{min(missing)}'"
    if not jobs:
        raise TargetError(
            f"{needs}, which no job of it and no Definitions give.",
            hint=f"Make a job of it, {graph.name}.to_job(resource_defs={{...}}), and name that.",
        )
    source = (around or place).reference.source
    raise TargetError(
        f"{needs}, which its jobs give, each its own: {', '.join(sorted(jobs))}.",
        hint=f"Name one of them: {source} --job {min(jobs)}",
    )


def _jobs_made_of(
    place: Place, graph: GraphDefinition
) -> Iterator[tuple[str, Callable[[], LoadedTarget]]]:
    """Jobs of a graph by name: those of the definitions, then those that the module holds."""
    for name in place.definitions.job_names() if place.definitions else ():
        if place.definitions and place.definitions.repository.get_job(name).graph is graph:
            yield name, partial(defined_job, place.named(job=name), name)
    for name, value in vars(place.module).items():
        if isinstance(value, JobDefinition) and value.graph is graph:
            named = replace(place.reference, attribute=name)
            yield value.name, partial(own_job, replace(place, reference=named), value)
