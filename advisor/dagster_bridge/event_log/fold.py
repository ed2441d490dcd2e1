"""The events of one run, folded to its steps and to what they tell of the executor."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

from advisor.dagster_bridge.event_log.rows import (
    TOLD_BY_ONE_PAYLOAD,
    EventRow,
    json_object,
    mapping,
)
from advisor.domain.observed import ObservedStep, StepStatus

_STEP_ENDS: Mapping[str, StepStatus] = {
    "STEP_SUCCESS": "success",
    "STEP_FAILURE": "failure",
    "STEP_UP_FOR_RETRY": "up_for_retry",
    "STEP_SKIPPED": "skipped",
}
_BEGINS_AN_ATTEMPT = frozenset(
    {
        "STEP_WORKER_STARTING",
        "STEP_WORKER_STARTED",
        "RESOURCE_INIT_STARTED",
        "STEP_START",
        "STEP_RESTARTED",
    }
)
# Kind of event to the time that its first (or last) occurrence in an attempt sets.
_FIRST_AT: Mapping[str, str] = {
    "STEP_WORKER_STARTING": "worker_starting_s",
    "STEP_WORKER_STARTED": "worker_started_s",
    "RESOURCE_INIT_STARTED": "resource_init_started_s",
    "STEP_START": "start_s",
    "STEP_RESTARTED": "start_s",
    "STEP_OUTPUT": "first_output_s",
}
_LAST_AT: Mapping[str, str] = {
    "RESOURCE_INIT_SUCCESS": "resource_init_s",
    "LOADED_INPUT": "inputs_s",
    "STEP_INPUT": "inputs_s",
    "STEP_OUTPUT": "last_output_s",
    "HANDLED_OUTPUT": "stored_s",
}
_MAPPED_KEY = re.compile(r"^(?P<op>.*)\[(?P<key>[^\[\]]*)\]$")
_PID = re.compile(r'"pid": (\d{1,10})\b')


@dataclass(slots=True)
class _Attempt:
    """One attempt of a step while its events arrive; ``times`` as `ObservedStep` calls them."""

    number: int
    times: dict[str, Any] = field(default_factory=dict)
    status: StepStatus = "running"
    inputs: int = 0
    outputs: int = 0
    pid: int | None = None
    error: str | None = None

    def observed(self, step_key: str) -> ObservedStep:
        match = _MAPPED_KEY.match(step_key)
        return ObservedStep(
            step_key=step_key,
            op=match["op"] if match else step_key,
            mapping_key=match["key"] if match else None,
            status=self.status,
            outputs=self.outputs,
            inputs=self.inputs,
            attempt=self.number,
            pid=self.pid,
            error=self.error,
            **{"inputs_s": self.times.get("start_s"), **self.times},
        )


class RunLog:
    """The events of a run, folded in the order of their timestamps."""

    def __init__(self, origin_s: float) -> None:
        self.executor: str | None = None
        self.run_start_s = 0.0
        self.is_interrupted = False
        self.error: str | None = None
        self._origin_s = origin_s
        self._attempts: dict[str, list[_Attempt]] = {}
        self._blocked: dict[str, float] = {}
        self._crashes: dict[str, str] = {}

    def add(self, event: EventRow) -> None:
        """Take the next event, in the order of their timestamps."""
        at_s = event.timestamp_s - self._origin_s
        kind = event.kind
        if kind is None:
            return
        if kind == "ENGINE_EVENT":
            self._engine_event(event, at_s)
        elif event.step_key is not None:
            self._step_event(event, kind, at_s)
        elif kind == "PIPELINE_START":
            self.run_start_s = at_s
        elif kind == "PIPELINE_FAILURE" and event.payload is not None:
            self.error = self.error or _error_line(event.payload)

    def steps(self) -> Iterator[ObservedStep]:
        """Every attempt of every step."""
        for step_key, attempts in self._attempts.items():
            for attempt in attempts:
                yield attempt.observed(step_key)

    def pool_waits_s(self) -> dict[str, float]:
        """Step key to the seconds from its first "blocked by limit" until it began."""
        waits: dict[str, float] = {}
        for step_key, blocked_s in self._blocked.items():
            begun = [
                begin
                for attempt in self._attempts.get(step_key, ())
                if (begin := min(attempt.times.values(), default=None)) is not None
                and begin >= blocked_s
            ]
            if begun:
                waits[step_key] = min(begun) - blocked_s
        return waits

    def _attempt(self, step_key: str, kind: str) -> _Attempt:
        attempts = self._attempts.setdefault(step_key, [])
        if not attempts or (attempts[-1].status != "running" and kind in _BEGINS_AN_ATTEMPT):
            attempts.append(_Attempt(len(attempts) + 1))
        return attempts[-1]

    def _step_event(self, event: EventRow, kind: str, at_s: float) -> None:
        step_key = cast("str", event.step_key)
        attempt = self._attempt(step_key, kind)
        if kind in _STEP_ENDS:
            attempt.times["end_s"] = at_s
            attempt.status = _STEP_ENDS[kind]
            if event.payload is not None:
                crash = self._crashes.pop(step_key, None)
                attempt.error = crash or _error_line(event.payload)
            return
        if kind in _FIRST_AT:
            attempt.times.setdefault(_FIRST_AT[kind], at_s)
        if kind in _LAST_AT:
            attempt.times[_LAST_AT[kind]] = at_s
        attempt.inputs += kind == "LOADED_INPUT"
        attempt.outputs += kind == "STEP_OUTPUT"
        if event.payload is not None:
            if kind == TOLD_BY_ONE_PAYLOAD:
                message, _ = _engine_message(event.payload)
                self.executor = executor_of_message(message, self.executor)
            elif pid := _PID.search(event.payload):
                attempt.pid = int(pid[1])

    def _engine_event(self, event: EventRow, at_s: float) -> None:
        message, has_error = _engine_message(event.payload)
        self.executor = executor_of_message(message, self.executor)
        self.is_interrupted |= "received termination signal" in message
        if event.step_key is None:
            if has_error and event.payload is not None:
                self.error = self.error or _error_line(event.payload)
            return
        if "blocked by limit for pool" in message:
            self._blocked.setdefault(event.step_key, at_s)
        elif has_error:
            self._crashes[event.step_key] = _first_line(message)
        elif message.startswith("Submitting celery task"):
            attempt = self._attempt(event.step_key, "STEP_WORKER_STARTING")
            attempt.times.setdefault("queued_s", at_s)
        elif "in celery worker" in message:
            attempt = self._attempt(event.step_key, "STEP_WORKER_STARTED")
            attempt.times.setdefault("worker_started_s", at_s)
        elif "in Kubernetes job" in message:  # a Celery worker has taken the step from its queue
            attempt = self._attempt(event.step_key, "STEP_WORKER_STARTING")
            attempt.times.setdefault("worker_starting_s", at_s)


def _engine_message(payload: str | None) -> tuple[str, bool]:
    """An engine event's message, and whether it carries an error."""
    event = mapping(json_object(payload).get("dagster_event"))
    data = mapping(event.get("event_specific_data"))
    return str(event.get("message") or ""), data.get("error") is not None


