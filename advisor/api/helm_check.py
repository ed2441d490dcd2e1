"""``check --helm``: values of the official Helm chart, in the form of the other targets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.domain.errors import ConfigurationError
from advisor.domain.gate import TargetCheck, Verdict, judged, without_ignored
from advisor.domain.rule_facts import HelmValues

if TYPE_CHECKING:
    from advisor.gate.options import CheckOptions


def helm_check(file: Path, options: CheckOptions) -> TargetCheck:
    """What the chart drops or refuses of a values file.

    Raises:
        ConfigurationError: The file or the schema cannot be read.
    """
    from advisor.dagster_bridge.yaml_file import read_yaml, yaml_lines
    from advisor.rules import helm
    from advisor.rules.rule import finding_of

    name = f"The Helm values '{file}'"
    values = read_yaml(file, name) or {}
    if not isinstance(values, Mapping):
        raise ConfigurationError(f"{name} are no mapping of names to values.", where=str(file))
    facts = HelmValues(str(file), values, yaml_lines(file, name), _schema(options.helm_schema))
    findings = (finding_of(helm.CODE, fault, str(file), None) for fault in helm.check(facts))
    left, ignored = without_ignored(findings, options.ignore)
    check = TargetCheck(str(file), Verdict.PASS, findings=left, ignored=ignored)
    return judged(check, options.failing, static=True)


def _schema(file: Path | None) -> Mapping[str, Any] | None:
    if file is None:
        return None
    try:
        schema = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The chart's schema cannot be read: {error}.", where=str(file)
        ) from None
    if not isinstance(schema, dict):
        raise ConfigurationError("The chart's schema is no JSON object.", where=str(file))
    return schema
