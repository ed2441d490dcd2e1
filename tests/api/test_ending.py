"""When a profile ends, and what is kept of it; the host is one that was calibrated before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from factories import make_host_profile

from advisor import store
from advisor.api import calibrating
from advisor.api.profile import profile
from advisor.domain.options import (
    MeasureOptions,
    ProfileOptions,
    ProfilesOptions,
    WorkloadOptions,
)
from advisor.domain.stopping import StopReason
from advisor.host_store import write_host
from advisor.render.advice import advice_document
from advisor.render.terminal import to_text

NAPS = """
import time


def nap(milliseconds):
    time.sleep(milliseconds / 1000)
    return milliseconds
"""
MAIN = "from advisor.cli import main; main()"


@pytest.fixture
def naps(tmp_path, monkeypatch):
    """A function that sleeps, on a host that is calibrated."""
    monkeypatch.setenv("DYNADVISE_CACHE_DIR", str(tmp_path / "cache" / "calibrations"))
    (tmp_path / "naps.py").write_text(NAPS)

    def request(milliseconds: float, count: int = 8, **measure: object) -> ProfileOptions:
        (tmp_path / "items.json").write_text(
            json.dumps([milliseconds + i / 100 for i in range(count)])
        )
        options = ProfileOptions(
            WorkloadOptions("naps:nap", inputs="items.json", working_directory=tmp_path),
            measure=MeasureOptions(budget_s=600.0, **measure),
            profiles=ProfilesOptions(tmp_path / "profiles"),
        )
        subject = calibrating.subject_of(calibrating.target_of(options.workload))
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        host = replace(
            make_host_profile(), facts=subject.facts, user_module="naps", calibrated_at=now
        )
        write_host(calibrating._path(subject), host)
        return options

    monkeypatch.chdir(tmp_path)
    return request


def watched(request: ProfileOptions):
    """The outcome, and the parts that were measured."""
    parts: list[str] = []
    outcome = profile(request, watch=lambda standing: parts.append(standing.part))
    return outcome, [part for part in parts if part]


def test_items_of_5_ms_are_settled_without_a_process(naps):
    outcome, parts = watched(naps(5))
    assert outcome.advice.measuring.reason is StopReason.SETTLED
    assert parts == ["hot spots under pyinstrument"]
    assert "2 items in parallel as processes" in outcome.advice.measuring.skipped
    details = " ".join(to_text(advice_document(outcome.advice)).split())
    assert "it could not change the advice: " in details
    assert outcome.advice.measuring.load is not None


def test_a_second_profile_goes_on_where_the_first_ended(naps):
    first, parts = watched(naps(400))
    assert "8 items in parallel as threads" in parts
    assert first.advice.recommendation.candidate.workers_in_op == 8
    assert first.saved.workload.op_executions <= 20
    again, parts = watched(naps(400))
    assert parts == []
    assert again.advice.measuring.reason is StopReason.SETTLED
    assert again.advice.recommendation.candidate == first.advice.recommendation.candidate
    assert again.saved.workload.hotspots == first.saved.workload.hotspots
    assert not any("goes on" in note for note in first.advice.notes)
    assert any("goes on from an earlier profile" in note for note in again.advice.notes)


def test_what_leads_at_the_end_is_what_was_found_last(naps):
    standings = []
    profile(naps(400), watch=standings.append)
    *before, last = standings
    assert last.part == "hot spots under pyinstrument"
    assert last.leading == before[-1].leading
    assert last.leading != before[0].leading


def test_a_first_answer_has_no_hot_spots_and_says_so(naps):
    outcome, parts = watched(naps(400, fast=True))
    assert parts == []
    assert not outcome.saved.workload.hotspots
    assert any("--fast" in note for note in outcome.advice.notes)


def test_an_interruption_keeps_what_is_known(naps):
    def watch(standing):
        if standing.part:
            raise KeyboardInterrupt

    outcome = profile(naps(400), watch=watch)
    assert outcome.advice.measuring.reason is StopReason.INTERRUPTED
    assert outcome.interrupted
    assert outcome.path is not None
    assert outcome.path.exists()


def test_an_interruption_while_it_is_saved_is_not_lost(naps, monkeypatch):
    write = store.write

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)
        return write(*arguments)

    monkeypatch.setattr(store, "write", interrupted)
    outcome = profile(naps(5, fast=True))
    assert outcome.interrupted
    assert store.read(outcome.path).advice.recommendation == outcome.advice.recommendation


def test_an_advice_that_cannot_be_saved_is_shown(naps, tmp_path):
    naps(5)
    command = ["profile", "naps:nap", "--inputs", "items.json", "--fast", "--profiles", "naps.py/x"]
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *command],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "DAGSTER_HOME": ""},
    )  # fmt: skip
    assert "BEST" in done.stdout
    assert "naps--nap" in done.stderr.partition("Error: The profile")[2]
    assert done.returncode == 2


@pytest.mark.parametrize(("sign", "kept"), [("Will run", False), ("after ", True)])
def test_ctrl_c_ends_with_an_advice_or_says_that_there_is_none(naps, sign, kept, tmp_path):
    naps(400)
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, "profile", "naps:nap", "--inputs", "items.json"],
        cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "DAGSTER_HOME": ""},
    ) as running:  # fmt: skip
        for line in running.stderr:
            if line.startswith(sign):
                break
        time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        stdout, stderr = running.communicate(timeout=60)
    assert running.returncode == 130, stderr
    assert ("Interrupted after" in stdout) == kept
    assert ("Nothing measured yet" in stderr) != kept
    assert bool(list(tmp_path.glob("profiles/*/*.json"))) == kept
