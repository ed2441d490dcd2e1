"""The calibration's job: fans out into items that only sleep, maps and collects.

Every step's process imports this module, so it imports little but Dagster, and the user's module
as the steps of the user's own job do.
"""

import importlib
import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from dagster import DynamicOut, DynamicOutput, JobDefinition, job, op

from advisor.dagster_bridge.process_usage import delayed_by_others_s, unshared_bytes
from advisor.dagster_bridge.user_path import loading_user_code

JOB_NAME = "dynadvise_calibration"


def import_user_code(module: str | None, file: str | None, folder: str | None) -> None:
    """Import the user's module, or load the file, unless it is there already.

    ``folder``: the working directory, in which the module is looked for first.
    """
    with loading_user_code(*([folder] if folder else [])):
        _import_user_code(module, file)


def _import_user_code(module: str | None, file: str | None) -> None:
    if module is not None:
        importlib.import_module(module)
    elif file is not None and Path(file).stem not in sys.modules:
        spec = importlib.util.spec_from_file_location(Path(file).stem, file)
        if spec is not None and spec.loader is not None:
            loaded = importlib.util.module_from_spec(spec)
            sys.modules[Path(file).stem] = loaded
            spec.loader.exec_module(loaded)


def build_job(
    items: int,
    item_wait_s: float,
    module: str | None = None,
    file: str | None = None,
    folder: str | None = None,
) -> JobDefinition:
    """The job with ``items`` mapped steps; called again in every step process."""
    import_user_code(module, file, folder)

    @op(out=DynamicOut(int))
    def fan_out() -> Iterator[DynamicOutput[int]]:
        for item in range(items):
            yield DynamicOutput(item, mapping_key=f"i{item}")

    @op
    def mapped(item: int) -> list[float]:
        del item  # its value makes no difference
        if item_wait_s <= 0:  # in no process of its own: looking at it would be all that it does
            return [0.0, 0.0, 0.0]
        begun = time.perf_counter()
        own_bytes = float(unshared_bytes(os.getpid()))
        figures = [time.process_time(), delayed_by_others_s(), own_bytes]
        time.sleep(max(0.0, item_wait_s - (time.perf_counter() - begun)))
        return figures

    @op
    def collect(results: list[list[float]]) -> list[float]:
        """Means of an item's process until its call: CPU seconds, those without a core, bytes."""
        return [sum(column) / len(results) for column in zip(*results, strict=True)]

    @job(name=JOB_NAME)
    def calibration() -> None:
        collect(fan_out().map(mapped).collect())

    return calibration
