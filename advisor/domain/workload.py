"""The user's workload: what it is (description) and what was measured of it (profile)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.graph import GraphNode
from advisor.domain.item_sample import ItemSample
from advisor.domain.trial import NOT_COMPARED, Comparison, RateLimit

TargetKind = Literal["op", "job", "graph", "asset", "function"]
WorkKind = Literal["waiting", "cpu", "mixed"]
HotspotCategory = Literal["user code", "imports", "waiting", "serialization", "libraries"]
WorkerKind = Literal["thread", "process"]

OWN_THREADS = 1.3
"""CPU over wall clock from which an op is taken to compute on several cores by itself."""


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A place in the user's code."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class TargetReference:
    """Where the user's target is found; enough to load it again in another process.

    Exactly one of ``module`` and ``file`` is set. ``attribute`` is None where the module's
    ``Definitions`` are meant, of which ``job`` names one job, or ``asset`` an asset by its key.
    """

    spelled: str
    module: str | None
    file: str | None
    attribute: str | None
    job: str | None
    working_directory: str
    asset: str | None = None

    @property
    def in_definitions(self) -> str | None:
        """The name of a job or the key of an asset, where one in ``Definitions`` is meant."""
        return self.job or self.asset

    @property
    def by_option(self) -> str | None:
        """The same, where the spelling leaves it to ``--job`` or ``--asset``."""
        is_spelled = self.attribute is None and ":" in self.spelled
        return None if is_spelled else self.in_definitions

    @property
    def module_name(self) -> str:
        """Name under which the target's module is imported: a file's is its stem."""
        return self.module or PurePath(self.file or "").stem

    @property
    def source(self) -> str:
        """The module's name, or the file's path."""
        return self.module or self.file or ""

    @property
    def import_folders(self) -> tuple[str, ...]:
        """Folders in which its modules are found: the working directory, and a file's own."""
        own = (str(PurePath(self.file).parent),) if self.file else ()
        return tuple(dict.fromkeys((self.working_directory, *own)))


@dataclass(frozen=True, slots=True)
class OpReference:
    """One op as it stands in the job's graph.

    ``node_path`` is the path of node names from the job's graph down to the op, so that
    ``".".join(node_path)`` is its step key without a mapping key. ``source_hash`` covers the
    op's source and what it calls in the same package.
    """

    name: str
    node_path: tuple[str, ...]
    location: SourceLocation | None = None
    source_hash: str | None = None

    @property
    def handle(self) -> str:
        """The op's step key without a mapping key."""
        return ".".join(self.node_path)


DynamicOutputOf = tuple[str, str]
"""An op, by its handle, and the dynamic output of it that is mapped."""


def output_name(handle: str, output: str) -> str:
    """How a dynamic output is called where its op has several that are mapped."""
    return f"{handle} ({output})"


@dataclass(frozen=True, slots=True)
class NestedFanOut:
    """A mapped op whose own dynamic output is used; Dagster skips the steps of ``skipped``."""

    op: OpReference
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MappedOp:
    """One op of the chain that is mapped over the dynamic output.

    ``item_input`` is the input that receives the mapped value (or the previous op's result);
    ``fixed_inputs`` are the inputs that are the same for every item. ``sources`` says for each
    input that changes with the item which op's handle and output it comes from: the fan-out op's
    or an earlier mapped op's. ``optional_inputs`` have a default. ``hooks`` are called in its step.
    """

    reference: OpReference
    item_input: str | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    fixed_inputs: tuple[str, ...] = ()
    is_async: bool = False
    is_generator: bool = False
    resource_keys: tuple[str, ...] = ()
    io_manager_keys: tuple[str, ...] = ("io_manager",)
    pool: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    optional_inputs: tuple[str, ...] = ()
    sources: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    hooks: tuple[str, ...] = ()

    @property
    def handle(self) -> str:
        """The op's step key without a mapping key: what tells it from all others of the job."""
        return self.reference.handle

    @property
    def name(self) -> str:
        """Name of the op's definition, which two steps of a chain may share (aliases)."""
        return self.reference.name

    @property
    def location(self) -> SourceLocation | None:
        """Where the op's function stands in the user's code."""
        return self.reference.location


