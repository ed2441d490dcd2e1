"""What a scan of an instance tells of each job: its hours, its overhead, what config saves."""

from dataclasses import dataclass
from enum import Enum


class ConfigRemedy(str, Enum):
    """What a pasted config would change."""

    WARM_START = "warm start"
    """``start_method: forkserver`` with a preload list."""
    IN_PROCESS = "in process"
    """The in-process executor."""


@dataclass(frozen=True, slots=True)
class ScannedJob:
    """One job's runs in a period, extrapolated from those whose logs were read.

    Attributes:
        mapped_ops: Ops that ran once per item; empty for a job that does not fan out.
        items: Median number of items per run.
        steps: Median number of steps per run.
        way: Executor and start method of the newest run, in words.
        runs: Runs in the period.
        read: Runs whose log was read: all figures below rest on them.
        failed: Runs of the period that failed.
        makespan_s: Median of the read runs.
        total_s: Makespans of all runs of the period, the read runs' mean standing for the others.
        overhead_s: Part of ``total_s`` in which the slots held no computing: the share of the
            steps' slot time that is not the ops' own.
        saving_s: What ``remedy`` would save of ``total_s``; 0 where config alone saves nothing
            that a log can tell.
        remedy: The change of config that saves most; None likewise.
        at_most: Whether ``saving_s`` is an upper bound: what a warm start takes is not known.
        target: The code of the newest run as a TARGET; None where the instance does not tell.
    """

    job: str
    mapped_ops: tuple[str, ...]
    items: int
    steps: int
    way: str
    runs: int
    read: int
    failed: int
    makespan_s: float
    total_s: float
    overhead_s: float
    saving_s: float
    remedy: ConfigRemedy | None
    at_most: bool
    target: str | None


@dataclass(frozen=True, slots=True)
class Scan:
    """All jobs of an instance with runs in the last days, most seconds to be saved first.

    Attributes:
        unread: What is to be said of runs whose log cannot be read.
    """

    instance: str
    days: float
    jobs: tuple[ScannedJob, ...]
    unread: tuple[str, ...] = ()
