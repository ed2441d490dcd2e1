"""Counting what a call has Dagster record: in a run each is an event in its log."""

import logging
from collections.abc import Iterable

from dagster import AssetMaterialization, AssetObservation, ExpectationResult

_OF_ASSETS = (AssetMaterialization, AssetObservation)
_EVENTS_OF_OUTPUT = 2  # that it was given, and that it was stored


class RecordedEvents(logging.Handler):
    """Counts of one call.

    Attributes:
        count: All events, log lines included, beside those that every step has.
        lines: Lines of ``context.log`` among them, of which no parent process is told.
        of_assets: Materializations and observations among them.
        attempts: How often the op was called: more than once where it failed and was retried.
    """

    def __init__(self, hooks: int = 0) -> None:
        super().__init__()
        self.count, self.of_assets, self.attempts = hooks, 0, 1
        self.lines = 0

    def emit(self, _record: logging.LogRecord) -> None:
        """A line of ``context.log``."""
        self.count += 1
        self.lines += 1

    def add(self, events: Iterable[object]) -> None:
        """What the op yielded, or logged through its context."""
        for event in events:
            self.of_assets += isinstance(event, _OF_ASSETS)
            self.count += isinstance(event, (*_OF_ASSETS, ExpectationResult))

    def add_outputs(self, outputs: int) -> None:
        """Outputs beyond the one that is part of every step."""
        self.count += _EVENTS_OF_OUTPUT * max(0, outputs - 1)
