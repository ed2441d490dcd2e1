"""What pods, containers and tasks need to have set: run config, tags, Helm values, worker commands.

Key names are those of dagster-k8s, -docker, -aws and -celery 0.29, of docker-py, and of the
official Helm chart.
"""

import math
from collections.abc import Mapping

from advisor.domain.backfill import DEFAULT_RUNS_AT_ONCE
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import (
    BY_WORKERS,
    LIMIT_MARGIN,
    POLL_S,
    REQUEST_MARGIN,
    UNITS,
    StepSizing,
    mebibytes,
)
from advisor.domain.errors import DynadviseError
from advisor.domain.quantities import interval, seconds, size
from advisor.emit.backfill import Tree, of_chart, of_instance
from advisor.emit.request import EmitRequest
from advisor.emit.run_config import yaml_lines
from advisor.emit.source_text import comment, literal
from advisor.emit.wording import decision, user_config

SHORT_POLL_S, SHORT_STEP_S = 0.3, 20.0
"""The parent's sleep that is advised where a step works for less than the second."""

FARGATE = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4097, 1024)),
    1024: tuple(range(2048, 8193, 1024)),
    2048: tuple(range(4096, 16385, 1024)),
    4096: tuple(range(8192, 30721, 1024)),
    8192: tuple(range(16384, 61441, 4096)),
    16384: tuple(range(32768, 122881, 8192)),
}
"""Legal pairs of CPU units and memory in MiB of an AWS Fargate task."""


def _sizing(request: EmitRequest) -> StepSizing:
    sizing = request.sizing
    if sizing is None or not sizing.peak_bytes:
        raise DynadviseError(
            "What a step needs is not known: its memory was not measured.",
            hint="`dynadvise profile TARGET` measures it; a log of past runs does not tell it.",
        )
    return sizing


def _written(request: EmitRequest, tree: Tree, reasons: Mapping[str, str], *notes: str) -> str:
    said = (decision(request), _faster_note(request), _code_note(request), *notes)
    head = [comment(text) for text in said if text]
    return "\n".join([*head, *yaml_lines(tree, reasons, 0)]) + "\n"


def _faster_note(request: EmitRequest) -> str:
    """What is faster than these pods by config alone; empty where nothing is."""
    other, chosen = request.advice.config_only, request.chosen
    executor = request.candidate.executor
    same = other.candidate.executor == executor or executor not in UNITS
    if same or not request.predicted or request.keeps_executor:
        return ""
    if other.makespan_s.median * 1.05 > chosen.makespan_s.median:
        return ""
    whole = interval(other.makespan_s)
    return f"Faster, and without a {UNITS[executor]} per step ({other.candidate.label}): {whole}."


def _code_note(request: EmitRequest) -> str:
    if not request.candidate.is_batched:
        return ""
    return (
        "The batches and threads are in code (`dynadvise emit PROFILE --as batch`); this is the"
        " configuration of the job that it makes."
    )


def _shared(candidate: Candidate, sizing: StepSizing) -> str:
    """What the steps that run in parallel share: a host's cores, or the quota that they request."""
    cluster = sizing.cluster
    if candidate.executor == "docker":
        cores = f"{cluster.cpu:g} cores" if cluster and cluster.cpu else "cores"
        return f"they share the {cores} of the host, and none is set aside for any"
    together = f"{candidate.max_concurrent} x {sizing.cpu:g} CPU requested"
    if cluster is None or cluster.cpu is None:
        return together
    runs = f" that {cluster.runs_at_once} runs share" if cluster.runs_at_once > 1 else ""
    own = f", less {cluster.run_pod_cpu:g} for each run's own pod" if cluster.run_pod_cpu else ""
    return f"{together}, of {cluster.cpu:g} in the quota{runs}{own}"


def _reasons(request: EmitRequest) -> dict[str, str]:
    """By key; keys are named once in each snippet, or mean the same."""
    sizing, candidate = _sizing(request), request.candidate
    steps = candidate.steps(request.advice.workload.items)
    of_each = "" if len(request.description.mapped) == 1 else " of each op"
    peak = size(sizing.peak_bytes)
    cpu_limit = "No CPU limit: it would slow the imports of every step."
    if sizing.cluster and sizing.cluster.step_cpu:
        cpu_limit = "CPU: as you described the step's pod."
    return {
        "max_concurrent": f"{steps} steps{of_each}, so many in parallel:"
        f" {_shared(candidate, sizing)}. Unset, all start together. It counts the steps of one"
        " run.",
        "requests": f"CPU: a step's mean use from boot to end. Memory: its measured peak, {peak},"
        f" x {REQUEST_MARGIN:g}.",
        "limits": f"Memory: the peak x {LIMIT_MARGIN:g}; above it the step is killed. {cpu_limit}",
        "per_step_k8s_config": "By the op's name, without a mapping key.",
        "nano_cpus": f"{_most_cpus(sizing):g} CPU, by docker-py's name: a limit, not a request."
        " Less than a core would slow the imports of every step.",
        "mem_limit": f"The measured peak, {peak}, x {LIMIT_MARGIN:g}; above it it is killed.",
        "auto_remove": "A removed container takes the cause of a failed step with it.",
        "retries": "Yours, as it is now.",
        "tag_concurrency_limits": "Yours, as it is now.",
    }


