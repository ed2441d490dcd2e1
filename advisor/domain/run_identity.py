"""The run that measured calls seem to be of: one for all processes of a measurement."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """Its id, by which ops may name files, and tags that the fan-out op gave it."""

    run_id: str = field(default_factory=lambda: str(uuid4()))
    tags: Mapping[str, str] = field(default_factory=dict)
