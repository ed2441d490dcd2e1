"""Graphs whose resources only a job that is made of them, or the project's Definitions, gives."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target, reconstructable_job
from advisor.domain.errors import TargetError

FLOWS = """
    import dagster as dg

    @dg.op(out=dg.DynamicOut(int))
    def two():
        for n in range(2):
            yield dg.DynamicOutput(n, mapping_key=str(n))

    @dg.op(required_resource_keys={"db"})
    def read(context, n: int) -> str:
        return f"{context.resources.db} {n}"

    def flow_named(name):
        @dg.graph(name=name)
        def flow():
            two().map(read)
        return flow

    elsewhere, shared, alone = map(flow_named, ("elsewhere", "shared", "alone"))
    one, several, none = map(flow_named, ("one", "several", "none"))

    def db(name):
        return {"db": dg.ResourceDefinition.hardcoded_resource(name)}

    only_job = one.to_job(name="only_job", resource_defs=db("one"))
    north_job = several.to_job(name="north_job", resource_defs=db("north"))
    south_job = several.to_job(name="south_job", resource_defs=db("south"))
"""
DEFINITIONS = """
    import dagster as dg
    from graph_shop import flows

    job = flows.elsewhere.to_job(name="far_job", resource_defs=flows.db("far"))
    defs = dg.Definitions(jobs=[job])
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package = tmp_path / "graph_shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "flows.py").write_text(dedent(FLOWS))
    (package / "definitions.py").write_text(dedent(DEFINITIONS))
    before, path = set(sys.modules), list(sys.path)
    yield package
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if name.startswith("graph_shop"):
            del sys.modules[name]


def reference(name: str, package: Path):
    return parse_target(f"graph_shop.flows:{name}", working_directory=package.parent)


@pytest.mark.parametrize(
    ("graph", "job", "gives"), [("one", "only_job", "one"), ("elsewhere", "far_job", "far")]
)
def test_the_only_job_of_a_graph_gives_its_resources(graph, job, gives, shop) -> None:
    loaded = load_target(reference(graph, shop))
    assert (loaded.job.name, describe(loaded).reconstructable) == (job, True)
    rebuilt = reconstructable_job(reference(graph, shop)).get_definition()
    assert rebuilt.execute_in_process().output_for_node("read") == {
        "0": f"{gives} 0",
        "1": f"{gives} 1",
    }


def test_resources_of_the_projects_definitions_are_taken(shop) -> None:
    text = (shop / "definitions.py").read_text()
    changed = text.replace("jobs=[job]", "jobs=[job], resources=flows.db('common')")
    (shop / "definitions.py").write_text(changed)
    loaded = load_target(reference("alone", shop))
    assert (loaded.kind, "db" in loaded.resource_defs) == ("graph", True)
    assert describe(loaded).reconstructable


def test_of_several_jobs_one_must_be_named(shop) -> None:
    with pytest.raises(TargetError, match="each its own: north_job, south_job") as refused:
        load_target(reference("several", shop))
    assert "--job north_job" in refused.value.hint
    with pytest.raises(TargetError, match="needs the resource 'db', which no job of it"):
        load_target(reference("none", shop))