def _error_line(payload: str) -> str | None:
    """First line of the innermost cause of a failed step's error."""
    event = mapping(json_object(payload).get("dagster_event"))
    error = mapping(mapping(event.get("event_specific_data")).get("error"))
    while cause := mapping(error.get("cause")):
        error = cause
    message = error.get("message")
    return _first_line(str(message)) if message else None


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0].strip()


# --- the executor ---------------------------------------------------------------------------

# Messages by which an executor shows itself; the first that fits names it.
_EXECUTOR_SIGNS: Sequence[tuple[str, str]] = (
    ("using multiprocess executor", "multiprocess"),
    ("Executing steps in process", "in_process"),
    ("in Kubernetes job", "k8s"),
    ("in Docker container", "docker"),
    ("celery task", "celery"),
    ("AsyncExecutor", "async"),  # dagster-async-executor
)
# The first message of Dagster's StepDelegatingExecutor, whatever starts its steps.
_STEP_HANDLER = re.compile(r"Starting execution with step handler (\w+)")
_HANDLERS = ("k8s", "docker", "ecs", "ray")


def executor_of_message(message: str, before: str | None = None) -> str | None:
    """The executor that a message of the engine names; ``before``: what earlier ones named."""
    if before not in {None, "celery"}:
        return before
    if handler := _STEP_HANDLER.search(message):
        kind = handler[1].lower()
        return next((name for name in _HANDLERS if kind.startswith(name)), "delegating")
    named = next((name for sign, name in _EXECUTOR_SIGNS if sign in message), None)
    if before == "celery":
        # A Celery worker that starts a Kubernetes job for its step.
        return "celery_k8s" if named == "k8s" else "celery"
    return named


class ConfiguredExecutor(NamedTuple):
    """The executor as run config sets it; None where it is silent."""

    executor: str | None
    start_method: str | None
    max_concurrent: int | None
    preload_modules: tuple[str, ...] | None


def executor_setting(run_config: Mapping[str, Any]) -> ConfiguredExecutor:
    """What the run config alone says of the executor (a job's own default is not in it)."""
    config = mapping(mapping(run_config.get("execution")).get("config"))
    executor: str | None = None
    for name in ("multiprocess", "in_process"):
        if name in config:
            executor = name
            config = mapping(config[name])
            break
    start = mapping(config.get("start_method"))
    method = next(iter(start), None)
    preload = mapping(start.get("forkserver")).get("preload_modules")
    limit = config.get("max_concurrent")
    return ConfiguredExecutor(
        executor=executor,
        start_method=method,
        # 0 means "not set" to Dagster's multiprocess executor.
        max_concurrent=limit if isinstance(limit, int) and limit > 0 else None,
        preload_modules=tuple(map(str, preload)) if isinstance(preload, list) else None,
    )


def slots_from_queue(steps: list[ObservedStep]) -> list[ObservedStep]:
    """Steps with the moment when a worker was free for them, where they came from a queue.

    Celery's executor gives all steps that are ready to the queue at once: how many run is the
    workers' to set, and the log does not tell it. As many slots are taken as ran at once; the
    k-th that was freed was taken by the k-th step that began after those that filled them.
    """
    claims = sorted(
        (step.worker_started_s, step.end_s if step.end_s is not None else float("inf"), index)
        for index, step in enumerate(steps)
        if step.queued_s is not None and step.worker_started_s is not None
    )
    ends = sorted(end for _, end, _ in claims)
    # A step that begins when k others have ended: the steps before it, less k, hold a slot.
    slots = max(
        (place + 1 - bisect_right(ends, started) for place, (started, _, _) in enumerate(claims)),
        default=0,
    )
    for place, (started, _, index) in enumerate(claims):
        step = steps[index]
        if step.worker_starting_s is None:
            freed_s = ends[place - slots] if place >= slots else 0.0
            given_s = min(started, max(cast("float", step.queued_s), freed_s))
            steps[index] = replace(step, worker_starting_s=given_s)
    return steps
