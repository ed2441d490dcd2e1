"""What a snippet is emitted from."""

from dataclasses import dataclass, replace

from advisor.domain.advice import Advice, Prediction
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import StepSizing, unmodelled
from advisor.domain.workload import WorkloadDescription, WorkloadProfile


@dataclass(frozen=True, slots=True)
class EmitRequest:
    """The workload, the advice, and the way to emit code for.

    Attributes:
        prediction: The candidate to emit for; None: the advice's recommendation.
        workload: The measurements, where they are at hand: they tell whether the inputs' sizes
            foretell how long an item takes.
        predicted: Whether ``prediction``'s figures are those of its candidate; False for a
            candidate that the model has not seen.
        max_connections: Most items at once that may hold a database connection.
        further: The job's other fan-outs.
        sizing: What a step of the chosen way asks of its pod, container or task.
    """

    description: WorkloadDescription
    advice: Advice
    prediction: Prediction | None = None
    workload: WorkloadProfile | None = None
    predicted: bool = True
    max_connections: int | None = None
    sizing: StepSizing | None = None
    further: tuple[WorkloadDescription, ...] = ()

    @property
    def chosen(self) -> Prediction:
        """The prediction that the snippet is for."""
        return self.prediction or self.advice.recommendation

    @property
    def keeps_executor(self) -> bool:
        """Whether the job's own executor stays, as there is no model that says against it."""
        return self.advice.current is None and bool(unmodelled(self.description.executor))

    @property
    def candidate(self) -> Candidate:
        """The way to run that the snippet is for."""
        candidate, own = self.chosen.candidate, self.advice.own_way
        if not self.keeps_executor or own is None:
            return candidate
        inside = ("batch_size", "workers_in_op", "worker_kind", "op_threads", "depth_first")
        return replace(own, **{name: getattr(candidate, name) for name in inside})
