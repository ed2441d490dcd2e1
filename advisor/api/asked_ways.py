"""Which ways to run are asked for: by their part in the advice, by their spelling, or a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, get_args

from advisor.domain.candidate import Candidate, read_candidate, spelling
from advisor.domain.verification import Role

if TYPE_CHECKING:
    from advisor.domain.advice import Advice, Prediction
    from advisor.store import SavedProfile

GRID_CONCURRENCY = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class AskedWay:
    """A way to run; ``roles`` are its parts in the advice that were asked for, in that order."""

    candidate: Candidate
    roles: tuple[Role, ...] = ()

    @property
    def name(self) -> str:
        """Its roles, or how it is spelled."""
        return ", ".join(self.roles) or spelling(self.candidate)


def asked_ways(saved: SavedProfile, names: Sequence[str]) -> list[AskedWay]:
    """The ways that ``names`` name, in their order; equal ones are one, with both roles.

    Raises:
        ConfigurationError: A name is no way to run.
    """
    from advisor.model.ways import preload_list

    preload = preload_list(saved)
    roles: dict[Candidate, list[Role]] = {}
    for name in names:
        if name == "grid":
            ways = grid(saved.workload.items, saved.host.facts.cpus, preload)
        elif name in get_args(Role):
            role = cast("Role", name)
            prediction = _in_role(saved.advice, role)
            own = saved.advice.own_way if role == "current" else None
            candidate = prediction.candidate if prediction else own
            if candidate is not None:
                roles.setdefault(candidate, []).append(role)
            continue
        else:
            ways = (read_candidate(name, preload),)
        for way in ways:
            roles.setdefault(way, [])
    return [AskedWay(way, tuple(dict.fromkeys(of_way))) for way, of_way in roles.items()]


def _in_role(advice: Advice, role: Role) -> Prediction | None:
    by_role: dict[Role, Prediction | None] = {
        "advised": advice.recommendation,
        "config-only": advice.config_only,
        "current": advice.current,
        "default": advice.default,
        "runner-up": advice.runner_up,
    }
    return by_role[role]


def grid(items: int, cpus: float, preload: Sequence[str]) -> tuple[Candidate, ...]:
    """The ways to run that are compared exhaustively, from the serial ones to batches."""
    cores = max(2, round(cpus))
    spelled = ["execute_in_process", "in_process"]
    spelled += [f"spawn:{slots}" for slots in GRID_CONCURRENCY if slots <= 4]
    spelled += ["forkserver:2", "forkserver:4"]
    if preload:
        spelled += [f"warm:{slots}" for slots in GRID_CONCURRENCY]
    if items > 1:
        whole = f"in_process:batch={items}"
        spelled += [whole, f"{whole}:processes={min(items, cores)}"]
        spelled += [f"{whole}:threads={n}" for n in sorted({min(items, n) for n in (4, 16)})]
        if preload and items > cores:
            spelled.append(f"warm:{cores}:batch={-(-items // (2 * cores))}")
    return tuple(dict.fromkeys(read_candidate(text, preload) for text in spelled))
