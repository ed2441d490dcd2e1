"""One item fails."""

from dagster import DynamicOut, DynamicOutput, job, op

RAN = []


@op(out=DynamicOut())
def split():
    for number in range(4):
        yield DynamicOutput(number, mapping_key=f"n{number}")


@op
def invert(number):
    RAN.append(number)
    return 1 / (number - 1)


@job
def failing_job():
    split().map(invert)