def _resources(sizing: StepSizing) -> Tree:
    def amounts(cpu: float | None, memory_bytes: int) -> Tree:
        cpus = {} if cpu is None else {"cpu": f"{round(cpu * 1000)}m"}
        return {**cpus, "memory": f"{mebibytes(memory_bytes)}Mi"}

    most_cpu = sizing.cluster.step_cpu if sizing.cluster else None
    return {
        "requests": amounts(sizing.cpu, sizing.request_bytes),
        "limits": amounts(most_cpu, sizing.limit_bytes),
    }


def _most_cpus(sizing: StepSizing) -> float:
    """Limit of a container: as described, else whole cores, which its mean use does not fill."""
    described = sizing.cluster and sizing.cluster.step_cpu
    return described or float(math.ceil(sizing.cpu))


def _container(sizing: StepSizing) -> Tree:
    return {"container_config": {"resources": _resources(sizing)}}


def _executor(request: EmitRequest, config: Tree) -> Tree:
    """The executor's part of run config."""
    own = user_config(request.candidate, request.description.executor)
    limit: Tree = {"max_concurrent": request.candidate.max_concurrent}
    return {"execution": {"config": {**limit, **config, **own}}}


def _fixed_note(request: EmitRequest) -> str:
    """What to do with run config of an executor that takes none."""
    setting = request.description.executor
    if setting is None or not setting.fixed_by_code:
        return ""
    return (
        f"The job's code fixes {setting.class_name} by configured({{...}}), and Dagster ignores run"
        " config for it then: put what stands below `config` into that call."
    )


def emit_k8s_run_config(request: EmitRequest) -> str:
    """Run config of ``k8s_job_executor``: slots, and what the mapped ops' pods request."""
    sizing = _sizing(request)
    ops = [op.reference.node_path[-1] for op in request.description.mapped]
    config: Tree = {"per_step_k8s_config": {op: _container(sizing) for op in ops}}
    if request.candidate.is_batched:  # its ops have other names
        config = {"step_k8s_config": _container(sizing)}
    return _written(request, _executor(request, config), _reasons(request), _fixed_note(request))


def emit_k8s_tags(request: EmitRequest) -> str:
    """The same as tags of the ops, for those who own the code."""
    config = {"dagster-k8s/config": _container(_sizing(request))}
    ops = ", ".join(op.name for op in request.description.mapped)
    reasons = _reasons(request)
    return "\n".join([
        comment(decision(request)),
        comment(f"For the op{'s' if ', ' in ops else ''} {ops}: @op(tags=K8S_CONFIG). On a @job"
                " the same tag reaches only the run's own pod, not the steps."),
        comment(f"{reasons['requests']} {reasons['limits']}"),
        f"K8S_CONFIG = {literal(config)}",
        "",
    ])  # fmt: skip


def emit_helm_values(request: EmitRequest) -> str:
    """A fragment of the official chart's values: pods of runs, poll, pull policy, queue of runs."""
    if request.candidate.executor in BY_WORKERS:
        return emit_celery(request)
    sizing = _sizing(request)
    cluster = sizing.cluster
    launcher: Tree = {"imagePullPolicy": "IfNotPresent", "resources": _resources(sizing)}
    poll_s = _poll_s(request)
    if poll_s < POLL_S:
        launcher["envVars"] = [f"DAGSTER_STEP_DELEGATING_EXECUTOR_SLEEP_SECONDS={poll_s:g}"]
    tree: Tree = {"runLauncher": {"type": "K8sRunLauncher", "config": {"k8sRunLauncher": launcher}}}
    if cluster and cluster.runs_at_once > 1:
        queue: Tree = {"maxConcurrentRuns": cluster.runs_at_once}
        tree |= of_chart(queue)
    reasons = _reasons(request) | {
        "imagePullPolicy": "The chart's Always asks the registry before each pod; give images"
        " unique tags.",
        "resources": "Of the run's pod; the pods of steps inherit it where their op sets none.",
        "envVars": f"The parent looks every {POLL_S:g} s by default; a step works for"
        f" {seconds(_step_s(request))}.",
        "maxConcurrentRuns": "As many runs as your description says share the quota.",
    }
    return _written(
        request,
        tree,
        reasons,
        "No Helm value sets an executor's max_concurrent: it is in the run config"
        " (`dynadvise emit PROFILE --as k8s-run-config`) or in the job's code.",
    )


