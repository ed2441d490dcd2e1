"""Targets that a project's definitions complete, and names that stand for jobs indirectly."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from textwrap import dedent

import pytest

from advisor.dagster_bridge.code_locations import code_locations
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target, rebuild_job
from advisor.domain.command_line import target_name, target_words
from advisor.domain.errors import TargetError, UnnamedTargetError

PROJECTS = Path(__file__).parents[1] / "projects"
ORDERS = PROJECTS / "asset_orders"


@pytest.fixture(autouse=True)
def _forget_modules_of_projects(monkeypatch: pytest.MonkeyPatch):
    before, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - before:
        file = str(getattr(sys.modules[name], "__file__", ""))
        if "site-packages" not in file and "advisor" not in name:
            del sys.modules[name]


def load(spelled: str, folder: Path = ORDERS, **named: str):
    return load_target(parse_target(spelled, working_directory=folder, **named))


@pytest.mark.parametrize(
    ("spelled", "asset", "name"),
    [
        ("orders.definitions:orders_scored", None, "orders.definitions:orders_scored"),
        ("orders.definitions", "orders_scored", "orders.definitions:orders_scored"),
        ("orders.definitions:defs", "orders_scored", "orders.definitions:defs:orders_scored"),
        ("orders", "orders_scored", "orders:orders_scored"),
        ("orders.scoring:orders_scored", None, "orders.scoring:orders_scored"),
        ("orders.definitions:best_score", None, "orders.definitions:best_score"),
        ("orders.scoring:scores", None, "orders.scoring:scores"),
    ],
)
def test_an_asset_has_the_resources_and_upstream_assets_of_its_location(
    spelled: str, asset: str | None, name: str
) -> None:
    loaded = load(spelled, asset=asset)
    assert loaded.kind == "asset"
    assert "currency" in loaded.resource_defs
    assert loaded.definitions is not None
    assert {key.to_user_string() for key in loaded.definitions.assets_defs_by_key} >= {"raw/orders"}
    description = describe(loaded)
    assert [op.name for op in description.mapped] == ["score"]
    assert description.executor is not None
    assert description.executor.executor == "in_process"
    assert target_name(description.target) == name
    rebuilt = rebuild_job(**asdict(description.target))
    assert set(rebuilt.graph.node_dict) == set(loaded.job.graph.node_dict)


@pytest.mark.parametrize("asset", ["raw/orders", "orders_scord"])
def test_an_asset_that_cannot_be_measured_says_why(asset: str) -> None:
    with pytest.raises(TargetError, match=r"single step|mean orders_scored"):
        load("orders.definitions", asset=asset)


def test_a_command_repeats_what_the_user_typed() -> None:
    described = describe(load("orders.definitions", asset="orders_scored"))
    assert target_words(described, ORDERS) == "orders.definitions --asset orders_scored"
    described = describe(load("orders.definitions:orders_scored"))
    assert target_words(described, ORDERS) == "orders.definitions:orders_scored"


def test_a_job_of_another_module_gets_what_its_location_gives_it() -> None:
    folder = PROJECTS / "scheduled_mail"
    described = describe(load("mail.jobs:mail_job", folder))
    assert described.target.module == "mail.definitions"
    assert target_name(described.target) == "mail.jobs:mail_job"


def test_a_package_alone_is_answered_with_its_definitions() -> None:
    assert load("mail", PROJECTS / "scheduled_mail").job.name == "mail_job"
    with pytest.raises(UnnamedTargetError):
        load("orders")


@pytest.mark.parametrize("attribute", ["made", "typed", "defaulted", "provided", "Held.job"])
def test_a_callable_that_makes_a_job_is_called(attribute: str, tmp_path: Path) -> None:
    (tmp_path / "making.py").write_text(MAKING)
    described = describe(load(f"making:{attribute}", tmp_path))
    assert (described.kind, described.job_name) == ("job", "whole")
    assert described.is_called
    rebuild_job(**asdict(described.target))


@pytest.mark.parametrize(
    ("attribute", "says"),
    [
        ("needing", "needs 'name' for it.*function of its own"),
        ("raising", "raised ZeroDivisionError.*making.py:.*function of its own"),
        ("other", "gives a int, not a job"),
        ("jobs", "dict of 1 jobs.*making:whole"),
        ("Worker.work", "is a method decorated with @op.*making.py:"),
    ],
)
def test_what_is_no_job_yet_is_refused_with_the_way_out(
    attribute: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "making.py").write_text(MAKING)
    with pytest.raises(TargetError, match=f"(?s){says}"):
        load(f"making:{attribute}", tmp_path)


def test_a_function_of_an_item_is_not_called_for_a_job(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("def work(item=1):\n    raise SystemExit('called')\n")
    assert load("plain:work", tmp_path).kind == "function"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"pyproject.toml": "[tool.dagster]\nmodule_name = 'a.b'"}, ["a.b"]),
        (
            {"pyproject.toml": "[tool.dagster]\nmodules = [{type = 'module', name = 'a'}]"},
            ["a"],
        ),
        ({"pyproject.toml": "[tool.dg.project]\nroot_module = 'p'"}, ["p.definitions"]),
        (
            {"pyproject.toml": "[tool.dg.project]\nroot_module = 'p'\nautoload_defs = true"},
            ["p.defs"],
        ),
        (
            {
                "pyproject.toml": "[tool.dg.workspace]\nprojects = [{path = 'one'}]",
                "one/dg.toml": "[project]\nroot_module = 'q'\ncode_location_target_module = 'q.d'",
            },
            ["q.d"],
        ),
        ({"workspace.yaml": "load_from:\n- python_module: m\n- python_file: f.py"}, ["m", "f.py"]),
        ({"workspace.yaml": "load_from:\n- autoload_defs_module: p.defs"}, ["p.defs"]),
        ({"definitions.py": "", "pyproject.toml": "[project]\nname = 'x'"}, ["definitions"]),
        ({"src/p/definitions.py": "", "src/p/__init__.py": ""}, ["p.definitions"]),
        ({"jobs.py": ""}, []),
    ],
)
def test_a_project_is_found_as_dagsters_own_tools_find_it(
    files: dict[str, str], found: list[str], tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [location.spelled for location in code_locations(tmp_path)] == found


@pytest.mark.parametrize(
    ("name", "text"),
    [("workspace.yaml", "load_from: 3"), ("pyproject.toml", "[tool"), ("workspace.yaml", "a: [")],
)
def test_a_project_file_that_cannot_be_read_is_named(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(TargetError, match=name):
        code_locations(tmp_path)


MAKING = dedent(
    """
    import dagster as dg

    @dg.op(out=dg.DynamicOut(int))
    def each():
        yield dg.DynamicOutput(1, mapping_key="a")

    @dg.op
    def work(item):
        return item

    @dg.graph
    def whole():
        each().map(work)

    def made():
        return hidden()

    def hidden():
        return whole.to_job()

    def typed(name: str = "whole") -> "dg.JobDefinition":
        return hidden()

    def defaulted(name="whole"):
        return whole.to_job(name=name)

    def needing(name):
        return whole.to_job(name=name)

    def raising():
        return whole.to_job(name=1 / 0)

    def other():
        return 5

    class Provided:
        def __call__(self, *args, **kwargs):
            return hidden()

    class Held:
        job = Provided()

    class Worker:
        @dg.op
        def work(self, item):
            return item

    provided = Provided()
    jobs = {"a": hidden()}
    """
)


def test_a_dg_project_that_loads_every_definition_by_itself_is_measured(tmp_path: Path) -> None:
    """``autoload_defs``: none of its modules holds the definitions."""
    (tmp_path / "pyproject.toml").write_text(
        "[tool.dg]\ndirectory_type = 'project'\n"
        "[tool.dg.project]\nroot_module = 'autoloaded_shop'\nautoload_defs = true\n"
    )
    defs = tmp_path / "src" / "autoloaded_shop" / "defs"
    defs.mkdir(parents=True)
    for package in (defs.parent, defs):
        (package / "__init__.py").write_text("")
    (defs / "nightly.py").write_text(MAKING + "\n@dg.job\ndef nightly():\n    each().map(work)\n")
    (where,) = code_locations(tmp_path)
    loaded = load(where.spelled, Path(where.working_directory), job="nightly")
    described = describe(loaded)
    assert [op.handle for op in described.mapped] == ["work"]
    assert described.reconstructable
    assert rebuild_job(**asdict(described.target)).name == "nightly"
