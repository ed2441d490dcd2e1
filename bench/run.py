"""`make bench`: predictions against real runs.

``measure`` goes through the workloads in passes. In each pass it profiles a workload as a user
would, in a process of its own, and then runs a grid of real configurations once, in an order of the
pass's own, through the same code as ``dynadvise verify``. Each waits for a quiet moment to begin.
Every figure is appended to ``.bench/results.jsonl`` at once; what is there is not measured again,
so an interrupted run goes on where it stopped. ``--random SEED`` takes ten random workloads
instead. ``report`` makes the tables of what is there,
``fixtures`` writes recorded runs for the tests of the model.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from core_speed import quickest_s, wait_until_quiet, watched
from figures import Run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
STATE = ROOT / ".bench"
RESULTS = STATE / "results.jsonl"
PROFILES = STATE / "profiles"
CALIBRATIONS = STATE / "calibrations"
DYNADVISE = (sys.executable, "-c", "from advisor.cli import main; main()")
RUN_TIMEOUT_S = 900.0
LONGEST_WAIT_S = 30.0
"""For a quiet moment; what happens after a start leaves nothing out."""
LEFT_OUT_UNLESS_NAMED = ("smoke",)
QUICK = ("in_process", "warm:2", "warm:4", "cli-in_process")
"""With ``--quick`` these and four threads for all items, and what is advised."""
QUICK_BUDGET_S = "40"
"""Of each profile with ``--quick``: a user's 60 s leave too little time for the runs, and 25 too
little to try a module's steps, without which no way with processes is advised."""


# --- the record ------------------------------------------------------------------------------


def records() -> list[dict[str, Any]]:
    """All that was recorded; a last line that was cut off in the middle is left out."""
    if not RESULTS.exists():
        return []
    return [
        json.loads(line)
        for line in RESULTS.read_text(encoding="utf-8").splitlines()
        if line.startswith("{") and line.endswith("}")
    ]


