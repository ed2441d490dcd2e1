"""What is said of a code beside each finding that has it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from pkgutil import iter_modules
from typing import Any

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
        kind: Of a diagnosis of runs: its name in words, stable.
    """

    code: str
    meaning: str
    looks: str
    remedy: str
    kind: str = ""


@cache
def rules() -> Mapping[str, Rule]:
    """The rules by code, as ``codes.toml`` words them."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    table = tomllib.loads((files("advisor.rules") / "codes.toml").read_text(encoding="utf-8"))
    return {
        code: Rule(code, **{key: " ".join(text.split()) for key, text in texts.items()})
        for code, texts in table.items()
    }


def rule_modules(package: str) -> list[Any]:
    """The modules of a package that are a rule: they have a ``CODE``."""
    path = import_module(package).__path__
    modules = [import_module(f"{package}.{each.name}") for each in iter_modules(path)]
    return [module for module in modules if hasattr(module, "CODE")]


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule sees wrong; its code and the place that it is called from make a finding of it.

    Attributes:
        remedy: None where it is the rule's general one.
        location: None where it is the place that the rule's caller names.
    """

    severity: Severity
    message: str
    remedy: str | None = None
    location: SourceLocation | None = None


def finding_of(code: str, fault: Fault, target: str, location: SourceLocation | None) -> Finding:
    """The finding that a fault is of a target, at its own location or else at the given one."""
    return Finding(
        code,
        fault.severity,
        fault.message,
        rules()[code].remedy if fault.remedy is None else fault.remedy,
        fault.location or location,
        target,
    )
