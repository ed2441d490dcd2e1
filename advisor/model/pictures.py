"""Simulated runs as pictures: the same simulations, with each slot's stretches kept."""

from collections.abc import Iterable, Iterator, Mapping

from advisor.domain.advice import Prediction
from advisor.domain.candidate import Candidate
from advisor.domain.cluster import DELEGATING
from advisor.domain.picture import Bar, BarPhase, RunPicture
from advisor.model.estimators.multiprocess import simulated_run
from advisor.model.prediction import Predictor
from advisor.model.scheduling import MANY_STEPS
from advisor.model.simulations import Simulations
from advisor.model.timeline import MultiprocessRun, Phase, StepProcess

_PHASES: Mapping[Phase, BarPhase] = {"launch": "start", "serialize": "store", "work": "work"}
_ITEMS_DRAWN = 60
"""Items in process that are drawn one by one; more are one stretch."""


def picture_of(name: str, way: Prediction, predictor: Predictor) -> RunPicture:
    """A predicted way's simulated run, or its first steps.

    Raises:
        NoModelError: There is no model of it.
    """
    candidate, makespan_s = way.candidate, way.makespan_s.median
    start_s = predictor.start_s(candidate)
    simulations = predictor.simulations_of(candidate)
    steps = candidate.steps(simulations.setting.items.count)
    count = min(steps, MANY_STEPS)
    if candidate.executor == "multiprocess":
        run = simulated_run(candidate, simulations, count, _DrawnRun)
        run.run()
        bars = tuple(_after(start_s, run.bars))
    elif candidate.executor in DELEGATING:
        bars, count = (), 0
    else:
        serial = _serial(makespan_s - start_s, candidate, simulations)
        bars, count = tuple(_after(start_s, serial)), steps
    return RunPicture(name, candidate, bars, makespan_s, count / max(1, steps))


class _DrawnRun(MultiprocessRun):
    """The simulated run, with what each slot does kept."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.bars: list[Bar] = []
        self.taken: list[bool] = []
        self.slot_of: dict[StepProcess, int] = {}

    def _launch(self, child: StepProcess) -> None:
        if False not in self.taken:
            self.taken.append(False)
        self.slot_of[child] = slot = self.taken.index(False)
        self.taken[slot] = True
        super()._launch(child)

    def _finish_piece(self, child: StepProcess) -> None:
        piece, last = child.pieces[child.next_piece], len(child.pieces) - 1
        phase = "exit" if child.next_piece == last else _PHASES[piece.phase]
        if self.sharing.now_s > child.entered_s:
            self.bars.append(Bar(self.slot_of[child], child.entered_s, self.sharing.now_s, phase))
        super()._finish_piece(child)

    def _join(self, child: StepProcess) -> None:
        super()._join(child)
        self.taken[self.slot_of[child]] = False


def _after(start_s: float, bars: Iterable[Bar]) -> Iterator[Bar]:
    """The bars of a run whose own process begins so much later."""
    if start_s:
        yield Bar(0, 0.0, start_s, "start")
    for bar in bars:
        yield bar._replace(begin_s=bar.begin_s + start_s, end_s=bar.end_s + start_s)


def _serial(makespan_s: float, candidate: Candidate, simulations: Simulations) -> Iterator[Bar]:
    """One slot: what comes before, the items, and between and after them Dagster's own part."""
    setting = simulations.setting
    items = setting.items
    before_s = setting.overhead.in_process.start_s + items.fan_out_s + items.upstream_s
    yield Bar(0, 0.0, before_s, "start")
    walls = items.wall_s[simulations.reference]
    left_s = max(0.0, makespan_s - before_s)
    if candidate.is_batched or len(walls) > _ITEMS_DRAWN:
        worked_s = min(left_s, float(walls.sum()) / max(1, candidate.workers_in_op))
        yield Bar(0, before_s, before_s + worked_s, "work")
        yield Bar(0, before_s + worked_s, makespan_s, "store")
        return
    own_s = max(0.0, left_s - float(walls.sum())) / (len(walls) + 1)
    at_s = before_s
    for wall_s in walls.tolist():
        yield Bar(0, at_s, at_s + own_s, "store")
        yield Bar(0, at_s + own_s, at_s + own_s + wall_s, "work")
        at_s += own_s + wall_s
    yield Bar(0, at_s, makespan_s, "store")
