"""Advice for a job with several fan-outs: a way for each, under one executor, and one total."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from advisor.api.predictors import constraints_of, predictor_of
from advisor.domain.advice import Prediction
from advisor.domain.candidate import Candidate
from advisor.domain.errors import DynadviseError
from advisor.domain.fan_outs import FanOutAdvice, WholeRun, waits_for
from advisor.domain.measured import Measured
from advisor.domain.options import AdviseOptions
from advisor.domain.quantities import Interval, Spread
from advisor.domain.trial import Trial
from advisor.model.prediction import Predictor
from advisor.model.search import TIE, SearchResult, search
from advisor.model.ways import WaysToRun
from advisor.model.whole_run import FanOutPart, alike, executor_of, makespan_s, own_settings, plain

_EXECUTORS = 6
"""Executors, by the first fan-out's best ways, of which the whole run is predicted."""


@dataclass(frozen=True, slots=True)
class _Further:
    """A further fan-out, with what it takes to choose its way."""

    measured: Measured
    part: FanOutPart
    ways: WaysToRun


@dataclass(frozen=True, slots=True)
class SeveralFanOuts:
    """Chooses for all fan-outs of a job.

    Attributes:
        first: The fan-out whose ways the search has ranked.
    """

    first: FanOutPart
    further: tuple[_Further, ...]
    options: AdviseOptions
    _totals_s: dict[tuple[Candidate, bool], Interval] = field(default_factory=dict)

    @property
    def parts(self) -> list[FanOutPart]:
        """All, in the job's order."""
        return [self.first, *(each.part for each in self.further)]

    def way_of(self, each: _Further, to: Candidate, *, config_only: bool) -> Candidate:
        """The best way of a further fan-out under the executor of another's."""
        ways = [plain(to), *alike(each.ways.candidates, to)]
        if config_only or self.options.change == "config":
            return ways[0]
        constraints = constraints_of(each.measured, self.options, each.ways)
        try:
            result = search(
                list(dict.fromkeys(ways)),
                each.part.predictor,
                constraints,
                current=None,
                default=None,
            )
        except DynadviseError:
            return ways[0]
        return result.recommendation.candidate

    def ways(self, way: Candidate, *, config_only: bool) -> list[Candidate]:
        """A way for each, given the first's."""
        others = (self.way_of(each, way, config_only=config_only) for each in self.further)
        return [way, *others]

    def total_s(self, way: Candidate, *, config_only: bool) -> Interval:
        """Of the whole run."""
        if (way, config_only) not in self._totals_s:
            total = makespan_s(self.parts, self.ways(way, config_only=config_only))
            self._totals_s[way, config_only] = total
        return self._totals_s[way, config_only]

    def chosen(self, result: SearchResult) -> SearchResult:
        """The result with the executor under which the whole run is fastest.

        That of the first fan-out's best way stays unless another is faster by more than a tie.
        """
        if self.options.objective != "time":
            return result
        tried = [e for e in result.candidates if e.allowed and e.trial is Trial.TRIED]
        serial = Candidate("execute_job", "in_process")
        if all(each.candidate != serial for each in tried):
            tried.append(self.first.predictor.predict(serial))
        best = self._fastest(result.recommendation, tried, config_only=False)
        return replace(
            result,
            recommendation=best,
            rival=result.rival if best is result.recommendation else None,
            config_only=self._fastest(
                result.config_only,
                [each for each in tried if not each.candidate.needs_code],
                config_only=True,
            ),
        )

    def _fastest(
        self, best: Prediction, tried: Sequence[Prediction], *, config_only: bool
    ) -> Prediction:
        """The best way of the first fan-out, or one whose executor suits all better."""

        def median_s(each: Prediction) -> float:
            return self.total_s(each.candidate, config_only=config_only).median

        executors: dict[object, Prediction] = {}
        for each in tried:
            executors.setdefault(executor_of(each.candidate), each)
        executors.pop(executor_of(best.candidate), None)
        others = list(executors.values())
        fastest = min([*others[:_EXECUTORS], *others[_EXECUTORS:][-1:]], key=median_s, default=best)
        return fastest if median_s(fastest) < (1.0 - TIE) * median_s(best) else best

    def advice(self, result: SearchResult) -> tuple[tuple[FanOutAdvice, ...], WholeRun]:
        """What is advised of each, and the total."""
        best, config = result.recommendation.candidate, result.config_only.candidate
        now = result.current or result.default
        advised = self.ways(best, config_only=False)
        pasted = self.ways(config, config_only=True)
        parts = zip(self.parts, advised, pasted, strict=True)
        whole = WholeRun(
            best_s=makespan_s(self.parts, advised),
            config_only_s=makespan_s(self.parts, pasted),
            now_s=self.total_s(now.candidate, config_only=True) if now else None,
        )
        return tuple(self._section(*each) for each in parts), whole

    def _section(self, part: FanOutPart, best: Candidate, config: Candidate) -> FanOutAdvice:
        description, items = part.description, part.predictor.setting.items
        low, middle, high = (float(q) for q in np.quantile(items.wall_s, [0.1, 0.5, 0.9]))
        assert description.fan_out is not None
        return FanOutAdvice(
            op=description.fan_out.handle,
            mapped=tuple(op.handle for op in description.mapped),
            items=items.count,
            samples=items.samples,
            wall_s=Spread(median=middle, p10=low, p90=high),
            best=best,
            config_only=config,
            waits_for=tuple(waits_for(description, [each.description for each in self.parts])),
        )


def several_fan_outs(
    measured: Measured, predictor: Predictor, options: AdviseOptions
) -> SeveralFanOuts | None:
    """What chooses for all fan-outs of a job; None where one alone was measured."""
    if not measured.further:
        return None
    own_items = replace(options, items=None)
    parts = []
    for each in measured.further:
        alone = replace(
            measured,
            description=each.description,
            workload=each.workload,
            further=(),
            verifications=(),
        )
        parts.append((alone, *predictor_of(alone, own_items)))
    settings = own_settings(
        [
            (measured.description, predictor.setting),
            *((alone.description, its.setting) for alone, its, _ in parts),
        ]
    )
    first, *others = (FanOutPart(each, Predictor(setting)) for each, setting in settings)
    further = zip(parts, others, strict=True)
    return SeveralFanOuts(
        first, tuple(_Further(alone, part, ways) for (alone, _, ways), part in further), own_items
    )


def whole_run_s(measured: Measured, way: Candidate, options: AdviseOptions) -> Interval | None:
    """The run whose first fan-out is run a way, the others without a change of code.

    None where the job has one fan-out, or no other was measured.
    """
    if not measured.further:
        return None
    predictor, _ = predictor_of(measured, options)
    several = several_fan_outs(measured, predictor, options)
    assert several is not None
    return several.total_s(way, config_only=True)
