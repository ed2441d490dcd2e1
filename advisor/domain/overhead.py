"""What Dagster's executors cost on a host, as it was fitted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from advisor.domain.dagster_facts import EVENTS_PER_STEP, PARENT_STEP_S
from advisor.domain.executor_setting import StartMethod
from advisor.domain.host import CLAIM_S, CpuScaling, WholeStep
from advisor.domain.quantities import Spread

EVENTS_PER_OUTPUT = 3
"""STEP_OUTPUT, the IO manager's line "Writing file at", HANDLED_OUTPUT: what a further output
costs, beside the file. Without a file (``execute_in_process``) there is no such line."""


@dataclass(frozen=True, slots=True)
class InProcessOverhead:
    """What an in-process run charges beside the work (seconds).

    ``step_s`` is one mapped step; ``fan_out_output_s`` one dynamic output; ``collect_input_s``
    one value that the collecting op loads; ``step_growth_s`` what one more item adds to every
    step; ``claim_s`` asking for a slot of a pool, or giving it back. ``wait_share`` of these
    seconds waits, for storage over a network. ``output_store_s`` of ``fan_out_output_s`` is the
    value's storing, by the IO manager; ``output_events`` are recorded for it.
    """

    start_s: float
    step_s: float
    fan_out_output_s: float
    collect_input_s: float
    end_s: float
    step_growth_s: float = 0.0
    claim_s: float = CLAIM_S
    wait_share: float = 0.0
    output_store_s: float = 0.0
    output_events: float = EVENTS_PER_OUTPUT

    @property
    def event_s(self) -> float:
        """Recording one event."""
        return (self.fan_out_output_s - self.output_store_s) / self.output_events


@dataclass(frozen=True, slots=True)
class MultiprocessOverhead:
    """What a multiprocess run charges under one start method, at one step at a time.

    Attributes:
        start_s: From the call to the first STEP_WORKER_STARTING.
        server_start_s: The forkserver's own start and preload, once a run (0 under spawn).
        boot_s: From the child's start to STEP_WORKER_STARTED.
        prepare_s: STEP_WORKER_STARTED to STEP_START: import, plan, resources, log capture.
        load_s: STEP_START to the last STEP_INPUT, for a tiny value.
        finish_s: First STEP_OUTPUT to STEP_SUCCESS, for a tiny value.
        exit_s: From its last message until the process has exited.
        fan_out_output_s: The fan-out's seconds for one dynamic output.
        collect_input_s: The collect's seconds for one value.
        end_s: From the last process's end to the return of the call.
        parent_step_s: The parent's CPU for one step, over all its `EVENTS_PER_STEP` turns.
        plan_item_s: What each item of the run adds to every step's plan.
        turn_item_s: What each waiting item adds to every turn of the parent's loop.
        claim_s: The parent's CPU to ask for a slot of a pool, or to give it back.
        wait_share: Of the phases of a step's process, the share that waits (storage over a
            network); the rest computes.
        output_store_s: Of ``fan_out_output_s``, the value's storing, by the IO manager.
        parent_wait_s: What the parent waits for its storage in one step: it stores one event.
    """

    start_s: float
    server_start_s: float
    boot_s: float
    prepare_s: float
    load_s: float
    finish_s: float
    exit_s: float
    fan_out_output_s: float
    collect_input_s: float
    end_s: float
    parent_step_s: float = PARENT_STEP_S
    plan_item_s: float = 0.0
    turn_item_s: float = 0.0
    claim_s: float = CLAIM_S
    wait_share: float = 0.0
    parent_wait_s: float = 0.0
    output_store_s: float = 0.0

    @property
    def event_s(self) -> float:
        """Recording one event."""
        return (self.fan_out_output_s - self.output_store_s) / EVENTS_PER_OUTPUT

    @property
    def refill_s(self) -> float:
        """The parent's CPU while a slot is empty: its last three turns, and the next step's first.

        In its other turns the step goes on.
        """
        return 4 * self.turn_s

    @property
    def child_step_s(self) -> float:
        """What one mapped step's process takes beside the work."""
        return self.boot_s + self.prepare_s + self.load_s + self.finish_s + self.exit_s

    @property
    def turn_s(self) -> float:
        """The parent's CPU for one turn about a step."""
        return self.parent_step_s / EVENTS_PER_STEP

    @property
    def step_s(self) -> float:
        """What one mapped step takes beside the work, one at a time."""
        return self.refill_s + self.parent_wait_s + self.child_step_s


