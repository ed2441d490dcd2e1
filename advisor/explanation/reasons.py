"""Why a way to run is as fast as it is and what it costs, in a user's words, from the figures."""

from advisor.domain.advice import Prediction
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import DELEGATING
from advisor.domain.dagster_facts import refill_lag_s
from advisor.domain.host import HostProfile
from advisor.domain.quantities import count, multiple, percent, seconds, size
from advisor.domain.work_kind import CPU_SHARE, kind_of
from advisor.model.estimators import model_of
from advisor.model.estimators.delegating import cluster_of, room_of, step_price
from advisor.model.setting import Setting, pools_of, tag_limits_of

LAG_STEPS, SLOWED, FIRST_CALL_SHARE, FIRST_CALL_S, BLOCKS_S = 12, 1.05, 0.1, 0.02, 0.005
"""What is worth a sentence, by choice: steps in parallel from which the refill lags, the factor of
workers on each other, a first call's share and seconds, seconds that a coroutine blocks."""

FEWEST_BYTES = 2**20
"""Intermediate results are worth a word from 1 MiB on."""


def reasons(
    prediction: Prediction, setting: Setting, host: HostProfile, *, cpu_measured: bool = True
) -> tuple[str, ...]:
    """Sentences, the most telling first; never empty."""
    setting = setting.under(prediction.candidate)
    candidate, items = prediction.candidate, setting.items
    wall, cpu = float(items.wall_s.mean()), float(items.cpu_s.mean())
    unknown = f"an item takes {seconds(wall)}; how much of it computes is not known"
    sentences = [_work_sentence(wall, cpu) if cpu_measured else unknown]
    steps = candidate.steps(items.count)
    each = model_of(candidate).step_s(candidate, setting)
    in_turn = -(-candidate.batch_size // candidate.workers_in_op)
    share = percent(each / max(wall * in_turn, 1e-9))
    subject = "a batch's" if candidate.batch_size > 1 else "an item's"
    sentences.append(
        f"overhead per step {seconds(each)} ({share} of {subject} own time)"
        + (f"; {steps} steps in all" if candidate.batch_size > 1 and steps > 1 else "")
    )
    if prediction.rate_wait_s > 0 and setting.rate:
        rate, measured = setting.rate, setting.rate.after_calls > 0
        by = "by the rate that was seen" if measured else "by --max-rate"
        sentences.append(
            f"limited {by}: {rate.per_s:.3g} items per second; more in parallel brings nothing"
        )
    if candidate.is_warm and host.preload.boot_before_s > 0:
        sentences.append(
            f"preload_modules cuts the start of a step from {seconds(host.preload.boot_before_s)} "
            f"to {seconds(host.preload.boot_after_s)} (measured)"
        )
    if candidate.executor == "multiprocess":
        sentences.extend(_concurrency_sentences(candidate, setting, cpu / max(wall, 1e-9), steps))
        sentences.extend(_pool_sentences(prediction, setting))
        sentences.extend(_tag_sentences(candidate, setting))
    if candidate.executor in DELEGATING:
        sentences.append(_pod(candidate, setting))
    if candidate.executor == "async":
        sentences.append(_loop_sentence(candidate, setting, each))
    if prediction.first_result_s is not None:
        sentences.append(_order_sentence(prediction, setting))
    if candidate.workers_in_op > 1:
        sentences.append(_workers_sentence(candidate, setting))
    extra = items.first_extra_s
    if extra > max(FIRST_CALL_SHARE * wall, FIRST_CALL_S):
        paid = "once" if candidate.executor in ("in_process", "async") else "in every step"
        sentences.append(f"the first call in a process takes {seconds(extra)} more, {paid}")
    return tuple(sentences)


def _work_sentence(wall_s: float, cpu_s: float) -> str:
    share = min(1.0, cpu_s / wall_s) if wall_s > 0 else 1.0
    words = {
        "waiting": "items mostly wait, so many can overlap on few cores",
        "cpu": "items mostly compute, so more than one item per core does not help",
        "mixed": "items compute and wait in turn, so somewhat more items than cores help",
    }
    return (
        f"an item takes {seconds(wall_s)}, {percent(share)} of it computing: "
        + words[kind_of(wall_s, cpu_s)]
    )


def _concurrency_sentences(
    candidate: Candidate, setting: Setting, cpu_share: float, steps: int
) -> list[str]:
    sentences = []
    cores = setting.machine.cores
    if candidate.max_concurrent >= steps > 1:
        sentences.append(f"all {steps} steps run in parallel")
    elif candidate.max_concurrent > cores and cpu_share < CPU_SHARE:
        sentences.append(
            f"max_concurrent {candidate.max_concurrent} on {cores:g} cores: "
            "while some wait, others start"
        )
    if candidate.max_concurrent >= LAG_STEPS:
        lag = seconds(refill_lag_s(candidate.max_concurrent))
        sentences.append(
            "the executor handles one event per step per loop, so a free slot can wait up to "
            f"{lag} for its next step at max_concurrent {candidate.max_concurrent}"
        )
    return sentences


def _tag_sentences(candidate: Candidate, setting: Setting) -> list[str]:
    limits = tag_limits_of(candidate, setting)
    return [
        f"tag_concurrency_limits let {count(most, 'step')} with the tag {name} run in parallel"
        for name, most in limits.steps.items()
    ]


def _pool_sentences(prediction: Prediction, setting: Setting) -> list[str]:
    pools = sorted(set(filter(None, pools_of(prediction.candidate, setting))))
    names = " and ".join(f"{pool!r} with {setting.pool_limits[pool]} slots" for pool in pools)
    if not pools:
        return []
    if prediction.pool_wait_s > 0:
        waited = seconds(prediction.pool_wait_s)
        return [f"the pool {names} is short of slots: they stand empty for {waited} in all"]
    return [f"no more in parallel than the pool {names} has, so that no step waits for one"]


def _workers_sentence(candidate: Candidate, setting: Setting) -> str:
    kind = candidate.worker_kind or "thread"
    slowdown = setting.contention.slowdown(kind, candidate.workers_in_op, setting.capacity)
    names = "threads" if kind == "thread" else "processes"
    source = "measured" if kind in setting.contention.probed else "assumed, not measured"
    if slowdown < SLOWED:
        return f"{candidate.workers_in_op} {names} in parallel: almost no slowdown ({source})"
    return (
        f"{candidate.workers_in_op} {names} in parallel: {multiple(slowdown)} slower per item "
        f"({source}), but faster overall"
    )


def _order_sentence(prediction: Prediction, setting: Setting) -> str:
    depth_first = prediction.candidate.depth_first or setting.depth_first
    waiting = prediction.intermediate_bytes
    return (
        f"{'depth' if depth_first else 'breadth'} first, the first item is done after "
        f"{seconds(prediction.first_result_s or 0.0)}"
        + (f", and up to {size(waiting)} wait between the ops" if waiting >= FEWEST_BYTES else "")
    )


def _loop_sentence(candidate: Candidate, setting: Setting, each_s: float) -> str:
    stages = setting.items.stages
    own = sum(float(stage.loop_s.mean()) for stage in stages)
    computed = float(setting.items.cpu_s.mean())
    blocked = ""
    if own > 2 * computed and own - computed > BLOCKS_S:
        blocked = (
            f". The op itself holds it for {seconds(own)} and computes for {seconds(computed)}:"
            " something in it blocks instead of awaiting"
        )
    return (
        f"{candidate.max_concurrent} steps in parallel share one event loop: "
        "what they await overlaps; an item holds the loop for "
        f"{seconds(each_s * len(stages) + own)}, one at a time"
        f"{blocked}"
    )


def costs(candidate: Candidate) -> tuple[str, ...]:
    """What a way to run costs the user besides time."""
    sentences = []
    if candidate.launch == "execute_in_process":
        sentences.append("no run is recorded, and the job's executor and IO manager are ignored")
    if candidate.batch_size > 1:
        sentences.append(
            "logs, retries and re-execution work per batch, no longer per item: one failed item "
            f"fails its batch of {candidate.batch_size:,}"
        )
    if candidate.worker_kind == "thread":
        sentences.append(
            "the op must be thread-safe: results were compared, and "
            "what else it does (files, tables, a resource's state) cannot be seen"
        )
    if candidate.worker_kind == "process":
        sentences.append("what the op takes and returns crosses a process boundary (pickled)")
    if candidate.executor == "in_process" and candidate.workers_in_op == 1:
        sentences.append("a crash of one item ends the whole run")
    if candidate.depth_first:
        sentences.append("a dagster/priority tag on the later ops of the chain, in code")
    if candidate.executor == "async":
        sentences.append(
            "it needs the package dagster-async-executor; a synchronous op, or a call inside an "
            "async op that blocks instead of awaiting, holds up every other item"
        )
    if candidate.is_warm:
        sentences.append("the preloaded modules are imported before the fork, once per run")
    return tuple(sentences)


def _pod(candidate: Candidate, setting: Setting) -> str:
    """Where the seconds of a step go beside its work, and what limits how many run."""
    price, cluster = step_price(candidate, setting), cluster_of(candidate, setting)
    limit = "" if price.cpu_limit is None else f" under a limit of {price.cpu_limit:g} CPU"
    boot_s = seconds(price.computing_s(price.boot_cpu_s))
    room = room_of(candidate, setting)
    short = room is not None and room < candidate.max_concurrent
    return (
        f"a {cluster.unit} starts in {seconds(price.start_s)} "
        f"({cluster.sources.get('start_s', 'assumed')}), Python and your code boot in "
        f"{boot_s}{limit}, and its end is seen up to {seconds(price.poll_s)} later"
        + (f"; there is room for {room} in parallel, the others are pending" if short else "")
    )
