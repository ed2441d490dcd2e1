"""Whether work waits or computes: CPU over wall clock, by one definition for all rooms."""

from advisor.domain.workload import WorkKind

WAITING_SHARE, CPU_SHARE = 0.25, 0.75
"""Below the first, work is called waiting, above the second, computing; between them, mixed."""


def kind_of(wall_s: float, cpu_s: float) -> WorkKind:
    """What to call items that take so long."""
    share = cpu_s / wall_s if wall_s > 0 else 1.0
    if share < WAITING_SHARE:
        return "waiting"
    return "cpu" if share > CPU_SHARE else "mixed"


def mostly_waits(cpu_share: float) -> bool:
    """Whether work waits for more of its time than it computes."""
    return cpu_share < 0.5
