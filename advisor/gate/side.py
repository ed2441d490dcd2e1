"""One side of the gate in a process of its own: its tree loaded, its ops ready to be called."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from advisor.domain.errors import DynadviseError
from advisor.domain.workload import MappedOp, WorkloadDescription
from advisor.gate.orders import SideFailedError, SurveyRequest, Tree
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
