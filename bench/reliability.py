"""How sure the advice was, and how much memory it named: held against real runs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import median

from figures import Predictions, Run, percent, quantile


def class_of(configuration: str) -> str:
    """What kind of way a configuration is, of those that err alike."""
    if configuration.startswith("cli-"):
        return "command line"
    for part, name in (
        (":threads=", "threads"),
        (":processes=", "processes"),
        (":batch=", "batched"),
    ):
        if part in configuration:
            return name
    return "plain"


def reliability(
    runs: Sequence[Run], predicted: Predictions, edges: Sequence[float] = (0.1, 0.5, 0.9)
) -> list[list[str]]:
    """By the predicted chance to be the best: how often a way was, or within 3 % of it."""
    best: dict[tuple[str, int], float] = {}
    for run in runs:
        best[run.workload, run.repeat] = min(
            run.wall_s, best.get((run.workload, run.repeat), math.inf)
        )
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for run in runs:
        if run.trial in predicted:
            chance = predicted[run.trial].p_best
            near = run.wall_s <= 1.03 * best[run.workload, run.repeat]
            bins[sum(chance > edge for edge in edges)].append((chance, near))
    bounds = [0.0, *edges, 1.0]
    return [
        [
            f"{percent(bounds[place])} to {percent(bounds[place + 1])}",
            str(len(found)),
            percent(sum(chance for chance, _ in found) / len(found)),
            percent(sum(near for _, near in found) / len(found)),
        ]
        for place, found in sorted(bins.items())
    ]


def memory_rows(
    runs: Sequence[Run], predicted: Predictions, headroom: float, group: Callable[[Run], str]
) -> list[list[str]]:
    """Predicted over real peak memory by group, and what machines of several sizes would be told.

    A false accept is a way that is advised for a machine of 1, 2, 4, 8 or 16 GiB and would not
    fit, a false refusal one that is not and would fit with the headroom.
    """
    groups: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for run in runs:
        said = predicted[run.trial].peak_memory_bytes if run.trial in predicted else 0
        if said and run.peak_rss_bytes:
            groups[group(run)].append((said, run.peak_rss_bytes))
    rows = []
    for name, pairs in groups.items():
        signed = [said / real - 1.0 for said, real in pairs]
        cases = [(said, real, 2**power * 2**30) for said, real in pairs for power in range(5)]
        accepts = sum(said <= (1 - headroom) * have < have < real for said, real, have in cases)
        refusals = sum(real <= (1 - headroom) * have < said for said, real, have in cases)
        rows.append([
            name, str(len(pairs)), f"{100 * median(signed):+.1f} %",
            percent(quantile([abs(error) for error in signed], 0.9)),
            f"{accepts} of {len(cases)}", f"{refusals} of {len(cases)}",
        ])  # fmt: skip
    return rows
