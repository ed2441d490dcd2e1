"""``--open`` of ``report`` and ``analyze``: the page that a browser is started with."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from fabricated_instance import Run, multiprocess_events, write_instance
from factories import make_saved_profile

from advisor import store
from advisor.cli import cli


@pytest.fixture
def commands(tmp_path: Path) -> dict[str, list[str]]:
    home = write_instance(tmp_path / "home", [Run("run-1-abcdef", multiprocess_events(3))])
    profile = store.write(make_saved_profile(), tmp_path / "profiles")
    return {
        "analyze": ["analyze", "--instance", str(home), "--open"],
        "report": ["report", str(profile), "--open"],
    }


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of the desktop's; the file has what it was called with."""
    called, folder = tmp_path / "called", tmp_path / "bin"
    folder.mkdir()
    (folder / "xdg-open").write_text(
        f'#!/bin/sh\necho "$1" > {called}.new\nmv {called}.new {called}\n'
    )
    (folder / "xdg-open").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return called


def page_opened(called: Path) -> str:
    until = time.monotonic() + 30
    while not called.exists():
        assert time.monotonic() < until, "no browser was started"
        time.sleep(0.02)
    return Path(called.read_text().strip()).read_text()


@pytest.mark.parametrize("name", ["analyze", "report"])
@pytest.mark.parametrize("named", [True, False], ids=["named file", "temporary file"])
def test_the_page_is_written_and_opened(commands, browser, tmp_path, name, named) -> None:
    file = tmp_path / "page.html"
    found = CliRunner().invoke(cli, [*commands[name], *(("-o", str(file)) if named else ())])
    assert (found.exit_code, found.stdout) == (0, ""), found.output
    assert page_opened(browser).startswith("<!doctype html>")
    assert file.exists() is named


def test_without_a_browser_the_file_is_named(commands, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = CliRunner().invoke(cli, [*commands["analyze"], "-o", str(tmp_path / "page.html")])
    assert found.exit_code == 0
    assert "No browser could be started: open " in " ".join(found.stderr.split())


@pytest.mark.parametrize("other", [["--format", "json"], ["-o", "chart.svg"]])
def test_what_is_no_page_is_not_opened(commands, other) -> None:
    found = CliRunner().invoke(cli, [*commands["analyze"], *other])
    assert found.exit_code == 2
    assert "--open is for the page" in found.stderr
