"""What the gate measured, as findings: timings and counts of head against the base. Pure."""

from collections.abc import Iterator, Mapping

from advisor.domain.finding import Finding
from advisor.domain.gate import (
    AdviceCheck,
    Obstacle,
    OpTiming,
    ProxyCount,
    ProxyName,
    TargetCheck,
    Verdict,
    bounds,
    more_pairs,
    proxy_sentence,
    relative,
)
from advisor.domain.quantities import percent
from advisor.domain.workload import SourceLocation
from advisor.rules.rule import Fault, finding_of

Places = Mapping[str, SourceLocation | None]
Coded = Iterator[tuple[str, Fault]]
"""Faults, each with its code."""

_GROWN: Mapping[ProxyName, str] = {
    "steps": "DYN106",
    "events": "DYN106",
    "input_bytes": "DYN107",
    "output_bytes": "DYN107",
    "modules": "DYN108",
}


def findings_of(
    check: TargetCheck, places: Places, *, max_regression: float, max_regret: float
) -> Iterator[Finding]:
    """What is wrong with what was measured of a target.

    Args:
        check: The target's timings, counts and advice.
        places: Op to where it stands; the empty name is the job's own place.
        max_regression: Growth of an op's seconds or of a count that is allowed, as a share.
        max_regret: Likewise, the job's expected slowdown against the best configuration.
    """
    for timing in check.timings:
        for code, fault in _of_timing(timing, relative(1 + max_regression)):
            yield finding_of(code, fault, check.target, timing.location)
    for proxy in check.proxies:
        for code, fault in _of_count(proxy, max_regression):
            yield finding_of(code, fault, check.target, places.get(proxy.op or "", places[""]))
    if check.advice is not None:
        for code, fault in _of_advice(check.advice, max_regret):
            yield finding_of(code, fault, check.target, places[""])


def _of_timing(timing: OpTiming, limit: str) -> Coded:
    """By the verdict; "not slower" may be rejected without one, however small the slowdown."""
    name = f"`{timing.op}`"
    measured = f"{bounds(timing)} over {timing.pairs} measurements; the limit is {limit}."
    if timing.verdict is Verdict.FAIL:
        yield "DYN101", Fault("error", f"{name} became slower: {measured}")
    elif timing.verdict is Verdict.NOT_MEASURED:
        yield from _of_obstacle(timing)
    elif timing.certainly_slower:
        undecided = timing.verdict is Verdict.INCONCLUSIVE
        remedy = more_pairs(timing) if undecided else "Within the limit."
        yield "DYN102", Fault("warning", f"{name} is certainly slower: {measured}", remedy)
    elif timing.verdict is Verdict.INCONCLUSIVE:
        remedy = more_pairs(timing)
        if timing.pairs_to_decide is not None:
            remedy += f": --pairs {timing.pairs_to_decide}, or a quieter machine."
        yield "DYN103", Fault("warning", f"{name}: not decided, {measured}", remedy)
    if timing.other_results:
        parts = ", ".join(timing.other_results)
        message = f"{name} gives another result than at the base for the same inputs: {parts}."
        yield "DYN110", Fault("note", message)


def _of_obstacle(timing: OpTiming) -> Coded:
    """A note where the base has no such op; of unlike sides their counts tell."""
    message = f"`{timing.op}` could not be compared: {timing.reason}"
    if timing.new:
        yield "DYN104", Fault("note", message, "Nothing to do: the next change has a base.")
    elif timing.obstacle is not Obstacle.UNLIKE:
        general = timing.obstacle is Obstacle.BASE_FAILED
        yield "DYN104", Fault("warning", message, None if general else "")


def _of_count(proxy: ProxyCount, max_regression: float) -> Coded:
    if proxy.unlike:
        remedy = "Its times are not compared: an op that fails quietly may be fast, and do less."
        if proxy.name == "items":
            remedy = (
                "Where the fan-out finds work that is done already, or data that git ignores, give "
                "both sides the same items: `--inputs FILE`."
            )
        message = f"Base and head are not alike: {proxy_sentence(proxy)}."
        yield "DYN109", Fault("warning", message, remedy)
    code = _GROWN.get(proxy.name)
    if code is not None and proxy.growth > max_regression:
        message = f"A count grew: {proxy_sentence(proxy)}."
        yield code, Fault("error" if code == "DYN106" else "warning", message)


def _of_advice(advice: AdviceCheck, max_regret: float) -> Coded:
    if advice.regret is not None and advice.regret > max_regret:
        yield (
            "DYN105",
            Fault(
                "error",
                f"The job's own configuration ({advice.current}) is expected to take "
                f"{percent(advice.regret)} longer than {advice.recommended}; the limit is "
                f"{percent(max_regret)}.",
                f"Use this configuration:\n{advice.snippet}" if advice.snippet else "",
            ),
        )
