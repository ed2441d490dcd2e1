"""The static rules: each looks at facts, runs nothing, and yields what is wrong.

A rule is a module with ``CODE``, ``MEANING``, ``LOOKS``, ``REMEDY`` and ``check(facts)``. Rules
that lay a job beside its committed profile are in the ``profile_*`` modules; the gate calls those
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from advisor.domain.command_line import spelled_out
from advisor.domain.finding import Finding
from advisor.domain.rule_facts import CheckFacts, InstanceFacts, JobFacts
from advisor.rules.static import (
    bare_forkserver,
    container,
    dask,
    fixed_config,
    main_guard,
    memory,
    memory_io_manager,
    nested_fan_out,
    polling_parent,
    pools,
    preload,
    profile_advice,
    profile_code,
    profile_host,
    profile_version,
    reconstructable,
    root_logger,
    run_retries,
    tag_limits,
)

__all__ = [
    "RULES",
    "UNMEASURABLE",
    "CheckFacts",
    "InstanceFacts",
    "JobFacts",
    "run_checks",
]

Check = Callable[[CheckFacts], Iterator[Finding]]

MODULES = (
    nested_fan_out,
    root_logger,
    dask,
    fixed_config,
    container,
    pools,
    tag_limits,
    run_retries,
    main_guard,
    reconstructable,
    memory_io_manager,
    preload,
    polling_parent,
    memory,
    bare_forkserver,
)
PROFILE_MODULES = (profile_advice, profile_code, profile_version, profile_host)
RULES: tuple[Check, ...] = tuple(module.check for module in MODULES)

UNMEASURABLE = frozenset({nested_fan_out.CODE, root_logger.CODE})
"""Findings by which a run loses work, or never ends, in whatever way it is run: no figure of such
a job is worth anything."""

_ORDER = {"error": 0, "warning": 1, "note": 2}


def run_checks(facts: CheckFacts) -> tuple[Finding, ...]:
    """What all rules find, errors first, with remedies whose commands run as they are."""
    found = [
        replace(finding, remedy=spelled_out(finding.remedy, facts.description))
        for rule in RULES
        for finding in rule(facts)
    ]
    return tuple(sorted(found, key=lambda finding: (_ORDER[finding.severity], finding.code)))
