"""``[tool.dynadvise]`` in pyproject.toml: found upwards from a folder, checked key by key."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar, get_args

from advisor.domain.advice import Change, Environment, Objective
from advisor.domain.cluster import DESCRIBED, Cluster
from advisor.domain.errors import ConfigurationError
from advisor.domain.nearest import nearest
from advisor.domain.options import MEMORY_HEADROOM, AdviseOptions, WorkloadOptions

T = TypeVar("T")
FailOn = Literal["error", "warning", "note"]

_TABLE = "tool.dynadvise"
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


@dataclass(frozen=True, slots=True)
class DescribedHost:
    """A described machine; None: as on this one."""

    cores: float | None = None
    memory_bytes: int | None = None
    cpu_count: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The project's settings; each has the default that holds without a pyproject.toml.

    Attributes:
        path: The pyproject.toml that they come from; None where there is none.
        targets: What ``check`` looks at when it is given no target.
        inputs: Target to file (relative to pyproject.toml) or ``module:callable``.
        items: Items in production, by target; the key ``*`` holds for all others.
        hosts: Described machines by name.
        clusters: Described clusters by name.
        fail_on: The least severity that fails the gate.
        max_regression: Largest accepted slowdown, as a fraction.
        max_regret: Largest accepted expected regret of the committed configuration, likewise.
        profiles: Where profiles live (relative to pyproject.toml).
        ignore: Codes of findings that are not reported.
        max_connections: Most items at once that may hold a database connection.
        max_rate: Items per second that the service behind them allows.
        memory_headroom: Share of the memory that the advice leaves free.
        budget_s: Most seconds that measuring may take.
    """

    path: Path | None = None
    targets: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, int] = field(default_factory=dict)
    hosts: Mapping[str, DescribedHost] = field(default_factory=dict)
    fail_on: FailOn = "error"
    max_regression: float = 0.10
    max_regret: float = 0.15
    profiles: Path = Path("profiles")
    ignore: tuple[str, ...] = ()
    max_connections: int | None = None
    max_rate: float | None = None
    memory_headroom: float = MEMORY_HEADROOM
    budget_s: float | None = None
    objective: Objective | None = None
    change: Change | None = None
    environment: Environment | None = None
    clusters: Mapping[str, Cluster] = field(default_factory=dict)

    def with_inputs(self, workload: WorkloadOptions) -> WorkloadOptions:
        """The workload with its sample inputs of the table, unless others are given."""
        return replace(workload, inputs=workload.inputs or self.inputs_of(workload.target))

    def for_target(self, advise: AdviseOptions, target: str) -> AdviseOptions:
        """What to advise for, with the target's items and the machine of the host or cluster.

        Raises:
            ConfigurationError: The host or cluster is not described.
        """
        if advise.host:
            host = self.machine(advise.host)
            advise = replace(
                advise,
                cores=advise.cores or host.cores,
                memory_bytes=advise.memory_bytes or host.memory_bytes,
                cpu_count=advise.cpu_count or host.cpu_count,
            )
        if advise.cluster_name:
            cluster = self.cluster(advise.cluster_name)
            cores = advise.cores or cluster.run_pod_cpu
            memory_bytes = advise.memory_bytes or cluster.run_pod_memory_bytes
            advise = replace(advise, cluster=cluster, cores=cores, memory_bytes=memory_bytes)
        return replace(advise, items=advise.items or self.items_of(target))

    def inputs_of(self, target: str) -> str | None:
        """The sample inputs of a target, a file's path made absolute; None where not set."""
        spelled = self.inputs.get(target)
        if spelled is None or self.path is None:
            return spelled
        file = self.path.parent / spelled
        return str(file) if file.exists() else spelled

    def items_of(self, target: str) -> int | None:
        """How many items a target has in production; None where not set."""
        return self.items.get(target, self.items.get("*"))

    def machine(self, name: str) -> DescribedHost:
        """The described machine ``name``.

        Raises:
            ConfigurationError: There is none of that name.
        """
        return self._described(
            "host", self.hosts, name, f'[{_TABLE}.hosts] {name} = {{cores = 8, memory = "32GiB"}}'
        )

    def cluster(self, name: str) -> Cluster:
        """The described cluster ``name``.

        Raises:
            ConfigurationError: There is none of that name.
        """
        example = f'[{_TABLE}.clusters.{name}] executor = "k8s", quota = {{cpu = 32}}, start = "8s"'
        return self._described("cluster", self.clusters, name, example)

    def _described(self, kind: str, table: Mapping[str, T], name: str, example: str) -> T:
        if name in table:
            return table[name]
        raise ConfigurationError(
            f"There is no {kind} {name!r} in [{_TABLE}.{kind}s]; known: "
            f"{', '.join(table) or 'none'}.",
            where=str(self.path) if self.path else None,
            hint=_nearest(name, table) or f"Describe it: {example}",
        )


