"""The assets that a target's assets need."""

from __future__ import annotations

from dagster import AssetKey, JobDefinition

from advisor.dagster_bridge.target.loaded import LoadedTarget


def with_upstream_assets(loaded: LoadedTarget) -> JobDefinition | None:
    """The asset job that also materializes what the target's assets need; None if there is none.

    Node names are the same as in the target's own job.
    """
    if loaded.job is None or loaded.pointer is None or loaded.definitions is None:
        return None
    keys = {AssetKey(list(path)) for path in loaded.pointer.asset_keys}
    if not keys:
        return None
    graph = loaded.definitions.asset_graph
    wanted, todo = set(keys), list(keys)
    while todo:
        for parent in graph.get(todo.pop()).parent_keys:
            if parent not in wanted and graph.get(parent).is_materializable:
                wanted.add(parent)
                todo.append(parent)
    whole = loaded.definitions.get_implicit_job_def_for_assets(wanted)
    return whole.get_subset(asset_selection=wanted) if whole else None
