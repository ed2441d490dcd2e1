"""A job with several fan-outs is one run: each has its section, and there is one total."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from projects import HERE
from test_profiles import dynadvise, seed_calibration

from advisor.api.further import measurable
from advisor.dagster_bridge.discovery import describe_further
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.options import MeasureOptions
from advisor.measure.workload.children import ProfileRequest
from advisor.measure.workload.planned_calls import planned_calls

PROJECT = HERE / "two_fan_outs"
TARGET = "definitions.py:training_job"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("DYNADVISE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(PROJECT)
    return tmp_path


def test_a_fan_out_that_waits_for_another_is_measured_with_it(folder: Path) -> None:
    seed_calibration(parse_target(TARGET).source)
    profiles = ("--profiles", folder)
    how = ("--fast", "--samples", 1, "--yes")
    shown = json.loads(dynadvise("profile", TARGET, *profiles, *how, "--format", "json"))
    first, second = shown["fan_outs"]
    assert (first["op"], first["mapped"], first["items"]) == ("files", ["read"], 3)
    assert (second["op"], second["mapped"], second["items"]) == ("chunks", ["learn"], 3)
    assert (first["waits_for"], second["waits_for"]) == ([], ["files"])
    assert second["best"]["executor"] == first["best"]["executor"]
    total_s = shown["whole_run"]["best_s"]["median"]
    assert total_s > shown["recommendation"]["predicted_s"]["median"]
    assert [each["op"] for each in shown["workload"]["not_included"]] == ["model"]
    again = json.loads(dynadvise("recommend", TARGET, *profiles, "--format", "json"))
    assert again["whole_run"] == shown["whole_run"]
    assert "Whole run: now" in dynadvise("recommend", TARGET, *profiles)
    assert "2 fan-outs in one run" in dynadvise("recommend", TARGET, *profiles, "--details")


def test_what_is_run_of_the_second_is_said_before() -> None:
    loaded = load_target(parse_target(TARGET, working_directory=PROJECT))
    description = describe(loaded)
    assert description.other_fan_outs == ("chunks",)
    further = describe_further(loaded, description, None)
    request = measurable(ProfileRequest(description), further)
    told = " ".join(planned_calls(request, 60.0))
    assert "run 'chunks' once, for which 'files', 'read' run once more" in told
    assert "'learn' repeatedly on up to 40 of its items" in told
    once = measurable(
        ProfileRequest(description, options=MeasureOptions(allow_side_effects=False)), further
    )
    assert once.further == ()
    assert "not 'chunks'" in " ".join(planned_calls(once, 60.0))
