"""Jobs for the storages: items that wait, stored as any, and through a slow IO manager."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from dagster import (
    DynamicOut,
    DynamicOutput,
    FilesystemIOManager,
    InputContext,
    IOManager,
    JobDefinition,
    OutputContext,
    graph,
    io_manager,
    op,
)

ITEMS, WAIT_S, CALL_S = 16, 0.5, 0.2


class SlowFiles(IOManager):
    """A file system far away: each call of it waits ``CALL_S`` besides."""

    def __init__(self, files: IOManager) -> None:
        self.files = files

    def handle_output(self, context: OutputContext, value: Any) -> None:
        time.sleep(CALL_S)
        self.files.handle_output(context, value)

    def load_input(self, context: InputContext) -> Any:
        time.sleep(CALL_S)
        return self.files.load_input(context)


@io_manager
def slow_files(context: Any) -> SlowFiles:
    base = context.instance.storage_directory()
    return SlowFiles(FilesystemIOManager(base_dir=base).create_io_manager(context))


@op(out=DynamicOut(int))
def fan_out() -> Iterator[DynamicOutput[int]]:
    for item in range(ITEMS):
        yield DynamicOutput(item, mapping_key=f"i{item}")


@op
def wait(item: int) -> int:
    time.sleep(WAIT_S)
    return item


@op
def collect(items: list[int]) -> int:
    return len(items)


@graph
def waits() -> None:
    collect(fan_out().map(wait).collect())


waits_job: JobDefinition = waits.to_job(name="waits_job")
slow_files_job: JobDefinition = waits.to_job(
    name="slow_files_job", resource_defs={"io_manager": slow_files}
)
