"""A run that happened, as its event log tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

StepStatus = Literal["success", "failure", "skipped", "running", "up_for_retry"]
RunStatus = Literal["success", "failure", "canceled", "running", "queued", "other"]


@dataclass(frozen=True, slots=True)
class ObservedStep:
    """One attempt of one step: when each phase ended, in seconds since the run's first event.

    A time is None where the log has no such event (in-process runs have no worker events).

    Attributes:
        step_key: As in the log, ``graph.op[mapping_key]``.
        op: The key without the mapping key: ``graph.op``.
        mapping_key: None for a step that is not mapped.
        worker_starting_s: STEP_WORKER_STARTING: the executor has given it a slot.
        worker_started_s: STEP_WORKER_STARTED: the process runs and has its instance.
        resource_init_started_s: Plan built, user code imported.
        resource_init_s: RESOURCE_INIT_SUCCESS.
        start_s: STEP_START: log capture is ready.
        inputs_s: Last STEP_INPUT (or LOADED_INPUT); ``start_s`` where it has no input.
        first_output_s: First STEP_OUTPUT.
        last_output_s: Last STEP_OUTPUT.
        stored_s: Last HANDLED_OUTPUT.
        end_s: STEP_SUCCESS or STEP_FAILURE.
        outputs: Number of STEP_OUTPUT events.
        inputs: Number of LOADED_INPUT events.
        attempt: 1 for the first.
        pid: Of its process, where the log says.
        error: First line of the failure's error, or Dagster's explanation of a crash.
        queued_s: When it was given to a queue (Celery's), where it may wait for a worker: then
            ``worker_starting_s`` is when one was free for it.
    """

    step_key: str
    op: str
    mapping_key: str | None
    status: StepStatus
    worker_starting_s: float | None = None
    worker_started_s: float | None = None
    resource_init_started_s: float | None = None
    resource_init_s: float | None = None
    start_s: float | None = None
    inputs_s: float | None = None
    first_output_s: float | None = None
    last_output_s: float | None = None
    stored_s: float | None = None
    end_s: float | None = None
    outputs: int = 0
    inputs: int = 0
    attempt: int = 1
    pid: int | None = None
    error: str | None = None
    queued_s: float | None = None


@dataclass(frozen=True, slots=True)
class ObservedRun:
    """One run: its steps in order of their start.

    Attributes:
        executor: As found in the log: ``in_process``, ``multiprocess``, ``async``, one of
            `advisor.domain.cluster.UNITS`, or ``other``.
        started_at_s: Unix time of its first event.
        end_s: Last event, in seconds since the first.
        pool_waits_s: Step key to the seconds it waited for a pool's slot.
        run_start_s: When its execution began (PIPELINE_START), in seconds since the first event:
            what comes before is the queue and the launch of the run.
        preload_modules: As its run config sets them; None where it does not.
        error: First line of what failed the run itself, its executor or launcher; None: nothing.
    """

    run_id: str
    job: str
    status: RunStatus
    executor: str
    started_at_s: float
    end_s: float
    steps: tuple[ObservedStep, ...]
    start_method: str | None = None
    max_concurrent: int | None = None
    event_count: int = 0
    notes: tuple[str, ...] = ()
    pool_waits_s: Mapping[str, float] = field(default_factory=dict)
    run_start_s: float = 0.0
    preload_modules: tuple[str, ...] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
