"""What fans out in a project, with the command for each: ``dynadvise list``; no op is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from advisor.api.discovering import IMPORT_TIMEOUT_S
from advisor.domain.command_line import path_of, target_name, words_of
from advisor.domain.errors import DynadviseError, ProfileError, TargetError
from advisor.domain.options import ListOptions
from advisor.domain.project import ListedLocation, ListedWorkload, ProjectListing
from advisor.domain.workload import TargetReference
from advisor.measure.workspace import workspace

if TYPE_CHECKING:
    from advisor.dagster_bridge.listing import FanningOut, LoadedLocation

MOST_RUNS = 20_000
"""Newest runs of the instance that are counted."""


@workspace()
def list_project(options: ListOptions) -> ProjectListing:
    """Load each code location in a child process and say what fans out in it.

    Raises:
        TargetError: There is no such project.
    """
    runs = _runs(options.instance)
    locations = tuple(
        listed
        for reference in _locations(options)
        for listed in _listed(reference, options.profiles, runs)
    )
    folder = Path(options.project or ".")
    project = str(folder.resolve()) if folder.is_dir() else str(options.project)
    return ProjectListing(project, locations, None if runs is None else str(options.instance))


def _locations(options: ListOptions) -> tuple[TargetReference, ...]:
    """The code locations that the project's spelling names."""
    from advisor.dagster_bridge.code_locations import (
        code_locations,
        location,
        locations_of_workspace,
    )

    here = (options.working_directory or Path.cwd()).resolve()
    spelled = options.project or "."
    path = here / path_of(spelled)
    if path.suffix in {".yaml", ".yml"} and path.is_file():
        return locations_of_workspace(path)
    if path.name in {"pyproject.toml", "dg.toml"}:
        path = path.parent
    if path.is_dir():
        return code_locations(path) or _files(path, here, is_named=bool(options.project))
    if path.suffix == ".py" or "/" in spelled:
        return (location(here, file=path),)
    return (location(here, module=spelled),)


def _files(folder: Path, here: Path, *, is_named: bool) -> tuple[TargetReference, ...]:
    """The files that use Dagster in a folder that was named and is no project.

    Raises:
        TargetError: There are none; or nobody named the folder, so nobody asked to import them.
    """
    from advisor.dagster_bridge.code_locations import location, uses_dagster

    files = list(filter(uses_dagster, sorted(folder.glob("*.py"))))
    if files and is_named:
        return tuple(location(here, file=file) for file in files)
    names = [file.name for file in files]
    near = f"Files there that use Dagster: {', '.join(names[:8])}. " if files else ""
    example = names[0] if names else "FILE.py"
    raise TargetError(
        f"No Dagster project is found in {folder}: no [tool.dagster] or [tool.dg], no "
        "workspace.yaml, no definitions.py.",
        hint=f"{near}Name a file or a module: dynadvise list {example}",
    )


def _listed(
    reference: TargetReference, profiles: Path, runs: Counter[str] | None
) -> Iterator[ListedLocation]:
    """The location; of a package that holds nothing itself, its modules."""
    from advisor.measure.child import run_in_child

    source = reference.spelled
    try:
        loaded = cast(
            "LoadedLocation",
            run_in_child(
                "advisor.dagster_bridge.listing:list_location",
                reference,
                timeout_s=IMPORT_TIMEOUT_S,
                target=reference,
            ).unwrap(f"importing {source}"),
        )
    except DynadviseError as error:
        yield ListedLocation(source, error=str(error))
        return
    if loaded.modules:
        for module in loaded.modules:
            inner = replace(reference, spelled=module, module=module, file=None)
            yield from _listed(inner, profiles, runs)
        return
    yield ListedLocation(
        source,
        tuple(_workload(workload, profiles, runs) for workload in loaded.workloads),
        loaded.other_jobs,
    )


def _workload(fan_out: FanningOut, profiles: Path, runs: Counter[str] | None) -> ListedWorkload:
    described = fan_out.description
    executor = described.executor if described else None
    is_job = fan_out.kind == "job" and runs is not None
    return ListedWorkload(
        kind=fan_out.kind,
        name=fan_out.name,
        command=f"dynadvise profile {_words(fan_out.target)}",
        mapped_ops=tuple(op.handle for op in described.mapped) if described else (),
        fan_outs=fan_out.fan_outs,
        executor=executor.executor if executor else None,
        start_method=executor.start_method if executor else None,
        max_concurrent=executor.effective_max_concurrent if executor else None,
        obstacle=fan_out.obstacle,
        profile=_profile(fan_out.target, profiles),
        runs=runs[fan_out.name] if is_job and runs is not None else None,
    )


def _words(target: TargetReference) -> str:
    """The target as it is typed here, its folder relative to the current one."""
    folder, here = Path(target.working_directory), Path.cwd()
    inside = folder != here and folder.is_relative_to(here)
    return words_of(target, here, {"-d": str(folder.relative_to(here))} if inside else {})


def _profile(target: TargetReference, profiles: Path) -> str | None:
    """The newest profile of the target, of whatever host."""
    from advisor import store

    try:
        return str(store.find_profile(target_name(target), profiles))
    except ProfileError:
        return None


def _runs(instance: Path | None) -> Counter[str] | None:
    """Past runs by job; None where there is no instance that can be read."""
    if instance is None:
        return None
    from advisor.dagster_bridge.recorded_instance import open_instance_read_only

    try:
        rows = open_instance_read_only(instance).run_rows(None, MOST_RUNS)
    except DynadviseError:
        return None
    return Counter(row.job for row in rows)
