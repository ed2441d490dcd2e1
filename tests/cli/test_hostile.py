"""Machines, files and numbers that are against us: a clear line, and the right exit status."""

from __future__ import annotations

import subprocess
import sys

import pytest
from factories import make_saved_profile

from advisor import store


def shell(line, folder, **extra):
    """A command line of a shell in ``folder``, in which ``dynadvise`` is ours."""
    ours = (
        f"""dynadvise() {{ '{sys.executable}' -c 'from advisor.cli import main; main()' "$@"; }}"""
    )
    return subprocess.run(
        ["bash", "-c", f"{ours}\n{line}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **extra,
    )


# --- streams -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        ("dynadvise schema > /dev/full", 2, "stdout cannot be written: No space left on device"),
        ("dynadvise --version > /dev/full", 2, "stdout cannot be written"),
        ("dynadvise predict p.json >&-", 2, "stdout cannot be written: it is closed"),
        ("dynadvise schema >&- 2>&-", 2, ""),
        ("dynadvise predict p.json 2>&-", 0, ""),
        ("dynadvise -v predict p.json -o out.txt 2> /dev/full", 0, ""),
        ("dynadvise predict p.json <&-", 0, ""),
        ("dynadvise predict none.json 2>&-", 2, ""),
        ("dynadvise predict --wrong 2> /dev/full", 2, ""),
    ],
)
def test_lost_data_is_an_error_and_a_lost_message_is_none(tmp_path, line, status, message):
    store.write_to(make_saved_profile(), tmp_path / "p.json")
    result = shell(line, tmp_path)
    assert result.returncode == status
    assert message in result.stderr
    assert "a fault in dynadvise" not in result.stderr
    assert "Traceback" not in result.stderr
