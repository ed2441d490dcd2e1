"""The list of all codes, and the page that is made of it."""

from __future__ import annotations

import re
from pathlib import Path

from advisor.rules.registry import page
from advisor.rules.rule import rules

ROOT = Path(__file__).parents[2]


def test_the_page_of_codes_is_made_of_the_rules():
    assert (ROOT / "docs" / "codes.md").read_text(encoding="utf-8") == page(), "make docs-codes"


def test_every_rule_says_all():
    assert all(rule.meaning and rule.looks and rule.remedy for rule in rules().values())
    assert all(rule.kind for rule in rules().values() if rule.code.startswith("RUN"))


def test_every_code_in_the_sources_is_in_the_list():
    """A rule that is not in codes.toml would speak and stay unexplained."""
    named = {
        code
        for file in (ROOT / "advisor").rglob("*.py")
        for code in re.findall(r"\b(?:DYN|RUN)\d{3}\b", file.read_text(encoding="utf-8"))
    }
    assert named == set(rules())
