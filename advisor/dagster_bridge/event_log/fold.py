"""The events of one run, folded to its steps."""

import re
from collections.abc import Iterator, Mapping
from typing import cast

from advisor.dagster_bridge.event_log.executor import executor_of_message
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


class _Attempt:
    """One attempt of a step while its events arrive."""

    __slots__ = ("error", "inputs", "number", "outputs", "pid", "status", "times")

    def __init__(self, number: int) -> None:
        self.number = number
        self.times: dict[str, float] = {}
        self.status: StepStatus = "running"
        self.inputs = 0
        self.outputs = 0
        self.pid: int | None = None
        self.error: str | None = None

    def first(self, name: str, at_s: float) -> None:
        self.times.setdefault(name, at_s)

    def observed(self, step_key: str) -> ObservedStep:
        match = _MAPPED_KEY.match(step_key)
        times = self.times
        start_s = times.get("start_s")
        inputs_s = times.get("inputs_s", start_s)
        return ObservedStep(
            step_key=step_key,
            op=match["op"] if match else step_key,
            mapping_key=match["key"] if match else None,
            status=self.status,
            worker_starting_s=times.get("worker_starting_s"),
            worker_started_s=times.get("worker_started_s"),
            resource_init_started_s=times.get("resource_init_started_s"),
            resource_init_s=times.get("resource_init_s"),
            start_s=start_s,
            inputs_s=inputs_s,
            first_output_s=times.get("first_output_s"),
            last_output_s=times.get("last_output_s"),
            stored_s=times.get("stored_s"),
            end_s=times.get("end_s"),
            outputs=self.outputs,
            inputs=self.inputs,
            attempt=self.number,
            pid=self.pid,
            error=self.error,
            queued_s=times.get("queued_s"),
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
        if kind in _STEP_ENDS:
            attempt = self._attempt(step_key, kind)
            attempt.times["end_s"] = at_s
            attempt.status = _STEP_ENDS[kind]
            if event.payload is not None:
                crash = self._crashes.pop(step_key, None)
                attempt.error = crash or _error_line(event.payload)
            return
        attempt = self._attempt(step_key, kind)
        if kind in _FIRST_AT:
            attempt.first(_FIRST_AT[kind], at_s)
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
            self._attempt(event.step_key, "STEP_WORKER_STARTING").first("queued_s", at_s)
        elif "in celery worker" in message:
            self._attempt(event.step_key, "STEP_WORKER_STARTED").first("worker_started_s", at_s)
        elif "in Kubernetes job" in message:  # a Celery worker has taken the step from its queue
            self._attempt(event.step_key, "STEP_WORKER_STARTING").first("worker_starting_s", at_s)


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
