"""The executor that a job resolves to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

StartMethod = Literal["spawn", "forkserver"]


@dataclass(frozen=True, slots=True)
class ExecutorSetting:
    """The executor that a job really resolves to, and where its configuration goes.

    Attributes:
        executor: ``in_process``, ``multiprocess``, ``async``, one of
            `advisor.domain.cluster.UNITS`, ``dask`` or ``other``.
        class_name: Name of the executor definition.
        max_concurrent: As configured; None where it is left to the default.
        effective_max_concurrent: What the executor uses on this host; None: no limit.
        config_path: Keys under which the *multiprocess* executor's config nests in run config:
            ``("execution", "config")`` or ``("execution", "config", "multiprocess")``. None where
            run config cannot choose the multiprocess executor.
        in_process_config_path: The same for the in-process executor, None where it cannot.
        fixed_by_code: Config keys set by ``configured(...)``, for which run config is ignored.
        user_config: What the user set beside ``max_concurrent`` and ``start_method``, in the form
            that the executor takes; the advice leaves it as it is.
        other_keys: Further keys that the user set, whose values are not read (an image, names of
            secrets).
    """

    executor: str
    class_name: str
    start_method: StartMethod | None = None
    preload_modules: tuple[str, ...] | None = None
    max_concurrent: int | None = None
    effective_max_concurrent: int | None = None
    config_path: tuple[str, ...] | None = None
    in_process_config_path: tuple[str, ...] | None = None
    fixed_by_code: tuple[str, ...] = ()
    tag_concurrency_limits: tuple[Mapping[str, object], ...] = ()
    user_config: Mapping[str, object] = field(default_factory=dict)
    other_keys: tuple[str, ...] = ()
