"""Numbers with their spread, and the one way in which each quantity is put into words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


@dataclass(frozen=True, slots=True)
class Spread:
    """Order statistics of observed values, in the unit of the field that holds it."""

    median: float
    p10: float
    p90: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A predicted value: ``low`` and ``high`` bound 90 %."""

    median: float
    low: float
    high: float

    def plus(self, other: Interval) -> Interval:
        """The sum of two that err alike: so do their bounds."""
        return Interval(self.median + other.median, self.low + other.low, self.high + other.high)

    def later(self, value: float) -> Interval:
        """So much more, of which all is known."""
        return self.plus(Interval(value, value, value))

    def times(self, factor: float) -> Interval:
        """So many times as much."""
        return Interval(factor * self.median, factor * self.low, factor * self.high)


def seconds(value_s: float) -> str:
    """A duration with two or three figures: ``12 ms``, ``4.1 s``, ``12 min 30 s``, ``3 h``."""
    if value_s < 0:
        return f"-{seconds(-value_s)}"
    if value_s >= 120:
        return _clock(value_s)
    if value_s == 0:
        return "0 s"
    factor, unit = _unit(value_s)
    return f"{value_s * factor:.{_decimals(value_s * factor)}f} {unit}"


def interval(value: Interval) -> str:
    """A prediction with its 90 % interval: ``4.1 s (3.8 to 4.5)``."""
    if abs(value.median) >= 120:
        return f"{_clock(value.median)} ({seconds(value.low)} to {seconds(value.high)})"
    factor, unit = _unit(value.median)
    width = (value.high - value.low) * factor
    decimals = _decimals(value.median * factor, width)
    median, low, high = (
        f"{v * factor:.{decimals}f}" for v in (value.median, value.low, value.high)
    )
    return f"{median} {unit} ({low} to {high})"


def _unit(value_s: float) -> tuple[float, str]:
    if abs(value_s) < 0.0000995:
        return 1e6, "\N{MICRO SIGN}s"
    return (1e3, "ms") if abs(value_s) < 0.0995 else (1.0, "s")


def _decimals(size: float, width: float = 0.0) -> int:
    """Decimals for two figures of ``size``, more where ``width`` would else not be seen."""
    digits = [1 - math.floor(math.log10(abs(size) * 1.005))] if size else [1]
    if width > 0:
        digits.append(-math.floor(math.log10(width)))
    return max(0, min(3, max(digits)))


def _clock(value_s: float) -> str:
    minutes, rest = divmod(round(value_s), 60)
    if minutes < 90:
        return f"{minutes} min {rest} s" if rest and minutes < 20 else f"{round(value_s / 60)} min"
    hours, minutes = divmod(round(value_s / 60), 60)
    return f"{hours} h {minutes} min" if minutes and hours < 48 else f"{round(value_s / 3600)} h"


def spread(value: Spread) -> str:
    """A measured duration, with what 80 % of the samples lie between where they differ."""
    spelled = interval(Interval(value.median, value.p10, value.p90))
    alone, _, rest = spelled.partition(" (")
    figures = {alone.split()[0], *rest.rstrip(")").split(" to ")}
    return alone if len(figures) == 1 else spelled


def size(value_bytes: float) -> str:
    """Bytes: ``120 B``, ``2.0 MB``, ``8.0 GiB`` (memory is counted in powers of 1024)."""
    units = ("B", "KiB", "MiB", "GiB", "TiB")
    power = 0
    while abs(value_bytes) >= 1023.5 and power < len(units) - 1:
        value_bytes /= 1024
        power += 1
    digits = 0 if power == 0 or abs(value_bytes) >= 99.5 else 1
    return f"{value_bytes:.{digits}f} {units[power]}"


def percent(share: float) -> str:
    """A share: ``97 %``; one decimal below 10 %, and never a rounded-off 0 or 100."""
    if 0 < share < 0.001:
        return "<0.1 %"
    if 0.995 <= share < 1:
        return ">99 %"
    return f"{share:.1%}".replace("%", " %") if 0 < share < 0.0995 else f"{share:.0%}"[:-1] + " %"


def change(share: float) -> str:
    """A relative difference: ``+12 %``, ``-2.0 %``, ``±0.0 %``."""
    words = percent(abs(share))
    return "±0.0 %" if words.startswith("<") else f"{'-' if share < 0 else '+'}{words}"


def count(number: float, singular: str, plural: str | None = None) -> str:
    """``1 item``, ``1,200 items``."""
    spelled = f"{number:,.0f}" if float(number).is_integer() else f"{number:g}"
    return f"{spelled} {singular if number == 1 else plural or singular + 's'}"


def multiple(ratio: float) -> str:
    """A speed-up: ``0.85x``, ``1.3x``, ``18x``, ``1,200x``."""
    if ratio < 0.995:
        return f"{ratio:.2g}x"
    return f"{ratio:.1f}x" if ratio < 9.95 else f"{ratio:,.0f}x"


def faster(slow: Interval, quick: Interval) -> str:
    """The speed-up: ``18x faster than``, ``1.3x faster than``, ``as fast as``."""
    ratio = slow.median / quick.median if quick.median > 0 else math.inf
    if not math.isfinite(ratio):
        return "far faster than"
    if 0.95 <= ratio < 1.05:
        return "as fast as"
    if ratio < 0.95:
        return f"{multiple(1 / ratio)} slower than" if ratio > 0 else "far slower than"
    return f"{multiple(ratio)} faster than"


def parse_size(text: str) -> int:
    """Bytes of a spelled size: ``8GiB``, ``8 Gi``, ``8G``, ``512MB``, ``1000000``.

    ``GiB``, ``Gi`` and ``G`` are powers of 1024, ``GB`` of 1000 (IEC 80000-13).

    Raises:
        ValueError: It is no positive size.
    """
    matched = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)(b?)\s*", text, re.IGNORECASE)
    size_bytes = 0.0
    if matched and (matched[2] or not matched[3]):
        base = 1000 if matched[4] and not matched[3] else 1024
        size_bytes = float(matched[1]) * base ** _POWERS[matched[2].lower()]
    if not 1 <= size_bytes < 2**63:
        raise ValueError(f"{text!r} is not a size such as 8GiB or 512MB")
    return int(size_bytes)
