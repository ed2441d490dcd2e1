"""The least that fans out: two steps."""

from dagster import DynamicOut, DynamicOutput, job, op


@op(out=DynamicOut())
def split():
    yield DynamicOutput(1, mapping_key="only")


@op
def process(chunk):
    return chunk + 1


@job
def small_job():
    split().map(process)
