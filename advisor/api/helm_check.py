"""``check --helm``: values of the official Helm chart, in the form of the other targets."""

from __future__ import annotations

import json
import os
import re
import sys
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.domain.errors import ConfigurationError
from advisor.domain.gate import TargetCheck, Verdict, judged, without_ignored
from advisor.domain.rule_facts import HelmChart, HelmValues

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


SCHEMA, DEFAULTS, CHART = "values.schema.json", "values.yaml", "dagster"


def chart_for(values: Path, schema_file: Path | None) -> HelmChart | None:
    """The chart whose schema is given, else the one beside the values, else Helm's newest copy.

    Args:
        schema_file: A ``values.schema.json``; a ``values.yaml`` in its folder holds the defaults.

    Raises:
        ConfigurationError: What was given, or is there, cannot be read.
    """
    if schema_file is not None:
        return _unpacked(schema_file, values)
    beside = values.parent / "charts" / CHART / SCHEMA
    if beside.is_file():
        return _unpacked(beside, values)
    for folder in (values.parent / "charts", _cache()):
        archives = sorted(folder.glob(f"{CHART}-[0-9]*.tgz"), key=_version)
        if archives:
            return _packed(archives[-1])
    return None


def _cache() -> Path:
    """Where Helm keeps the charts that it has pulled or installed."""
    if own := os.environ.get("HELM_REPOSITORY_CACHE"):
        return Path(own)
    if home := os.environ.get("HELM_CACHE_HOME"):
        return Path(home) / "repository"
    caches = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or caches) / "helm" / "repository"


def _version(archive: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", archive.name)]


def _unpacked(schema: Path, values: Path) -> HelmChart:
    """The chart of a schema; its folder's defaults, unless they are the values themselves."""
    folder = schema.parent
    whole = (folder / "Chart.yaml").is_file() and folder.resolve() != values.parent.resolve()

    def text_of(name: str) -> str | None:
        file = schema if name == SCHEMA else folder / name
        return file.read_text(encoding="utf-8") if name == SCHEMA or whole else None

    return _read(str(schema), text_of)


def _packed(archive: Path) -> HelmChart:
    def text_of(name: str) -> str | None:
        with tarfile.open(archive) as files:
            try:
                content = files.extractfile(f"{CHART}/{name}")
            except KeyError:
                return None
            return None if content is None else content.read().decode()

    return _read(str(archive), text_of)


def _read(place: str, text_of: Callable[[str], str | None]) -> HelmChart:
    import yaml

    try:
        schema = json.loads(text_of(SCHEMA) or "null")
        defaults = yaml.safe_load(text_of(DEFAULTS) or "")
    except (OSError, ValueError, tarfile.TarError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"The chart's schema cannot be read: {error}.", where=place
        ) from None
    if not isinstance(schema, dict):
        raise ConfigurationError("The chart's schema is no JSON object.", where=place)
    return HelmChart(place, schema, defaults if isinstance(defaults, dict) else None)
