"""The outside of two versions compared: exit statuses, JSON keys, Markdown headings, options.

``python bench/contract.py OLD PROFILE... HOME...`` runs each command that runs no user code with
the source folder OLD and with this one, on these profiles and Dagster homes, and prints what
differs. What OLD had and this one lacks is marked GONE, and makes the exit status 1.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
COMMANDS = (
    *("profile", "list", "recommend", "predict", "verify", "emit", "report", "plan", "scan"),
    *("analyze", "check", "init", "calibrate", "schema"),
)
KINDS = (
    *("run-config", "python", "environments", "batch", "workers", "dagster-yaml", "async"),
    *("instrument", "monitor", "troubleshooting", "k8s-run-config", "helm-values", "nonsense"),
)
WAYS = (
    *("", "--as config-only", "--as current", "--executor in_process", "--executor nonsense"),
    *("--executor multiprocess --start-method spawn --max-concurrent 2", "--batch-size 4"),
    *("--executor multiprocess --max-concurrent 0", "--launch daemon", "--launch cli"),
)

EXAMPLE = "advisor.examples.seed_chunks:seed_job"


def calls(profiles: list[str], homes: list[str]) -> Iterator[tuple[str, ...]]:
    """Command lines whose output is compared."""
    yield ("--help",)
    yield ("schema",)
    for command in COMMANDS:
        yield command, "--help"
    for path in profiles:
        for form in ("json", "markdown", "text"):
            yield "recommend", path, "--format", form
        yield "recommend", path, "--items", "5000", "--cores", "8", "--format", "json"
        yield "recommend", path, "--change", "config", "--objective", "cost", "--format", "json"
        yield "recommend", path, "--items", "0"
        for way in WAYS:
            yield "predict", path, *way.split(), "--format", "json"
        for kind in KINDS:
            yield "emit", path, "--as", kind
        yield "plan", path, "--partitions", "30", "--format", "json"
        yield "report", path, "-o", os.devnull
    for home in homes:
        for form in ("json", "markdown", "text"):
            yield "analyze", "--instance", home, "--last", "3", "--format", form
        yield "scan", "--instance", home, "--format", "json"
    yield "analyze", "--instance", "/no/such/folder"
    yield "check", "no.such.module:job"
    for form in ("json", "markdown", "text", "github", "sarif", "junit"):
        yield "check", EXAMPLE, "--static", "--profiles", "/no/such", "--format", form
    yield "recommend", "/no/such/profile.json"


def paths(value: Any, place: str = "") -> Iterator[str]:
    """All keys of a JSON value, with the way to each; names that are data are one key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            name = key if re.fullmatch(r"[a-z][a-z0-9_]*", key) else "*"
            yield f"{place}.{name}"
            yield from paths(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{place}[]")


def traits(source: Path, arguments: tuple[str, ...]) -> set[str]:
    """What users rely on of one call: its exit status, and what its output is made of."""
    environment = {**os.environ, "PYTHONPATH": str(source), "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-c", "from advisor.cli import main; main()", *arguments],
        env=environment,
        cwd=source,  # which Python looks in first
        capture_output=True,
        text=True,
        check=False,
    )
    found = {f"exit status {done.returncode}"}
    found |= {"a traceback" for line in done.stderr.splitlines() if line.startswith("Traceback")}
    if "--help" in arguments:
        return found | set(re.findall(r"--[a-z][a-z-]+|(?<=  )[a-z]+(?=  )", done.stdout))
    if "json" in arguments:
        return found | set(paths(json.loads(done.stdout or "{}")))
    if "markdown" in arguments:
        return found | set(re.findall(r"^#+ .*", done.stdout, re.MULTILINE))
    return found | ({"an output"} if done.stdout.strip() else set())


def main(old: str, *places: str) -> int:
    """Compare; 1 where something is gone."""
    worse = total = 0
    given = [str(Path(place).resolve()) for place in places]
    homes = [place for place in given if Path(place).is_dir()]
    for arguments in calls([place for place in given if place not in homes], homes):
        total += 1
        before, now = (traits(source, arguments) for source in (Path(old).resolve(), ROOT))
        gone, new = sorted(before - now), sorted(now - before)
        worse += bool(gone)
        if gone or new:
            print(f"{' '.join(arguments)}\n  GONE {gone}\n  new {new}", flush=True)  # noqa: T201
    print(f"{total} calls, {worse} from which something is gone")  # noqa: T201
    return min(1, worse)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
