"""DYN106 to DYN108: a count without noise has grown since the base."""

from __future__ import annotations

from collections.abc import Mapping

from advisor.domain.finding import Severity
from advisor.domain.gate import ProxyCount, ProxyName
from advisor.domain.gate_words import proxy_sentence
from advisor.rules.rule import Fault, Rule

MORE_STEPS = Rule(
    "DYN106",
    "a run has more steps or events than at the base",
    "A count grew: steps in a run: 8 -> 12 (+50 %).",
    "Each step costs its launch: yield fewer items, or larger ones.",
)
MORE_BYTES = Rule(
    "DYN107",
    "an item's pickled inputs or outputs are larger than at the base",
    "A count grew: `work`: pickled output bytes per item: 120 -> 48000 (+39900 %).",
    "Each item is stored and loaded: pass a path or a key instead.",
)
MORE_MODULES = Rule(
    "DYN108",
    "a step imports more modules than at the base",
    "A count grew: `work`: modules that a step imports: 310 -> 640 (+106 %).",
    "Each step's process imports them: import less, or preload them.",
)
RULES = (MORE_STEPS, MORE_BYTES, MORE_MODULES)

_BY_COUNT: Mapping[ProxyName, Rule] = {
    "steps": MORE_STEPS,
    "events": MORE_STEPS,
    "input_bytes": MORE_BYTES,
    "output_bytes": MORE_BYTES,
    "modules": MORE_MODULES,
}


def check(proxy: ProxyCount, max_regression: float) -> tuple[Rule, Fault] | None:
    """The rule that a count comes under, and its fault; None where it has not grown too much."""
    rule = _BY_COUNT.get(proxy.name)
    if rule is None or proxy.growth <= max_regression:
        return None
    severity: Severity = "error" if rule is MORE_STEPS else "warning"
    return rule, Fault(severity, f"A count grew: {proxy_sentence(proxy)}.")
