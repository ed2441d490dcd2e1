"""Find the user's target, load it, and make it loadable again in another process.

Modules are imported as Dagster's own command line does it: the working directory is importable,
and a file is loaded under the name of its stem.
"""

from advisor.dagster_bridge.target.loading import load_module, parse_target
from advisor.dagster_bridge.target.makers import JOBS
from advisor.dagster_bridge.target.place import LoadedTarget
from advisor.dagster_bridge.target.reconstruct import (
    load_s,
    rebuild_job,
    reconstructable_job,
    reconstructable_of,
)
from advisor.dagster_bridge.target.resolve import load_place, load_target, with_upstream_assets

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
