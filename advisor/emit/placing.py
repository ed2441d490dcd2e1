"""Where the emitted code goes in the user's project, and which lines of it change."""

from advisor.domain.workload import WorkloadDescription
from advisor.emit.imports import user_module


def in_place_of_asset(asset: str) -> str:
    """What changes for an asset."""
    return (
        f"In your Definitions, put {asset}_batched in the place of {asset}, and add"
        f" {asset}_batched_job: with both assets, Dagster refuses to load (Duplicate asset key)."
        f" Where assets are collected from modules, leave {asset} out of what is collected."
    )


def beside_job(description: WorkloadDescription, launch: str, module: str, new: str) -> str:
    """What changes for a job.

    Args:
        module: From which the emitted module imports it; empty for a bare op's.
    """
    if launch == "execute_in_process":
        return "Advised: call execute_in_process() on the job below."
    added = "Add the job below to your Definitions, and run it as any other job."
    if not module:
        return added
    definitions, line = user_module(description), f"`from THIS_MODULE import {new}`"
    if description.target.job is None:
        return (
            f"{added} Where these stand in {module}, which is imported here, make them in a"
            f" function (`@dg.definitions`) with {line} in it."
        )
    if description.job_from is None:
        return (
            f"{added} This module imports {definitions}, which therefore cannot import it: give"
            " the job a variable in a module of its own, and profile again."
        )
    if module == definitions:
        return (
            f"{added} {definitions} is imported here, so make its Definitions in a function,"
            f" `@dg.definitions` above `def {description.definitions_name or 'defs'}():`, with"
            f" {line} as the first line in it, and {new} in its jobs=[...]."
        )
    return (
        f"{added} In {definitions}, add {line} to the imports and {new} to jobs=[...]; a schedule"
        " or sensor runs it once it names it."
    )