@dataclass(frozen=True, slots=True)
class WorkloadDescription:
    """What the target is, read from its definitions; nothing was run.

    ``fan_out`` is None for a bare op or function. ``mapped`` has at least one op, in the order
    of the chain. ``other_steps`` counts the job's further plain steps. ``graph`` holds the nodes
    in topological order of the innermost graph that has the fan-out and all that is mapped; code
    for batches is emitted from it.

    Attributes:
        graph_path: Names of the nodes that lead from the job to that graph; empty: the job itself.
        graph_inputs: Names of that graph's own inputs.
        graph_outputs: That graph's own outputs to the (node, output) that each hands on.
        of_assets: Whether the job materializes assets.
        pickles: Whether all that the fan-out and the mapped ops hand on goes through Dagster's
            default IO manager, which pickles it.
        inputs: ``--inputs`` by which a bare op or function was measured.
        run_config_file: ``--run-config`` with which the target was measured.
        pool_limits: Pools of the mapped ops that are limited on the user's instance, to their
            limits of steps at once.
        nested_fan_outs: Fan-outs inside what is mapped, whose steps no executor runs.
        other_ops: Handles of further ops of the job, outside of any fan-out.
        other_fan_outs: Handles of further ops that fan out; ``op (output)`` for the further
            outputs of the op that does, where they are mapped too.
        is_called: Whether the target's name is a callable that makes the job.
        asset_from: Module and variable that hold the asset, where the target is its key.
        job_from: The same of a job, where the target is its name in the definitions.
        definitions_name: Variable of the target's module that holds its definitions, where the
            target is a job's name or an asset's key.
        partition: The partition to run; None where the job is not partitioned.
    """

    target: TargetReference
    kind: TargetKind
    job_name: str | None
    mapped: tuple[MappedOp, ...]
    fan_out: OpReference | None = None
    upstream: tuple[OpReference, ...] = ()
    collects: tuple[OpReference, ...] = ()
    other_steps: int = 0
    executor: ExecutorSetting | None = None
    reconstructable: bool = True
    not_reconstructable_reason: str | None = None
    graph: tuple[GraphNode, ...] = ()
    graph_path: tuple[str, ...] = ()
    graph_inputs: tuple[str, ...] = ()
    graph_outputs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    inputs: str | None = None
    run_config_file: str | None = None
    of_assets: bool = False
    pickles: bool = True
    pool_limits: Mapping[str, int] = field(default_factory=dict)
    nested_fan_outs: tuple[NestedFanOut, ...] = ()
    other_ops: tuple[str, ...] = ()
    other_fan_outs: tuple[str, ...] = ()
    is_called: bool = False
    asset_from: tuple[str, str] | None = None
    job_from: tuple[str, str] | None = None
    definitions_name: str | None = None
    partition: str | None = None


@dataclass(frozen=True, slots=True)
class OpProfile:
    """What was measured of one mapped op.

    Attributes:
        handle: The op's step key without a mapping key.
        first_calls: First calls, each in a fresh process: what every step pays under
            multiprocess with ``spawn``.
        preloaded_first_calls: First calls, each in a fresh process that had imported
            ``first_call_modules`` before: what a step pays under a warm forkserver.
        later_calls: Calls after the first in one process: what items in process pay.
        resource_init_s: Seconds to start the op's resources.
        base_rss_bytes: Resident memory of a process that has loaded the user's code and
            resources, before any call.
        first_call_modules: Modules that the first call imports and that are safe to preload.
        unsafe_modules: Modules that must not be imported before a fork, with the reason: of those
            that it imports, and on the first op the target's own.
        unpicklable: Which output cannot be pickled and why; None where all can.
        limited_calls: Later calls in a process whose math libraries compute on one thread only;
            empty where the op computes on no more than one core anyway.
        resource_init_cpu_s: CPU seconds of starting the resources; None where they are not known.
        skipped: Measured items that skip the op, as an earlier op did not give what it takes.
        forked_rss_bytes: Of ``base_rss_bytes``, what a forked process does not share with the one
            that it was forked from; 0 where no process was forked.
    """

    handle: str
    first_calls: tuple[ItemSample, ...]
    preloaded_first_calls: tuple[ItemSample, ...]
    later_calls: tuple[ItemSample, ...]
    resource_init_s: float = 0.0
    base_rss_bytes: int = 0
    first_call_modules: tuple[str, ...] = ()
    unsafe_modules: Mapping[str, str] = field(default_factory=dict)
    unpicklable: str | None = None
    limited_calls: tuple[ItemSample, ...] = ()
    resource_init_cpu_s: float | None = None
    skipped: tuple[int, ...] = ()
    forked_rss_bytes: int = 0

    @property
    def calls(self) -> tuple[ItemSample, ...]:
        """All measured calls of the op as it is."""
        return (*self.first_calls, *self.preloaded_first_calls, *self.later_calls)


