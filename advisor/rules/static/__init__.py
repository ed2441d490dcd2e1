"""The static rules: each looks at facts, runs nothing, and yields what is wrong.

A rule is a module here with ``CODE`` and ``check(facts)``; what it means, and what to do in
general, is in ``codes.toml``. Rules that lay a job beside its committed profile are in the
``profile_*`` modules.
"""

from dataclasses import replace

from advisor.domain.command_line import spelled_out
from advisor.domain.finding import SEVERITIES, Finding
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import finding_of, rule_modules

UNMEASURABLE = frozenset({"DYN020", "DYN025"})
"""Findings by which a run loses work, or never ends, in whatever way it is run: no figure of such
a job is worth anything."""


def run_checks(facts: CheckFacts) -> tuple[Finding, ...]:
    """What all rules find, errors first, with remedies whose commands run as they are."""
    description = facts.description
    location = description.fan_out.location if description.fan_out else None
    findings = [
        finding_of(module.CODE, fault, description.target.spelled, location)
        for module in rule_modules(__name__)
        for fault in module.check(facts)
    ]
    findings.sort(key=lambda finding: (-SEVERITIES.index(finding.severity), finding.code))
    return tuple(replace(each, remedy=spelled_out(each.remedy, description)) for each in findings)
