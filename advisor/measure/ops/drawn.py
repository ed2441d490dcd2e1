"""The sampled items: drawn once, and read by every child of a measurement from its workspace."""

from __future__ import annotations

import itertools
import pickle
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from advisor.dagster_bridge.user_frames import frames_of, in_words
from advisor.measure.ops.orders import Assignment, DrawnItems
from advisor.measure.supervisor import unwatch, watch

if TYPE_CHECKING:
    from advisor.dagster_bridge.sampling import DrawnSamples
    from advisor.dagster_bridge.target import LoadedTarget

PICKLE_PROTOCOL = 4
"""Dagster's (``dagster._utils.PICKLE_PROTOCOL``)."""

PLACES_SEED = 0
"""Every child that draws the items anew takes the same."""


@dataclass
class ItemInputs:
    """Inputs of the drawn items; ``held`` where they cannot be pickled."""

    workspace: Path
    held: DrawnSamples | None = None

    def of(self, item: int) -> dict[str, object]:
        """Inputs of one item, read as a step would read them."""
        if self.held is not None:
            return dict(self.held.items[item].inputs)
        content = _item_path(self.workspace, item).read_bytes()
        return cast("dict[str, object]", pickle.loads(content))  # noqa: S301 - by our own child

    @cached_property
    def fixed(self) -> Mapping[str, Mapping[str, object]]:
        """Inputs that are the same for every item, by handle of the op."""
        if self.held is not None:
            return self.held.fixed_inputs
        content = _fixed_path(self.workspace).read_bytes()
        return cast("Mapping[str, dict[str, object]]", pickle.loads(content))  # noqa: S301


def drawn_items(
    assignment: Assignment, loaded: LoadedTarget, drawn: DrawnItems | None
) -> tuple[DrawnItems, ItemInputs]:
    """The sampled items; drawn here where no child has drawn them, or none could pickle them."""
    workspace = Path(assignment.workspace)
    if drawn is not None and drawn.unpicklable is None:
        return drawn, ItemInputs(workspace)
    samples = _draw(assignment, loaded)
    chosen = places(len(samples.items), assignment.samples, PLACES_SEED)
    if assignment.first_items:
        chosen = list(range(len(chosen)))
    samples = replace(samples, items=[samples.items[place] for place in chosen])
    if drawn is None:
        drawn = DrawnItems(
            total=samples.total_items,
            positions=tuple(chosen),
            keys=tuple(item.key for item in samples.items),
            fan_out_s=samples.fan_out_s,
            upstream_s=samples.upstream_s,
            unpicklable=_write(workspace, samples),
            run_tags=samples.run_tags,
        )
    return drawn, ItemInputs(workspace, samples if drawn.unpicklable else None)


def _draw(assignment: Assignment, loaded: LoadedTarget) -> DrawnSamples:
    """All items: from ``--inputs`` or the op's tag, else by running the job up to its fan-out."""
    from advisor.dagster_bridge.sampling import DrawnSamples, draw_samples
    from advisor.domain.inputs_tag import inputs_tag
    from advisor.measure.ops.sample_inputs import read_inputs

    description = assignment.description
    spelled = assignment.inputs
    if spelled is None and description.fan_out is None:
        spelled = inputs_tag(description)
    if spelled is not None:
        watch(f"reading the inputs {spelled!r}", assignment.draw_timeout_s)
        folder = Path(description.target.working_directory)
        items = read_inputs(spelled, description, folder)
        samples = DrawnSamples(items, total_items=len(items))
    else:
        name = f"fan-out op {description.fan_out.name!r}" if description.fan_out else "the inputs"
        watch(name, assignment.draw_timeout_s)
        samples = draw_samples(
            loaded,
            description,
            assignment.run_config,
            None,
            within=Path(assignment.workspace),
            identity=assignment.run,
        )
    unwatch()
    return samples


def places(total: int, count: int, seed: int) -> list[int]:
    """Places of ``count`` items among ``total``: a random one in each of as many equal strata.

    So no end of the list counts more than its share, and no period of it is met by chance alone.
    """
    if count >= total:
        return list(range(total))
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    edges = [total * stratum // count for stratum in range(count + 1)]
    return [rng.randrange(low, high) for low, high in itertools.pairwise(edges)]


def _write(workspace: Path, samples: DrawnSamples) -> str | None:
    """Put the items where other children find them; the reason why they cannot be pickled."""
    try:
        for place, item in enumerate(samples.items):
            content = pickle.dumps(item.inputs, protocol=PICKLE_PROTOCOL)
            _item_path(workspace, place).write_bytes(content)
        content = pickle.dumps(samples.fixed_inputs, protocol=PICKLE_PROTOCOL)
        _fixed_path(workspace).write_bytes(content)
    except Exception as error:  # noqa: BLE001 - whatever __reduce__ raises
        every = (*(item.inputs for item in samples.items), *samples.fixed_inputs.values())
        reasons = (pickled_bytes(inputs)[1] for inputs in every)
        reason = next(filter(None, reasons), f"cannot be pickled ({in_words(error)})")
        return f"input {reason}"
    return None


def _item_path(workspace: Path, item: int) -> Path:
    return workspace / f"item-{item}.pickle"


def _fixed_path(workspace: Path) -> Path:
    return workspace / "fixed.pickle"


def pickled_bytes(values: Mapping[str, object]) -> tuple[int, str | None]:
    """Bytes of the values as Dagster would pickle them; 0 and the reason where it could not."""
    total = 0
    name = ""
    try:
        for name, value in values.items():  # noqa: B007 - named in the reason
            total += len(pickle.dumps(value, protocol=PICKLE_PROTOCOL))
    except Exception as error:  # noqa: BLE001 - whatever __reduce__ raises
        of_pickle = f"{type(error).__name__}: {error}"  # with frames, it is a user's __reduce__
        reason = in_words(error) if frames_of(error) else of_pickle
        return 0, f"{name!r} cannot be pickled ({reason})"
    return total, None
