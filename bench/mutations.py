"""Files of ours with one value replaced: saved profiles, cached calibrations, settings, inputs.

``python bench/mutations.py KIND [SHARE [SEED]]`` tries mutations in this process (a share of them,
drawn by a seed; `0.6-1`: the last four tenths of all) and says what became of them. KIND: settings,
host, inputs, or a part of an example profile's name. A mutation passes if the file is refused
(status 2), or if every command that reads it answers within 10 s of CPU, without a traceback.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner

LIMIT_S, LIMIT_BYTES = 10, 6 << 30
HUGE = int("9" * 401)
VALUES = (
    *(None, True, -1, 0, 1, 2.5, -0.5, 1e-300, 10**9, 10**15, 1e308, HUGE),
    *("NaN!", "Infinity!", "", "x", "\x00", "é" * 300, [], {}, [[]], {"x": 1}),
)
"""What takes a value's place; `NaN!` and `Infinity!` are written as JSON's extensions."""

PROFILE = Path(__file__).parents[1] / "profiles/example-2-cores"
SETTINGS = {
    "targets": ["m:j"],
    "inputs": {"m:j": "samples.json"},
    "items": {"m:j": 100, "*": 10},
    "hosts": {"big": {"cores": 8, "memory": "32GiB", "cpu-count": 8}},
    "fail-on": "error",
    "max-regression": "10%",
    "max-regret": 0.15,
    "profiles": "profiles",
    "ignore": ["DYN001"],
    "max-connections": 20,
    "max-rate": 5.0,
    "memory-headroom": 0.15,
    "budget": 60,
    "objective": "time",
    "change": "code",
    "environment": "prod",
    "clusters": {
        "prod": {
            "executor": "k8s",
            "start": "8s",
            "launch": "0.3s",
            "poll": "1s",
            "run-start": "10s",
            "slots": 4,
            "host-cores": 8,
            "db-connections": 100,
            "runs-at-once": 2,
            "quota": {"cpu": 32, "memory": "64GiB", "pods": 50},
            "run-pod": {"cpu": 1, "memory": "1GiB"},
            "step-pod": {"cpu-limit": 1, "max-memory": "2GiB"},
        }
    },
}


def places(document: object, at: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Where values stand: of long lists the first, the second and the last."""
    if at:
        yield at
    inner = document.items() if isinstance(document, dict) else ()
    if isinstance(document, list):
        inner = [
            (i, document[i]) for i in sorted({0, 1, len(document) - 1}) if 0 <= i < len(document)
        ]
    for key, value in inner:
        yield from places(value, (*at, key))


def mutated(document: object, at: tuple[object, ...], value: object) -> object:
    """A copy with another value at a place; the key is gone where the value is an ellipsis."""
    copy = json.loads(json.dumps(document))
    holder = copy
    for key in at[:-1]:
        holder = holder[key]
    if value is ...:
        del holder[at[-1]]
    else:
        holder[at[-1]] = value
    return copy


def spelled(document: object) -> str:
    """As JSON, with its numbers that are none."""
    sys.set_int_max_str_digits(0)
    text = json.dumps(document)
    return text.replace('"NaN!"', "NaN").replace('"Infinity!"', "Infinity")


def toml(value: object) -> str:
    """A value as TOML, inline."""
    if value is None:
        return '"null"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    specials = {"NaN!": "nan", "Infinity!": "inf"}
    if isinstance(value, str):
        return specials.get(value) or json.dumps(value)
    return "true" if value is True else str(value)


class TooLongError(Exception):
    """A command took more CPU than it may."""


def _too_long(*_: object) -> None:
    raise TooLongError


def run(arguments: list[str]) -> tuple[str, float]:
    """How a command ended, in one word, and its CPU seconds."""
    from advisor.cli.group import cli

    begun = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    try:
        result = CliRunner().invoke(cli, arguments)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    used_s = time.process_time() - begun
    fault = result.exception if not isinstance(result.exception, SystemExit) else None
    if "TooLongError" in f"{fault!r}{result.output[-500:]}" or used_s > LIMIT_S:
        return f"TOO LONG: {arguments[0]}", used_s
    if fault is not None or "a fault in dynadvise" in result.output:
        frames = traceback.extract_tb(fault.__traceback__) if fault else []
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        line = next((x for x in result.output.splitlines() if "a fault" in x), repr(fault))
        return f"FAULT: {arguments[0]} {where} {line[:150]}", used_s
    return {0: "answered", 1: "status 1", 2: "refused"}.get(
        result.exit_code, f"STATUS {result.exit_code}"
    ), used_s


def of_profile(folder: Path, text: str) -> Iterator[list[str]]:
    """The commands that read a saved profile."""
    path = folder / "profile.json"
    path.write_text(text)
    yield ["recommend", str(path), "--format", "json"]
    yield ["recommend", str(path), "--details"]
    yield ["predict", str(path), "--format", "json"]
    yield ["emit", str(path), "--as", "run-config"]
    yield ["emit", str(path), "--as", "batch"]
    yield ["report", str(path), "-o", str(folder / "page.html")]


