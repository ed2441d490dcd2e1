"""Targets: what a user may name, and what they are told when it is not there."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from advisor.dagster_bridge.target import (
    load_target,
    parse_target,
    rebuild_job,
    reconstructable_job,
)
from advisor.domain.errors import TargetError

HERE = Path(__file__).parent
WARM = {
    "max_concurrent": 2,
    "start_method": {
        "forkserver": {"preload_modules": ["dagster", "sqlalchemy", "alembic.config", "upath"]}
    },
}


def load(spelled: str, job: str | None = None, directory: Path = HERE):
    return load_target(parse_target(spelled, job=job, working_directory=directory))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty folder of a user, whose modules are forgotten afterwards."""
    before, path = set(sys.modules), list(sys.path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(text))
    return file


@pytest.mark.parametrize(
    ("spelled", "kind", "job_name"),
    [
        ("bridge_shapes:chain_job", "job", "chain_job"),
        ("bridge_shapes:double", "op", "chain_job"),
        ("bridge_shapes:three", "op", "chain_job"),
        ("bridge_shapes:lone", "op", None),
        ("bridge_shapes:whole", "graph", "whole"),
        ("bridge_shapes:counted", "asset", "materialize_counted"),
        ("bridge_shapes:pair_assets", "asset", "materialize_pair_graph"),
        ("bridge_shapes:asset_job", "job", "asset_job"),
        ("bridge_shapes:make_job", "job", "made_job"),
        ("bridge_shapes:decorated_job", "job", "decorated"),
        ("bridge_shapes:inline_job", "job", "inline_job"),
        ("bridge_shapes:Holder.inside", "job", "chain_job"),
        ("bridge_shapes:plain_function", "function", None),
        ("bridge_defined:greet", "op", "greet_job"),
        ("bridge_defined:squares", "asset", "__ASSET_JOB"),
        ("bridge_defined:squares_job", "job", "squares_job"),
        ("bridge_shapes.py:chain_job", "job", "chain_job"),
        ("./bridge_shapes.py:double", "op", "chain_job"),
    ],
)
def test_each_kind_of_target_is_found(spelled: str, kind: str, job_name: str | None) -> None:
    loaded = load(spelled)
    assert loaded.kind == kind
    assert (loaded.job.name if loaded.job else None) == job_name


@pytest.mark.parametrize(
    ("spelled", "job"),
    [
        ("bridge_defined", "greet_job"),
        ("bridge_defined:defs", "greet_job"),
        ("bridge_defined.py", "greet_job"),
        ("bridge_shapes", "chain_job"),
    ],
)
def test_a_module_alone_needs_the_name_of_a_job(spelled: str, job: str) -> None:
    assert load(spelled, job).job.name == job
    with pytest.raises(TargetError) as failed:
        load(spelled)
    assert job.removesuffix("_job")[:4] in str(failed.value) or "three" in str(failed.value)


def test_definitions_complete_the_job_with_resources_and_executor() -> None:
    loaded = load("bridge_defined:greet_job")
    assert "greeting" in loaded.resource_defs
    assert loaded.job.executor_def.name == "in_process"


@pytest.mark.parametrize(
    ("spelled", "job", "named"),
    [
        ("bridge_shapes:chan_job", None, "chain_job"),
        ("bridge_shapes:doubel", None, "double"),
        ("bridge_shaped:double", None, "bridge_shapes"),
        ("bridge_shape.py:double", None, "bridge_shapes.py"),
        ("bridge_defined", "greet_jb", "greet_job"),
        ("bridge_shapes.chain_job", None, "bridge_shapes:chain_job"),
        ("bridge_shapes:", None, "module:name"),
        ("bridge_shapes:single", None, "graph asset"),
        ("bridge_shapes:NUMBER", None, "function"),
        ("absent/file.py:x", None, "absent"),
    ],
)
def test_what_does_not_exist_names_the_nearest(spelled: str, job: str | None, named: str) -> None:
    with pytest.raises(TargetError) as failed:
        load(spelled, job)
    assert named in str(failed.value)
    assert failed.value.exit_status == 2


def test_an_import_that_fails_shows_their_lines_and_none_of_ours(project: Path) -> None:
    write(project, "broken_inner.py", "def divide():\n    return 1 / 0\n")
    write(project, "broken.py", "import broken_inner\n\nVALUE = broken_inner.divide()\n")
    for spelled in ("broken:x", "broken.py:x"):
        with pytest.raises(TargetError) as failed:
            load(spelled, directory=project)
        error = failed.value
        assert "ZeroDivisionError" in error.what
        assert error.where == f"{project / 'broken_inner.py'}:2"
        assert "broken.py" in error.details
        assert "importlib" not in error.details
        assert "dagster_bridge" not in error.details


def test_an_import_can_be_tried_again_after_it_was_mended(project: Path) -> None:
    file = write(project, "mended.py", "raise RuntimeError('not yet')\n")
    with pytest.raises(TargetError):
        load("mended.py:work", directory=project)
    file.write_text("def work(item):\n    return item\n")
    assert load("mended.py:work", directory=project).kind == "function"


def test_a_module_that_it_imports_and_that_is_missing_is_not_taken_for_the_target(
    project: Path,
) -> None:
    write(project, "needs.py", "import no_such_library_of_theirs\n")
    with pytest.raises(TargetError) as failed:
        load("needs:x", directory=project)
    assert "could not be imported" in failed.value.what
    assert "no_such_library_of_theirs" in str(failed.value)


