"""What ``check`` is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from advisor.domain.cluster import Cluster
from advisor.domain.options import AdviseOptions

DEFAULT_PAIRS = 20
DEFAULT_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What ``check`` is asked.

    Attributes:
        targets: As the user spelled them.
        job: Job of the module's ``Definitions``, where a target names no attribute.
        base: Revision to compare with; None: the committed profile.
        static: Whether to run the static rules alone.
        failing: Severities and codes that fail the gate.
        ignore: Codes that are not reported.
        max_regression: Largest accepted slowdown of an op, as a fraction.
        max_regret: Largest accepted expected regret of the job's configuration, likewise.
        pairs: Most pairs of fresh processes for a target.
        inputs: Target to its sample inputs (a file, or ``module:callable``).
        items: Items in production, by target; the key ``*`` holds for all others.
        run_config: Dagster run config file (YAML) for ops and resources.
        samples: Most items on which the ops are called.
        item_timeout_s: Longest that one call may take.
        seed: Of the order inside the pairs; None: by the clock.
        working_directory: Importable folder, as for Dagster's own command line.
        helm: Helm values files to check as well.
        helm_schema: The chart's own schema, ``values.schema.json``.
        clusters: Described ones, on which the jobs may run.
        advise: What the configuration is laid beside: a gate must not fail because nobody has
            rewritten the job, so ``code`` only where the project says so.
    """

    targets: tuple[str, ...]
    job: str | None = None
    base: str | None = None
    static: bool = False
    failing: tuple[str, ...] = ("error",)
    ignore: tuple[str, ...] = ()
    max_regression: float = 0.10
    max_regret: float = 0.15
    pairs: int = DEFAULT_PAIRS
    inputs: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, int] = field(default_factory=dict)
    run_config: Path | None = None
    samples: int = DEFAULT_SAMPLES
    profiles_dir: Path = Path("profiles")
    item_timeout_s: float = 300.0
    seed: int | None = None
    working_directory: Path | None = None
    helm: tuple[Path, ...] = ()
    helm_schema: Path | None = None
    clusters: tuple[Cluster, ...] = ()
    advise: AdviseOptions = field(default_factory=lambda: AdviseOptions(change="config"))

    @property
    def folder(self) -> Path:
        """The importable folder, absolute."""
        return (self.working_directory or Path.cwd()).resolve()
