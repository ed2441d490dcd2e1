"""What the gate measured of an op, in words: the same in a finding and in every report."""

import math

from advisor.domain.gate import OpTiming, ProxyCount
from advisor.domain.quantities import change

_PROXY_WORDS = {
    "items": "items",
    "errors": "measured calls that logged an error",
    "steps": "steps in a run",
    "events": "rows of the event log in a run",
    "input_bytes": "pickled input bytes per item",
    "output_bytes": "pickled output bytes per item",
    "modules": "modules that a step imports",
}


def relative(ratio: float | None) -> str:
    """A ratio of seconds as a signed change: 1.1 is ``+10 %``."""
    return "?" if ratio is None or not 0 < ratio < math.inf else change(ratio - 1)


def bounds(timing: OpTiming) -> str:
    """The estimate with its bounds."""
    if timing.ratio is None:
        return ""
    low = relative(timing.low) if timing.low else None
    high = relative(timing.high) if timing.high and math.isfinite(timing.high) else None
    estimate = relative(timing.ratio)
    if low and high:
        return f"{estimate} [{low}, {high}]"
    if low or high:
        return f"{estimate}, at least {low}" if low else f"{estimate}, at most {high}"
    return estimate


def more_pairs(timing: OpTiming) -> str:
    """How many pairs would decide."""
    if timing.pairs_to_decide is None:
        return "no sensible number of pairs would decide: the change is about the limit"
    return f"about {timing.pairs_to_decide} pairs would decide"


def proxy_sentence(proxy: ProxyCount) -> str:
    """A count at base and head."""
    growth = f" ({change(proxy.growth)})" if math.isfinite(proxy.growth) else ""
    owner = f"`{proxy.op}`: " if proxy.op else ""
    grown = f"{proxy.base} -> {proxy.head}{growth}"
    words = f"{proxy.head}, unchanged" if proxy.base == proxy.head else grown
    return f"{owner}{_PROXY_WORDS[proxy.name]}: {words}"
