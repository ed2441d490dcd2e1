"""One side of the gate in a process of its own: its tree loaded, its ops ready to be called."""

from __future__ import annotations

import contextlib
import pickle
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.domain.errors import DynadviseError
from advisor.domain.workload import MappedOp, WorkloadDescription
from advisor.gate.orders import SideFailedError, SurveyRequest, Tree
from advisor.measure.supervisor import show_text, unwatch, watch

if TYPE_CHECKING:
    from advisor.dagster_bridge.invocation import Invocation
    from advisor.dagster_bridge.sampling import DrawnSamples
    from advisor.dagster_bridge.target import LoadedTarget

_OWN_PACKAGE = __name__.split(".", maxsplit=1)[0]
PICKLE_PROTOCOL = 4  # Dagster's filesystem IO manager writes this one


@dataclass(frozen=True, slots=True)
class Opened:
    """A target, ready to be called; ``modules`` were imported to load it."""

    loaded: LoadedTarget
    description: WorkloadDescription
    invocation: Invocation
    modules: int


@dataclass(frozen=True, slots=True)
class Call:
    """One call; ``queued_s`` of its wall clock its thread was ready to run and had no core."""

    wall_s: float
    cpu_s: float
    queued_s: float
    outputs: dict[str, object]
    failed: str | None = None


@contextlib.contextmanager
def opened_side(request: SurveyRequest) -> Iterator[Opened]:
    """Load the tree's target and open its ops; refuse files of the other tree."""
    from advisor.dagster_bridge.invocation import open_invocation
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
    kept = Path(request.samples_file).parent
    with (
        tempfile.TemporaryDirectory(prefix="storage-", dir=kept) as storage,
        open_invocation(loaded, description, request.run_config, Path(storage)) as invocation,
    ):
        yield Opened(loaded, description, invocation, modules)


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


def drawn_samples(request: SurveyRequest, opened: Opened) -> DrawnSamples:
    """The items: given by the user or by the op's tag, else what the fan-out op yields."""
    from advisor.dagster_bridge.sampling import (
        DrawnSamples,
        SampleItem,
        draw_samples,
        inputs_tag,
        read_inputs,
    )

    spec = request.inputs
    if spec is None and opened.description.fan_out is None:
        spec = inputs_tag(opened.description)
    watch("Drawing the samples", request.item_timeout_s)
    try:
        if spec is not None:
            folder = Path(request.tree.working_directory)
            rows = read_inputs(spec, opened.description, folder)
            return DrawnSamples([SampleItem(None, row) for row in rows], total_items=len(rows))
        return draw_samples(
            opened.loaded,
            opened.description,
            request.run_config,
            request.samples,
            Path(request.samples_file).parent,
        )
    finally:
        unwatch()


def called(
    invocation: Invocation,
    op: MappedOp,
    row: Mapping[str, object],
    index: int,
    timeout_s: float,
) -> Call:
    """Call an op under the clock."""
    watch(f"`{op.handle}`, item {index},", timeout_s)
    try:
        prepared = invocation.prepare(op, row)
        queued, cpu, start = _queued_s(), time.process_time(), time.perf_counter()
        outputs = prepared.run()
        wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
        queued_s = _queued_s() - queued
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises
        return Call(0.0, 0.0, 0.0, {}, _reason(error, op, index))
    finally:
        unwatch()
    return Call(wall_s, cpu_s, min(queued_s, wall_s), outputs)


def _queued_s() -> float:
    """Seconds for which this thread has been ready to run while others had the cores.

    The second figure of the kernel's schedstat (Documentation/scheduler/sched-stats); 0 where
    the system does not tell. It is no property of the user's code, and on a busy machine it is
    most of the noise.
    """
    try:
        return int(Path("/proc/thread-self/schedstat").read_bytes().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def _reason(error: Exception, op: MappedOp, index: int) -> str:
    """Whose code raised what on which item, and where."""
    from advisor.dagster_bridge.user_frames import in_words, text_of

    if isinstance(error, DynadviseError):
        return error.without_texts
    told = f"`{op.handle}`, item {index}, raised {in_words(error)}"
    show_text(f"{told}: {text_of(error)}")
    return told


def foreign_modules(before: set[str]) -> set[str]:
    """Modules imported since ``before``, without our own."""
    return {
        name for name in sys.modules if name not in before and not name.startswith(_OWN_PACKAGE)
    }


def pickled_bytes(value: object) -> int:
    """Bytes of the values as Dagster would pickle them; 0 where it could not."""
    try:
        values = value.values() if isinstance(value, dict) else [value]
        return sum(len(pickle.dumps(part, protocol=PICKLE_PROTOCOL)) for part in values)
    except Exception:  # noqa: BLE001 - whatever __reduce__ raises
        return 0
