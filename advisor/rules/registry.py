"""The page of all codes, and what each means."""

from advisor.rules.rule import rules

_HEAD = """\
Made from the rules themselves by `make docs-codes`. A finding of `check` is left out by its code:
`ignore = ["DYN012"]` in `[tool.dynadvise]`, or `# dynadvise: ignore[DYN012]` at the op. Runs that
provoke the diagnoses for real are in [diagnoses.md](diagnoses.md)."""
_PARTS = {
    "DYN0": "Static rules: `dynadvise check` and `profile`",
    "DYN1": "The gate's measurements: `dynadvise check --base`",
    "RUN": "Runs that happened: `dynadvise analyze`",
}


def meanings() -> dict[str, str]:
    """Code to what it means, of the rules that `dynadvise check` goes by."""
    return {code: rule.meaning for code, rule in rules().items() if code.startswith("DYN")}


def page() -> str:
    """The text of ``docs/codes.md``."""
    parts = ["# The codes of findings and diagnoses", _HEAD]
    for prefix, title in _PARTS.items():
        parts.append(f"## {title}")
        for rule in rules().values():
            if rule.code.startswith(prefix):
                parts += [
                    f"### {rule.code}: {rule.meaning}",
                    f"Looks like: {rule.looks}",
                    f"What to do: {rule.remedy}",
                ]
    return "\n\n".join(parts) + "\n"
