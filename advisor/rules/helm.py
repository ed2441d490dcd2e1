"""DYN039: values that the official Helm chart drops without a word, or refuses."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from advisor.domain.nearest import nearest
from advisor.domain.rule_facts import HelmValues
from advisor.domain.workload import SourceLocation
from advisor.rules.helm_keys import CHART, Closed, Keys, keys_of_chart
from advisor.rules.rule import Fault

CODE = "DYN039"
_Path = tuple[str | int, ...]


def check(helm: HelmValues) -> Iterator[Fault]:
    """Unknown names; where the chart is at hand, what its schema refuses as well."""
    chart = helm.chart
    chart_names = CHART if chart is None else keys_of_chart(chart)
    for path, names in _unknown(helm.values, chart_names, ()):
        if chart and path in chart.template_paths:
            continue  # a name of old that no schema lists any more
        *place, name = path
        near = next(iter(nearest(str(name), list(names), cutoff=0.6)), None)
        of = f"{_spelled(tuple(place))}: the" if place else "The"
        does = "refuses the values" if isinstance(names, Closed) else "drops it without a word"
        # Without the chart, a name that is like none of ours may be newer than they are.
        sure = near is not None or chart is not None
        yield Fault(
            "error" if sure else "warning",
            f"{of} chart has no {name!r}, and Helm {does}.",
            f"Write {near!r}." if near else None,
            _at(helm, path),
        )
    for path, message in _refused(helm):
        fault = f"{_spelled(path) or 'The values'}: {message}. Helm refuses the values."
        yield Fault("error", fault, "Write what the chart's schema takes.", _at(helm, path))


def _unknown(values: object, names: Keys, path: _Path) -> Iterator[tuple[_Path, Keys]]:
    if isinstance(values, list):
        for place, each in enumerate(values):
            yield from _unknown(each, names, (*path, place))
    if not isinstance(values, Mapping) or not names:
        return
    for key, value in values.items():
        if key in names:
            yield from _unknown(value, names[key], (*path, key))
        else:
            yield (*path, key), names


def _refused(helm: HelmValues) -> Iterator[tuple[_Path, str]]:
    """What the schema refuses, with the reason that is deepest in the values."""
    if helm.chart is None:
        return
    with suppress(ImportError):
        from jsonschema import Draft7Validator

        for error in Draft7Validator(_of_parts(helm.chart.schema)).iter_errors(helm.values):
            while error.context:  # the choice that the values came closest to
                error = max(error.context, key=lambda each: len(each.path))  # noqa: PLW2901
            yield tuple(error.absolute_path), error.message


def _of_parts(node: Any) -> Any:
    """The schema for a part of the values: what is missing has the chart's own default.

    Unknown names are told by themselves, and references to Kubernetes' own schema are not at hand.
    """
    if isinstance(node, list):
        return [_of_parts(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _of_parts(value)
        for key, value in node.items()
        if not (key == "$ref" and not str(value).startswith("#"))
        and not (key == "required" and isinstance(value, list))
        and not (key == "additionalProperties" and value is False)
    }


def _spelled(path: _Path) -> str:
    return ".".join(str(key) for key in path)


def _at(helm: HelmValues, path: _Path) -> SourceLocation:
    """The line of the innermost part of a path that has one."""
    lines = (helm.lines.get(path[:end]) for end in range(len(path), 0, -1))
    return SourceLocation(helm.file, next((line for line in lines if line), 1))
