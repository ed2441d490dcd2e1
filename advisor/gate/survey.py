"""The survey of a side: load it, draw inputs, call each op once per item, and count."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from advisor.domain.workload import ItemSample, MappedOp, WorkloadDescription
from advisor.gate.counts import events_of_run, steps_of_run
from advisor.gate.orders import SHORTEST_S, Inputs, OpSurvey, Survey, SurveyRequest
from advisor.gate.side import (
    PICKLE_PROTOCOL,
    Opened,
    called,
    drawn_samples,
    foreign_modules,
    opened_side,
    pickled_bytes,
)


@dataclass
class _Found:
    """What the calls of one op have told so far."""

    op: MappedOp
    calls: list[ItemSample] = field(default_factory=list)
    modules: int = 0
    failed: str | None = None


def survey_tree(request: SurveyRequest) -> Survey:
    """Load, draw inputs, call each op once an item, count. Runs in a child."""
    with opened_side(request) as opened:
        drawn = drawn_samples(request, opened)
        opened.invocation.start_resources()
        inputs: Inputs = {op.handle: [] for op in opened.description.mapped}
        found = {op.handle: _Found(op) for op in opened.description.mapped}
        for index, item in enumerate(drawn.items[: request.samples]):
            _survey_item(
                request,
                opened,
                index,
                item=item.inputs,
                fixed=drawn.fixed_inputs,
                inputs=inputs,
                found=found,
            )
        surveys = tuple(
            OpSurvey(
                each.op,
                tuple(each.calls),
                _repeat_s(opened, each, inputs[handle], request),
                opened.modules + each.modules,
                each.failed,
            )
            for handle, each in found.items()
        )
    return Survey(
        description=opened.description,
        items=drawn.total_items,
        ops=surveys,
        steps=steps_of_run(opened.description, drawn.total_items),
        events=events_of_run(opened.description, drawn.total_items),
        samples_kept=_keep(inputs, Path(request.samples_file)),
        reads_other=_reads(request.other_samples_file, opened.description),
        executions=sum(len(op.calls) + (op.repeat_s is not None) for op in surveys),
    )


def _survey_item(
    request: SurveyRequest,
    opened: Opened,
    index: int,
    *,
    item: Mapping[str, object],
    fixed: Mapping[str, Mapping[str, object]],
    inputs: Inputs,
    found: Mapping[str, _Found],
) -> None:
    """Call the chain on one item; an op that failed is not called again."""
    from advisor.dagster_bridge.invocation import item_inputs

    results: dict[str, dict[str, object]] = {}
    for op in opened.description.mapped:
        each = found[op.handle]
        if each.failed is not None:
            return
        before = set(sys.modules)
        row = item_inputs(op, item, results, fixed)
        call = called(opened.invocation, op, row, index, request.item_timeout_s)
        if call.failed is not None:
            each.failed = call.failed
            reason = f"`{op.handle}`, which it needs, failed"
            for later in list(found.values())[list(found).index(op.handle) + 1 :]:
                later.failed = later.failed or reason
            return
        if index == 0:
            each.modules = len(foreign_modules(before))
        each.calls.append(
            ItemSample(
                item=index,
                key=None,
                wall_s=call.wall_s,
                cpu_s=call.cpu_s,
                peak_rss_bytes=0,
                input_bytes=pickled_bytes(row),
                output_bytes=pickled_bytes(call.outputs),
            )
        )
        inputs[op.handle].append(row)
        results[op.handle] = call.outputs


def _repeat_s(
    opened: Opened, found: _Found, rows: Sequence[dict[str, object]], request: SurveyRequest
) -> float | None:
    """Seconds of a second call on the last item: much less where results are kept."""
    if found.failed is not None or len(rows) < 2 or found.calls[-1].wall_s < SHORTEST_S:
        return None
    last = len(rows) - 1
    call = called(opened.invocation, found.op, rows[last], last, request.item_timeout_s)
    return call.wall_s if call.failed is None else None


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