def _step_s(request: EmitRequest) -> float:
    candidate = request.candidate
    in_turn = -(-candidate.batch_size // candidate.workers_in_op)
    return request.advice.workload.wall_s.median * in_turn


def _poll_s(request: EmitRequest) -> float:
    return SHORT_POLL_S if _step_s(request) < SHORT_STEP_S else POLL_S


def emit_docker_run_config(request: EmitRequest) -> str:
    """Run config of ``docker_executor``, and the run launcher's block in a comment."""
    sizing = _sizing(request)
    kwargs: Tree = {
        "nano_cpus": round(_most_cpus(sizing) * 1e9),
        "mem_limit": f"{mebibytes(sizing.limit_bytes)}m",
        "auto_remove": False,
    }
    launcher: Tree = {
        "run_launcher": {
            "module": "dagster_docker",
            "class": "DockerRunLauncher",
            "config": {"container_kwargs": {"auto_remove": False}},
        }
    }
    block = "\n".join(f"#   {line}" for line in yaml_lines(launcher, {}, 0))
    tree = _executor(request, {"container_kwargs": kwargs})
    text = _written(request, tree, _reasons(request), _fixed_note(request))
    return f"{text}# In dagster.yaml, beside your image, networks and env_vars:\n{block}\n"


def emit_celery(request: EmitRequest) -> str:
    """The workers' command under ``celery``, the chart's queue of workers under ``celery_k8s``.

    Nothing else limits the steps. The chart's workers know the task of ``celery_k8s`` only.
    """
    slots = request.candidate.max_concurrent
    limit = f"{slots} slots of the queue are all that limits the steps in parallel."
    ops = ", ".join(op.name for op in request.description.mapped)
    note = (
        "The executor has no max_concurrent. A queue of their own keeps these steps from holding up"
        f' others: @op(tags={{"dagster-celery/queue": "fanout"}}) on {ops}, with these workers'
    )
    if request.candidate.executor == "celery":
        said = (
            decision(request),
            _code_note(request),
            f"{note}. {limit}",
            "The official Helm chart's workers know the task of celery_k8s_job_executor only.",
        )
        worker = "dagster-celery worker start -A dagster_celery.app -y celery.yaml -q fanout"
        head = [comment(text) for text in said if text]
        return "\n".join([*head, f"{worker} -- --concurrency={slots}", ""])
    fan_out: Tree = {"name": "fanout", "replicaCount": 1}
    fan_out["configSource"] = {"worker_concurrency": slots}
    launcher: Tree = {"workerQueues": [{"name": "dagster", "replicaCount": 1}, fan_out]}
    tree: Tree = {
        "runLauncher": {
            "type": "CeleryK8sRunLauncher",
            "config": {"celeryK8sRunLauncher": launcher},
        }
    }
    broker = "The chart needs a broker as well: rabbitmq.enabled, or redis.enabled."
    return _written(request, tree, {"workerQueues": limit}, f"{note}.", broker)


def emit_ecs(request: EmitRequest) -> str:
    """Run config of ``ecs_executor``, with a legal Fargate pair of CPU and memory."""
    cpu, memory = fargate_pair(_sizing(request))
    note = "Run tasks and step tasks share the account's limit of tasks and of RunTask calls."
    tree = _executor(request, {"cpu": cpu, "memory": memory})
    pair = "A legal Fargate pair for the step's mean use and its measured peak."
    return _written(request, tree, _reasons(request) | {"cpu": pair}, note, _fixed_note(request))


def fargate_pair(sizing: StepSizing) -> tuple[int, int]:
    """The smallest legal CPU units and MiB for a step.

    Raises:
        DynadviseError: There is none.
    """
    need = mebibytes(sizing.request_bytes)
    for units, memories in FARGATE.items():
        fitting = [memory for memory in memories if memory >= need]
        if units >= sizing.cpu * 1024 and fitting:
            return units, fitting[0]
    raise DynadviseError(
        f"No Fargate task has {sizing.cpu:g} CPUs and {need} MiB.",
        hint="Smaller batches or fewer threads in a step need less.",
    )


def emit_run_queue(request: EmitRequest) -> str:
    """``dagster.yaml``: how many runs share the cluster."""
    cluster = request.sizing.cluster if request.sizing else None
    runs, origin = DEFAULT_RUNS_AT_ONCE, "Dagster's default, for runs-at-once is not described."
    if cluster and "runs_at_once" in cluster.sources:
        runs, origin = cluster.runs_at_once, "As you described it."
    tree = of_instance({"max_concurrent_runs": runs})
    steps = request.candidate.max_concurrent
    reasons = {
        "max_concurrent_runs": f"{origin} {runs} x {steps} steps in parallel: max_concurrent counts"
        " the steps of one run, a pool those of all runs.",
    }
    return _written(request, tree, reasons)
