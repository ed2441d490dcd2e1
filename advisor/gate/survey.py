"""The survey of a side: load it, draw inputs, call each op once per item, and count.

Counts have no noise: what a run makes, as the graph and the items give it, and what calls move.
"""

from __future__ import annotations

import contextlib
import pickle
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from advisor.domain.errors import DynadviseError
from advisor.domain.gate import ProxyCount
from advisor.domain.item_sample import ItemSample
from advisor.domain.workload import MappedOp, WorkloadDescription
from advisor.gate.orders import SHORTEST_S, OpSurvey, SideFailedError, Survey, SurveyRequest, Tree
from advisor.measure.ops.drawn import PICKLE_PROTOCOL
from advisor.measure.ops.orders import Assignment, DrawnItems
from advisor.measure.ops.session import Session, failure_in_words, session
from advisor.measure.supervisor import unwatch

_OWN_PACKAGE = __name__.split(".", maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class OpenSide:
    """A side that is ready to be called; ``modules`` were imported to load it."""

    session: Session
    modules: int


@contextlib.contextmanager
def opened_side(request: SurveyRequest, drawn: DrawnItems | None = None) -> Iterator[OpenSide]:
    """Load the tree's target and open its ops; ``drawn`` as in `session`.

    Raises:
        SideFailedError: An op comes from the other side's files.
    """
    from advisor.dagster_bridge.structure import describe
    from advisor.dagster_bridge.target import load_target, parse_target

    folder = Path(request.tree.working_directory)
    reference = parse_target(request.target, job=request.job, working_directory=folder)
    before = set(sys.modules)
    loaded = load_target(reference)
    modules = len(foreign_modules(before))
    description = describe(loaded, request.run_config)
    _refuse_foreign(description, request.tree)
    # In the parent's folder: this process may be killed before it can remove its own.
    workspace = Path(request.samples_file).with_suffix("")
    workspace.mkdir(exist_ok=True)
    assignment = Assignment(
        description=description,
        run_config=request.run_config,
        workspace=str(workspace),
        inputs=request.inputs,
        samples=request.samples,
        item_timeout_s=request.item_timeout_s,
        first_items=True,
        draw_timeout_s=request.item_timeout_s,
    )
    with session(assignment, drawn=drawn, loaded=loaded) as opened:
        yield OpenSide(opened, modules)


def reason_of(error: Exception, opened: Session, op: MappedOp, item: int) -> str:
    """Why a call has no timing, in words that may be saved; the measuring goes on without it."""
    unwatch()
    if isinstance(error, DynadviseError):
        return error.without_texts
    return failure_in_words(error, opened.label(op, item))


def _refuse_foreign(description: WorkloadDescription, tree: Tree) -> None:
    """An installed package would be timed twice and called unchanged: refuse."""
    if tree.foreign_root is None:
        return
    foreign = Path(tree.foreign_root).resolve()
    own = Path(tree.root).resolve()
    for op in description.mapped:
        if op.location is None:
            continue
        file = Path(op.location.file).resolve()
        if "site-packages" in file.parts:  # a library's op, in an environment inside the project
            continue
        if file.is_relative_to(foreign) and not file.is_relative_to(own):
            raise SideFailedError(
                f"For {tree.side}, `{op.handle}` was loaded from the other side's files.",
                where=str(op.location),
                hint="The project must be importable from its folder, not from an installed copy.",
            )


def foreign_modules(before: set[str]) -> set[str]:
    """Modules imported since ``before``, without our own."""
    return {
        name for name in sys.modules if name not in before and not name.startswith(_OWN_PACKAGE)
    }


def steps_of_run(description: WorkloadDescription, items: int) -> int | None:
    """Steps of a run with so many items; None for a bare op."""
    if description.fan_out is None:
        return None
    once = 1 + len(description.upstream) + len(description.collects) + description.other_steps
    return once + items * len(description.mapped)


def events_of_run(description: WorkloadDescription, items: int) -> int | None:
    """Rows of a multiprocess run's event log, from the graph.

    A step has 7 (STEP_WORKER_STARTING, _STARTED, RESOURCE_INIT_STARTED, _SUCCESS, LOGS_CAPTURED,
    STEP_START, STEP_SUCCESS), two an input (LOADED_INPUT, STEP_INPUT) and two an output
    (STEP_OUTPUT, HANDLED_OUTPUT); the fan-out has an output an item, a collecting op loads them.
    """
    steps = steps_of_run(description, items)
    if steps is None:
        return None
    mapped = sum(2 * len(op.inputs) + 2 * len(op.outputs) for op in description.mapped)
    return 7 * steps + items * (mapped + 2 + len(description.collects))


def compared_counts(base: Survey, head: Survey) -> Iterator[ProxyCount]:
    """The counts of what is on both sides; of a side without items, nothing that a run makes."""
    yield ProxyCount("items", base.items, head.items)
    if base.items and head.items:
        if base.steps is not None and head.steps is not None:
            yield ProxyCount("steps", base.steps, head.steps)
        if base.events is not None and head.events is not None:
            yield ProxyCount("events", base.events, head.events)
    bases = {op.handle: op for op in base.ops}
    for op in head.ops:
        before = bases.get(op.handle)
        if before is None or not before.calls or not op.calls:
            continue
        sizes: tuple[Literal["input_bytes", "output_bytes"], ...] = ("input_bytes", "output_bytes")
        for name in sizes:
            yield ProxyCount(name, _mean(before, name), _mean(op, name), op.handle)
        if before.errors or op.errors:
            yield ProxyCount("errors", before.errors, op.errors, op.handle)
        yield ProxyCount("modules", before.modules, op.modules, op.handle)


def _mean(op: OpSurvey, name: Literal["input_bytes", "output_bytes"]) -> int:
    return round(statistics.fmean(getattr(call, name) for call in op.calls))


@dataclass
class _OpRecord:
    """The inputs and the calls of one op so far; ``modules`` were imported by its first call."""

    op: MappedOp
    rows: list[dict[str, object]] = field(default_factory=list)
    calls: list[ItemSample] = field(default_factory=list)
    modules: int = 0
    failed: str | None = None


def survey_tree(request: SurveyRequest) -> Survey:
    """Load, draw inputs, call each op once per item, count. Runs in a child."""
    with opened_side(request) as side:
        opened = side.session
        description, drawn = opened.assignment.description, opened.drawn
        records = [_OpRecord(op) for op in opened.chain]
        for item in range(len(drawn.positions)):
            _survey_item(opened, item, records)
        ops = tuple(
            OpSurvey(
                record.op,
                tuple(record.calls),
                _repeat_s(opened, record),
                side.modules + record.modules,
                record.failed,
            )
            for record in records
        )
    rows = {record.op.handle: record.rows for record in records}
    return Survey(
        description=description,
        items=drawn.total,
        ops=ops,
        steps=steps_of_run(description, drawn.total),
        events=events_of_run(description, drawn.total),
        samples_kept=_keep(rows, Path(request.samples_file)),
        reads_other=_reads(request.other_samples_file, description),
        executions=opened.executions,
        drawn=drawn,
    )


def _survey_item(opened: Session, item: int, records: Sequence[_OpRecord]) -> None:
    """Call the chain on one item; an op that failed is not called again."""
    results: dict[str, Mapping[str, object]] = {}
    places = {record.op.handle: place for place, record in enumerate(records)}
    for op in opened.reached(results):
        place, before = places[op.handle], set(sys.modules)
        record = records[place]
        if record.failed is not None:
            return
        try:
            row = opened.inputs_of(op, item, results)
            call = opened.measure(op, row, item)
        except Exception as error:  # noqa: BLE001 - whatever the user's code raises
            record.failed = reason_of(error, opened, op, item)
            for later in records[place + 1 :]:
                later.failed = later.failed or f"`{op.handle}`, which it needs, failed"
            return
        if item == 0:
            record.modules = len(foreign_modules(before))
        record.calls.append(call.sample)
        record.rows.append(row)
        results[op.handle] = call.outputs


def _repeat_s(opened: Session, record: _OpRecord) -> float | None:
    """Seconds of a second call on the last item: much less where results are kept."""
    last = len(record.rows) - 1
    if record.failed is not None or last < 1 or record.calls[-1].wall_s < SHORTEST_S:
        return None
    try:
        return opened.measure(record.op, record.rows[last], last).sample.wall_s
    except Exception as error:  # noqa: BLE001 - it cannot be called twice, which is no failure here
        reason_of(error, opened, record.op, last)
        return None


def _keep(inputs: Mapping[str, list[dict[str, object]]], file: Path) -> bool:
    try:
        file.write_bytes(pickle.dumps(dict(inputs), protocol=PICKLE_PROTOCOL))
    except Exception:  # noqa: BLE001 - whatever __reduce__ raises
        file.unlink(missing_ok=True)
        return False
    return True


def _reads(file: str | None, description: WorkloadDescription) -> bool:
    """Whether the other side's inputs load here and fit the ops of the same name."""
    if file is None:
        return False
    try:
        rows = pickle.loads(Path(file).read_bytes())  # noqa: S301 - written by our own survey
    except Exception:  # noqa: BLE001 - classes that moved, whatever __setstate__ raises
        return False
    return all(
        set(row) <= set(op.inputs) for op in description.mapped for row in rows.get(op.handle, [])
    )