def record(entry: Mapping[str, Any]) -> None:
    """Append one line, on disk before anything else happens."""
    STATE.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(entry) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def commit() -> str:
    """What is measured: the commit, and whether it was changed since."""
    command = ["git", "describe", "--always", "--dirty=+", "--abbrev=9", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def workload(name: str) -> Any:
    """A workload of the bench, or a random one, by its name."""
    from random_workloads import workloads
    from workloads import WORKLOADS

    if name.startswith("seed_"):
        return workloads(int(name.split("_")[1]))[name]
    return WORKLOADS[name]


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def say(text: str) -> None:
    sys.stderr.write(f"{datetime.now().astimezone():%H:%M:%S} {text}\n")
    sys.stderr.flush()


# --- profiling -------------------------------------------------------------------------------


def profiled(name: str) -> dict[int, dict[str, Any]]:
    """What was recorded of the workload's profiles, by pass; without those that are gone."""
    return {
        r["repeat"]: r
        for r in records()
        if r["kind"] == "profile" and r["workload"] == name and (ROOT / r["path"]).exists()
    }


def make_profile(name: str, repeat: int, options: Sequence[str], full_speed_s: float) -> None:
    """Profile a workload by the command that a user types; store what it predicts for the grid."""
    command = [*DYNADVISE, "profile"]
    profiles = PROFILES / f"pass-{repeat + 1}"
    command += [workload(name).target, "--profiles", str(profiles), "--format", "json", *options]
    quiet = wait_until_quiet(full_speed_s, LONGEST_WAIT_S)
    begun = time.perf_counter()
    with instance_of(name) as home, watched() as speed:
        done = subprocess.run(
            command, cwd=HERE, env={**environment(), **home}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
    took = time.perf_counter() - begun
    if done.returncode != 0:
        raise SystemExit(f"profiling {name} failed:\n{done.stderr[-3000:]}")
    from advisor import store
    from advisor.dagster_bridge.target import parse_target
    from advisor.measure.machine import host_facts

    target = parse_target(workload(name).target, working_directory=HERE)
    path = store.profile_path(profiles, host_facts().id, target)
    saved = store.read(path)
    predicted = predictions(saved)
    advice = saved.advice
    record(
        {
            "kind": "profile", "workload": name, "repeat": repeat, "at": now(), "took_s": took,
            "path": str(path.relative_to(ROOT)), "predicted": predicted,
            "advised": labels(saved)["advised"], "config_only": labels(saved)["config-only"],
            "default": labels(saved)["default"], "core_s": speed.mean_s, "quiet": quiet,
            "commit": commit(), "options": list(options),
            "expected_regret": {
                "advised": advice.recommendation.expected_regret,
                "config_only": advice.config_only.expected_regret,
            },
        }
    )  # fmt: skip


def environment() -> dict[str, str]:
    """The environment in which dynadvise runs: with calibrations of the bench's own."""
    return {**os.environ, "DYNADVISE_CACHE_DIR": str(CALIBRATIONS)}


def calibrate() -> None:
    """Calibrate the host once, as far as a profile's budget may not reach: the command line too."""
    if not CALIBRATIONS.exists():
        say("calibrating the host")
        subprocess.run([*DYNADVISE, "calibrate", "-q"], env=environment(), check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip


@contextmanager
def instance_of(name: str) -> Iterator[dict[str, str]]:
    """The environment with a user's instance that limits the workload's pools, if it has any."""
    from advisor.dagster_bridge.instances import set_limits, temporary_instance_home

    limits = workload(name).pool_limits
    if not limits:
        yield {}
        return
    with temporary_instance_home() as home:
        set_limits(str(home), limits)
        yield {"DAGSTER_HOME": str(home)}


def labels(saved: Any) -> dict[str, str]:
    """What the advice's own candidates are called in the grid."""
    from advisor.domain.candidate import spelling

    advice = saved.advice
    return {
        "advised": spelling(advice.recommendation.candidate),
        "config-only": spelling(advice.config_only.candidate),
        "default": f"spawn:{saved.host.facts.cpu_count}",
    }


def predictions(saved: Any) -> dict[str, dict[str, float]]:
    """The prediction of each configuration of the grid and of the advice, as `Predicted` by name.

    Without what real runs of the workload, which `profile` makes where it is unsure, would correct.
    """
    from advisor.api.asked_ways import grid
    from advisor.api.recommend import predict
    from advisor.domain.candidate import read_candidate, spelling
    from advisor.domain.options import AdviseOptions
    from advisor.model.ways import preload_list

    preload = preload_list(saved)
    ways = list(grid(saved.workload.items, saved.host.facts.cpus, preload))
    ways += [saved.advice.recommendation.candidate, saved.advice.config_only.candidate]
    ways += [read_candidate(labels(saved)["default"], preload)]
    if saved.overhead.cli_start_s is not None:
        ways += [read_candidate("cli-in_process", preload)]
    chances = {spelling(each.candidate): each.p_best for each in saved.advice.candidates}
    blind, found = dataclasses.replace(saved, verifications=()), {}
    for way in ways:
        prediction = predict(blind, way, AdviseOptions())
        found[spelling(way)] = {
            **dataclasses.asdict(prediction.makespan_s),
            "p_best": chances.get(spelling(way), 0.0),
            "peak_memory_bytes": prediction.peak_memory_bytes,
        }
    return found


def without(saved: Any, configuration: str, mechanism: str | None) -> Any:
    """The prediction by the simulator alone, without one of its mechanisms."""
    import ablation

    from advisor.domain.candidate import read_candidate
    from advisor.domain.options import AdviseOptions
    from advisor.model.measured_setting import setting_of
    from advisor.model.prediction import Predictor
    from advisor.model.ways import preload_list

    setting = setting_of(saved, AdviseOptions(), corrected=False)
    candidate = read_candidate(configuration, preload_list(saved))
    with ablation.without(mechanism, setting) if mechanism else nullcontext(setting) as changed:
        return Predictor(changed).predict(candidate)


# --- real runs -------------------------------------------------------------------------------


def pending(
    names: list[str], repeats: int, *, quick: bool = False
) -> Iterator[tuple[int, str, str]]:
    """What is still to be run: (pass, workload, configuration), interleaved.

    Each pass goes through all workloads, so that what there is after an interruption covers all
    of them; within a workload the configurations take turns in an order of each pass's own.
    """
    done = {
        (r["repeat"], r["workload"], r["configuration"]) for r in records() if r["kind"] == "run"
    }
    failed = {
        (r["workload"], r["configuration"]) for r in records() if r["kind"] == "run" and r["failed"]
    }
    for repeat in range(repeats):
        for name in names:
            found = profiled(name).get(repeat)
            configurations = [] if found is None else configurations_of(found, quick=quick)
            shuffled = random.Random(f"{repeat} {name}").sample(configurations, len(configurations))
            for configuration in shuffled or ["(to be profiled)"]:
                key = (name, configuration)
                if (repeat, *key) not in done and key not in failed:
                    yield repeat, name, configuration


def configurations_of(profile: Mapping[str, Any], *, quick: bool = False) -> list[str]:
    """What is run of a profiled workload: all that was predicted, less what it leaves out.

    What was advised is never left out.
    """
    advised = {profile["advised"], profile["config_only"]}
    out = workload(profile["workload"]).left_out

    def is_run(way: str) -> bool:
        if way in advised:
            return True
        affordable = way not in out and way.partition(":")[0] not in out
        return affordable and (not quick or way in QUICK or way.endswith(":threads=4"))

    return sorted(way for way in profile["predicted"] if is_run(way))


def expected_s(name: str, configuration: str) -> float:
    """How long a run and its start take, for the announced duration."""
    found = list(profiled(name).values())
    if not found or configuration not in found[-1]["predicted"]:
        return 60.0
    return float(found[-1]["predicted"][configuration]["median"]) + 3.0


def run_one(name: str, configuration: str, repeat: int, full_speed_s: float) -> float:
    """Run a configuration once in a quiet moment, record it, and return its wall clock."""
    from advisor import store
    from advisor.api.asked_ways import AskedWay
    from advisor.api.recommend import predict
    from advisor.api.runnable import configuration_for
    from advisor.domain.candidate import read_candidate
    from advisor.domain.options import AdviseOptions
    from advisor.measure.first_touch import pause_before_run_s
    from advisor.measure.verification import run_once
    from advisor.model.ways import preload_list

    saved = store.read(ROOT / profiled(name)[repeat]["path"])
    candidate = read_candidate(configuration, preload_list(saved))
    prediction = predict(saved, candidate, AdviseOptions())
    with tempfile.TemporaryDirectory(prefix="dynadvise-bench-") as folder:
        ready = configuration_for(
            AskedWay(candidate),
            prediction,
            saved,
            target=saved.description.target,
            run_config={},
            directory=Path(folder),
        )
        time.sleep(pause_before_run_s(saved.workload.first_touch_byte_s))
        quiet = wait_until_quiet(full_speed_s, LONGEST_WAIT_S)
        load = os.getloadavg()[0]
        with watched() as speed:
            run = run_once(ready, timeout_s=RUN_TIMEOUT_S)
    record(
        {
            "kind": "run", "workload": name, "configuration": configuration, "repeat": repeat,
            "method": candidate.method + (" with batches" if candidate.needs_code else ""),
            "wall_s": run.wall_s, "work_s": run.work_s, "parent_cpu_s": run.parent_cpu_s,
            "child_cpu_s": run.child_cpu_s, "failed": run.failed, "at": run.started_at,
            "load": load, "core_s": speed.mean_s, "quiet": quiet,
            "peak_rss_bytes": run.peak_rss_bytes, "commit": commit(),
        }
    )  # fmt: skip
    if run.failed:
        say(f"  {name} {configuration} failed: {run.failed}")
    return run.wall_s


def measure(
    names: list[str],
    repeats: int,
    *,
    quick: bool,
    minutes: float | None,
    profile_options: Sequence[str],
) -> None:
    until = time.monotonic() + minutes * 60 if minutes else float("inf")
    os.sync()  # what others have left to be written slows every commit
    calibrate()
    full_speed_s = quickest_s(10.0)
    while True:
        left = list(pending(names, repeats, quick=quick))
        if not left:
            say("Everything asked for is measured.")
            return
        if time.monotonic() > until:
            say(f"Stopped after {minutes:g} min; {len(left)} runs are left.")
            return
        repeat, name, configuration = left[0]
        seconds = sum(expected_s(n, c) for _, n, c in left)
        say(f"{len(left)} left, about {seconds / 60:.0f} min: {name} {configuration} #{repeat + 1}")
        if repeat not in profiled(name):
            make_profile(name, repeat, profile_options, full_speed_s)
            continue
        wall_s = run_one(name, configuration, repeat, full_speed_s)
        say(f"  {wall_s:.2f} s, predicted {expected_s(name, configuration) - 3.0:.2f} s")


def runs(names: list[str]) -> list[Run]:
    """The recorded runs that succeeded."""
    core_s = {(name, k): r.get("core_s") for name in names for k, r in profiled(name).items()}
    found = []
    for r in records():
        if r["kind"] == "run" and not r["failed"] and r["workload"] in names:
            before_s, then_s = core_s.get((r["workload"], r["repeat"])), r.get("core_s")
            slower = then_s / before_s if before_s and then_s else None
            found.append(
                Run(
                    r["workload"], r["configuration"], r["method"], r["wall_s"], r["repeat"],
                    slower, r.get("peak_rss_bytes", 0),
                )
            )  # fmt: skip
    return found


# --- command line ----------------------------------------------------------------------------


def main() -> None:
    from random_workloads import workloads
    from workloads import WORKLOADS

    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="profile and run what is not measured yet")
    measuring.add_argument("--workload", help="names separated by commas; default: all")
    measuring.add_argument("--random", type=int, metavar="SEED",
                           help="ten random workloads of this seed instead")  # fmt: skip
    measuring.add_argument("--environment", default="prod", choices=("dev", "test", "prod"),
                           help="to advise for (default: prod)")  # fmt: skip
    measuring.add_argument("--repeats", type=int, default=3)
    measuring.add_argument("--minutes", type=float, help="stop after so many")
    measuring.add_argument("--quick", action="store_true", help="a part of the grid")
    measuring.add_argument("--recalibrate", action="store_true", help="before each profile")
    measuring.add_argument("--budget", help="seconds that each profile may measure")
    reporting = commands.add_parser("report", help="write the tables")
    reporting.add_argument("--predict-again", action="store_true",
                           help="by today's model, not as recorded before the runs")  # fmt: skip
    commands.add_parser("left", help="show what is left")
    commands.add_parser("fixtures", help="write recorded runs for the tests")
    given = parser.parse_args()

    every = [name for name in WORKLOADS if name not in LEFT_OUT_UNLESS_NAMED]
    if given.command == "measure":
        random_ones = {} if given.random is None else workloads(given.random)
        for name, each in random_ones.items():
            say(f"{name}: {each.items} items, {each.kind}")
        names = given.workload.split(",") if given.workload else list(random_ones) or every
        for name in names:
            if name not in (known := {**WORKLOADS, **random_ones}):
                parser.error(f"there is no workload {name!r}; there are: {', '.join(known)}")
        budget_s = given.budget or (QUICK_BUDGET_S if given.quick else None)
        options = ["--environment", given.environment]
        options += ["--recalibrate"] if given.recalibrate else []
        options += ["--budget", budget_s] if budget_s else []
        try:
            measure(
                names,
                given.repeats,
                quick=given.quick,
                minutes=given.minutes,
                profile_options=options,
            )
        except KeyboardInterrupt:
            say("Interrupted; `make bench` goes on from here.")
            raise SystemExit(130) from None
    elif given.command == "left":
        for repeat, name, configuration in pending(every, 3):
            sys.stdout.write(f"{name} {configuration} #{repeat + 1}\n")
    elif given.command == "fixtures":
        from fixtures import write_fixtures

        write_fixtures(list(WORKLOADS))
    else:
        from pages import write_report

        write_report(predict_again=given.predict_again)


if __name__ == "__main__":
    main()