@dataclass(frozen=True, slots=True)
class ConcurrencyProbe:
    """The same items, ``workers`` in parallel: how much they slow each other, and what they give.

    Attributes:
        worker_kind: Threads or processes.
        workers: How many in parallel.
        slowdown: An item's mean wall seconds among them, over its seconds alone (1.0: they do not
            disturb each other); 0 where it failed.
        failed: Type of what was raised, or how the process ended, without any text of the user's;
            None where it worked.
        items: Those that each worker ran, in its order; empty in profiles of older versions.
        comparison: Whether the items gave what each gives alone.
        evidence: The message of what was raised, or the results that differ. It may hold secrets:
            it is shown on the terminal and never saved.
        error: Relative standard error of ``slowdown``, by how its calls differ from each other.
        rate: At which its calls, or those alone beside them, ended after some that took much less;
            None: they went on as they began.
        makespan: The busiest worker's seconds over the most that any would take alone; 0: unknown.
    """

    worker_kind: WorkerKind
    workers: int
    slowdown: float
    failed: str | None = None
    items: tuple[tuple[int, ...], ...] = ()
    comparison: Comparison = NOT_COMPARED
    evidence: str = ""
    error: float = 0.0
    rate: RateLimit | None = None
    makespan: float = 0.0


@dataclass(frozen=True, slots=True)
class StoredValue:
    """Storing and loading one value that holds some items', through the job's own IO manager.

    Attributes:
        items: How many items' values it holds, as a list where more than one.
        value_bytes: Pickled.
        store_s, load_s: Seconds inside of the IO manager; of single ones the mean.
        wait_s: Of both, what waits.
        storing_bytes, loading_bytes: Memory taken meanwhile beside the value itself.
        failed: Type of what the IO manager raised; None where it took the value.
    """

    items: int
    value_bytes: int
    store_s: float = 0.0
    load_s: float = 0.0
    wait_s: float = 0.0
    storing_bytes: int = 0
    loading_bytes: int = 0
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A place where pyinstrument saw the time go; ``share`` is of the profiled wall clock."""

    where: str
    share: float
    category: HotspotCategory


@dataclass(frozen=True, slots=True)
class WorkloadProfile:
    """All that was measured of a workload.

    Attributes:
        items: How many items production has.
        ops: One profile an op of the mapped chain, in order.
        fan_out_s: Compute seconds of the fan-out op for ``fan_out_items`` items; None unmeasured.
        collect_s: Compute seconds of the collecting ops for ``collect_items`` items.
        probes: Concurrency probes of the whole chain.
        hotspots: Hottest first.
        category_shares: Category to share of the profiled wall clock.
        op_executions: How often the user's ops were executed, in all.
        cost_s: Wall seconds that the measuring took.
        measured_at: ISO 8601, UTC.
        notes: Sentences on what was not as asked (fewer samples, one call only, ...).
        limited_probes: Probes like ``probes``, with one thread an item in the math libraries.
        resources_measured: Whether CPU, memory and bytes were measured; a log tells none of them.
        first_touch_byte_s: Seconds a byte by which memory that was not used lately is slower to
            get than memory that was; 0 where the system does not tell.
        yielded: What the fan-out hands on: an item's value, and one of many items.
        collected: What the chain's last op gives, likewise.
    """

    items: int
    ops: tuple[OpProfile, ...]
    fan_out_s: float | None = None
    fan_out_items: int = 0
    upstream_s: float = 0.0
    collect_s: float | None = None
    collect_items: int = 0
    probes: tuple[ConcurrencyProbe, ...] = ()
    hotspots: tuple[Hotspot, ...] = ()
    category_shares: Mapping[str, float] = field(default_factory=dict)
    op_executions: int = 0
    cost_s: float = 0.0
    measured_at: str = ""
    notes: tuple[str, ...] = ()
    limited_probes: tuple[ConcurrencyProbe, ...] = ()
    resources_measured: bool = True
    first_touch_byte_s: float = 0.0
    yielded: tuple[StoredValue, ...] = ()
    collected: tuple[StoredValue, ...] = ()

    @property
    def step_peak_bytes(self) -> int | None:
        """Memory of a process that runs one item, at its peak; None where it was not measured."""
        peaks = [
            op.base_rss_bytes + max(call.peak_rss_bytes for call in op.calls)
            for op in self.ops
            if op.base_rss_bytes and op.calls
        ]
        return max(peaks, default=None)

    @property
    def unsafe_modules(self) -> Mapping[str, str]:
        """Modules that must not be imported before a fork, to the reason."""
        return {module: why for op in self.ops for module, why in op.unsafe_modules.items()}
