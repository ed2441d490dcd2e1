"""What `dg` sees of the package: its registry module, and the monitor as a component."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import tomlkit
from factories import make_saved_profile

from advisor import store
from advisor.domain.errors import DynadviseError

dg_testing = pytest.importorskip("dagster.components.testing", reason="needs Dagster 1.12")
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_the_registered_module_offers_the_monitor() -> None:
    from dagster.components.core.package_entry import get_package_objects_in_module

    entry = tomlkit.parse(PYPROJECT.read_text())["project"]["entry-points"]
    (module,) = entry["dagster_dg_cli.registry_modules"].values()
    offered = dict(get_package_objects_in_module(import_module(module)))
    assert list(offered) == ["DriftMonitor"]


def sensors_of(profile: str, **scaffolded: str) -> list[str]:
    from advisor.components import DriftMonitor

    with dg_testing.create_defs_folder_sandbox() as sandbox:
        store.write(make_saved_profile(), sandbox.project_root / "profiles")
        found = [
            str(p.relative_to(sandbox.project_root)) for p in sandbox.project_root.rglob(profile)
        ]
        folder = sandbox.scaffold_component(
            DriftMonitor, scaffold_params={"profile": (found or [profile])[0], **scaffolded}
        )
        assert (
            (folder / "defs.yaml").read_text().startswith("type: advisor.components.DriftMonitor")
        )
        with sandbox.load_component_and_build_defs(defs_path=folder) as (_, defs):
            return [sensor.name for sensor in defs.sensors]


@pytest.mark.parametrize("way", [{}, {"way": "current"}], ids=["default", "current"])
def test_a_scaffolded_monitor_is_a_sensor(way) -> None:
    assert sensors_of("*chunks*.json", **way) == ["process_all_drift"]


def test_a_profile_that_is_not_there_is_named() -> None:
    with pytest.raises(Exception, match=r"defs\.yaml") as caught:
        sensors_of("no_such.json")
    assert isinstance(caught.value.__cause__, DynadviseError)
    assert "no_such.json" in str(caught.value.__cause__)
