"""Log records of level ERROR or above: how an item tells of its failure when it swallows it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class ErrorRecords:
    """How many were made so far; their messages are not looked at."""

    count: int = 0


@contextmanager
def error_records() -> Iterator[ErrorRecords]:
    """Count the records of every logger of this process while the block runs.

    The record factory sees those of loggers that do not propagate too, Dagster's ``context.log``
    among them.
    """
    records = ErrorRecords()
    original = logging.getLogRecordFactory()

    def counting(*arguments: object, **keywords: object) -> logging.LogRecord:
        record = original(*arguments, **keywords)
        level: object = record.levelno  # none yet in a record that is made again of its fields
        records.count += isinstance(level, int) and level >= logging.ERROR
        return record

    logging.setLogRecordFactory(counting)
    try:
        yield records
    finally:
        logging.setLogRecordFactory(original)
