"""Find the user's target, load it, and make it loadable again in another process.

Modules are imported as Dagster's own command line does it: the working directory is importable,
and a file is loaded under the name of its stem.
"""

from advisor.dagster_bridge.target.loaded import LoadedTarget
from advisor.dagster_bridge.target.loading import load_module
from advisor.dagster_bridge.target.makers import JOBS
from advisor.dagster_bridge.target.reconstruct import (
    load_s,
    rebuild_job,
    reconstructable_job,
    reconstructable_of,
)
from advisor.dagster_bridge.target.resolve import load_place, load_target, with_upstream_assets
from advisor.dagster_bridge.target.spelling import parse_target

__all__ = [
    "JOBS",
    "LoadedTarget",
    "load_module",
    "load_place",
    "load_s",
    "load_target",
    "parse_target",
    "rebuild_job",
    "reconstructable_job",
    "reconstructable_of",
    "with_upstream_assets",
]