def parse_size(text: str) -> int:
    """Bytes of a spelled size: ``8GiB``, ``8 Gi``, ``8G``, ``512MB``, ``1000000``.

    ``GiB``, ``Gi`` and ``G`` are powers of 1024, ``GB`` of 1000 (IEC 80000-13).

    Raises:
        ValueError: It is no positive size.
    """
    matched = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)(b?)\s*", text, re.IGNORECASE)
    size = 0.0
    if matched and (matched[2] or not matched[3]):
        base = 1000 if matched[4] and not matched[3] else 1024
        size = float(matched[1]) * base ** _POWERS[matched[2].lower()]
    if not 1 <= size < 2**63:
        raise ValueError(f"{text!r} is not a size such as 8GiB or 512MB")
    return int(size)


# --- reading ---------------------------------------------------------------------------------


def load(start: Path | None = None) -> Settings:
    """The settings of the nearest pyproject.toml upwards from ``start`` that has the table.

    Raises:
        ConfigurationError: It is not TOML, or a key or value in the table is wrong.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            text, table = _table(path)
            if table is not None:
                return _Reader(path, text).settings(table)
    return Settings()


def _table(path: Path) -> tuple[str, Mapping[str, Any] | None]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from None
    if "dynadvise" not in text:
        return text, None  # someone else's file, damaged or not
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else len(text.splitlines())  # "at end of document"
        raise ConfigurationError(
            f"{path} is not valid TOML: {error}.", where=f"{path}:{line}"
        ) from None
    tool = document.get("tool")
    table = tool.get("dynadvise") if isinstance(tool, dict) else None
    if table is None:
        return text, None
    if not isinstance(table, dict):
        raise ConfigurationError(f"[{_TABLE}] is not a table.", where=str(path))
    return text, table


class _Reader:
    """Checks one table; every error names the key, its line and what would do."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text

    def settings(self, table: Mapping[str, Any]) -> Settings:
        readers: dict[str, tuple[str, Callable[[str, Any], Any]]] = {
            "targets": ("targets", self._names),
            "inputs": ("inputs", self._inputs),
            "items": ("items", self._items),
            "hosts": ("hosts", self._hosts),
            "clusters": ("clusters", self._clusters),
            "fail-on": ("fail_on", self._one_of("error", "warning", "note")),
            "max-regression": ("max_regression", self._fraction),
            "max-regret": ("max_regret", self._fraction),
            "profiles": ("profiles", self._folder),
            "ignore": ("ignore", self._names),
            "max-connections": ("max_connections", self._count),
            "max-rate": ("max_rate", self._positive),
            "memory-headroom": ("memory_headroom", self._share),
            "budget": ("budget_s", self._positive),
            "objective": ("objective", self._one_of(*get_args(Objective))),
            "change": ("change", self._one_of("config", "code")),
            "environment": ("environment", self._one_of("dev", "test", "prod")),
        }
        self._only_known(table, readers, f"[{_TABLE}]")
        values = {
            name: reader(key, table[key]) for key, (name, reader) in readers.items() if key in table
        }
        return Settings(path=self._path, **values)

    def _only_known(self, table: Mapping[str, Any], known: Iterable[str], place: str) -> None:
        known = list(known)
        for key in table:
            if key not in known:
                self._wrong(
                    key,
                    f"Unknown key {key!r} in {place}.",
                    _nearest(key, known) or f"Known keys: {', '.join(known)}.",
                )

    def _wrong(self, key: str, what: str, hint: str | None = None) -> NoReturn:
        raise ConfigurationError(what, where=f"{self._path}{self._line_of(key)}", hint=hint)

    def _line_of(self, key: str) -> str:
        """``:LINE`` of the first place in our table that sets ``key``; empty if not found."""
        ours = False
        pattern = re.compile(
            rf"""(?:^|[{{,.\[]|dynadvise\.)\s*["']?{re.escape(key)}["']?\s*[=.\]]"""
        )
        for number, line in enumerate(self._text.splitlines(), start=1):
            if line.lstrip().startswith("["):
                ours = _TABLE in line.replace(" ", "")
            if (ours or _TABLE in line) and pattern.search(line):
                return f":{number}"
        return ""

    def _expected(self, key: str, value: Any, expected: str) -> NoReturn:
        shown = repr(value)
        shown = shown if len(shown) < 60 else f"{shown[:57]}..."
        self._wrong(key, f"`{key}` in [{_TABLE}] must be {expected}, not {shown}.")

    def _names(self, key: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
            self._expected(key, value, "a list of strings")
        return tuple(value)

    def _inputs(self, key: str, value: Any) -> Mapping[str, str]:
        if not isinstance(value, dict) or not all(isinstance(v, str) and v for v in value.values()):
            self._expected(key, value, "a table, target to file or module:callable")
        return dict(value)

    def _items(self, key: str, value: Any) -> Mapping[str, int]:
        if isinstance(value, dict):
            return {target: self._count(target, items) for target, items in value.items()}
        return {"*": self._count(key, value)}

    def _count(self, key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            self._expected(key, value, "a whole number of at least 1")
        return int(value)

    def _number(self, value: Any) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if math.isfinite(value) else None

    def _positive(self, key: str, value: Any) -> float:
        number = self._number(value)
        if number is None or number <= 0:
            self._expected(key, value, "a number above 0")
        return number

    def _fraction(self, key: str, value: Any) -> float:
        if isinstance(value, str) and (percent := re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value)):
            value = float(percent[1]) / 100
        number = self._number(value)
        if number is None or not 0 <= number < 10:
            self._expected(key, value, 'a fraction such as 0.1, or "10%"')
        return number

    def _share(self, key: str, value: Any) -> float:
        number = self._fraction(key, value)
        if number >= 1:
            self._expected(key, value, 'a fraction below 1, or "15%"')
        return number

    def _folder(self, key: str, value: Any) -> Path:
        if not isinstance(value, str) or not value:
            self._expected(key, value, "a folder")
        return self._path.parent / value

    def _one_of(self, *choices: str) -> Callable[[str, Any], str]:
        def read(key: str, value: Any) -> str:
            if value not in choices:
                self._expected(key, value, f"one of {', '.join(choices)}")
            return str(value)

        return read

    def _hosts(self, key: str, value: Any) -> Mapping[str, DescribedHost]:
        if not isinstance(value, dict):
            self._expected(key, value, "a table, name to cores and memory")
        return {name: self._machine(name, facts) for name, facts in value.items()}

    def _machine(self, name: str, facts: Any) -> DescribedHost:
        if not isinstance(facts, dict):
            self._expected(name, facts, 'a table such as {cores = 8, memory = "32GiB"}')
        self._only_known(facts, ("cores", "memory", "cpu-count"), f"[{_TABLE}.hosts.{name}]")
        cores = self._positive("cores", facts["cores"]) if "cores" in facts else None
        memory_bytes = self._memory(facts["memory"]) if "memory" in facts else None
        counted = self._count("cpu-count", facts["cpu-count"]) if "cpu-count" in facts else None
        return DescribedHost(cores, memory_bytes, counted)

    def _clusters(self, key: str, value: Any) -> Mapping[str, Cluster]:
        if not isinstance(value, dict):
            self._expected(key, value, "a table, name to a table of the cluster")
        return {name: self._cluster(name, facts) for name, facts in value.items()}

    def _cluster(self, name: str, facts: Any) -> Cluster:
        """One cluster; each of its figures is the user's."""
        if not isinstance(facts, dict) or "executor" not in facts:
            self._expected(name, facts, 'a table with executor = "k8s", ...')
        readers: dict[str, tuple[str, Callable[[str, Any], Any]]] = {
            "executor": (
                "executor",
                self._one_of(*DESCRIBED),
            ),
            "start": ("start_s", self._duration),
            "launch": ("launch_s", self._duration),
            "poll": ("poll_s", self._duration),
            "run-start": ("run_start_s", self._duration),
            "slots": ("slots", self._count),
            "db-connections": ("db_connections", self._count),
            "runs-at-once": ("runs_at_once", self._count),
        }
        nested: dict[str, dict[str, tuple[str, Callable[[str, Any], Any]]]] = {
            "quota": {
                "cpu": ("cpu", self._positive),
                "memory": ("memory_bytes", self._size),
                "pods": ("pods", self._count),
            },
            "run-pod": {
                "cpu": ("run_pod_cpu", self._positive),
                "memory": ("run_pod_memory_bytes", self._size),
            },
            "step-pod": {
                "cpu-limit": ("step_cpu", self._positive),
                "max-memory": ("step_memory_bytes", self._size),
            },
        }
        place = f"[{_TABLE}.clusters.{name}"
        self._only_known(facts, (*readers, *nested), f"{place}]")
        values = {own: read(k, facts[k]) for k, (own, read) in readers.items() if k in facts}
        for part, inner in nested.items():
            table = facts.get(part, {})
            if not isinstance(table, dict):
                self._expected(part, table, f"a table with {', '.join(inner)}")
            self._only_known(table, inner, f"{place}.{part}]")
            values |= {own: read(k, table[k]) for k, (own, read) in inner.items() if k in table}
        return Cluster(name=name, sources=dict.fromkeys(values, "yours"), **values)

    def _size(self, _key: str, value: Any) -> int:
        return self._memory(value)

    def _duration(self, key: str, value: Any) -> float:
        matched = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min)?\s*", str(value))
        if isinstance(value, bool) or matched is None:
            self._expected(key, value, 'a duration such as "8s", "500ms" or "2m"')
        scale = {"ms": 0.001, "m": 60.0, "min": 60.0}.get(matched[2] or "s", 1.0)
        return float(matched[1]) * scale

    def _memory(self, value: Any) -> int:
        try:
            if isinstance(value, bool) or not isinstance(value, int | str):
                raise ValueError(value)  # noqa: TRY004, TRY301
            return parse_size(str(value))
        except ValueError:
            self._expected("memory", value, "a size such as 8GiB")


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """A question that names the nearest known name; None where nothing is near."""
    alike = nearest(name, known)
    return f"Did you mean {alike[0]!r}?" if alike else None
