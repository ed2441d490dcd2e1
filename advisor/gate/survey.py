"""The survey of a side: load it, draw inputs, call each op once per item, and count."""

import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from advisor.domain.item_sample import ItemSample
from advisor.domain.workload import MappedOp, WorkloadDescription
from advisor.gate.counts import events_of_run, steps_of_run
from advisor.gate.orders import SHORTEST_S, OpSurvey, Survey, SurveyRequest
from advisor.gate.side import foreign_modules, opened_side, reason_of
from advisor.measure.ops.drawn import PICKLE_PROTOCOL
from advisor.measure.ops.session import Session


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
