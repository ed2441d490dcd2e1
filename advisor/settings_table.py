"""The table ``[tool.dynadvise]``: its keys, what each may be, and what is wrong with it."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from advisor.domain.advice import Change, Environment, Objective
from advisor.domain.cluster import DESCRIBED, Cluster
from advisor.domain.errors import ConfigurationError
from advisor.domain.finding import Severity
from advisor.domain.nearest import nearest
from advisor.domain.options import (
    BOUNDS,
    LEAST_NUMBER,
    MOST_ITEMS,
    MOST_NUMBER,
    TABLE,
    DescribedHost,
)
from advisor.domain.quantities import parse_size

_UNITS_S = {"ms": 0.001, "m": 60.0, "min": 60.0}


def _fraction(value: object) -> object:
    percent = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value) if isinstance(value, str) else None
    return float(percent[1]) / 100 if percent else value


def _seconds(value: object) -> object:
    duration = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min)?\s*", str(value))
    if isinstance(value, bool) or duration is None:
        raise ValueError("no duration")
    return float(duration[1]) * _UNITS_S.get(duration[2] or "s", 1.0)


def _bytes(value: object) -> object:
    return parse_size(str(value)) if isinstance(value, int | str) else value


def _by_target(value: object) -> object:
    return value if isinstance(value, dict) else {"*": value}


def _one_of(choices: Iterable[str]) -> Any:
    return Field(None, description=f"one of {', '.join(choices)}")


_Name = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")]
_Names = Annotated[tuple[_Name, ...], Field(strict=False)]
_Some = Annotated[_Names | None, Field(description="a list of strings")]
_Count = Annotated[
    int | None, Field(ge=1, le=MOST_NUMBER, description="a whole number from 1 to 1,000,000,000")
]
_Positive = Annotated[
    float | None, Field(ge=LEAST_NUMBER, le=MOST_NUMBER, description=f"a number {BOUNDS}")
]
_OfTarget = Annotated[int, Field(ge=1, le=MOST_ITEMS)]
_Items = Annotated[dict[str, _OfTarget], BeforeValidator(_by_target)]
_Fraction = Annotated[
    float | None,
    BeforeValidator(_fraction),
    Field(ge=0, lt=10, description='a fraction such as 0.1, or "10%"'),
]
_Share = Annotated[
    float | None,
    BeforeValidator(_fraction),
    Field(ge=0, lt=1, description='a fraction below 1, or "15%"'),
]
_Seconds = Annotated[
    float | None,
    BeforeValidator(_seconds),
    Field(le=MOST_NUMBER, description='a duration such as "8s", "500ms" or "2m"'),
]
_Bytes = Annotated[int | None, BeforeValidator(_bytes), Field(description="a size such as 8GiB")]


class _Part(BaseModel):
    """A table; its fields are named as those of what is made of it, its keys by their aliases."""

    model_config = ConfigDict(
        alias_generator=lambda name: name.replace("_", "-"), extra="forbid", strict=True
    )


class _Host(_Part):
    cores: _Positive = None
    memory_bytes: _Bytes = Field(None, alias="memory")
    cpu_count: _Count = None


class _Quota(_Part):
    cpu: _Positive = None
    memory_bytes: _Bytes = Field(None, alias="memory")
    pods: _Count = None


class _RunPod(_Part):
    run_pod_cpu: _Positive = Field(None, alias="cpu")
    run_pod_memory_bytes: _Bytes = Field(None, alias="memory")


class _StepPod(_Part):
    step_cpu: _Positive = Field(None, alias="cpu-limit")
    step_memory_bytes: _Bytes = Field(None, alias="max-memory")


class _Cluster(_Part):
    executor: Annotated[str, Field(pattern=f"^({'|'.join(DESCRIBED)})$")] = Field(
        description=f"one of {', '.join(DESCRIBED)}"
    )
    start_s: _Seconds = Field(None, alias="start")
    launch_s: _Seconds = Field(None, alias="launch")
    poll_s: _Seconds = Field(None, alias="poll")
    run_start_s: _Seconds = Field(None, alias="run-start")
    slots: _Count = None
    host_cores: _Positive = None
    db_connections: _Count = None
    runs_at_once: _Count = None
    quota: _Quota | None = None
    run_pod: _RunPod | None = None
    step_pod: _StepPod | None = None

    def named(self, name: str) -> Cluster:
        """The cluster; each of its figures is the user's."""
        values = self.model_dump(exclude_unset=True)
        for part in ("quota", "run_pod", "step_pod"):
            values |= values.pop(part, {})
        return Cluster(name=name, sources=dict.fromkeys(values, "yours"), **values)


