"""How numbers and the main findings are put into words, the same in every form of output."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, TypeVar

from advisor.domain.advice import Advice, Breakdown, BreakEven, Prediction
from advisor.domain.quantities import Interval, Spread

T = TypeVar("T")

#: Typography that a terminal without Unicode cannot show, and what it is there.
_ASCII = str.maketrans(
    {
        "\N{MICRO SIGN}": "u", "·": "-", "•": "*", "→": "->", "…": "...", "≤": "<=",
        "─": "-", "━": "-", "│": "|", "┃": "|", "█": "#", "▓": "=", "▒": ":", "░": ".",
        "╶": "-", "╴": "-",
    }
)  # fmt: skip


def to_ascii(text: str) -> str:
    """``text`` for a terminal that has no Unicode."""
    return text.translate(_ASCII)


# --- quantities ------------------------------------------------------------------------------


def seconds(value_s: float) -> str:
    """A duration with two or three figures: ``12 ms``, ``4.1 s``, ``12 min 30 s``, ``3 h``."""
    if abs(value_s) >= 120:
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
    wanted = [1 - math.floor(math.log10(abs(size) * 1.005))] if size else [1]
    if width > 0:
        wanted.append(-math.floor(math.log10(width)))
    return max(0, min(3, max(wanted)))


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


def count(number: float, singular: str, plural: str | None = None) -> str:
    """``1 item``, ``1,200 items``."""
    spelled = f"{number:,.0f}" if float(number).is_integer() else f"{number:g}"
    return f"{spelled} {singular if number == 1 else plural or singular + 's'}"


def faster(slow: Interval, quick: Interval) -> str:
    """How much faster: ``18 times as fast``, ``1.3 times as fast``, ``as fast``."""
    ratio = slow.median / quick.median if quick.median > 0 else math.inf
    if not math.isfinite(ratio):
        return "far faster"
    if 0.95 <= ratio < 1.05:
        return "as fast"
    if ratio < 0.95:
        return f"{1 / ratio:.2g} times as slow"
    return f"{ratio:.0f} times as fast" if ratio >= 9.5 else f"{ratio:.2g} times as fast"


# --- the main findings -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Headline:
    """What to do, how much faster that is, how sure it is; then what qualifies it.

    Attributes:
        what: The way to run.
        predicted: Its predicted wall clock.
        compared: The predicted time and speed-up against the current and the default way.
        certainty: In words.
        sure: Whether the decision is settled (colour, no more).
        costs: What it costs besides time.
        needs_code: Whether code must change.
    """

    what: str
    predicted: str
    compared: tuple[str, ...]
    certainty: str
    sure: bool
    costs: tuple[str, ...]
    needs_code: bool


def headline(advice: Advice) -> Headline:
    """The head of every form of output."""
    best = advice.recommendation
    current = advice.current
    keeps = current is not None and current.candidate == best.candidate
    items = count(advice.workload.items, "item")
    return Headline(
        what=("Keep it as it is: " if keeps else "") + best.candidate.label,
        predicted=f"{interval(best.makespan_s)} for {items}",
        compared=tuple(_compared(advice)),
        certainty=_certainty(advice),
        sure=advice.tie or _is_sure(advice),
        costs=best.costs,
        needs_code=best.candidate.needs_code,
    )


def _compared(advice: Advice) -> list[str]:
    best = advice.recommendation
    others: list[tuple[str, Prediction]] = []
    if advice.current and advice.current.candidate != best.candidate:
        others.append(("the job as it is", advice.current))
    if advice.default and advice.default.candidate != best.candidate:
        if others and advice.default.candidate == others[0][1].candidate:
            others = [("the job as it is, Dagster's default", advice.default)]
        else:
            others.append(("Dagster's default", advice.default))
    return [
        f"{faster(other.makespan_s, best.makespan_s)} as {name} "
        f"({other.candidate.label}): {interval(other.makespan_s)}"
        for name, other in others
    ]


def _is_sure(advice: Advice) -> bool:
    """Whether no measurement is left that could turn the decision."""
    return advice.recommendation.p_best >= 0.9 and advice.next_measurement is None


def _certainty(advice: Advice) -> str:
    best = advice.recommendation
    best_in = f"best in {percent(best.p_best)} of the resampled draws"
    regret = f"on average {percent(best.expected_regret)} slower than the best of each draw"
    if advice.tie:
        return f"A near tie, of which this is the simplest way: {regret}."
    if _is_sure(advice):
        return f"Sure: {best_in}."
    if best.p_best >= 0.6:
        return f"Likely: {best_in}; {regret}."
    return f"Not sure: {best_in}; {regret}."


KIND = {
    "waiting": "mostly waiting (network, disk, a remote)",
    "cpu": "CPU work",
    "mixed": "CPU work and waiting",
}


def reasons(advice: Advice) -> list[tuple[str, tuple[str, ...]]]:
    """The reasons of the recommendation, then those of the config-only way where it differs."""
    best, pasted = advice.recommendation, advice.config_only
    found = [(best.candidate.label, best.reasons)]
    if pasted.candidate != best.candidate:
        found.append((pasted.candidate.label, pasted.reasons))
    return [(label, lines) for label, lines in found if lines]


def break_even(row: BreakEven) -> str:
    """One break-even in words."""
    if row.item_s is None:
        return f"{row.to_method} never beats {row.from_method} here"
    return f"{row.to_method} beats {row.from_method} from {seconds(row.item_s)} an item"


def breakdown(parts: Breakdown) -> tuple[tuple[str, float, str], ...]:
    """Each part of a breakdown: name, seconds, meaning."""
    return (
        ("work", parts.work_s, "your code"),
        ("launch", parts.launch_s, "starting processes and steps"),
        ("serialize", parts.serialize_s, "storing and loading values"),
        ("coordinate", parts.coordinate_s, "events, polling, planning"),
        ("idle", parts.idle_s, "slots with nothing to run"),
    )


def overhead_s(parts: Breakdown) -> float:
    """All of a makespan that is not the user's work."""
    return parts.launch_s + parts.serialize_s + parts.coordinate_s + parts.idle_s


def profiles_line(advice: Advice) -> str:
    """What the measuring took."""
    executed = count(advice.op_executions, "execution")
    return f"{executed} of your ops, {seconds(advice.measured_cost_s)} of measuring"


def other_machine(advice: Advice) -> str:
    """The machine that the advice is for."""
    host = advice.host
    return f"{count(host.cpus, 'core')}, {size(host.memory_bytes)}, {host.id}"


def printable(value: T) -> T:
    """``value`` with no control characters in its texts, however deep they are.

    Names come from users' code and from files, and must not steer a terminal.
    """
    return _printable(value)  # type: ignore[no-any-return]


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        if value.isprintable():
            return value
        return "".join(
            c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in value
        )
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(
            value,
            **{f.name: _printable(getattr(value, f.name)) for f in dataclasses.fields(value)},
        )
    if isinstance(value, tuple):
        return tuple(_printable(part) for part in value)
    if isinstance(value, dict):
        return {_printable(key): _printable(part) for key, part in value.items()}
    return value