@dataclass(frozen=True, slots=True)
class DelegatedOverhead:
    """What an executor that starts a pod, container or task for each step charged in past runs.

    Attributes:
        executor: ``k8s``, ``docker``, ``celery`` or ``celery_k8s``.
        start_s: From the launch to the step's worker: pod start and ``import dagster``.
        prepare_s: From the worker's start to the op's start: user code, plan, resources.
        load_s, store_s: Loading the inputs and storing the outputs.
        poll_interval_s: From a step's end until its slot was given away, as observed: the
            executor's poll and its launches; None where no step waited for a slot.
        steps: Steps observed.
        launch_s: From one launch to the next in a turn of the parent's loop; None: none was seen.
        begin_s: From the run's start to its first launch.
        fan_out_output_s, collect_input_s: Of each output and input.
    """

    executor: str
    start_s: Spread
    prepare_s: Spread
    load_s: Spread
    store_s: Spread
    poll_interval_s: Spread | None
    steps: int
    launch_s: float | None = None
    begin_s: float = 0.0
    fan_out_output_s: float = 0.0
    collect_input_s: float = 0.0


@dataclass(frozen=True, slots=True)
class OverheadModel:
    """The fitted numbers: plain, saved in the profile, all that a prediction needs of a host.

    Attributes:
        execute_in_process, in_process: The two serial ways.
        multiprocess: By ``spawn``, ``forkserver``, ``warm_forkserver``; a method that could not
            be calibrated is absent.
        cli_start_s: The command line's start, once a run; None where unmeasured.
        store_byte_s, load_byte_s: Through the IO manager, beyond the fixed part of a step.
        transfer_s: Storing and loading one value, however small.
        cpu_scaling: Measured slowdown of CPU-bound work by processes at once.
        process_start_s: Starting one worker process inside a step (warm import of user code).
        drift: Relative standard deviation of the host's speed between runs.
        moments: At how many moments the host was measured; their mean is what is predicted with.
        noise: Log standard deviation of one second of computing on this host, whose cores may be
            shared; of ``n`` seconds it is ``noise / sqrt(n)``.
        measured_cpu_s: CPU seconds of the calibration runs, by method.
        estimated: Those of ``multiprocess`` that were not run, since they could not win at their
            best or the budget ended: for comparison, never advised.
        age_days: By method, days since a run of it was last seen here; where none, 0.
        delegated: By executor, what past runs on a cluster tell.
        whole_step: A step as a cluster runs it, measured here.
    """

    execute_in_process: InProcessOverhead
    in_process: InProcessOverhead
    multiprocess: Mapping[str, MultiprocessOverhead]
    cli_start_s: float | None
    store_byte_s: float
    load_byte_s: float
    cpu_scaling: tuple[CpuScaling, ...] = ()
    process_start_s: float = 0.3
    drift: float = 0.05
    moments: int = 1
    noise: float = 0.0
    measured_cpu_s: Mapping[str, float] = field(default_factory=dict)
    transfer_s: float = 0.0
    estimated: tuple[str, ...] = ()
    age_days: Mapping[str, float] = field(default_factory=dict)
    delegated: Mapping[str, DelegatedOverhead] = field(default_factory=dict)
    whole_step: WholeStep | None = None

    def spread(self, cpu_s: float) -> float:
        """Relative standard deviation of what computes for ``cpu_s`` seconds, run to run."""
        return float((self.drift**2 + self.noise**2 / max(cpu_s, 0.01)) ** 0.5)


def overhead_key(start_method: StartMethod | None, *, warm: bool) -> str:
    """Key of :attr:`OverheadModel.multiprocess` for a start method."""
    if start_method == "forkserver":
        return "warm_forkserver" if warm else "forkserver"
    return "spawn"