class _Table(_Part):
    targets: _Some = None
    inputs: dict[str, _Name] | None = Field(
        None, description="a table, target to file or module:callable"
    )
    items: _Items | None = Field(
        None, description=f"a whole number from 1 to {MOST_ITEMS:,}, or a table of such by target"
    )
    hosts: dict[str, _Host] | None = Field(None, description="a table, name to cores and memory")
    clusters: dict[str, _Cluster] | None = Field(
        None, description='a table, name to a table with executor = "k8s", ...'
    )
    fail_on: Severity | None = _one_of(get_args(Severity))
    max_regression: _Fraction = None
    max_regret: _Fraction = None
    profiles: _Name | None = Field(None, description="a folder")
    ignore: _Some = None
    max_connections: _Count = None
    max_rate: _Positive = None
    memory_headroom: _Share = None
    budget_s: _Positive = Field(None, alias="budget")
    objective: Objective | None = _one_of(get_args(Objective))
    change: Change | None = _one_of(get_args(Change))
    environment: Environment | None = _one_of(get_args(Environment))


def read_values(path: Path, text: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `Settings` that a table of the file ``path`` sets; ``text`` tells lines.

    Raises:
        ConfigurationError: A key or a value is wrong; it is named with its line.
    """
    try:
        settings = _Table.model_validate(table)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        unknown = [each for each in problems if each["type"] == "extra_forbidden"]
        raise _fault(path, text, (unknown or problems)[0]) from None
    values = settings.model_dump(exclude_unset=True, exclude={"hosts", "clusters"})
    if "profiles" in values:
        values["profiles"] = path.parent / values["profiles"]
    hosts = {name: host.model_dump() for name, host in (settings.hosts or {}).items()}
    values["hosts"] = {name: DescribedHost(**host) for name, host in hosts.items()}
    clusters = (settings.clusters or {}).items()
    return values | {"clusters": {name: cluster.named(name) for name, cluster in clusters}}


def _fault(path: Path, text: str, problem: Mapping[str, Any]) -> ConfigurationError:
    """What is wrong, in words: the key, its line, and what would do."""
    keys = [key for key in problem["loc"] if isinstance(key, str) and key not in ("*", "[key]")]
    line = next(filter(None, (_line_of(key, text) for key in reversed(keys))), "")
    table, field = _place(keys)
    field_keys = [_key(name, each) for name, each in table.model_fields.items()]
    if problem["type"] == "extra_forbidden":
        alike = nearest(keys[-1], field_keys)
        what = f"Unknown key {keys[-1]!r} in [{'.'.join([TABLE, *keys[:-1]])}]."
        hint = f"Did you mean {alike[0]!r}?" if alike else f"Known keys: {', '.join(field_keys)}."
        return ConfigurationError(what, where=f"{path}{line}", hint=hint)
    expected = f"a table with {', '.join(field_keys)}"
    if field is not None and problem["type"] != "model_type":
        expected = str(field.description)
    value_text = (
        "and is missing" if problem["type"] == "missing" else f"not {_short(problem['input'])}"
    )
    what = f"`{'.'.join(keys)}` in [{TABLE}] must be {expected}, {value_text}."
    return ConfigurationError(what, where=f"{path}{line}")


def _place(keys: Iterable[str]) -> tuple[type[_Part], FieldInfo | None]:
    """The innermost table on the way along ``keys``, and the last key of one."""
    table: type[_Part] = _Table
    last = None
    for key in keys:
        fields = {_key(name, each): each for name, each in table.model_fields.items()}
        if key in fields:
            last = fields[key]
            table = _table_in(last.annotation) or table
    return table, last


def _key(name: str, field: FieldInfo) -> str:
    return field.alias or name


def _table_in(annotation: object) -> type[_Part] | None:
    if isinstance(annotation, type) and issubclass(annotation, _Part):
        return annotation
    return next(filter(None, map(_table_in, get_args(annotation))), None)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."


def _line_of(key: str, text: str) -> str:
    """``:LINE`` of the first place in our table that sets ``key``; empty if there is none."""
    ours = False
    pattern = re.compile(rf"""(?:^|[{{,.\[]|dynadvise\.)\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("["):
            ours = TABLE in line.replace(" ", "")
        if (ours or TABLE in line) and pattern.search(line):
            return f":{number}"
    return ""