def of_settings(folder: Path, text: str) -> Iterator[list[str]]:
    """The commands that read ``[tool.dynadvise]``, in a folder that has it."""
    os.chdir(folder)
    (folder / "pyproject.toml").write_text(text)
    profile = str(next(PROFILE.glob("*seed*")))
    yield ["recommend", profile, "--format", "json"]
    yield ["recommend", profile, "--cluster", "prod"]
    yield ["recommend", profile, "--host", "big"]
    yield ["predict", profile, "--executor", "k8s", "--cluster", "prod"]


def of_host(folder: Path, text: str) -> Iterator[list[str]]:
    """What reads a cached calibration; ``calibrate`` itself would measure anew."""
    from advisor.host_store import read_host
    from advisor.measure.calibration import longest_ago_first, pooled, starts_are_known
    from advisor.model.fit import fit_overhead

    path = folder / "host.json"
    path.write_text(text)
    host = read_host(path)
    if host is None:
        yield ["refused"]
        return
    starts_are_known(host)
    longest_ago_first(pooled(host, host))
    try:
        fit_overhead(host, time.time())
    except ValueError:
        yield ["refused"]
        return
    profile = json.loads(next(PROFILE.glob("*seed*")).read_text())
    profile["host"] = json.loads(text)["host"]
    yield from list(of_profile(folder, spelled(profile)))[::2]


def of_inputs(folder: Path, text: str) -> Iterator[list[str]]:
    """What reads sample inputs, of each form, before anything is measured."""
    from advisor.domain.errors import DynadviseError
    from advisor.measure.ops.sample_inputs import read_inputs
    from advisor.store import read

    description = read(next(PROFILE.glob("*bare*"))).description
    endings, refused = ("json", "jsonl", "yaml"), 0
    for ending in endings:
        (folder / f"samples.{ending}").write_text(as_lines(text) if ending == "jsonl" else text)
        try:
            read_inputs(f"samples.{ending}", description, folder)
        except DynadviseError:
            refused += 1
    if refused == len(endings):
        yield ["refused"]


def as_lines(text: str) -> str:
    """A JSON list as JSON Lines; as it is where it is none."""
    try:
        entries = json.loads(text)
    except (RecursionError, ValueError):
        return text
    return "\n".join(map(json.dumps, entries)) if isinstance(entries, list) else text


def read_names() -> list[str]:
    """The inputs of the op whose sample inputs are read."""
    profile = json.loads(next(PROFILE.glob("*bare*")).read_text())
    return list(profile["description"]["mapped"][0]["inputs"])


def cases(kind: str) -> list[tuple[str, Callable[[], str]]]:
    """Each mutation's name, and what writes the file: thousands of whole texts fill the memory."""
    document, written = _document(kind)

    def text(at: tuple[object, ...], value: object) -> Callable[[], str]:
        return lambda: written(mutated(document, at, value))

    every = [
        (f"{at} {value!r:.30}", text(at, value))
        for at in places(document)
        for value in (*VALUES, ...)
    ]
    return [*every, ("deep", lambda: "[" * 100_000)] if kind == "inputs" else every


def _document(kind: str) -> tuple[object, Callable[[Any], str]]:
    """The whole file as a value, and how it is written."""
    if kind == "settings":
        return SETTINGS, _settings_text
    if kind == "host":
        profile = json.loads(next(PROFILE.glob("*seed*")).read_text())
        now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        host = {**profile["host"], "calibrated_at": now}
        return {"schema": "dynadvise/host", "version": 3, "host": host}, spelled
    if kind == "inputs":
        values = {name: [1, {"x": "y"}] for name in read_names()}
        return [{"mapping_key": f"k{n}", **values} for n in range(3)], spelled
    return json.loads(next(PROFILE.glob(f"*{kind}*")).read_text()), spelled


def _settings_text(table: dict[str, object]) -> str:
    rows = "\n".join(f"{key} = {toml(value)}" for key, value in table.items())
    return f"[tool.dynadvise]\n{rows}\n"


def main() -> None:
    """Try them and print the figures."""
    kind, share = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "1"
    first, last = map(float, share.split("-") if "-" in share else ("0", share))
    commands = {"settings": of_settings, "host": of_host, "inputs": of_inputs}.get(kind, of_profile)
    signal.signal(signal.SIGPROF, _too_long)
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    every = cases(kind)
    random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1).shuffle(every)
    ends: Counter[str] = Counter()
    longest_s, shown = 0.0, set()
    with tempfile.TemporaryDirectory() as folder:
        for name, text in every[int(first * len(every)) : int(last * len(every))]:
            ended = {"answered"}
            try:
                for arguments in commands(Path(folder), text()):
                    how, used_s = ("refused", 0.0) if arguments == ["refused"] else run(arguments)
                    longest_s = max(longest_s, used_s)
                    ended.add(how)
                    if how == "refused":
                        break
            except Exception as error:  # noqa: BLE001 - what reads a calibration is called itself
                ended.add(f"FAULT: reading {error!r:.150}")
            worst = max(ended, key=lambda how: (how.isupper() or how[:2].isupper(), how))
            ends[worst.split(" ")[0] if worst[:2].isupper() else worst] += 1
            if worst[:2].isupper() and worst not in shown:
                shown.add(worst)
                sys.stdout.write(f"{name}: {worst}\n")
                sys.stdout.flush()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    tried = f"{kind}: {sum(ends.values())} of {len(every)}: {dict(ends)}"
    sys.stdout.write(f"{tried}; longest {longest_s:.1f} s of CPU, {peak} MB\n")


if __name__ == "__main__":
    main()
