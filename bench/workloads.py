"""The benchmark's workloads: real Dagster jobs, one a kind of work.

CPU work is a fixed number of operations, never a fixed time: only so does it cost more where
processes disturb each other, as real work does. Results depend on the item, as those of real work:
where all are alike nothing shows whether threads mix them up. ``WORKLOADS`` at the end names them.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from dagster import DynamicOut, DynamicOutput, job, op, resource

LOOPS_PER_S = 14_000_000
ROUNDS_PER_S = 3_000_000


def compute(seconds: float) -> int:
    """Work in the interpreter, holding its lock; about ``seconds`` on an ordinary core."""
    total = 0
    for number in range(int(seconds * LOOPS_PER_S)):
        total ^= number
    return total


def digest(item: int, seconds: float) -> bytes:
    """Work in a library that releases the interpreter's lock."""
    rounds = max(1, int(seconds * ROUNDS_PER_S))
    return hashlib.pbkdf2_hmac("sha256", b"bench", item.to_bytes(4, "big"), rounds)


def numbered(count: int) -> Iterator[DynamicOutput[int]]:
    for number in range(count):
        yield DynamicOutput(number, mapping_key=f"item_{number}")


@op
def count_results(results: list) -> int:
    return len(results)


# Waiting: calls of about 0.3 s.
@op(out=DynamicOut(int))
def waiting_items():
    yield from numbered(24)


@op
def wait_for_answer(item: int) -> int:
    time.sleep(0.2 + 0.1 * (item % 3))
    return item


@job
def waiting():
    count_results(waiting_items().map(wait_for_answer).collect())


# CPU: short items, all alike.
@op(out=DynamicOut(int))
def cpu_items():
    yield from numbered(20)


@op
def calculate(item: int) -> int:
    return item + compute(0.25)


@job
def cpu():
    count_results(cpu_items().map(calculate).collect())


# CPU that releases the interpreter's lock: threads can share the cores.
@op(out=DynamicOut(int))
def hashing_items():
    yield from numbered(12)


@op
def hash_item(item: int) -> str:
    return digest(item, 0.5).hex()


@job
def hashing():
    count_results(hashing_items().map(hash_item).collect())


# Mixed: waiting, then CPU.
@op(out=DynamicOut(int))
def mixed_items():
    yield from numbered(12)


@op
def fetch_and_calculate(item: int) -> int:
    time.sleep(0.6)
    return item + compute(0.25)


@job
def mixed():
    count_results(mixed_items().map(fetch_and_calculate).collect())


# Skewed: a few items take most of the time.
@op(out=DynamicOut(int))
def skewed_items():
    yield from numbered(16)


@op
def uneven(item: int) -> int:
    time.sleep((0.05, 0.1, 0.3, 0.05)[item % 4])
    return item + compute(2.0 if item % 8 == 7 else 0.05)


@job
def skewed():
    count_results(skewed_items().map(uneven).collect())


# Tiny and many.
@op(out=DynamicOut(int))
def tiny_items():
    yield from numbered(300)


@op
def tiny_step(item: int) -> int:
    return item + compute(0.005)


@job
def tiny():
    count_results(tiny_items().map(tiny_step).collect())


# Few and long.
@op(out=DynamicOut(int))
def long_items():
    yield from numbered(5)


@op
def long_step(item: int) -> int:
    return item + compute(4.0)


@job
def long():
    count_results(long_items().map(long_step).collect())


# Large payloads, in and out.
@op(out=DynamicOut())
def payload_items():
    for number in range(10):
        array = np.full(4_000_000, float(number))
        yield DynamicOutput(array, mapping_key=f"array_{number}")


@op
def scale_array(array):
    return array * 2.0


@op
def add_up(arrays: list) -> float:
    return float(sum(array.sum() for array in arrays))


@job
def payload():
    add_up(payload_items().map(scale_array).collect())


# A first call that imports a lot.
@op(out=DynamicOut(int))
def import_items():
    yield from numbered(8)


@op
def import_and_fit(item: int) -> float:
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(item)
    features = rng.normal(size=(400, 8))
    forest = RandomForestRegressor(n_estimators=20, random_state=item)
    return float(forest.fit(features, features[:, 0]).score(features, features[:, 0]))


@job
def imports():
    count_results(import_items().map(import_and_fit).collect())


# Matrix products in a library with threads of its own.
@op(out=DynamicOut(int))
def blas_items():
    yield from numbered(8)


@op
def multiply_matrices(item: int) -> float:
    matrix = np.random.default_rng(item).normal(size=(1500, 1500))
    for _ in range(6):
        matrix = matrix @ matrix
        matrix /= np.abs(matrix).max()
    return float(matrix[0, 0])


@job
def blas():
    count_results(blas_items().map(multiply_matrices).collect())


# A resource that takes long to start.
@resource
def slow_model(context):
    time.sleep(0.5)
    compute(0.3)
    return 7


@op(out=DynamicOut(int))
def resource_items():
    yield from numbered(10)


@op(required_resource_keys={"model"})
def apply_model(context, item: int) -> int:
    time.sleep(0.3)
    return item * context.resources.model


