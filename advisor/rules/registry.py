"""Every code with its rule: the one list that ``docs/codes.md`` and SARIF's rules are made of."""

from __future__ import annotations

from advisor.rules import gate, runs, static
from advisor.rules.rule import Rule, rule_of

STATIC_RULES: tuple[Rule, ...] = tuple(
    sorted(map(rule_of, (*static.MODULES, *static.PROFILE_MODULES)), key=lambda rule: rule.code)
)
GATE_RULES: tuple[Rule, ...] = gate.RULES
RUN_RULES: tuple[Rule, ...] = tuple(map(rule_of, runs.MODULES))


_HEAD = """\
Made from the rules themselves by `make docs-codes`. A finding of `check` is left out by its code:
`ignore = ["DYN012"]` in `[tool.dynadvise]`, or `# dynadvise: ignore[DYN012]` at the op. Runs that
provoke the diagnoses for real are in [diagnoses.md](diagnoses.md)."""


def meanings() -> dict[str, str]:
    """Code to what it means, of the rules that `dynadvise check` goes by."""
    return {rule.code: rule.meaning for rule in (*STATIC_RULES, *GATE_RULES)}


def page() -> str:
    """The text of ``docs/codes.md``."""
    parts = ["# The codes of findings and diagnoses", _HEAD]
    for title, rules in (
        ("Static rules: `dynadvise check` and `profile`", STATIC_RULES),
        ("The gate's measurements: `dynadvise check --base`", GATE_RULES),
        ("Runs that happened: `dynadvise analyze`", RUN_RULES),
    ):
        parts.append(f"## {title}")
        for rule in rules:
            parts += [
                f"### {rule.code}: {rule.meaning}",
                f"Looks like: {rule.looks}",
                f"What to do: {rule.remedy}",
            ]
    return "\n\n".join(parts) + "\n"
