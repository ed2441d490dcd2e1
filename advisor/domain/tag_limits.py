"""``tag_concurrency_limits`` of a run's executor: steps with a tag that may run at once.

Counted as ``TagConcurrencyLimitsCounter`` does (``dagster/_utils/tags.py``): by key, by key and
value, or by each value of a key apart. A step that is over a limit is passed over and looked at
again in the next turn; unlike with a pool it does not wait before it asks again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TagLimits:
    """The limits that hold the mapped steps back.

    Attributes:
        stages: For each mapped op the names of the limits that count its steps.
        steps: Name of a limit to the steps that it lets run at once.
    """

    stages: tuple[tuple[str, ...], ...] = ()
    steps: Mapping[str, int] = field(default_factory=dict)

    @property
    def steps_at_once(self) -> int | None:
        """Mapped steps that can run at once; None where an op has no limit."""
        if not self.stages or not all(self.stages):
            return None
        tightest = {min(names, key=self.steps.__getitem__) for names in self.stages}
        return sum(self.steps[name] for name in tightest)

    def in_batches(self) -> TagLimits:
        """The limits of a step that runs the whole chain: it has the tags of all ops."""
        if not self.stages:
            return self
        return TagLimits(
            (tuple(dict.fromkeys(n for names in self.stages for n in names)),), self.steps
        )


def tag_limits(
    limits: Sequence[Mapping[str, object]], tags: Sequence[Mapping[str, str]]
) -> TagLimits:
    """The limits that count the steps of ops with these tags.

    Args:
        limits: As the executor's config has them; of two for the same tags the last holds.
        tags: The tags of each mapped op.
    """
    steps: dict[str, int] = {}
    stages: list[dict[str, None]] = [{} for _ in tags]
    for limit in limits:
        for names, own in zip(stages, tags, strict=True):
            for name in _name(limit, own):
                names[name] = None
                # 0 would let the run wait for ever; it counts as 1 so that a figure can be given
                steps[name] = max(1, int(str(limit["limit"])))
    return TagLimits(tuple(map(tuple, stages)), steps)


def _name(limit: Mapping[str, object], tags: Mapping[str, str]) -> Iterator[str]:
    key, value = str(limit["key"]), limit.get("value")
    if key not in tags or (isinstance(value, str) and value != tags[key]):
        return
    by_key = not value or (isinstance(value, Mapping) and not value["applyLimitPerUniqueValue"])
    yield key if by_key else f"{key}: {tags[key]}"
