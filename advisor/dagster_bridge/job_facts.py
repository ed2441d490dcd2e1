"""What the static rules and the emitted code need of a job, beyond its description."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.dagster_bridge.event_log.rows import mapping
from advisor.dagster_bridge.executors import own_executor_config
from advisor.dagster_bridge.instances import deadlocking_loggers, storage_of
from advisor.dagster_bridge.plan import ops_by_handle
from advisor.dagster_bridge.sqlite_reading import read_sqlite
from advisor.dagster_bridge.user_frames import in_words
from advisor.dagster_bridge.yaml_file import instance_config
from advisor.domain.errors import DynadviseError
from advisor.domain.rule_facts import POD_TAG, InstanceFacts, JobFacts
from advisor.domain.workload import SourceLocation, WorkloadDescription

if TYPE_CHECKING:
    from dagster import ResourceDefinition

    from advisor.dagster_bridge.target import LoadedTarget

_SCRIPT = "__main__"  # the forkserver imports the script for it


def job_facts(
    loaded: LoadedTarget,
    description: WorkloadDescription,
    run_config: Mapping[str, object] | None = None,
) -> JobFacts:
    """What the rules ask of the loaded target; imports parent packages of preloads, no more."""
    setting = description.executor
    file = getattr(loaded.module, "__file__", None)
    keys = {"io_manager", *(key for op in description.mapped for key in op.io_manager_keys)}
    config = own_executor_config(loaded.job, run_config) if loaded.job else {}
    resources = loaded.resource_defs
    return JobFacts(
        tags=dict(loaded.job.tags) if loaded.job else {},
        memory_io_managers=tuple(
            key for key in sorted(keys & set(resources)) if _keeps_in_memory(resources[key])
        ),
        unloadable_preloads=_unloadable(setting.preload_modules or () if setting else ()),
        unguarded_execute_job=unguarded_call(Path(file)) if file else None,
        executor_config=config,
        pod_tags={
            handle: op.tags[POD_TAG]
            for handle, op in (ops_by_handle(loaded.job).items() if loaded.job else ())
            if POD_TAG in op.tags
        },
        docker_arguments=docker_arguments() if "container_kwargs" in config else frozenset(),
    )


def docker_arguments() -> frozenset[str]:
    """Names that docker-py takes for a container; empty where it is not installed."""
    try:
        from docker.models.containers import RUN_CREATE_KWARGS, RUN_HOST_CONFIG_KWARGS
    except ImportError:
        return frozenset()
    taken_apart = ("network", "networking_config", "ports", "volumes")
    return frozenset({*RUN_CREATE_KWARGS, *RUN_HOST_CONFIG_KWARGS, *taken_apart})


def instance_facts(home: Path | None = None) -> InstanceFacts | None:
    """What the instance in a folder (default: ``DAGSTER_HOME``) sets; None without one.

    Read from its files, which are not changed; a ``dagster.yaml`` that cannot be understood is
    left to Dagster's own message.
    """
    named = os.environ.get("DAGSTER_HOME")
    folder = home or (Path(named) if named else None)
    if folder is None or not folder.is_dir():
        return None
    try:
        settings = instance_config(folder)
    except DynadviseError:
        return None
    concurrency = mapping(settings.get("concurrency"))
    pools, retries = mapping(concurrency.get("pools")), mapping(settings.get("run_retries"))
    limits = _pool_limits(folder)
    granularity = pools.get("granularity")
    default = pools.get("default_limit", concurrency.get("default_op_concurrency_limit"))
    most = retries.get("max_retries", 0)
    return InstanceFacts(
        pool_limits=limits or {},
        default_pool_limit=default if isinstance(default, int) else None,
        pool_granularity=str(granularity) if granularity else None,
        run_retries=most if retries.get("enabled") is True and isinstance(most, int) else 0,
        deadlocking_loggers=(
            deadlocking_loggers(settings) if storage_of(settings) == "sqlite" else ()
        ),
        run_tag_limits=_run_tag_limits(settings),
        packages=_packages(storage_of(settings)),
        pools_known=limits is not None and not {"storage", "event_log_storage"} & set(settings),
    )


def _packages(storage: str) -> dict[str, str]:
    """Versions of what a storage on a server needs; none for SQLite."""
    versions = {}
    for package in (f"dagster-{storage}", "sqlalchemy") if storage != "sqlite" else ():
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def _run_tag_limits(settings: Mapping[str, object]) -> tuple[str, ...]:
    """Keys of tags whose runs are limited, in either of the places where Dagster takes them."""
    queue = mapping(mapping(settings.get("run_coordinator")).get("config"))
    runs = mapping(mapping(settings.get("concurrency")).get("runs"))
    limits = [runs.get("tag_concurrency_limits"), queue.get("tag_concurrency_limits")]
    entries = [entry for limit in limits if isinstance(limit, list) for entry in limit]
    return tuple(str(e["key"]) for e in entries if isinstance(e, Mapping) and "key" in e)


def _pool_limits(folder: Path) -> dict[str, int] | None:
    """Limits set by ``dagster instance concurrency set``; None where they cannot be read."""
    path = folder / "history" / "runs" / "index.db"
    if not path.is_file():
        return {}

    def limits(database: sqlite3.Connection) -> dict[str, int]:
        rows = database.execute('SELECT concurrency_key, "limit" FROM concurrency_limits')
        return {str(pool): limit for pool, limit in rows if isinstance(limit, int)}

    try:
        return read_sqlite(path, limits)
    except DynadviseError:
        return None


def _keeps_in_memory(definition: ResourceDefinition) -> bool:
    """Whether an IO manager is Dagster's in-memory one, told without making it."""
    from dagster import mem_io_manager

    from advisor.dagster_bridge.private import InMemoryIOManager

    function = definition.resource_fn
    held = (cell.cell_contents for cell in getattr(function, "__closure__", None) or ())
    return function is mem_io_manager.resource_fn or any(
        isinstance(value, InMemoryIOManager) for value in held
    )


def _unloadable(modules: tuple[str, ...]) -> dict[str, str]:
    """Module to the reason why it is not found; a module's parents are imported to look for it."""
    reasons = {}
    for module in modules:
        if module == _SCRIPT:
            continue
        try:
            missing = importlib.util.find_spec(module) is None
        except Exception as error:  # noqa: BLE001 - whatever the user's package raises
            reasons[module] = in_words(error)
        else:
            if missing:
                reasons[module] = "there is no such module"
    return reasons


def unguarded_call(file: Path) -> SourceLocation | None:
    """The first place where importing the file calls ``execute_job``, None where none does.

    Calls in a function count where the module's top level calls that function by name.
    """
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError):
        return None
    functions = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(_called(call) == "execute_job" for call in ast.walk(node))
    }
    for node in _imported_statements(tree.body):
        for call in ast.walk(node):
            if _called(call) in {"execute_job", *functions}:
                assert isinstance(call, ast.Call)
                return SourceLocation(str(file), call.lineno)
    return None


def _called(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None


def _imported_statements(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Statements that run at import: none of functions, classes or a ``__main__`` guard."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(node, ast.If):
            if not any(
                isinstance(name, ast.Name) and name.id == "__name__" for name in ast.walk(node.test)
            ):
                yield from _imported_statements(node.body)
            yield from _imported_statements(node.orelse)
        elif isinstance(node, ast.With | ast.For | ast.While | ast.Try):
            yield from _imported_statements(node.body)
        else:
            yield node