def test_a_package_below_src_that_is_not_installed_says_what_to_do(project: Path) -> None:
    write(project, "src/shop_below_src/__init__.py", "")
    for spelled in ("shop_below_src:x", "shop_below_src.jobs:x"):
        with pytest.raises(TargetError, match=r"pip install -e \.[\s\S]*-d src"):
            load(spelled, directory=project)


def test_a_file_of_a_package_that_imports_relatively_is_named_as_its_module(project: Path) -> None:
    write(project, "src/parcel/__init__.py", "")
    write(project, "src/parcel/jobs.py", "from . import other\n")
    with pytest.raises(TargetError, match=rf"parcel\.jobs:x -d {project / 'src'}"):
        load("src/parcel/jobs.py:x", directory=project)
    with pytest.raises(TargetError, match=r"parcel\.jobs:x\.$"):
        load("parcel/jobs.py:x", directory=project / "src")


def test_exit_and_syntax_errors_while_importing_are_errors_of_the_target(project: Path) -> None:
    write(project, "leaves.py", "import sys\nsys.exit(3)\n")
    write(project, "torn.py", "def f(:\n")
    with pytest.raises(TargetError) as left:
        load("leaves:x", directory=project)
    assert "exited" in left.value.what
    assert left.value.where == f"{project / 'leaves.py'}:2"
    with pytest.raises(TargetError) as torn:
        load("torn:x", directory=project)
    assert torn.value.where == f"{project / 'torn.py'}:1"


def test_a_files_own_folder_and_the_working_directory_are_importable(project: Path) -> None:
    write(project, "deep/beside.py", "def helper(x):\n    return x\n")
    write(project, "at_top.py", "def other(x):\n    return x\n")
    write(
        project,
        "deep/target.py",
        "import at_top, beside\n\ndef work(item):\n    return at_top.other(beside.helper(item))\n",
    )
    assert load("deep/target.py:work", directory=project).function(5) == 5


def test_a_job_whose_resources_are_elsewhere_says_where_to_look(project: Path) -> None:
    write(
        project,
        "unbound.py",
        """
        from dagster import DynamicOut, DynamicOutput, job, op

        @op(out=DynamicOut())
        def split():
            yield DynamicOutput(1, mapping_key="a")

        @op(required_resource_keys={"database"})
        def work(context, item):
            return item

        @job
        def unbound_job():
            split().map(work)
        """,
    )
    from advisor.dagster_bridge.invocation import open_invocation
    from advisor.dagster_bridge.structure import describe

    loaded = load("unbound:unbound_job", directory=project)
    description = describe(loaded)
    with (
        open_invocation(loaded, description, None, project / "stored") as invocation,
        pytest.raises(TargetError) as failed,
    ):
        invocation.start_resources()
    assert "database" in str(failed.value)
    assert "Definitions" in str(failed.value)


@pytest.mark.parametrize(
    ("spelled", "job", "module"),
    [
        ("bridge_shapes:chain_job", None, "bridge_shapes"),
        ("bridge_shapes:inline_job", None, "bridge_shapes"),
        ("bridge_shapes:make_job", None, "bridge_shapes"),
        ("bridge_shapes:whole", None, "bridge_shapes"),
        ("bridge_shapes:double", None, "bridge_shapes"),
        ("bridge_defined", "squares_job", "bridge_defined"),
        ("bridge_defined:squares", None, "bridge_defined"),
        ("bridge_shapes:counted", None, None),
        ("bridge_shapes:asset_job", None, None),
        ("bridge_shapes:Holder.inside", None, None),
        ("bridge_shapes.py:chain_job", None, None),
    ],
)
def test_a_child_process_gets_the_same_job(
    spelled: str, job: str | None, module: str | None
) -> None:
    """And one loaded by module keeps the module's name, which the forkserver preloads."""
    from dagster._serdes import deserialize_value, serialize_value

    reference = parse_target(spelled, job=job, working_directory=HERE)
    expected = load_target(reference).job
    reconstructable = reconstructable_job(reference)
    travelled = deserialize_value(serialize_value(reconstructable))
    rebuilt = travelled.get_definition()
    assert set(rebuilt.graph.node_dict) == set(expected.graph.node_dict)
    assert rebuilt.executor_def.name == expected.executor_def.name
    assert reconstructable.get_module() == module


def test_a_function_has_no_job_to_rebuild() -> None:
    with pytest.raises(TargetError):
        reconstructable_job(parse_target("bridge_shapes:plain_function", working_directory=HERE))


def test_a_job_made_in_memory_runs_in_dagsters_own_children(tmp_path: Path) -> None:
    """A graph asset, under the multiprocess executor, rebuilt by our reconstructor."""
    from dagster import DagsterInstance, execute_job

    reconstructable = reconstructable_job(
        parse_target("bridge_shapes:counted", working_directory=HERE)
    )
    with (
        DagsterInstance.local_temp(str(tmp_path)) as instance,
        execute_job(
            reconstructable,
            instance=instance,
            run_config={"execution": {"config": {"multiprocess": WARM}}},
        ) as result,
    ):
        assert result.success
        succeeded = {event.step_key for event in result.all_events if event.is_step_success}
        assert {"counted.double[k2]", "counted.total"} <= succeeded


def test_rebuild_takes_the_fields_of_a_reference() -> None:
    from dataclasses import asdict

    reference = parse_target("bridge_shapes:counted", working_directory=HERE)
    assert rebuild_job(**asdict(reference)).name == "materialize_counted"
