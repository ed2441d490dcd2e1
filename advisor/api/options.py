"""What a use case is asked: every option of the command line, checked, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from advisor.domain.advice import Change, Environment, Objective

DEFAULT_BUDGET_S = 60.0
DEFAULT_ITEM_TIMEOUT_S = 300.0
DEFAULT_PROFILES_DIR = Path("profiles")


@dataclass(frozen=True, slots=True)
class AdviseOptions:
    """How to advise from measurements; nothing is run.

    Attributes:
        items: Items in production; None: as many as the profile says.
        cores: Cores of the machine to advise for; None: those of the profile's host.
        memory_bytes: Its memory, likewise.
        max_connections: Most items at once that may hold a database connection; None: no limit.
        host: Name of the described machine in ``[tool.dynadvise.hosts]``, for display.
    """

    items: int | None = None
    cores: float | None = None
    memory_bytes: int | None = None
    objective: Objective = "time"
    change: Change = "code"
    environment: Environment = "prod"
    max_connections: int | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """What ``profile`` is asked.

    Attributes:
        target: As the user spelled it, ``module:name`` or ``file.py:name``.
        job: Job of the module's ``Definitions``, where the target names no attribute.
        inputs: File or ``module:callable`` with sample inputs.
        items: Items in production; None: as many as the fan-out yields or as there are inputs.
        samples: Most items to run; None: as many as the budget allows.
        budget_s: Most seconds that the measuring may take in all.
        run_config: Dagster run config file (YAML) for ops and resources.
        cores, memory_bytes, host: Another machine to advise for; ``host`` is its name.
        emit: Kind of snippet to print with the advice; None: the one that fits.
        profiles_dir: Where profiles live.
        save: Whether to save the profile.
        allow_side_effects: True: all ops of the job may be run again, also the fan-out op; False:
            no op runs twice, each item at most once; None: only the mapped ops run again.
        measure_collect: Whether to run the collecting ops on the sampled outputs.
        setup, teardown: ``module:callable`` around the measured calls.
        item_timeout_s: Longest that one item may take before it counts as hung.
        flamegraph: Where to write pyinstrument's HTML.
        recalibrate: Whether to measure the host again though a calibration is cached.
        working_directory: Importable folder, as for Dagster's own command line.
    """

    target: str
    job: str | None = None
    inputs: str | None = None
    items: int | None = None
    samples: int | None = None
    budget_s: float = DEFAULT_BUDGET_S
    run_config: Path | None = None
    cores: float | None = None
    memory_bytes: int | None = None
    host: str | None = None
    change: Change = "code"
    objective: Objective = "time"
    environment: Environment = "prod"
    max_connections: int | None = None
    emit: str | None = None
    profiles_dir: Path = DEFAULT_PROFILES_DIR
    save: bool = True
    allow_side_effects: bool | None = None
    measure_collect: bool = False
    setup: str | None = None
    teardown: str | None = None
    item_timeout_s: float = DEFAULT_ITEM_TIMEOUT_S
    flamegraph: Path | None = None
    recalibrate: bool = False
    working_directory: Path | None = None

    @property
    def advise(self) -> AdviseOptions:
        """The part that concerns the advice alone."""
        return AdviseOptions(
            items=self.items,
            cores=self.cores,
            memory_bytes=self.memory_bytes,
            objective=self.objective,
            change=self.change,
            environment=self.environment,
            max_connections=self.max_connections,
            host=self.host,
        )


@dataclass(frozen=True, slots=True)
class CalibrateOptions:
    """What ``calibrate`` is asked.

    Attributes:
        target: A target whose module the calibration imports; None: Dagster alone.
        recalibrate: Whether to measure again though a calibration is cached.
    """

    target: str | None = None
    job: str | None = None
    recalibrate: bool = False
    working_directory: Path | None = None
