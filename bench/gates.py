"""`make bench-gates`: real gates of a small project, with a change that is known.

``measure`` runs ``dynadvise check --base main`` as a user types it, in a git repository made for
it: with no change at all, and with one op 50 % or 10 % slower. Verdicts, seconds and every timed
call are appended to ``.bench/gates.jsonl`` at once; a gate that is there is not run again, so an
interrupted run goes on where it stopped. ``report`` writes ``docs/gates.md`` and its JSON.
``record`` times pairs of unchanged code alone and adds them to a recording of the tests.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from figures import percent, table
from run import ROOT, STATE, now, say

sys.path.insert(0, str(ROOT / "tests" / "gate"))

from gate_project import OPS, commit, git, make_project, slow_down
from replayed import HELD_OUT, TUNING, calls_to_json, family_alarms, read, tally

from advisor.domain.options import DEFAULT_SAMPLES
from advisor.gate.measuring import ChildProcesses
from advisor.gate.orders import OpCalls, SurveyRequest, Tree

RESULTS = STATE / "gates-by-turns.jsonl"  # gates.jsonl: when one process ran after the other
PAGE, DATA = ROOT / "docs" / "gates.md", ROOT / "bench" / "results" / "gates.json"
TARGETS = tuple(OPS)
EXPECTED_S = 70.0
STATIC_JOBS, STATIC_RUNS = 20, 3


@dataclass(frozen=True)
class Variant:
    """A change, and how the gate is asked about it."""

    words: str
    slowdown: float
    options: tuple[str, ...]
    expected: str


VARIANTS = {
    "same": Variant("no change", 1.0, (), "PASS"),
    "slow50": Variant("an op 50 % slower", 1.5, (), "FAIL"),
    "slow10": Variant(
        "an op 10 % slower, `--max-regression 5%`", 1.1, ("--max-regression", "5%"), "FAIL"
    ),
}

STATISTIC_WORDS = """\
A gate times pairs of fresh processes of base and head, which take turns of some 10 ms in random
order, and looks after 8, 10, 14 and 20 pairs. FAIL: the chance of so large a mean without any
difference is small enough (1 % over all looks and ops of a gate) and the estimate is above the
limit."""

REPLAY_WORDS = """\
Gates replayed from recorded pairs of unchanged code: 20 pairs in a row, the sides of each swapped
at random, a slowdown made by multiplying head's calls. The statistic was tuned on one recording;
the other was made afterwards."""


# --- the record ------------------------------------------------------------------------------


def records(kind: str) -> list[dict[str, Any]]:
    """What was recorded of a kind; a last line that was cut off in the middle is left out."""
    if not RESULTS.exists():
        return []
    lines = RESULTS.read_text(encoding="utf-8").splitlines()
    whole = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return [entry for entry in whole if entry["kind"] == kind]


def record(entry: Mapping[str, Any]) -> None:
    """Append one line, on disk before anything else happens."""
    STATE.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(entry, separators=(",", ":")) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


# --- a gate ----------------------------------------------------------------------------------


def pair_to_json(timed: Mapping[Any, Mapping[str, OpCalls]], ops: Sequence[str]) -> dict[str, Any]:
    """Each op's calls of base and of head, where both have some."""
    sides = [timed["base"], timed["head"]]
    return {
        op: [calls_to_json(side[op]) for side in sides]
        for op in ops
        if not any(side[op].failed for side in sides)
    }


def recorded_check(arguments: Sequence[str], file: Path) -> None:
    """The real command in this process; the calls of each pair are left in a file."""
    import advisor.api.check as check_module
    from advisor.cli import main as dynadvise

    pairs: dict[str, list[list[Any]]] = {}
    real = check_module.RealSurroundings

    class Recorder:
        """The real measurer, written down."""

        def __init__(self, measurer: Any) -> None:
            self._measurer = measurer
            self.survey = measurer.survey

        @property
        def executions(self) -> int:
            return int(self._measurer.executions)

        def time_pair(self, ops: Sequence[str], number: int, order: random.Random) -> Any:
            timed = self._measurer.time_pair(ops, number, order)
            for op, found in pair_to_json(timed, ops).items():
                pairs.setdefault(op, []).append(found)
            file.write_text(json.dumps(pairs), encoding="utf-8")
            return timed

    class Recording(real):
        """The real surroundings, with their measurer written down."""

        def measurer(self, *request: Any) -> Recorder:
            return Recorder(super().measurer(*request))

    check_module.RealSurroundings = Recording
    sys.argv = ["dynadvise", *arguments]
    dynadvise()


