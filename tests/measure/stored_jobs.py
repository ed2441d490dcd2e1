"""Jobs whose values go through an IO manager of their own."""

import pickle
import time
from pathlib import Path

from dagster import DynamicOut, DynamicOutput, IOManager, JobDefinition, graph, io_manager, op

CALL_S, FURTHER_S = 0.02, 0.005


class Remote(IOManager):
    """Waits in each call, and for each item of a list beyond the first; makes copies."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, context):
        return self.folder / "-".join(context.get_identifier()).replace("/", "_")

    def wait(self, value):
        time.sleep(CALL_S + FURTHER_S * (len(value) - 1 if isinstance(value, list) else 0))

    def handle_output(self, context, obj):
        self.wait(obj)
        content = pickle.dumps(obj)
        copies = [bytes(bytearray(content)) for _ in range(3)]
        self.path(context).write_bytes(copies[-1])

    def load_input(self, context):
        value = pickle.loads(self.path(context.upstream_output).read_bytes())
        self.wait(value)
        return value


class OneValue(Remote):
    def handle_output(self, context, obj):
        if isinstance(obj, list):
            raise TypeError("a table is expected")
        super().handle_output(context, obj)


@op(out=DynamicOut(bytes))
def fan_out():
    for item in range(12):
        yield DynamicOutput(bytes([item]) * 1_000_000, mapping_key=str(item))


@op
def double(value: bytes) -> bytes:
    return value + value


@op
def collect(values: list) -> int:
    return len(values)


@graph
def chunks():
    collect(fan_out().map(double).collect())


def job_with(manager):
    @io_manager
    def stored(context):
        return manager(context.instance.storage_directory())

    return chunks.to_job(name=manager.__name__, resource_defs={"io_manager": stored})


remote: JobDefinition = job_with(Remote)
one_value: JobDefinition = job_with(OneValue)
