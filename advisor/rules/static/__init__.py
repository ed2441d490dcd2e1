"""The static rules: each looks at facts, runs nothing, and yields what is wrong.

A rule is a module with ``CODE``, ``MEANING``, ``LOOKS``, ``REMEDY`` and ``check(facts)``. Rules
that lay a job beside its committed profile are in the ``profile_*`` modules.
"""

from __future__ import annotations

from dataclasses import replace

from advisor.domain.command_line import spelled_out
from advisor.domain.finding import Finding
from advisor.domain.rule_facts import CheckFacts, InstanceFacts, JobFacts
from advisor.rules.rule import finding_of, rule_of
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
    "UNMEASURABLE",
    "CheckFacts",
    "InstanceFacts",
    "JobFacts",
    "run_checks",
]

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

UNMEASURABLE = frozenset({nested_fan_out.CODE, root_logger.CODE})
"""Findings by which a run loses work, or never ends, in whatever way it is run: no figure of such
a job is worth anything."""

_ORDER = {"error": 0, "warning": 1, "note": 2}


def run_checks(facts: CheckFacts) -> tuple[Finding, ...]:
    """What all rules find, errors first, with remedies whose commands run as they are."""
    description = facts.description
    location = description.fan_out.location if description.fan_out else None
    findings = [
        finding_of(rule_of(module), fault, description.target.spelled, location)
        for module in (*MODULES, *PROFILE_MODULES)
        for fault in module.check(facts)
    ]
    findings.sort(key=lambda finding: (_ORDER[finding.severity], finding.code))
    return tuple(replace(each, remedy=spelled_out(each.remedy, description)) for each in findings)
