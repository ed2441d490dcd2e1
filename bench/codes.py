"""`make docs-codes`: writes ``docs/codes.md`` from the rules."""

from pathlib import Path

from advisor.rules.registry import page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "codes.md"

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
