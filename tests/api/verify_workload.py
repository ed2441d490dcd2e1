"""A job of two items for real runs in tests."""

from dagster import DynamicOut, DynamicOutput, job, op


@op(out=DynamicOut(int))
def numbers():
    for number in range(2):
        yield DynamicOutput(number, mapping_key=str(number))


@op
def double(number: int) -> int:
    return 2 * number


@op
def total(numbers: list[int]) -> int:
    return sum(numbers)


@job
def doubling():
    total(numbers().map(double).collect())
