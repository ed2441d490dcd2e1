"""Part of the tests on each Python of this machine, with the oldest and the newest Dagster.

Called by ``make test-matrix``; needs uv. Each environment is made below ``build/matrix`` and kept.
The table goes to ``docs/test-matrix.md``: a row per environment that was run.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "test-matrix.md"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
DAGSTERS = ("dagster==1.12.*", "dagster>=1.13,<2")
TESTS = ("tests/cli/test_startup.py", "tests/examples", "tests/model")
NEEDED = ("pytest>=8", "pytest-timeout", "hypothesis", "jsonschema")
HEAD = """# Test matrix

Made by `make test-matrix`: part of the tests on each Python that a machine has, with the oldest and
the newest Dagster that are supported. Newest run of each.

| Python | Dagster | tests | result | when |
|---|---|---|---|---|
"""


def interpreter(version: str) -> str | None:
    """A Python of this version that answers: one on the path, else one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    offered = [shutil.which(f"python{version}"), *map(str, pyenv.glob(f"{version}.*/bin/python"))]
    for python in filter(None, offered):
        answer = subprocess.run(
            [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.stdout.strip() == version:
            return python
    return None


def environment(python: str, dagster: str, folder: Path) -> Path:
    """The environment's interpreter, with this project installed."""
    made = folder / "bin" / "python"
    if not made.exists():
        subprocess.run(["uv", "venv", "--quiet", "--python", python, str(folder)], check=True)
    install = ["uv", "pip", "install", "--quiet", "--python", str(made), "--editable", str(ROOT)]
    subprocess.run([*install, dagster, *NEEDED], check=True)
    return made


def outcome(python: Path, tests: list[str]) -> str:
    """The last line of pytest, without its decoration and its seconds."""
    done = subprocess.run(
        [str(python), "-m", "pytest", "-q", *tests],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines()
    for line in lines:
        if line.startswith(("FAILED", "ERROR")):
            sys.stdout.write(f"  {line}\n")
    return re.sub(r"^=+ | in [0-9.]+s.*$", "", lines[-1]) if lines else f"exit {done.returncode}"


def main() -> None:
    """Run what was asked for, and write each row as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", nargs="*", default=PYTHONS)
    parser.add_argument("--dagster", nargs="*", default=DAGSTERS)
    parser.add_argument("tests", nargs="*", default=TESTS)
    asked = parser.parse_args()
    # Ignored in a shell's background, it would be in the tests that send it as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for version in asked.python:
        python = interpreter(version)
        if python is None:
            sys.stdout.write(f"Python {version}: not on this machine\n")
            continue
        for dagster in asked.dagster:
            name = re.sub(r"[^0-9.]+", "-", f"{version}{dagster}").strip("-.")
            begun = time.monotonic()
            made = environment(python, dagster, ROOT / "build" / "matrix" / name)
            versions = _versions(made)
            result = outcome(made, list(asked.tests))
            took_s = time.monotonic() - begun
            sys.stdout.write(f"{' '.join(versions)}: {result} ({took_s:.0f} s)\n")
            sys.stdout.flush()
            _write(versions, result, asked.tests)


def _versions(python: Path) -> tuple[str, str]:
    asks = "import platform, dagster; print(platform.python_version(), dagster.__version__)"
    told = subprocess.run([str(python), "-c", asks], capture_output=True, text=True, check=True)
    found = told.stdout.split()
    return found[0], found[1]


def _write(versions: tuple[str, str], result: str, tests: list[str]) -> None:
    rows = TABLE.read_text().splitlines() if TABLE.exists() else []
    start = f"| {versions[0]} | {versions[1]} |"
    kept = [row for row in rows if re.match(r"\| \d", row) and not row.startswith(start)]
    listed = ", ".join(f"`{test}`" for test in tests)
    rows = [*kept, f"{start} {listed} | {result} | {date.today()} |"]
    TABLE.write_text(HEAD + "\n".join(sorted(rows)) + "\n")


if __name__ == "__main__":
    main()
