"""What is said of a code beside each finding that has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rule:
    """One code.

    Attributes:
        code: Stable (``DYN003``, ``RUN003``).
        meaning: What it means, in a line without a full stop.
        looks: The message of a finding, as an example.
        remedy: What to do, in general; a finding says it for its own case.
    """

    code: str
    meaning: str
    looks: str
    remedy: str


class RuleModule(Protocol):
    """A module that is one rule."""

    CODE: str
    MEANING: str
    LOOKS: str
    REMEDY: str


def rule_of(module: RuleModule) -> Rule:
    """The rule that a module is."""
    return Rule(module.CODE, module.MEANING, module.LOOKS, module.REMEDY)
