"""Sample inputs that the user gives: of a file, or of a callable."""

import importlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from advisor.dagster_bridge.sampling import SampleItem
from advisor.dagster_bridge.user_frames import last_frames, user_location
from advisor.dagster_bridge.user_path import loading_user_code
from advisor.dagster_bridge.yaml_file import read_yaml
from advisor.domain.command_line import path_of
from advisor.domain.errors import ConfigurationError, TargetError, UserCodeError
from advisor.domain.nearest import nearest_or_some
from advisor.domain.workload import MappedOp, WorkloadDescription

_KEY = "mapping_key"


def read_inputs(
    spec: str, description: WorkloadDescription, working_directory: Path
) -> list[SampleItem]:
    """Sample inputs from a JSON, JSON Lines or YAML file, or from ``module:callable``.

    An entry is a mapping of input names to values or, for an op with one input, the value itself.
    A mapping of input names may also hold the item's ``mapping_key``.

    Raises:
        TargetError: The source cannot be read, is no list, is empty, or an entry does not fit
            the op; the message names the entry and the field.
        UserCodeError: The callable raised.
    """
    op = description.mapped[0]
    entries = (
        _entries_of_callable(spec, working_directory)
        if _is_callable_spec(spec)
        else _entries_of_file(_input_file(spec, working_directory))
    )
    if not entries:
        raise TargetError(f"{spec} holds no items.", where=spec, hint="One entry per item.")
    return [_checked(op, entry, f"{spec}, {where}") for where, entry in entries]


def _is_callable_spec(spec: str) -> bool:
    module, separator, attribute = spec.rpartition(":")
    return bool(separator) and all(
        part.isidentifier() for part in (*module.split("."), *attribute.split("."))
    )


def _input_file(spec: str, working_directory: Path) -> Path:
    path = working_directory / path_of(spec)
    if not path.is_file():
        raise TargetError(
            f"There is no file {path}.",
            hint="--inputs takes a JSON, JSON Lines or YAML file, or module:callable.",
        )
    return path


def _entries_of_file(path: Path) -> list[tuple[str, object]]:
    """Each entry with where it stands."""
    if path.suffix in {".yaml", ".yml"}:
        try:
            return _numbered(read_yaml(path, str(path)), str(path))
        except ConfigurationError as error:
            raise TargetError(error.what, where=error.where) from None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(f"{path} cannot be read: {error}.") from error
    if path.suffix in {".jsonl", ".ndjson"}:
        return _json_lines(path, text)
    content = _parsed(text, str(path), path)
    return _numbered(content, str(path))


def _json_lines(path: Path, text: str) -> list[tuple[str, object]]:
    entries: list[tuple[str, object]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        content = _parsed(line, f"Line {number} of {path}", path, number)
        entries.append((f"line {number}", content))
    return entries


def _parsed(text: str, name: str, path: Path, line: int = 1) -> object:
    """JSON that begins at a line of a file; messages call it ``name``."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"{path}:{line + error.lineno - 1}:{error.colno}"
        raise TargetError(f"{name} is not JSON: {error.msg}.", where=place) from error
    except (RecursionError, ValueError) as error:
        raise TargetError(f"{name} is not JSON: {str(error) or 'nested too deep'}.") from error


def _numbered(content: object, where: str) -> list[tuple[str, object]]:
    if content is None:
        return []
    if not isinstance(content, (list, tuple)):
        raise TargetError(
            f"{where} holds a {_kind(content)}, not a list.",
            where=where,
            hint="Sample inputs are a list with one entry per item.",
        )
    return [(f"entry {number}", entry) for number, entry in enumerate(content, start=1)]


def _entries_of_callable(spec: str, working_directory: Path) -> list[tuple[str, object]]:
    module_name, _, attribute = spec.rpartition(":")
    try:
        with loading_user_code(str(working_directory)):
            source: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            source = getattr(source, part)
    except (ImportError, AttributeError) as error:
        raise TargetError(
            f"The sample inputs '{spec}' cannot be found: {error}.",
            hint="Spell them module:callable, or name a file.",
        ) from error
    try:
        content = source() if callable(source) else source
        whole = isinstance(content, (str, bytes, Mapping)) or hasattr(content, "columns")
        entries = list(content) if isinstance(content, Iterable) and not whole else content
    except Exception as error:
        location = user_location(error)
        raise UserCodeError(
            f"'{spec}' raised {type(error).__name__} while it made the sample inputs.",
            where=str(location) if location else None,
            details=last_frames(error),
        ) from error
    return _numbered(entries, spec)


def _kind(value: object) -> str:
    return {dict: "mapping", str: "string", int: "number", float: "number", bool: "boolean"}.get(
        type(value), type(value).__name__
    )


def _checked(op: MappedOp, entry: object, where: str) -> SampleItem:
    """An entry as a mapping of input names to values, checked against the op's inputs."""
    names = list(op.inputs)
    required = [name for name in names if name not in op.optional_inputs]
    whole_value = len(names) == 1 or len(required) == 1
    by_name = isinstance(entry, Mapping) and (not whole_value or set(map(str, entry)) & set(names))
    if whole_value and not by_name:
        return SampleItem(None, {(names if len(names) == 1 else required)[0]: entry})
    if not isinstance(entry, Mapping):
        raise TargetError(
            f"An item of '{op.name}' is a mapping of its inputs, not a {_kind(entry)}.",
            where=where,
            hint=f"Its inputs: {', '.join(names) or 'none'}.",
        )
    inputs = {str(name): value for name, value in entry.items()}
    key = None if _KEY in names else inputs.pop(_KEY, None)
    unknown = [name for name in inputs if name not in names]
    if unknown:
        raise TargetError(
            f"'{op.name}' has no input '{unknown[0]}'.",
            where=where,
            hint=nearest_or_some(unknown[0], names, "Its inputs"),
        )
    missing = [name for name in required if name not in inputs]
    if missing:
        raise TargetError(
            f"Input '{missing[0]}' of '{op.name}' is missing.",
            where=where,
            hint=f"An item needs: {', '.join(required)}.",
        )
    return SampleItem(None if key is None else str(key), inputs)
