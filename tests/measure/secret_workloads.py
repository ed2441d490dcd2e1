"""Jobs whose exceptions, mapping keys and tags hold what must not be saved."""

from __future__ import annotations

from dagster import DynamicOut, DynamicOutput, job, op

SECRET = "postgres://admin:hunter2@db"
CALLS: list[int] = []


@op(out=DynamicOut())
def split():
    for number in range(3):
        yield DynamicOutput(number, mapping_key=f"hunter2_{number}")


@op(tags={"owner": SECRET, "dagster/priority": "1"})
def works_once(number: int) -> int:
    """Each item runs once in a process."""
    if number in CALLS:
        raise ConnectionError(SECRET)
    CALLS.append(number)
    return number


@op(tags={"owner": SECRET})
def never_works(number: int) -> int:
    raise ConnectionError(SECRET)


@job
def failing_later():
    split().map(works_once)


@job
def failing():
    split().map(never_works)
