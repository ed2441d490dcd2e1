"""From a candidate to its prediction: makespan with interval, breakdown, memory, core-seconds.

A candidate is simulated once, on a reference list of all items; on several drawn lists where few
items differ, of which the mean is taken. The spread over items comes from
list scheduling of whole lists as they may be, common to all candidates (common random numbers),
around that simulation; what few measured items leave open, and the spread of the host and of
the model itself, are factors.
"""

from dataclasses import replace

from advisor.domain.advice import Prediction
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import DELEGATING
from advisor.domain.no_prediction import NoModelError, Unpredictable
from advisor.model.estimate import Estimate, mean_of
from advisor.model.estimators import model_of
from advisor.model.memory import first_touch_s
from advisor.model.other_cores import speed_of
from advisor.model.rate import at_rate
from advisor.model.setting import Setting
from advisor.model.simulations import Simulations
from advisor.model.uncertainty import interval


class Predictor:
    """Predicts candidates in one setting; what they share is simulated once."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._simulations = Simulations(setting)
        self._limited = Simulations(setting.limited) if setting.limited else self._simulations
        # Threads in a step have the cores of its pod, not those of the run's.
        limit = setting.cluster and setting.cluster.step_cpu
        pod = replace(setting.machine, cores=limit) if limit else setting.machine
        self._in_pods = Simulations(replace(setting, machine=pod)) if limit else self._simulations

    def simulations_of(self, candidate: Candidate) -> Simulations:
        """What was drawn and simulated for ways like the candidate."""
        if candidate.executor in DELEGATING:
            return self._in_pods
        return self._simulations if candidate.op_threads is None else self._limited

    def estimate(self, candidate: Candidate) -> Estimate:
        """Simulate one candidate.

        Raises:
            NoModelError: There is no model of its executor or launch, or no calibration of its
                start method.
        """
        if candidate.launch == "daemon":
            raise NoModelError(candidate, Unpredictable.DAEMON)
        simulations = self.simulations_of(candidate)
        setting, start_s = simulations.setting, self.start_s(candidate)
        factor = self.setting.correction.get(candidate.kind, 1.0)
        estimate = model_of(candidate).estimate
        alone = mean_of([estimate(candidate, each) for each in simulations.of_lists]).at_median()
        alone = at_rate(alone, setting, factor)
        if candidate.executor in DELEGATING:
            return alone.scaled(factor, start_s)
        speed = speed_of(setting.machine.cores)
        alone = replace(alone, core_seconds=alone.core_seconds * speed)
        if setting.cluster is not None:  # the run's pod is held for all of it
            held = alone.makespan_s * min(1.0, setting.machine.cores)
            alone = replace(alone, core_seconds=max(held, alone.core_seconds))
        touch_s = first_touch_s(candidate, setting)
        return alone.with_first_touch(touch_s).scaled(factor, start_s)

    def start_s(self, candidate: Candidate) -> float:
        """Until a run's own process begins: a part of the makespan that no simulation has."""
        setting = self.setting
        cli_s = (setting.overhead.cli_start_s or 0.0) if candidate.launch == "cli" else 0.0
        return cli_s + (setting.cluster.run_start_s if setting.cluster else 0.0)

    def prediction_of(self, estimate: Estimate) -> Prediction:
        """The domain's form of an estimate."""
        return Prediction(
            candidate=estimate.candidate,
            makespan_s=interval(estimate, self.setting),
            breakdown_s=estimate.breakdown_s,
            peak_memory_bytes=estimate.peak_memory_bytes,
            core_seconds=estimate.core_seconds,
            rented_core_seconds=estimate.rented_core_seconds(self.setting.machine.cores),
            pool_wait_s=estimate.pool_wait_s,
            rate_wait_s=estimate.rate_wait_s,
            trial=self.setting.limits.verdict(estimate.candidate).trial,
        )

    def predict(self, candidate: Candidate) -> Prediction:
        """A candidate's prediction.

        Raises:
            NoModelError: As `estimate`.
        """
        return self.prediction_of(self.estimate(candidate))

    def first_result_s(self, candidate: Candidate) -> float | None:
        """When the first item's whole chain is done; None for steps on an event loop."""
        first_result_s = model_of(candidate).first_result_s
        return first_result_s and first_result_s(candidate, self.simulations_of(candidate))
