"""A target on its way through the gate: both sides surveyed, its ops timed or not."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from advisor.domain.gate import Obstacle, OpTiming, ProxyCount, TimingBasis, Verdict, proxy_sentence
from advisor.domain.workload import WorkloadDescription
from advisor.gate import comparison
from advisor.gate.inspection import Inspected
from advisor.gate.measuring import ChildProcesses
from advisor.gate.orders import OpCalls, OpSurvey, Survey
from advisor.store import SavedProfile


@dataclass(frozen=True, slots=True)
class NotSurveyed:
    """A side that could not be surveyed; ``new``: the base has no such target."""

    reason: str
    new: bool = False

    @property
    def obstacle(self) -> tuple[Obstacle, str]:
        """Why no op can be compared with this base."""
        if self.new:
            return Obstacle.NEW, f"the base has no such target to compare: {self.reason}"
        return Obstacle.BASE_FAILED, f"at the base: {self.reason}"


@dataclass(frozen=True, slots=True)
class Subject:
    """A target with both its sides surveyed; ``base`` is None where no base is asked for."""

    inspected: Inspected
    measurer: ChildProcesses
    head: Survey | NotSurveyed
    base: Survey | NotSurveyed | None
    profile: SavedProfile | None

    @property
    def target(self) -> str:
        """As the user spelled it."""
        return self.inspected.target

    @property
    def description(self) -> WorkloadDescription:
        """Head's definitions; a target that could not be loaded is no subject."""
        assert self.inspected.description is not None
        return self.inspected.description

    @property
    def head_ops(self) -> tuple[OpSurvey, ...]:
        """The ops of head; none where it could not be surveyed."""
        return self.head.ops if isinstance(self.head, Survey) else ()

    def base_op(self, handle: str) -> OpSurvey | None:
        """An op of the base; None where the base has no such op."""
        ops = self.base.ops if isinstance(self.base, Survey) else ()
        return next((op for op in ops if op.handle == handle), None)

    @property
    def comparable(self) -> tuple[OpSurvey, ...]:
        """Head's ops that work on both sides, and do the same there."""
        return tuple(op for op in self.head_ops if self._comparable(op))

    def _comparable(self, op: OpSurvey) -> bool:
        base = self.base_op(op.handle)
        if base is None or base.failed is not None or op.failed is not None:
            return False
        return self.unlike(op) is None

    @property
    def same_inputs(self) -> bool:
        """Whether both sides are called on what the base's fan-out gave."""
        return isinstance(self.head, Survey) and self.head.reads_other

    def unlike(self, op: OpSurvey) -> str | None:
        """Why times of an op are of other work at head than at the base; None: they are not."""
        base = self.base_op(op.handle)
        if base is None or not isinstance(self.base, Survey) or not isinstance(self.head, Survey):
            return None
        items = ProxyCount("items", self.base.items, self.head.items)
        if items.unlike and not (items.base and items.head and self.same_inputs):
            return f"base and head are not alike: {proxy_sentence(items)}"
        errors = ProxyCount("errors", base.errors, op.errors)
        return f"base and head are not alike: {proxy_sentence(errors)}" if errors.unlike else None


def timed(
    op: OpSurvey,
    compared: comparison.Comparison,
    base_s: float,
    head_s: float,
    basis: TimingBasis = "base revision",
) -> OpTiming:
    """An op with a timing; seconds are per item."""
    return OpTiming(
        op.handle,
        **asdict(compared),
        base_s=base_s,
        head_s=head_s,
        basis=basis,
        location=op.location,
    )


def not_timed(op: OpSurvey, obstacle: Obstacle, reason: str) -> OpTiming:
    """An op of head without a timing."""
    return OpTiming(
        op.handle,
        Verdict.NOT_MEASURED,
        reason=reason,
        location=op.location,
        obstacle=obstacle,
        new=obstacle is Obstacle.NEW,
    )


def untimed(
    subject: Subject, timings: Sequence[OpTiming], no_past: str = ""
) -> tuple[OpTiming, ...]:
    """Every op of head (of the definitions, where head failed) that has no timing.

    ``no_past`` is why there is none where no base is asked for.
    """
    if isinstance(subject.head, NotSurveyed):
        failed = Obstacle.FAILED, subject.head.reason
        return tuple(not_timed(OpSurvey(op), *failed) for op in subject.description.mapped)
    done = {timing.op for timing in timings}
    return tuple(
        not_timed(op, *_obstacle(subject, op, no_past))
        for op in subject.head.ops
        if op.handle not in done
    )


def _obstacle(subject: Subject, op: OpSurvey, no_past: str) -> tuple[Obstacle, str]:
    if op.failed is not None:
        return Obstacle.FAILED, op.failed
    if subject.base is None:
        return Obstacle.NO_PROFILE, no_past
    if isinstance(subject.base, NotSurveyed):
        return subject.base.obstacle
    base = subject.base_op(op.handle)
    if base is None:
        return Obstacle.NEW, "it is new: the base has no such op"
    unlike = subject.unlike(op)
    if unlike is not None and base.failed is None:
        return Obstacle.UNLIKE, unlike
    return Obstacle.BASE_FAILED, f"at the base: {base.failed}"


def item_seconds(processes: Sequence[OpCalls]) -> list[float]:
    """Seconds per item of each process."""
    return [comparison.process_seconds(calls.calls_s) / len(calls.calls_s) for calls in processes]
