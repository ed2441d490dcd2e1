"""The kind ``dagster-yaml``: settings of the instance, only those that the advice needs."""

from advisor.domain.backfill import DEFAULT_RUNS_AT_ONCE
from advisor.domain.dagster_facts import NO_COMPUTE_LOGS
from advisor.domain.quantities import percent, size
from advisor.emit.backfill import Tree
from advisor.emit.request import EmitRequest
from advisor.emit.run_config import yaml_lines
from advisor.emit.source_text import comment, one_line
from advisor.emit.wording import decision

LOG_BYTES_A_STEP = 12_000  # about 12 rows of the event log, read in Dagster 1.13's SQLite storage
MANY_LOG_BYTES = 10_000_000  # a run from which the event log's growth is worth a word
LAUNCH_SHARE = 0.2  # of the makespan, from which cheaper steps are worth losing captured output

Part = tuple[Tree, dict[str, str]]
"""Settings of the instance, and the reasons by key; empty where the advice needs none of them."""

_LIMITS_OF_RUNS = (
    "Your executor's tag_concurrency_limits stay in its own config: those of dagster.yaml"
    " (concurrency, runs) count runs, not the steps of a run. A pool counts the steps of all runs."
)


def emit_dagster_yaml(request: EmitRequest) -> str:
    """Pools, a limit on runs, compute logs and retention, each where the advice needs it."""
    (pools, why_pools), (runs, why_runs) = _pools(request), _runs(request)
    concurrency = pools | runs
    parts = [
        ({"concurrency": concurrency} if concurrency else {}, why_pools | why_runs),
        _compute_logs(request),
        _retention(request),
    ]
    lines = [comment(f"For dagster.yaml in DAGSTER_HOME. {decision(request)}")]
    setting = request.description.executor
    if setting is not None and setting.tag_concurrency_limits:
        lines.append(comment(_LIMITS_OF_RUNS))
    if not any(tree for tree, _ in parts):
        lines.append(comment("The advice needs nothing of the instance: leave it as it is."))
    for tree, reasons in parts:
        if tree:
            lines += ["", *yaml_lines(tree, reasons, 0)]
    return "\n".join(lines) + "\n"


def _pools(request: EmitRequest) -> Part:
    pools = sorted({op.pool for op in request.description.mapped if op.pool})
    limit = request.max_connections
    held_by = _connections(request)
    held = max(held_by.values(), default=0)
    limits = request.description.pool_limits
    if limit is None and not pools:
        return {}, {}
    candidate = request.candidate
    at_once = candidate.max_concurrent
    why = "As many as the advised steps in parallel"
    if limit is not None:
        workers = min(candidate.workers_in_op, candidate.batch_size)
        at_once = max(1, limit // max(1, held * workers))
        why = f"At most {limit} connections"
        why += f"; one item was seen to hold {held}" if held else ""
        why += f"; {workers} items in a step" if workers > 1 else ""
    elif set(pools) & set(limits):
        at_once = min(limits[pool] for pool in pools if pool in limits)
        why = "As it is on your instance"
    reasons = [f"{why}. A pool without a limit is not limited at all."]
    if at_once <= candidate.max_concurrent:
        reasons.append(
            "More steps in parallel than slots would be slower: a step that finds none asks again"
            " only after a second, then ever later, however early a slot is free."
        )
    reasons += [
        f"For this pool alone: dagster instance concurrency set {one_line(pool)} {at_once}"
        for pool in pools or ["db"]
    ]
    if not pools:
        mapped = request.description.mapped
        ops = [op for op in mapped if held_by.get(op.handle)] or mapped
        names = ", ".join(dict.fromkeys(op.name for op in ops))
        reasons.append(f'The op must name the pool: @op(pool="db") on {names}.')
    by_op = "By op: with `run`, which older instances have, nothing is limited inside a run."
    return (
        {"pools": {"granularity": "op", "default_limit": at_once}},
        {"granularity": by_op, "default_limit": "\n".join(reasons)},
    )


def _connections(request: EmitRequest) -> dict[str, int]:
    """Most connections that a call of each op was seen to hold."""
    return {
        op.handle: max((call.connections for call in (*op.first_calls, *op.later_calls)), default=0)
        for op in (request.workload.ops if request.workload else ())
    }


def _runs(request: EmitRequest) -> Part:
    peak, host = request.chosen.peak_memory_bytes, request.advice.host
    memory = int(host.memory_bytes * (1 - host.memory_headroom))
    if peak <= 0 or memory <= 0 or DEFAULT_RUNS_AT_ONCE * peak <= memory:
        return {}, {}
    fitting = max(1, memory // peak)
    reason = (
        f"A run needs up to {size(peak)}, the machine has {size(memory)} for them:"
        f" {fitting} fit side by side; Dagster's default is {DEFAULT_RUNS_AT_ONCE}."
        " Keep what else stands under `runs` (tag_concurrency_limits)."
    )
    return {"runs": {"max_concurrent_runs": fitting}}, {"max_concurrent_runs": reason}


def _compute_logs(request: EmitRequest) -> Part:
    chosen = request.chosen
    share = chosen.breakdown_s.launch_s / max(chosen.makespan_s.median, 1e-9)
    if chosen.candidate.executor != "multiprocess" or share < LAUNCH_SHARE:
        return {}, {}
    reason = (
        f"Steps are {percent(share)} launching. Capturing their output starts two more"
        " processes for each; without it they are cheaper. The price: the steps' stdout and"
        " stderr are not in the UI (context.log is). `dynadvise calibrate` measures the gain."
    )
    return {"compute_logs": NO_COMPUTE_LOGS}, {"compute_logs": reason}


def _retention(request: EmitRequest) -> Part:
    candidate, items = request.candidate, request.advice.workload.items
    mapped = 1 if candidate.is_batched else len(request.description.mapped)
    steps = candidate.steps(items) * mapped
    written = steps * LOG_BYTES_A_STEP
    if written < MANY_LOG_BYTES:
        return {}, {}
    reason = (
        f"A run writes {steps} mapped steps, about {size(written)}, into the event log."
        " Dagster keeps runs for ever (`dagster run delete` removes one); ticks of sensors and"
        " schedules, which watch such runs, can be bounded."
    )
    tree: Tree = {"sensor": {"purge_after_days": {"skipped": 7, "success": 30}}}
    return {"retention": tree}, {"retention": reason}