@job(resource_defs={"model": slow_model})
def slow_resource():
    count_results(resource_items().map(apply_model).collect())


# Much memory an item.
@op(out=DynamicOut(int))
def memory_items():
    yield from numbered(6)


@op
def fill_memory(item: int) -> float:
    array = np.random.default_rng(item).random(40_000_000)
    time.sleep(0.3)
    return float(np.partition(array, 100)[100])


@job
def memory():
    count_results(memory_items().map(fill_memory).collect())


# Two mapped ops in a chain, with an input that is the same for every item.
@op
def settings() -> float:
    return 0.3


@op(out=DynamicOut(int))
def chain_items():
    yield from numbered(10)


@op
def fetch(item: int, wait_s: float) -> int:
    time.sleep(wait_s)
    return item


@op
def evaluate(item: int) -> int:
    return item + compute(0.2)


@job
def chain():
    wait_s = settings()
    fetched = chain_items().map(lambda item: fetch(item, wait_s))
    count_results(fetched.map(evaluate).collect())


# Hundreds of items that wait a little.
@op(out=DynamicOut(int))
def hundreds_items():
    yield from numbered(200)


@op
def wait_briefly(item: int) -> int:
    time.sleep(0.05)
    return item


@job
def hundreds():
    count_results(hundreds_items().map(wait_briefly).collect())


# Eight waits of half a second: the workload of the usual guide on dynamic outputs.
@op(out=DynamicOut(int))
def eight_items():
    yield from numbered(8)


@op
def wait_half_a_second(item: int) -> int:
    time.sleep(0.5)
    return item


@job
def eight_waits():
    count_results(eight_items().map(wait_half_a_second).collect())


# Waiting in a pool with three slots.
@op(out=DynamicOut(int))
def pooled_items():
    yield from numbered(24)


@op(pool="bench_db")
def wait_in_pool(item: int) -> int:
    time.sleep(0.2 + 0.1 * (item % 3))
    return item


@job
def pooled():
    count_results(pooled_items().map(wait_in_pool).collect())


# No work at all, three items: what the smoke test of this benchmark runs.
@op(out=DynamicOut(int))
def smoke_items():
    yield from numbered(3)


@op
def nothing(item: int) -> int:
    return item


@job
def smoke():
    count_results(smoke_items().map(nothing).collect())


@dataclass(frozen=True)
class BenchWorkload:
    """A workload, how long its items take, and which of the grid's ways are not run.

    Left out are ways (or whole methods) that start so many processes that a run would take
    minutes; the report names them. ``item_s`` is nominal, for the rule of thumb. ``pool_limits``
    are those of the instance that the workload is profiled for, as a user has set them there. The
    job is the attribute ``name`` of ``module``.
    """

    name: str
    kind: str
    items: int
    item_s: float
    left_out: tuple[str, ...] = ()
    pool_limits: Mapping[str, int] = field(default_factory=dict)
    module: str = "workloads"

    @property
    def target(self) -> str:
        """As a user spells it, in this folder."""
        return f"{self.module}:{self.name}"


_MANY = ("spawn", "forkserver", "warm:1", "warm:2")

WORKLOADS = {
    workload.name: workload
    for workload in (
        BenchWorkload("eight_waits", "waiting, 8 x 0.5 s", 8, 0.5),
        BenchWorkload("waiting", "waiting, 24 x 0.2 to 0.4 s", 24, 0.3, ("spawn:1",)),
        BenchWorkload("cpu", "CPU, 20 x 0.25 s", 20, 0.25, ("spawn:1",)),
        BenchWorkload("hashing", "CPU without the interpreter's lock, 12 x 0.5 s", 12, 0.5),
        BenchWorkload("mixed", "0.6 s waiting and 0.25 s CPU, 12 items", 12, 0.85),
        BenchWorkload("skewed", "skewed, 16 items of 0.1 to 2.1 s", 16, 0.4, ("spawn:1",)),
        BenchWorkload("tiny", "tiny and many, 300 x 5 ms CPU", 300, 0.005, _MANY),
        BenchWorkload("long", "few and long, 5 x 4 s CPU", 5, 4.0),
        BenchWorkload("payload", "large payloads, 10 x 32 MB in and out", 10, 0.05),
        BenchWorkload("imports", "import-heavy first call, 8 items", 8, 0.1),
        BenchWorkload("blas", "multi-threaded matrix products, 8 items", 8, 0.5),
        BenchWorkload("slow_resource", "slow resource start (0.8 s), 10 x 0.3 s waiting", 10, 0.3),
        BenchWorkload("memory", "640 MB per item, 6 items", 6, 1.2, ("warm:8",)),
        BenchWorkload("chain", "two mapped ops, 10 x (0.3 s waiting, 0.2 s CPU)", 10, 0.5),
        BenchWorkload("hundreds", "hundreds of items, 200 x 0.05 s waiting", 200, 0.05, _MANY),
        BenchWorkload(
            "pooled",
            "24 x 0.2 to 0.4 s waiting, a pool of 3",
            24,
            0.3,
            ("spawn:1",),
            {"bench_db": 3},
        ),
        BenchWorkload("smoke", "no work, 3 items (left out unless named)", 3, 0.0),
    )
}
