"""``check --helm``: values of the official Helm chart, in the form of the other targets."""

from __future__ import annotations

import os
import re
import sys
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.domain.command_line import path_of
from advisor.domain.errors import ConfigurationError
from advisor.domain.gate import TargetCheck, Verdict, judged, without_ignored
from advisor.domain.rule_facts import HelmChart, HelmValues
from advisor.stored_json import parse

if TYPE_CHECKING:
    from advisor.domain.options import CheckOptions
    from advisor.rules.rule import Fault

SCHEMA, DEFAULTS, CHART = "values.schema.json", "values.yaml", "dagster"
_READ_BY_A_TEMPLATE = re.compile(r"\.Values((?:\.\w+)+)")


def helm_check(file: Path, options: CheckOptions) -> TargetCheck:
    """What the chart drops or refuses of a values file.

    Raises:
        ConfigurationError: The file or the chart's schema cannot be read.
    """
    from advisor.dagster_bridge.yaml_file import read_yaml, yaml_lines
    from advisor.rules.helm import CODE
    from advisor.rules.rule import finding_of

    name = f"The Helm values '{file}'"
    values = read_yaml(file, name) or {}
    if not isinstance(values, Mapping):
        raise ConfigurationError(f"{name} are no mapping of names to values.", where=str(file))
    chart = chart_for(file, options.helm_schema)
    facts = HelmValues(str(file), values, yaml_lines(file, name), chart)
    findings = (finding_of(CODE, fault, str(file), None) for fault in _faults(facts))
    left, ignored = without_ignored(findings, options.ignore)
    check = TargetCheck(str(file), Verdict.PASS, findings=left, ignored=ignored)
    return judged(check, options.failing, static=True)


def _faults(facts: HelmValues) -> list[Fault]:
    """What the rule finds.

    Raises:
        ConfigurationError: The chart's schema is a JSON object, and no JSON Schema.
    """
    from advisor.rules import helm

    try:
        return list(helm.check(facts))
    except Exception as error:  # what is no schema fails in as many ways as there are keywords
        if facts.chart is None:
            raise
        raise ConfigurationError(
            f"The chart's schema cannot be followed: {type(error).__name__}: {error}.",
            where=facts.chart.place,
        ) from error


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
    caches = path_of("~/Library/Caches" if sys.platform == "darwin" else "~/.cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or caches) / "helm" / "repository"


def _version(archive: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", archive.name)]


def _unpacked(schema: Path, values: Path) -> HelmChart:
    """The chart of a schema; its folder's defaults, unless they are the values themselves."""
    folder = schema.parent
    files = [(SCHEMA, schema)]
    if (folder / "Chart.yaml").is_file():
        files += [(str(file), file) for file in folder.glob("templates/**/*") if file.is_file()]
        if (folder / DEFAULTS).is_file() and folder.resolve() != values.parent.resolve():
            files.append((DEFAULTS, folder / DEFAULTS))
    return _read(str(schema), lambda: {name: file.read_text("utf-8") for name, file in files})


def _packed(archive: Path) -> HelmChart:
    def texts() -> dict[str, str]:
        with tarfile.open(archive) as packed:
            files = {each.name.removeprefix(f"{CHART}/"): each for each in packed if each.isfile()}
            contents = {
                name: packed.extractfile(file)
                for name, file in files.items()
                if name in (SCHEMA, DEFAULTS) or name.startswith("templates/")
            }
            return {name: part.read().decode() for name, part in contents.items() if part}

    return _read(str(archive), texts)


def _read(place: str, texts_of: Callable[[], dict[str, str]]) -> HelmChart:
    """The chart of its files' texts by name."""
    import yaml

    try:
        texts = texts_of()
        schema = parse(texts.pop(SCHEMA, "null"))
        defaults = yaml.safe_load(texts.pop(DEFAULTS, ""))
    except (OSError, ValueError, tarfile.TarError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"The chart's schema cannot be read: {error}.", where=place
        ) from None
    if not isinstance(schema, dict):
        raise ConfigurationError("The chart's schema is no JSON object.", where=place)
    names = {name for text in texts.values() for name in _READ_BY_A_TEMPLATE.findall(text)}
    paths = (tuple(name[1:].split(".")) for name in names)
    above = frozenset(path[:end] for path in paths for end in range(1, len(path) + 1))
    return HelmChart(place, schema, defaults if isinstance(defaults, dict) else None, above)
