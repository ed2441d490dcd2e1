"""The profile of a bare op or a function, for as many items as its samples are."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.domain.errors import TargetError
from advisor.domain.options import AdviseOptions
from advisor.domain.workload import TargetReference, WorkloadDescription

if TYPE_CHECKING:
    from advisor.store import SavedProfile

_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class InputsRequest:
    """Sample inputs as ``--inputs`` spells them, of which workload, from which folder."""

    spelled: str
    description: WorkloadDescription
    folder: str


def count_inputs(request: InputsRequest) -> int:
    """How many items sample inputs hold: called in a fresh process, for the user's callables."""
    from advisor.measure.ops.sample_inputs import read_inputs

    return len(read_inputs(request.spelled, request.description, Path(request.folder)))


def on_its_samples(saved: SavedProfile, target: TargetReference) -> SavedProfile:
    """The profile of a bare op for as many items as its samples are: what the emitted job reads.

    Raises:
        DynadviseError: The samples are not known, or cannot be read.
    """
    from advisor.api.recommend import recommend
    from advisor.domain.inputs_tag import inputs_tag
    from advisor.measure.child import run_in_child

    description = saved.description
    spelled = description.inputs or inputs_tag(description)
    if spelled is None:
        raise TargetError(
            f"It is not known where the items of {target.spelled} come from.",
            hint="Profile it again with --inputs, or name the job that uses it.",
        )
    counted = run_in_child(
        "advisor.api.op_samples:count_inputs",
        InputsRequest(spelled, description, target.working_directory),
        timeout_s=_TIMEOUT_S,
        target=target,
    )
    if counted.failure is not None:
        raise TargetError(
            f"The inputs of {target.spelled} cannot be read.", details=counted.failure.reason
        )
    items = counted.value
    assert isinstance(items, int)
    if items == saved.workload.items:
        return saved
    saved = dataclasses.replace(saved, workload=dataclasses.replace(saved.workload, items=items))
    advice = saved.advice
    options = AdviseOptions(
        objective=advice.objective,
        change=advice.change,
        environment=advice.environment,
        max_rate=advice.max_rate,
    )
    return dataclasses.replace(saved, advice=recommend(saved, options))
