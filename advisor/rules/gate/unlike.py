"""DYN109: base and head did not do the same work."""

from __future__ import annotations

from advisor.domain.gate import ProxyCount
from advisor.domain.gate_words import proxy_sentence
from advisor.rules.rule import Fault

CODE = "DYN109"
MEANING = "base and head did not do the same work"
LOOKS = "Base and head are not alike: `work`: measured calls that logged an error: 0 -> 3."
REMEDY = (
    "A fan-out that finds its work done gives fewer items the second time: give both sides the "
    "same with `--inputs`. An op that logs an error may do less than one that does not."
)


def check(proxy: ProxyCount) -> Fault | None:
    """Of items and errors that are not alike."""
    if not proxy.unlike:
        return None
    if proxy.name == "items":
        remedy = (
            "Where the fan-out finds work that is done already, or data that git ignores, give "
            "both sides the same items: `--inputs FILE`."
        )
    else:
        remedy = "Its times are not compared: an op that fails quietly may be fast, and do less."
    message = f"Base and head are not alike: {proxy_sentence(proxy)}."
    return Fault("warning", message, remedy)
