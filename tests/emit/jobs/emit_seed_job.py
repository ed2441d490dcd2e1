"""The plain case: a fan-out, one mapped op, a collect that depends on the order."""

from dagster import DynamicOut, DynamicOutput, job, op


@op(out=DynamicOut())
def split():
    return [DynamicOutput(number, mapping_key=f"chunk_{number}") for number in range(7)]


@op
def process(chunk: int) -> int:
    return chunk * 10


@op
def merge(results: list):
    return results


@job
def seed_job():
    merge(split().map(process).collect())
