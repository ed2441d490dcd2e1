"""Advice apart from the way to run: payloads, the order of chains, an op's own threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from advisor.domain.advice import Prediction
from advisor.domain.workload import WorkloadDescription
from advisor.model.prediction import Setting, first_result_s
from advisor.model.wording import spelled_s

PAYLOAD_SHARE = 0.1
"""Moving payloads is worth a word from this share of the makespan on."""

OWN_THREADS = 1.3
"""CPU over wall clock from which an op is taken to compute on several cores by itself."""

EARLIER = 2.0
"""Depth-first order is worth a word where the first result comes this much earlier."""


def remedies(
    description: WorkloadDescription, chosen: Prediction, setting: Setting
) -> tuple[str, ...]:
    """Sentences, each with the figures behind it."""
    found = [*_payload(chosen, setting), *_order(description, chosen, setting)]
    return (*found, *_own_threads(chosen, setting))


def _payload(chosen: Prediction, setting: Setting) -> Iterator[str]:
    items = setting.items
    each_s = sum(float((stage.load_s + stage.store_s).mean()) for stage in items.stages)
    total_s = each_s * items.count
    if chosen.candidate.launch == "execute_in_process" or (
        total_s < PAYLOAD_SHARE * chosen.makespan_s.median
    ):
        return
    moved = (items.input_bytes + items.output_bytes) / 2**20
    yield (
        f"Each item moves {moved:.3g} MiB through the IO manager in {spelled_s(each_s)}, "
        f"{spelled_s(total_s)} in all: an op that passes a path or a key instead of the object, or "
        "a columnar file instead of a pickle, saves most of it."
    )


def _order(description: WorkloadDescription, chosen: Prediction, setting: Setting) -> Iterator[str]:
    if len(setting.items.stages) < 2 or chosen.candidate.needs_code or setting.items.count < 2:
        return
    breadth = first_result_s(chosen.candidate, setting)
    depth = first_result_s(chosen.candidate, replace(setting, depth_first=True))
    if breadth < EARLIER * depth:
        return
    last = description.mapped[-1].op.name
    yield (
        "Dagster runs a chain of mapped ops breadth first, so every intermediate result exists at "
        f'once. tags={{"dagster/priority": "1"}} on {last!r} makes it depth first: the first item '
        f"is done after {spelled_s(depth)} instead of {spelled_s(breadth)} (predicted); the whole "
        "run takes as long."
    )


def _own_threads(chosen: Prediction, setting: Setting) -> Iterator[str]:
    items = setting.items
    wall, cpu = float(items.wall_s.mean()), float(items.cpu_s.mean())
    threads = cpu / wall if wall > 0 else 0.0
    candidate = chosen.candidate
    at_once = candidate.max_concurrent * candidate.workers_in_op
    cores = setting.machine.cores
    if threads < OWN_THREADS or at_once < 2 or threads * at_once <= 1.2 * cores:
        return
    yield (
        f"An item computes on {threads:.1f} cores by itself (BLAS or the like), so {at_once} at "
        f"once ask for {threads * at_once:.0f} of {cores:g} cores. OMP_NUM_THREADS=1 and "
        "OPENBLAS_NUM_THREADS=1 in the steps' environment, or threadpoolctl inside the op, keep "
        "them from fighting over the caches."
    )
