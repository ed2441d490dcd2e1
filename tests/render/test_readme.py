"""What the README and the docs print is what the program prints and takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from advisor.cli import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def typed(page: Path) -> list[str]:
    """Commands of a page: lines of a console, and those between backticks."""
    text = page.read_text("utf-8")
    lines = re.findall(r"^\$ (dynadvise .*)$", text, re.MULTILINE)
    return lines + re.findall(r"`(dynadvise [a-z]+[^`]*)`", text)


def test_the_readme_is_short():
    assert len(README.split()) <= 900


def test_its_answer_is_the_one_of_the_shipped_profile(monkeypatch):
    monkeypatch.setenv("COLUMNS", "79")
    arguments = ["recommend", "advisor.examples.seed_chunks:seed_job", "--profiles"]
    outcome = CliRunner().invoke(cli, [*arguments, str(ROOT / "profiles")])
    printed = [line.strip() for line in outcome.stdout.splitlines() if "──" not in line]
    block = re.search(r"^```\n(seed_job.*?)```", README, re.DOTALL | re.MULTILINE)[1]
    shown = [line.strip() for line in block.splitlines()]
    assert shown == [line for line in printed if line][: len(shown)]


def test_its_accuracy_is_that_of_the_page_behind_it():
    page = (ROOT / "docs" / "unseen.md").read_text("utf-8").partition("## On a machine")[0]
    _, runs, error, *_, inside = re.search(r"^\| all \|.*", page, re.MULTILINE)[0].split("|")[1:-1]
    rows = re.findall(r"^\| seed_.*", page, re.MULTILINE)
    fastest = sum(row.split("|")[5].strip() == "0%" for row in rows)
    sentence = " ".join(README.partition("How accurate is it?")[2].split()).partition(").")[0]
    for part in (
        f"{runs.strip()} real runs",
        f"median error {error.strip()}",
        f"{inside.strip()} inside",
        f"fastest that ran in {fastest} of {len(rows)}",
    ):
        assert part in sentence, part


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_have_the_options_that_are_printed(page):
    for line in typed(page):
        words = shlex.split(re.split(r" [|>&]|\.\.\.", line)[0], comments=True)[1:]
        name, *arguments = words
        command = cli.get_command(click.Context(cli), name)
        assert command is not None, line
        try:
            command.make_parser(click.Context(command)).parse_args(arguments)
        except click.NoSuchOption as error:
            pytest.fail(f"{line}: {error.message}")
        except click.BadOptionUsage:
            pass  # named without its value
