"""What pods tell of a cluster, from ``kubectl get pods -o json``: waits, starts, kills."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from advisor.domain.cluster import PodTimes
from advisor.domain.errors import ConfigurationError
from advisor.model.run_statistics import spread_of
from advisor.stored_json import parse

COMPONENT = "app.kubernetes.io/component"


def read_pods(path: Path) -> PodTimes:
    """The times of the pods in a file.

    Raises:
        ConfigurationError: It is not what ``kubectl get pods -o json`` prints, or no pod in it
            has started.
    """
    hint = "What writes it: kubectl get pods -l dagster/run-id=RUN_ID -o json > pods.json"
    try:
        document = parse(path.read_text(encoding="utf-8"))
        pods = document.get("items", [document])
        of_steps = [pod for pod in pods if not _is_of_a_run(pod)]
        started = [times for pod in of_steps if (times := _times(pod)) is not None]
        of_runs = [sum(times) for pod in pods if _is_of_a_run(pod) and (times := _times(pod))]
        statuses = [status for pod in of_steps for status in _statuses(pod)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{path} is not a list of pods: {type(error).__name__}: {error}.", hint=hint
        ) from None
    if not started:
        raise ConfigurationError(f"No pod of a step in {path} has started.", hint=hint)
    return PodTimes(
        pods=len(of_steps),
        started=len(started),
        pending_s=spread_of([pending_s for pending_s, _ in started]),
        start_s=spread_of([start_s for _, start_s in started]),
        pull_s=_pull_s(of_steps),
        restarts=sum(int(status.get("restartCount", 0)) for status in statuses),
        killed_for_memory=sum(_killed_for_memory(status) for status in statuses),
        run_start_s=median(of_runs) if of_runs else None,
    )


def _is_of_a_run(pod: Mapping[str, Any]) -> bool:
    """Whether it holds a run's own process, as dagster-k8s labels it; else it is a step's."""
    return (pod["metadata"].get("labels") or {}).get(COMPONENT) == "run_worker"


def _pull_s(pods: Sequence[Mapping[str, Any]]) -> float | None:
    """What the first pod on a node takes to start beyond later ones: they find the image there."""
    by_node: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for pod in pods:
        node = pod.get("spec", {}).get("nodeName")
        if node and (times := _times(pod)) is not None:
            begun_s = _unix(pod["metadata"]["creationTimestamp"]) + times[0]
            by_node[node].append((begun_s, times[1]))
    beyond_s = []
    for starts in by_node.values():
        (first_s, start_s), *others = sorted(starts)
        ready_s = first_s + start_s
        later_s = [each_s for begun_s, each_s in others if begun_s >= ready_s]
        if later_s:
            beyond_s.append(max(0.0, start_s - median(later_s)))
    return median(beyond_s) if beyond_s else None


def _times(pod: Mapping[str, Any]) -> tuple[float, float] | None:
    """Seconds until a node had room for it, and from then until its container ran."""
    created_s = _unix(pod["metadata"]["creationTimestamp"])
    scheduled = [
        _unix(each["lastTransitionTime"])
        for each in pod["status"].get("conditions", ())
        if each["type"] == "PodScheduled" and each["status"] == "True"
    ]
    running = [at for status in _statuses(pod) if (at := _started(status)) is not None]
    if not scheduled or not running:
        return None
    return max(0.0, scheduled[0] - created_s), max(0.0, min(running) - scheduled[0])


def _statuses(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(pod["status"].get("containerStatuses", ()))


def _states(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for when in ("lastState", "state"):
        yield from (status.get(when) or {}).values()


def _started(status: Mapping[str, Any]) -> float | None:
    return next((_unix(s["startedAt"]) for s in _states(status) if s.get("startedAt")), None)


def _killed_for_memory(status: Mapping[str, Any]) -> bool:
    return any(state.get("reason") == "OOMKilled" for state in _states(status))


def _unix(moment: str) -> float:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()
