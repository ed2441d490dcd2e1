"""``[tool.dynadvise]`` of the nearest pyproject.toml upwards from a folder."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from advisor.domain.advice import Change, Environment, Objective
from advisor.domain.cluster import Cluster
from advisor.domain.errors import ConfigurationError
from advisor.domain.finding import Severity
from advisor.domain.nearest import nearest
from advisor.domain.options import (
    MEMORY_HEADROOM,
    TABLE,
    AdviseOptions,
    DescribedHost,
    WorkloadOptions,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """The project's settings; each has the default that holds without a pyproject.toml.

    Attributes:
        path: The pyproject.toml that they come from; None where there is none.
        targets: What ``check`` looks at when it is given no target.
        inputs: Target to file (relative to pyproject.toml) or ``module:callable``.
        items: Items in production, by target; the key ``*`` holds for all others.
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
    fail_on: Severity = "error"
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
            "host",
            self.hosts,
            name,
            f'[{TABLE}.hosts] {name} = {{cores = 8, memory = "32GiB"}}',
        )

    def cluster(self, name: str) -> Cluster:
        """The described cluster ``name``.

        Raises:
            ConfigurationError: There is none of that name.
        """
        example = f'[{TABLE}.clusters.{name}] executor = "k8s", quota = {{cpu = 32}}, start = "8s"'
        return self._described("cluster", self.clusters, name, example)

    def _described(self, kind: str, table: Mapping[str, T], name: str, example: str) -> T:
        if name in table:
            return table[name]
        alike = nearest(name, table)
        raise ConfigurationError(
            f"There is no {kind} {name!r} in [{TABLE}.{kind}s]; known: "
            f"{', '.join(table) or 'none'}.",
            where=str(self.path) if self.path else None,
            hint=f"Did you mean {alike[0]!r}?" if alike else f"Describe it: {example}",
        )


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
                from advisor.settings_table import read_values

                return Settings(path=path, **read_values(path, text, table))
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
    except (ValueError, RecursionError) as error:  # ValueError: also thousands of digits
        place = re.search(r"line (\d+)", str(error))
        line = int(place[1]) if place else len(text.splitlines())  # "at end of document"
        raise ConfigurationError(
            f"{path} is not valid TOML: {error}.", where=f"{path}:{line}"
        ) from None
    tool = document.get("tool")
    table = tool.get("dynadvise") if isinstance(tool, dict) else None
    if table is None:
        return text, None
    if not isinstance(table, dict):
        raise ConfigurationError(f"[{TABLE}] is not a table.", where=str(path))
    return text, table
