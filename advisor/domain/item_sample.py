"""One measured call of an op, and the run that it seems to be of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class ItemSample:
    """One measured call of one mapped op on one sample input, without a profiler.

    Attributes:
        item: Index of the sample.
        key: None; profiles of earlier versions hold the mapping key, which may tell whose data
            it is.
        wall_s: Wall clock of the call alone.
        cpu_s: CPU of all threads and child processes of the call.
        peak_rss_bytes: Peak resident memory above the process's base.
        input_bytes: Inputs, pickled at Dagster's protocol.
        output_bytes: Outputs, likewise; 0 where they cannot be pickled.
        load_s: Loading the inputs through the job's own IO manager.
        store_s: Storing the outputs likewise.
        io_wait_s: Of both, what waits: the CPU is free meanwhile.
        connections: Most network connections held at once during the call.
        loop_s: Seconds in which an asynchronous op held its event loop: it computed, or blocked
            instead of awaiting. None where the op is not asynchronous or it was not measured.
        grown_rss_bytes: Peak resident memory above what the process held right before the call.
        again: Whether the item was called before while it was measured, in whatever process: what
            it reads may lie in a cache since then.
        errors_logged: Log records of level ERROR or above during the call, of any logger;
            Dagster's own make two of one message.
        events: Events that a run records for the call beside those of every step: what the op
            yields and logs, lines of ``context.log``, further outputs, hooks.
        asset_events: Materializations and observations among them.
        log_events: Lines of ``context.log`` among them: the run's own process is not told of these.
        attempts: How often the op was called until it gave its result: its seconds are those of
            all attempts, without the delay between them and without the step's new start.
        hook_s: Seconds of the op's hooks, which are called once in a step, whatever it holds; None
            where they were not called after this call.
        hook_cpu_s: CPU seconds of them.
    """

    item: int
    key: str | None
    wall_s: float
    cpu_s: float
    peak_rss_bytes: int
    input_bytes: int
    output_bytes: int
    load_s: float = 0.0
    store_s: float = 0.0
    connections: int = 0
    loop_s: float | None = None
    errors_logged: int = 0
    events: int = 0
    asset_events: int = 0
    log_events: int = 0
    attempts: int = 1
    io_wait_s: float = 0.0
    grown_rss_bytes: int = 0
    again: bool = False
    hook_s: float | None = None
    hook_cpu_s: float = 0.0

    def longer(self, wall_s: float, cpu_s: float) -> ItemSample:
        """The call with so much more of both; less where it is negative, down to nothing."""
        return replace(
            self, wall_s=max(0.0, self.wall_s + wall_s), cpu_s=max(0.0, self.cpu_s + cpu_s)
        )


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """Its id, by which ops may name files, and tags that the fan-out op gave it."""

    run_id: str = field(default_factory=lambda: str(uuid4()))
    tags: Mapping[str, str] = field(default_factory=dict)
