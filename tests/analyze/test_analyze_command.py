"""``dynadvise analyze`` as a user runs it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from fabricated_instance import Run, multiprocess_events, write_instance

from advisor.cli import cli
from advisor.render.forms.schema import schema_of

SPAWN_2 = {"execution": {"config": {"multiprocess": {"max_concurrent": 2}}}}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    runs = [
        Run(f"run-{index:02}-abcdef", multiprocess_events(8), run_config=SPAWN_2)
        for index in range(3)
    ]
    return write_instance(
        tmp_path / "home", [*runs, Run("other-run", multiprocess_events(2), job="rows")]
    )


@pytest.fixture
def dynadvise(home: Path):
    def run(*arguments: str, instance: bool = True) -> tuple[int, str, str]:
        place = ("--instance", str(home)) if instance else ()
        return invoke("analyze", *arguments, *place)

    return run


def invoke(*arguments: str) -> tuple[int, str, str]:
    found = CliRunner().invoke(cli, arguments)
    return found.exit_code, found.stdout, found.stderr


def test_the_newest_run_is_the_default(dynadvise) -> None:
    status, out, _ = dynadvise()
    assert status == 0
    assert " ".join(out.split()).startswith("1 run of rows in ")
    assert "█" in out


@pytest.mark.parametrize("arguments", [(), ("--job", "chunks")])
def test_the_answer_is_one_screen_with_the_loss_its_cause_and_the_remedy(
    dynadvise, monkeypatch: pytest.MonkeyPatch, arguments
) -> None:
    monkeypatch.setenv("COLUMNS", "79")
    _, out, _ = dynadvise(*arguments)
    assert len(out.splitlines()) <= 24
    assert max(map(len, out.splitlines())) <= 79
    verdict, cause, remedy = (out.index(word) for word in ("can be saved.", "RUN003", "Remedy:"))
    assert verdict < cause < remedy < out.index("speed-up")
    if arguments:
        assert "28 s, of which up to 19 s can be saved." in " ".join(out.split())
        assert "RUN003 warning, in 3 of 3 runs: " in out


def test_details_hold_chart_phases_and_diagnosis_of_each_run(dynadvise) -> None:
    status, out, _ = dynadvise("--job", "chunks", "--last", "2", "--details")
    assert status == 0
    assert "2 runs of chunks" in out
    for words in ("import and plan", "imports", "RUN003", "Remedy:", "Gain:", "efficiency"):
        assert words in out


def test_dagster_home_is_the_default_instance(
    dynadvise, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, _, err = dynadvise(instance=False)
    assert status == 2
    assert "DAGSTER_HOME" in err
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    assert dynadvise(instance=False)[0] == 0


def test_json_holds_every_figure(dynadvise) -> None:
    status, out, _ = dynadvise("--job", "chunks", "--format", "json")
    document = json.loads(out)
    assert status == 0
    assert (document["schema"], document["version"]) == ("dynadvise/analysis", 1)
    jsonschema.validate(document, schema_of("analysis"))
    assert len(document["runs"]) == 3
    run = document["runs"][0]
    work = next(op for op in run["ops"] if op["role"] == "mapped")
    assert work["phases"]["launch"]["median"] == pytest.approx(1.0, abs=1e-3)
    assert work["phases"]["compute"]["steps"] == 8
    assert run["totals"]["makespan_s"] > run["totals"]["work_s"] / 2
    assert {"code", "kind", "gain_s", "formula", "evidence", "remedy"} <= set(run["diagnoses"][0])
    assert document["overhead"]["multiprocess"]["spawn"]["boot_s"] > 0.9
    assert document["drift"]["thin"]


def test_markdown_has_tables(dynadvise) -> None:
    status, out, _ = dynadvise("--format", "markdown")
    assert status == 0
    assert out.startswith("**1 run of rows")
    assert out.index("Remedy:") < out.index("<details>") < out.index("| phase |")


def test_a_run_by_the_beginning_of_its_id_and_its_chart_as_svg(dynadvise, tmp_path: Path) -> None:
    chart = tmp_path / "chart.svg"
    status, out, _ = dynadvise("--run", "run-01", "-o", str(chart), "--details")
    assert status == 0
    assert "Run run-01-a" in out
    root = ET.fromstring(chart.read_text())
    rectangles = [element for element in root.iter() if element.tag.endswith("rect")]
    assert len(rectangles) > 20
    assert "work[k3]" in chart.read_text()


def test_the_page_is_a_form_and_what_a_file_of_that_name_gets(dynadvise, tmp_path: Path) -> None:
    file = tmp_path / "runs.html"
    assert dynadvise("--job", "chunks", "-o", str(file))[:2] == (0, "")
    status, out, _ = dynadvise("--job", "chunks", "--format", "html")
    assert status == 0
    assert out.startswith("<!doctype html>")
    assert file.read_text() == out
    assert "script-src &#39;sha256-" in out


def test_a_profile_is_saved_from_runs_alone_and_advises(dynadvise, tmp_path: Path) -> None:
    status, _, err = dynadvise("--job", "chunks", "--save", "--items", "500", "-q")
    assert (status, err) == (0, "")
    (path,) = tmp_path.glob("profiles/*/*.json")
    status, out, _ = invoke("recommend", str(path), "--format", "json")
    assert status == 0
    advice = json.loads(out)
    assert advice["workload"]["wall_s"]["median"] == pytest.approx(0.5, abs=0.01)
    assert advice["current"]["start_method"] == "spawn"
    assert any("past runs" in note for note in advice["notes"])


def test_later_runs_are_laid_beside_the_saved_prediction(
    dynadvise, tmp_path: Path, home: Path
) -> None:
    assert dynadvise("--job", "chunks", "--save")[0] == 0
    (path,) = tmp_path.glob("profiles/*/*.json")
    document = json.loads(path.read_text())
    document["advice"]["advised_at"] = "2020-01-01T00:00:00+00:00"
    path.write_text(json.dumps(document))
    status, out, _ = dynadvise("--job", "chunks", "--format", "json")
    assert status == 0
    drift = json.loads(out)["drift"]
    assert all(point["predicted_s"] for point in drift["points"])
    assert drift["median_error"] is not None
    text = dynadvise("--job", "chunks", "--details")[1]
    assert "Predictions of these runs erred by" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--run", "nothing-like-it"), "no run 'nothing-like-it'"),
        (("--job", "nothing"), "Jobs with runs: chunks, rows"),
        (("--job", "chunks", "--last", "0"), "--last"),
        (("--run", "run-01", "--job", "chunks"), "--run or --job"),
        (("--items", "5"), "--save"),
        (("--profile", "no/such.json"), "no/such.json"),
    ],
)
def test_wrong_use_is_told_without_a_traceback(dynadvise, arguments, words) -> None:
    status, out, err = dynadvise(*arguments)
    assert (status, out) == (2, "")
    assert words in err
    assert "Traceback" not in err


def test_names_from_a_log_cannot_steer_a_terminal_or_markdown(tmp_path: Path, dynadvise) -> None:
    events = multiprocess_events(2)
    for event in events:
        if event.step_key == "work[k0]":
            event.step_key = "\x1b[31mevil|<script>[k0]"
    write_instance(tmp_path / "evil", [Run("evil-run", events)])
    place = ("--instance", str(tmp_path / "evil"))
    status, text, _ = dynadvise(*place, instance=False)
    assert status == 0
    assert "\x1b" not in text
    assert "<script>" not in dynadvise(*place, "--format", "markdown", instance=False)[1]
    chart = tmp_path / "evil.svg"
    dynadvise(*place, "-o", str(chart), instance=False)
    assert "<script>" not in chart.read_text()
    ET.fromstring(chart.read_text())


def test_a_damaged_log_among_the_newest_is_left_out_and_named(dynadvise, home: Path) -> None:
    (home / "history" / "runs" / "run-01-abcdef.db").write_bytes(b"x" * 9000)
    status, out, _ = dynadvise("--job", "chunks", "--format", "json")
    document = json.loads(out)
    assert (status, len(document["runs"])) == (0, 2)
    assert "run-01-abcdef.db" in document["notes"][0]
    assert dynadvise("--run", "run-01-abcdef")[0] == 2
