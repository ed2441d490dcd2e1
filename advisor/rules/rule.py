"""What is said of a code beside each finding that has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from advisor.domain.finding import Finding, Severity
from advisor.domain.workload import SourceLocation


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


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule sees wrong; its module and the place that it is called from make a finding of it.

    Attributes:
        remedy: None where it is the rule's general one.
        location: None where it is the place that the rule's caller names.
    """

    severity: Severity
    message: str
    remedy: str | None = None
    location: SourceLocation | None = None


def finding_of(rule: Rule, fault: Fault, target: str, location: SourceLocation | None) -> Finding:
    """The finding that a fault is of a target, at its own location or else at the given one."""
    return Finding(
        rule.code,
        fault.severity,
        fault.message,
        rule.remedy if fault.remedy is None else fault.remedy,
        fault.location or location,
        target,
    )


def rule_of(module: RuleModule) -> Rule:
    """The rule that a module is."""
    return Rule(module.CODE, module.MEANING, module.LOOKS, module.REMEDY)
