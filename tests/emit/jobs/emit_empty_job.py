"""Nothing comes out of the fan-out."""

from dagster import DynamicOut, job, op


@op(out=DynamicOut(is_required=False))
def split():
    yield from ()


@op
def process(item):
    return item


@op
def merge(results):
    return results


@job
def empty_job():
    merge(split().map(process).collect())
