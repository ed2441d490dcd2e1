"""From what the gate measured to findings and verdicts; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from advisor.domain import gate
from advisor.domain.finding import Finding
from advisor.domain.gate import AdviceCheck, OpTiming, ProxyCount, TargetCheck, Verdict
from advisor.domain.workload import SourceLocation

_PROXY_CODES = {
    "steps": gate.MORE_STEPS,
    "events": gate.MORE_STEPS,
    "input_bytes": gate.MORE_BYTES,
    "output_bytes": gate.MORE_BYTES,
    "modules": gate.MORE_MODULES,
}


def timing_finding(timing: OpTiming, target: str, max_regression: float) -> Finding | None:
    """What to say of one op's timing; None where it is simply fine."""
    from advisor.render.gate_wording import bounds, more_pairs, relative

    limit = relative(1 + max_regression)
    if timing.verdict == "COULD NOT MEASURE":
        return Finding(
            gate.NOT_MEASURED,
            "note" if timing.new else "warning",
            f"`{timing.op}` could not be compared: {timing.reason}",
            _not_measured_remedy(timing),
            timing.location,
            target,
        )
    measured = f"{bounds(timing)} over {timing.pairs} measurements"
    if timing.verdict == "FAIL":
        return Finding(
            gate.SLOWER,
            "error",
            f"`{timing.op}` became slower: {measured}; the limit is {limit}.",
            f"`dynadvise profile {target} --flamegraph FILE` shows where the time goes.",
            timing.location,
            target,
        )
    if timing.certainly_slower:
        return Finding(
            gate.SLOWER_BUT_NOT_FAILED,
            "warning",
            f"`{timing.op}` is certainly slower: {measured}; the limit is {limit}.",
            more_pairs(timing) if timing.verdict == "INCONCLUSIVE" else "Within the limit.",
            timing.location,
            target,
        )
    if timing.verdict == "INCONCLUSIVE":
        remedy = more_pairs(timing)
        if timing.pairs_to_decide is not None:
            remedy += f": --pairs {timing.pairs_to_decide}, or a quieter machine."
        return Finding(
            gate.UNDECIDED,
            "warning",
            f"`{timing.op}`: not decided, {measured}; the limit is {limit}.",
            remedy,
            timing.location,
            target,
        )
    return None


def _not_measured_remedy(timing: OpTiming) -> str:
    if timing.new:
        return "Nothing to do: the next change has a base."
    if (timing.reason or "").startswith("at the base"):
        return (
            "The base is a git checkout: submodules, and data and generated code that git ignores, "
            "are not there."
        )
    return ""


def proxy_finding(
    proxy: ProxyCount, target: str, max_regression: float, location: SourceLocation | None
) -> Finding | None:
    """What to say of a count; None where it has not grown beyond the limit."""
    from advisor.render.gate_wording import proxy_sentence

    if proxy.growth <= max_regression:
        return None
    code = _PROXY_CODES[proxy.name]
    remedies = {
        gate.MORE_STEPS: "Each step costs its launch: yield fewer items, or larger ones.",
        gate.MORE_BYTES: "Each item is stored and loaded: pass a path or a key instead.",
        gate.MORE_MODULES: "Each step's process imports them: import less, or preload them.",
    }
    return Finding(
        code,
        "error" if code == gate.MORE_STEPS else "warning",
        f"A count grew: {proxy_sentence(proxy)}.",
        remedies[code],
        location,
        target,
    )


def advice_finding(
    advice: AdviceCheck, target: str, max_regret: float, location: SourceLocation | None
) -> Finding | None:
    """What to say of the job's own configuration; None where it is good enough or unknown."""
    if advice.regret is None or advice.regret <= max_regret:
        return None
    return Finding(
        gate.REGRET,
        "error",
        f"The job's own configuration ({advice.current}) is expected to take "
        f"{100 * advice.regret:.0f} % longer than {advice.recommended}; "
        f"the limit is {100 * max_regret:.0f} %.",
        f"Use this configuration:\n{advice.snippet}" if advice.snippet else "",
        location,
        target,
    )


def judged(
    check: TargetCheck, failing: Sequence[str], *, static: bool, error: bool = False
) -> TargetCheck:
    """The target with its verdict: the worst of what was found and what was not."""
    verdicts: list[Verdict] = [timing.verdict for timing in check.timings if not timing.new]
    if error or not (static or verdicts):
        verdicts.append("COULD NOT MEASURE")
    if any(gate.finding_fails(finding, tuple(failing)) for finding in check.findings):
        verdicts.append("FAIL")
    return replace(check, verdict=gate.worst(tuple(verdicts) or ("PASS",)))


def without_ignored(
    findings: Iterable[Finding], ignored_codes: Sequence[str], ignored_at: Iterable[Finding] = ()
) -> tuple[tuple[Finding, ...], int]:
    """The findings that remain, and how many do not."""
    silenced = set(ignored_at)
    everything = tuple(findings)
    kept = tuple(f for f in everything if f.code not in ignored_codes and f not in silenced)
    return kept, len(everything) - len(kept)
