"""``check --helm``: values of the official Helm chart, in the form of the other targets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.api.helm_chart import chart_for
from advisor.domain.errors import ConfigurationError
from advisor.domain.gate import TargetCheck, Verdict, judged, without_ignored
from advisor.domain.rule_facts import HelmValues

if TYPE_CHECKING:
    from advisor.gate.options import CheckOptions


def helm_check(file: Path, options: CheckOptions) -> TargetCheck:
    """What the chart drops or refuses of a values file.

    Raises:
        ConfigurationError: The file or the chart's schema cannot be read.
    """
    from advisor.dagster_bridge.yaml_file import read_yaml, yaml_lines
    from advisor.rules import helm
    from advisor.rules.rule import finding_of

    name = f"The Helm values '{file}'"
    values = read_yaml(file, name) or {}
    if not isinstance(values, Mapping):
        raise ConfigurationError(f"{name} are no mapping of names to values.", where=str(file))
    chart = chart_for(file, options.helm_schema)
    facts = HelmValues(str(file), values, yaml_lines(file, name), chart)
    findings = (finding_of(helm.CODE, fault, str(file), None) for fault in helm.check(facts))
    left, ignored = without_ignored(findings, options.ignore)
    check = TargetCheck(str(file), Verdict.PASS, findings=left, ignored=ignored)
    return judged(check, options.failing, static=True)
