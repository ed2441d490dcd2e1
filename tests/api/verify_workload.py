"""Jobs of two items for real runs in tests."""

import os
from pathlib import Path

from dagster import DynamicOut, DynamicOutput, OpExecutionContext, job, op


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


@op(pool="db")
def double_with_a_slot(context: OpExecutionContext, number: int) -> int:
    """Fails where the run's instance lets more than one step of the pool run at once."""
    slots = context.instance.event_log_storage.get_concurrency_info("db")
    assert (slots.slot_count, slots.active_slot_count) == (1, 1)
    return 2 * number


@job
def doubling_in_a_pool():
    total(numbers().map(double_with_a_slot).collect())


def sample_numbers():
    return [3, 5, 7]


@op
def note(number: int) -> int:
    """An op without a job, whose calls can be told afterwards."""
    with (Path(os.environ["VERIFY_NOTES"]) / str(number)).open("a") as notes:
        notes.write("called\n")
    return 2 * number


def plain_note(number: int) -> int:
    return note(number)


def put_back():
    """As a ``--setup`` hook: no document is done."""
    for done in Path(os.environ["VERIFY_NOTES"]).glob("done-*"):
        done.unlink()


@op(out=DynamicOut(int))
def pending():
    folder = Path(os.environ["VERIFY_NOTES"])
    for number in range(2):
        if not (folder / f"done-{number}").exists():
            yield DynamicOutput(number, mapping_key=str(number))


@op
def finish(context: OpExecutionContext, number: int) -> int:
    context.log.error("number %s is not good", number)
    (Path(os.environ["VERIFY_NOTES"]) / f"done-{number}").touch()
    return 2 * number


@job
def finishing():
    total(pending().map(finish).collect())


def note_instance():
    """A hook before each run: what its instance is, for the test."""
    home = Path(os.environ["DAGSTER_HOME"])
    Path(os.environ["NOTED"]).write_text((home / "dagster.yaml").read_text())
