"""What a measurement is asked, and the children in which functions of ours run the user's code."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from advisor.domain.item_sample import RunIdentity
from advisor.domain.options import MeasureOptions
from advisor.domain.workload import WorkloadDescription
from advisor.measure import tuning
from advisor.measure.budget import Budget
from advisor.measure.child import ChildFailure, ChildResult, run_in_child
from advisor.measure.machine import host_facts
from advisor.measure.ops.orders import Assignment
from advisor.measure.progress import Progress


@dataclass(frozen=True, slots=True)
class ProfileRequest:
    """What to measure, and within which limits.

    Attributes:
        inputs: Sample inputs as ``--inputs`` names them; None: the job yields them, or the op's
            tag names them.
        items: Items in production; None: as many as there are.
        memory_limit_bytes: For each child with all it starts; None: 90 % of the machine's.
        further: Other fan-outs of the job, which are measured afterwards.
    """

    description: WorkloadDescription
    run_config: Mapping[str, object] | None = None
    inputs: str | None = None
    items: int | None = None
    options: MeasureOptions = field(default_factory=MeasureOptions)
    memory_limit_bytes: int | None = None
    further: tuple[WorkloadDescription, ...] = ()

    @property
    def each_item_once(self) -> bool:
        """Whether no item may run twice; probes and hot spots are then left out."""
        return self.options.allow_side_effects is False

    @property
    def fan_out_again(self) -> bool:
        """Whether the fan-out op may run in further processes, to yield what cannot be pickled."""
        return self.options.allow_side_effects is True


class CutOffError(Exception):
    """A part under way was ended, since the budget was passed."""


class Notes(dict[str, None]):
    """Sentences for the user, each once, in the order in which they came up."""

    def add(self, *sentences: str) -> None:
        """Say them, unless they were said."""
        self.update(dict.fromkeys(sentences))


@dataclass
class Children:
    """Starts them with the same assignment, and keeps count of what they ran.

    Attributes:
        workspace: Folder in which the sampled items lie.
        executions: Calls of the user's ops so far.
        notes: What came up so far, for the user.
        run_identity: Of the run that all calls seem to be of.
        first_touch_byte_s: Seconds a byte by which memory that was not used lately is slower to
            get than memory that was.
        item_bytes: Memory that an item takes, as far as it is known.
    """

    request: ProfileRequest
    budget: Budget
    progress: Progress
    workspace: str
    executions: int = 0
    notes: Notes = field(default_factory=Notes)
    run_identity: RunIdentity = field(default_factory=RunIdentity)
    first_touch_byte_s: float = 0.0
    item_bytes: int = tuning.UNKNOWN_PEAK_BYTES

    @property
    def assignment(self) -> Assignment:
        """What each of them is told."""
        request = self.request
        return Assignment(
            description=request.description,
            run_config=request.run_config,
            workspace=self.workspace,
            inputs=request.inputs,
            samples=max(1, request.options.samples or tuning.DEFAULT_SAMPLES),
            item_timeout_s=request.options.item_timeout_s,
            setup=request.options.setup,
            teardown=request.options.teardown,
            storing=request.options.storing,
            run=self.run_identity,
            item_bytes=self.item_bytes,
        )

    @property
    def memory_bytes(self) -> int:
        """That the measurement may count with."""
        return self.request.memory_limit_bytes or host_facts().memory_bytes

    def run(
        self,
        function: str,
        argument: object,
        *,
        environment: Mapping[str, str] | None = None,
        whatever_it_takes: bool = False,
    ) -> ChildResult:
        """Call ``function`` of this room in a child.

        Raises:
            CutOffError: The budget was passed meanwhile; ``whatever_it_takes`` goes on then.
        """
        request, budget = self.request, self.budget
        timeout_s = tuning.LOADING_S + 2 * budget.asked_s + request.options.item_timeout_s
        limit_bytes = int(tuning.CHILD_MEMORY_SHARE * host_facts().memory_bytes)
        result = run_in_child(
            f"advisor.measure.{function}",
            argument,
            timeout_s=timeout_s if whatever_it_takes else min(timeout_s, budget.cut_off_s),
            memory_limit_bytes=request.memory_limit_bytes or limit_bytes,
            target=request.description.target,
            environment=environment,
        )
        if (failure := result.failure) and failure.where is None:
            failure = replace(failure, where=self._line_of(failure.op))
            result = replace(result, failure=failure)
        if failure and request.options.teardown and failure.kind in ("killed", "hung", "memory"):
            self._teardown()
        if failure and failure.kind == "hung" and budget.is_over and not whatever_it_takes:
            raise CutOffError
        return result

    def _line_of(self, handle: str | None) -> str | None:
        """Where an op stands: what failed before a line of it was reached is its fault too."""
        for op in self.request.description.mapped:
            if op.handle == handle and op.reference.location:
                return str(op.reference.location)
        return None

    def _teardown(self) -> None:
        """The hook that a killed child could not call."""
        result = run_in_child(
            "advisor.measure.ops.session:call_hook",
            self.request.options.teardown,
            timeout_s=self.request.options.item_timeout_s,
            target=self.request.description.target,
        )
        if result.failure:
            self.notes.add(f"{result.failure.as_note('The teardown hook')}.")

    def price_first_touch(self) -> None:
        """See how slow memory is that was not used lately, as far as the budget goes."""
        with contextlib.suppress(CutOffError):
            touched = self.run("first_touch:first_touch_byte_s", None)
            if isinstance(touched.value, float):
                self.first_touch_byte_s = touched.value

    def failed_again(self, failure: ChildFailure) -> None:
        """Note that a call failed whose like had run before."""
        self.executions += 1
        self.notes.add(f"{failure.as_note('A further call')}, though it had run before.")
