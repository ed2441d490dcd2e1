"""The kind ``dagster-yaml``: settings of the instance, only those that the advice needs."""

from advisor.domain.backfill import DEFAULT_RUNS_AT_ONCE
from advisor.domain.dagster_facts import NO_COMPUTE_LOGS
from advisor.domain.quantities import percent, size
from advisor.emit.request import EmitRequest
from advisor.emit.source_text import comment, one_line
from advisor.emit.wording import decision

LOG_BYTES_A_STEP = 12_000  # about 12 rows of the event log, read in Dagster 1.13's SQLite storage
MANY_LOG_BYTES = 10_000_000  # a run from which the event log's growth is worth a word
LAUNCH_SHARE = 0.2  # of the makespan, from which cheaper steps are worth losing captured output

_LIMITS_OF_RUNS = (
    "Your executor's tag_concurrency_limits stay in its own config: those of dagster.yaml"
    " (concurrency, runs) count runs, not the steps of a run. A pool counts the steps of all runs."
)


def emit_dagster_yaml(request: EmitRequest) -> str:
    """Pools, a limit on runs, compute logs and retention, each where the advice needs it."""
    concurrency = [*_pools(request), *_runs(request)]
    parts = [
        ["concurrency:", *concurrency] if concurrency else [],
        _compute_logs(request),
        _retention(request),
    ]
    lines = [comment(f"For dagster.yaml in DAGSTER_HOME. {decision(request)}")]
    setting = request.description.executor
    if setting is not None and setting.tag_concurrency_limits:
        lines.append(comment(_LIMITS_OF_RUNS))
    if not any(parts):
        lines.append(comment("The advice needs nothing of the instance: leave it as it is."))
    for part in parts:
        if part:
            lines += ["", *part]
    return "\n".join(lines) + "\n"


def _indented(text: str, depth: int) -> list[str]:
    lead = "  " * depth
    return [lead + line for line in comment(text).splitlines()]


def _pools(request: EmitRequest) -> list[str]:
    pools = sorted({op.pool for op in request.description.mapped if op.pool})
    limit = request.max_connections
    held_by = _connections(request)
    held = max(held_by.values(), default=0)
    limits = request.description.pool_limits
    if limit is None and not pools:
        return []
    lines = ["  pools:"]
    lines += _indented(
        "By op: with `run`, which older instances have, nothing is limited inside a run.", 2
    )
    lines.append("    granularity: op")
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
    lines += _indented(f"{why}. A pool without a limit is not limited at all.", 2)
    if at_once <= candidate.max_concurrent:
        lines += _indented(
            "More steps in parallel than slots would be slower: a step that finds none asks again"
            " only after a second, then ever later, however early a slot is free.",
            2,
        )
    lines.append(f"    default_limit: {at_once}")
    for pool in pools or ["db"]:
        lines += _indented(
            f"For this pool alone: dagster instance concurrency set {one_line(pool)} {at_once}", 2
        )
    if not pools:
        mapped = request.description.mapped
        ops = [op for op in mapped if held_by.get(op.handle)] or mapped
        names = ", ".join(dict.fromkeys(op.name for op in ops))
        lines += _indented(f'The op must name the pool: @op(pool="db") on {names}.', 2)
    return lines


def _connections(request: EmitRequest) -> dict[str, int]:
    """Most connections that a call of each op was seen to hold."""
    return {
        op.handle: max((call.connections for call in (*op.first_calls, *op.later_calls)), default=0)
        for op in (request.workload.ops if request.workload else ())
    }


def _runs(request: EmitRequest) -> list[str]:
    peak, host = request.chosen.peak_memory_bytes, request.advice.host
    memory = int(host.memory_bytes * (1 - host.memory_headroom))
    if peak <= 0 or memory <= 0 or DEFAULT_RUNS_AT_ONCE * peak <= memory:
        return []
    fitting = max(1, memory // peak)
    reason = (
        f"A run needs up to {size(peak)}, the machine has {size(memory)} for them:"
        f" {fitting} fit side by side; Dagster's default is {DEFAULT_RUNS_AT_ONCE}."
    )
    reason += " Keep what else stands under `runs` (tag_concurrency_limits)."
    return ["  runs:", *_indented(reason, 2), f"    max_concurrent_runs: {fitting}"]


def _compute_logs(request: EmitRequest) -> list[str]:
    chosen = request.chosen
    share = chosen.breakdown_s.launch_s / max(chosen.makespan_s.median, 1e-9)
    if chosen.candidate.executor != "multiprocess" or share < LAUNCH_SHARE:
        return []
    return [
        comment(
            f"Steps are {percent(share)} launching. Capturing their output starts two more"
            " processes for each; without it they are cheaper. The price: the steps' stdout and"
            " stderr are not in the UI (context.log is). `dynadvise calibrate` measures the gain."
        ),
        "compute_logs:",
        *(f"  {key}: {value}" for key, value in NO_COMPUTE_LOGS.items()),
    ]


def _retention(request: EmitRequest) -> list[str]:
    candidate, items = request.candidate, request.advice.workload.items
    batches = -(-items // candidate.batch_size)
    steps = batches if candidate.is_batched else items * len(request.description.mapped)
    written = steps * LOG_BYTES_A_STEP
    if written < MANY_LOG_BYTES:
        return []
    return [
        comment(
            f"A run writes {steps} mapped steps, about {size(written)}, into the event log."
            " Dagster keeps runs for ever (`dagster run delete` removes one); ticks of sensors and"
            " schedules, which watch such runs, can be bounded."
        ),
        "retention:",
        "  sensor:",
        "    purge_after_days:",
        "      skipped: 7",
        "      success: 30",
    ]
