"""Neighbours in a chart differ in grey and for colour-blind people: 3:1, as WCAG 2.1 (1.4.11)."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

import advisor.render
from advisor.render import timelines

PAGE = Path(advisor.render.__file__).parent / "page"
DARK = "prefers-color-scheme"
RUN = ("start", "own", "store", "exit", "start")
"""A slot's bars, and the next step's first."""
CYCLES = {
    "charts.css": [RUN, ("start", "failed", "store")],
    "base.css": [("work", "launch", "serialize", "coordinate", "idle")],
}
# Linear RGB, whole loss of a cone: Machado, Oliveira, Fernandes 2009, table 1 (severity 1.0).
SEEN = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def luminance(color: str, matrix) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    seen = [sum(a * b for a, b in zip(row, linear, strict=True)) for row in matrix]
    red, green, blue = (min(1.0, max(0.0, value)) for value in seen)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str, matrix) -> float:
    low, high = sorted(luminance(color, matrix) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def colors(text: str, scheme: str, pattern: str) -> dict[str, str]:
    light, _, dark = text.partition(DARK)
    named = dict(re.findall(pattern, light))
    return named | dict(re.findall(pattern, dark)) if scheme == "dark" else named


@pytest.mark.parametrize("eyes", SEEN)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_neighbours_differ(eyes, scheme):
    variable = r"--([a-z]+\d?): (#[0-9a-f]{6})"
    for name, cycles in CYCLES.items():
        named = colors((PAGE / name).read_text(), scheme, variable)
        named |= colors((PAGE / "analysis.css").read_text(), scheme, variable)
        for one, other in (pair for cycle in cycles for pair in pairwise(cycle)):
            assert contrast(named[one], named[other], SEEN[eyes]) >= 3, (one, other)
    alone = colors(timelines._STYLE, scheme, r"\.([a-z]+)\{fill:(#[0-9a-f]{6})\}")
    for one, other in pairwise("work" if phase == "own" else phase for phase in RUN):
        assert contrast(alone[one], alone[other], SEEN[eyes]) >= 3, (one, other)
    for one, other in (("start", "failed"), ("failed", "store")):
        assert contrast(alone[one], alone[other], SEEN[eyes]) >= 3, (one, other)