def run_gate(variant: str, number: int) -> dict[str, Any]:
    """Make the project, run the gate on it once, record it."""
    made = VARIANTS[variant]
    target = TARGETS[number % len(TARGETS)]
    op = OPS[target][number // len(TARGETS) % len(OPS[target])]
    with tempfile.TemporaryDirectory(prefix="dynadvise-gates-") as holder:
        folder = make_project(Path(holder) / "shop")
        if made.slowdown > 1:
            slow_down(folder, op, made.slowdown)
        else:
            (folder / "README.md").write_text("No change of any code.\n")
        git(folder, "checkout", "--quiet", "-b", "change")
        commit(folder, made.words)
        pairs, report = Path(holder) / "pairs.json", Path(holder) / "report.json"
        check = ["check", target, "--base", "main", *made.options]
        check += ["--format", "json", "-o", str(report)]
        command = [sys.executable, __file__, "gate", str(pairs), *check]
        load, begun = os.getloadavg()[0], time.perf_counter()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        took_s = time.perf_counter() - begun
        if not report.exists():
            raise SystemExit(f"the gate ended with {done.returncode}:\n{done.stderr[-3000:]}")
        told = json.loads(report.read_text(encoding="utf-8"))
        recorded = json.loads(pairs.read_text(encoding="utf-8")) if pairs.exists() else {}
    (checked,) = told["targets"]
    entry = {
        "kind": "gate", "variant": variant, "number": number, "target": target,
        "slowed": op if made.slowdown > 1 else None, "verdict": told["verdict"],
        "status": done.returncode, "wall_s": took_s, "at": now(), "load": load,
        "timings": [
            {name: timing[name] for name in
             ("op", "verdict", "ratio", "low", "high", "pairs", "certainly_slower")}
            for timing in checked["timings"]
        ],
        "findings": [finding["code"] for finding in checked["findings"]], "pairs": recorded,
    }  # fmt: skip
    record(entry)
    return entry


def pending(gates: int, slow: int) -> Iterator[tuple[str, int]]:
    """What is still to be run; the variants take turns, so that a part of it has all of them."""
    done = {(entry["variant"], entry["number"]) for entry in records("gate")}
    wanted = {"same": gates, "slow10": slow, "slow50": slow}
    turns = sorted(
        ((number + 0.5) / most, variant, number)
        for variant, most in wanted.items()
        for number in range(most)
    )
    yield from ((v, n) for _, v, n in turns if (v, n) not in done)


def measure(gates: int, slow: int, minutes: float | None) -> None:
    until = time.monotonic() + minutes * 60 if minutes else float("inf")
    while left := list(pending(gates, slow)):
        known = [entry["wall_s"] for entry in records("gate")]
        each_s = median(known) if known else EXPECTED_S
        if time.monotonic() + each_s > until:
            say(f"Stopped after {minutes:g} min; {len(left)} gates are left.")
            return
        variant, number = left[0]
        say(
            f"{len(left)} gates left, about {len(left) * each_s / 60:.0f} min: "
            f"{VARIANTS[variant].words} #{number + 1}"
        )
        entry = run_gate(variant, number)
        told = ", ".join(
            f"{t['op']} {t['verdict']} {100 * (t['ratio'] - 1):+.1f} % after {t['pairs']} pairs"
            for t in entry["timings"]
            if t["ratio"] is not None
        )
        say(f"  {entry['verdict']} in {entry['wall_s']:.0f} s: {told}")
    say("Every gate asked for is measured.")


# --- the static check --------------------------------------------------------------------------


def measure_static() -> None:
    """Seconds of ``check --static`` on a project with a file for each of 20 jobs."""
    with tempfile.TemporaryDirectory(prefix="dynadvise-gates-") as holder:
        folder = make_project(Path(holder) / "shop")
        names = [f"shop_{number:02}" for number in range(STATIC_JOBS)]
        for name in names:
            shutil.copy(folder / "shop.py", folder / f"{name}.py")
        targets = [
            f"{name}:{('compute_job', 'transfer_job')[i % 2]}" for i, name in enumerate(names)
        ]
        (folder / "pyproject.toml").write_text(
            f"[tool.dynadvise]\ntargets = {json.dumps(targets)}\n"
        )
        commit(folder, "20 jobs")
        walls = []
        for _ in range(STATIC_RUNS):
            program = "from advisor.cli import main; main()"
            command = [sys.executable, "-c", program, "check", "--static", "-q"]
            begun = time.perf_counter()
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            walls.append(time.perf_counter() - begun)
            if done.returncode != 0 or f"{STATIC_JOBS} targets" not in done.stdout:
                raise SystemExit(f"the static check failed:\n{done.stdout}{done.stderr}")
    record({"kind": "static", "jobs": STATIC_JOBS, "wall_s": walls, "at": now()})
    say(f"Static check of {STATIC_JOBS} jobs: {', '.join(f'{w:.1f} s' for w in walls)}")


# --- what comes of it --------------------------------------------------------------------------


def record_pairs(file: Path, pairs: int) -> None:
    """Time pairs of unchanged code, of each target so many, and add them to a recording."""
    document = {"about": "", "gates": []}
    if file.exists():
        document = json.loads(file.read_text(encoding="utf-8"))
    for target, ops in OPS.items():
        gate: dict[str, list[Any]] = {op: [] for op in ops}
        with tempfile.TemporaryDirectory(prefix="dynadvise-gates-") as holder:
            base = make_project(Path(holder) / "base")
            head = shutil.copytree(base, Path(holder) / "head")
            measurer = ChildProcesses(
                *(
                    SurveyRequest(
                        Tree(side, str(folder), str(folder)), target, None, {}, None,
                        DEFAULT_SAMPLES, str(Path(holder) / f"{side}.pickle"),
                    )
                    for side, folder in (("base", base), ("head", head))
                ),
                timeout_s=900.0,
            )  # fmt: skip
            order = random.Random()
            for side in ("base", "head"):
                measurer.survey(side)
            for number in range(pairs):
                say(f"{target}: pair {number + 1} of {pairs}")
                for op, found in pair_to_json(measurer.time_pair(ops, number, order), ops).items():
                    gate[op].append(found)
        document["gates"].append(gate)
        document["about"] = (
            f"Recorded until {now()} by bench/gates.py record: gate by gate and op by op the "
            "pairs; of each, base and head; of each, item by item the calls in microseconds."
        )
        file.write_text(json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8")
        say(f"Written: {file}")


def gates_table() -> list[dict[str, Any]]:
    """One row a variant of the real gates."""
    rows = []
    for variant, made in VARIANTS.items():
        gates = [entry for entry in records("gate") if entry["variant"] == variant]
        if not gates:
            continue
        timings = [timing for entry in gates for timing in entry["timings"]]
        slowed = {entry["slowed"] for entry in gates if entry["slowed"]}
        others = [
            timing
            for entry in gates
            for timing in entry["timings"]
            if timing["op"] != entry["slowed"]
        ]
        verdicts = [entry["verdict"] for entry in gates]
        rows.append(
            {
                "change": made.words,
                "gates": len(gates),
                "expected": made.expected,
                "verdicts": {v: verdicts.count(v) for v in dict.fromkeys(verdicts)},
                "slowed_ops": sorted(slowed),
                "unchanged_ops_timed": len(others),
                "unchanged_ops_failed": sum(t["verdict"] == "FAIL" for t in others),
                "pairs": [max(timing["pairs"] for timing in entry["timings"]) for entry in gates],
                "wall_s": [entry["wall_s"] for entry in gates],
                "largest_error": max(
                    abs(timing["ratio"] / (made.slowdown if t_slowed else 1.0) - 1)
                    for entry in gates
                    for timing in entry["timings"]
                    for t_slowed in [timing["op"] == entry["slowed"]]
                )
                if timings
                else None,
            }
        )
    return rows


def replays() -> list[dict[str, Any]]:
    """Replayed gates on the tuning recording and on the held-out one."""
    rows = []
    for name, recording in (("tuning", read(TUNING)), ("held out", read(HELD_OUT))):
        say(f"replaying gates on the recording: {name}")
        families, alarmed = family_alarms(recording, 500)
        rows.append(
            {
                "recording": name,
                "pairs": {op: len(recording.pairs((op,))) for op in recording.ops},
                "same": asdict(tally(recording, 1000)),
                "families": {"gates": families, "failed": alarmed},
                "slow10": asdict(tally(recording, 400, 1.1)),
                "slow10_limit5": asdict(tally(recording, 400, 1.1, limit=0.05)),
                "slow50": asdict(tally(recording, 200, 1.5)),
            }
        )
    return rows


def write_report() -> None:
    gates = gates_table()
    if not gates:
        raise SystemExit("Nothing is measured yet: make bench-gates")
    replayed = replays()
    static = records("static")
    document = {
        "schema": "dynadvise/gates", "version": 1, "host": host(), "written_at": now(),
        "gates": gates, "replayed": replayed, "static": static[-1] if static else None,
    }  # fmt: skip
    DATA.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(document), encoding="utf-8")
    say(f"Written: {PAGE.relative_to(ROOT)}, {DATA.relative_to(ROOT)}")


def host() -> dict[str, Any]:
    from advisor.measure.machine import host_facts

    return asdict(host_facts())


def page(found: Mapping[str, Any]) -> str:
    facts = found["host"]
    dates = sorted(entry["at"] for entry in records("gate"))
    real = [
        [
            row["change"],
            str(row["gates"]),
            ", ".join(f"{count} {verdict}" for verdict, count in row["verdicts"].items()),
            f"{row['unchanged_ops_failed']} of {row['unchanged_ops_timed']}",
            f"{median(row['pairs']):g} ({max(row['pairs'])})",
            f"{median(row['wall_s']):.0f} s ({max(row['wall_s']):.0f} s)",
            "?" if row["largest_error"] is None else percent(row["largest_error"]),
        ]
        for row in found["gates"]
    ]
    about = (
        f"Made by `make bench-gates`: {sum(row['gates'] for row in found['gates'])} runs of "
        f"`dynadvise check TARGET --base main` in a git project of its own, {dates[0][:10]} to "
        f"{dates[-1][:10]}, on {facts['processor']} ({facts['cpus']:g} cores, "
        f"{facts['memory_bytes'] / 2**30:.0f} GiB, {facts['system']}), Python "
        f"{facts['python_version']}, Dagster {facts['dagster_version']}. Each gate times two ops "
        "of one job: a loop of Python and a sort in numpy, or a wait and JSON written to a file."
    )
    parts = [
        "# How right the gate is",
        about,
        STATISTIC_WORDS,
        "## Real gates",
        table(
            ["change", "gates", "verdicts", "unchanged ops called slower",
             "pairs, median (most)", "took, median (longest)", "largest error of an estimate"],
            real,
        ),
    ]  # fmt: skip
    if found["replayed"]:
        parts += ["## Replayed gates", REPLAY_WORDS, replay_table(found["replayed"])]
    if found["static"]:
        walls = found["static"]["wall_s"]
        sentence = (
            f"`dynadvise check --static` of a project with {found['static']['jobs']} jobs, each in "
            f"a file of its own: {median(walls):.1f} s ({', '.join(f'{w:.1f}' for w in walls)}); "
            "the goal is 10 s."
        )
        parts += ["## The static check", sentence]
    return "\n\n".join(parts) + "\n"


def replay_table(replayed: Sequence[Mapping[str, Any]]) -> str:
    def share(part: int, whole: int) -> str:
        return f"{part} of {whole} ({100 * part / whole:.1f} %)"

    rows = []
    for words, value, goal in (
        ("no change, one op: FAIL", lambda r: share(r["same"]["slower"], r["same"]["gates"]),
         "at most 1 %"),
        ("no change, one op: called slower at all",
         lambda r: share(r["same"]["certain"], r["same"]["gates"]), "at most 1 %"),
        ("no change, one op: PASS", lambda r: share(r["same"]["fine"], r["same"]["gates"]), ""),
        ("no change, all ops of a process: FAIL",
         lambda r: share(r["families"]["failed"], r["families"]["gates"]), "at most 1 %"),
        ("10 % slower: certainly slower",
         lambda r: share(r["slow10"]["certain"], r["slow10"]["gates"]), "at least 95 %"),
        ("10 % slower, limit 5 %: FAIL",
         lambda r: share(r["slow10_limit5"]["slower"], r["slow10_limit5"]["gates"]),
         "at least 95 %"),
        ("the same: pairs, median", lambda r: f"{r['slow10_limit5']['pairs']:g}", "at most 20"),
        ("50 % slower: FAIL", lambda r: share(r["slow50"]["slower"], r["slow50"]["gates"]), ""),
    ):  # fmt: skip
        rows.append([words, *(value(entry) for entry in replayed), goal])
    pairs = [", ".join(f"{op} {n}" for op, n in entry["pairs"].items()) for entry in replayed]
    rows.insert(0, ["recorded pairs", *pairs, ""])
    return table(["replayed gates", *(entry["recording"] for entry in replayed), "goal"], rows)


# --- command line ------------------------------------------------------------------------------


def main() -> None:
    if sys.argv[1:2] == ["gate"]:
        recorded_check(sys.argv[3:], Path(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="run the gates that were not run yet")
    measuring.add_argument("--gates", type=int, default=20, help="without a change (default: 20)")
    measuring.add_argument("--slow", type=int, default=5, help="of each slowdown (default: 5)")
    measuring.add_argument("--minutes", type=float, help="stop after so many")
    commands.add_parser("static", help="time the static check of a project with 20 jobs")
    commands.add_parser("report", help="write the page")
    recording = commands.add_parser("record", help="time pairs alone and add them to a recording")
    recording.add_argument("file", type=Path, nargs="?", default=HELD_OUT)
    recording.add_argument("--pairs", type=int, default=20, help="of each target (default: 20)")
    given = parser.parse_args()
    if given.command == "measure":
        try:
            measure(given.gates, given.slow, given.minutes)
        except KeyboardInterrupt:
            say("Interrupted; `make bench-gates` goes on from here.")
            raise SystemExit(130) from None
    elif given.command == "static":
        measure_static()
    elif given.command == "record":
        record_pairs(given.file, given.pairs)
    else:
        write_report()


if __name__ == "__main__":
    main()
