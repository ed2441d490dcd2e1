"""The answer fits one screen, beside the prompt in its last line, and its commands run."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from factories import make_saved_profile

from advisor import store
from advisor.api.pictures import pictures_of
from advisor.api.recommend import recommend
from advisor.cli import cli
from advisor.domain.cluster import Cluster
from advisor.domain.options import AdviseOptions
from advisor.domain.picture import Bar
from advisor.domain.stopping import MeasuringEnd, StopReason
from advisor.render.screen import screen_document
from advisor.render.terminal import to_text


@pytest.fixture(scope="module")
def saved():
    return make_saved_profile()


def screen(saved, **options):
    asked = AdviseOptions(**options)
    advice = recommend(saved, asked, snippets=False)
    pictures = pictures_of(saved, advice, asked)
    document = screen_document(advice, pictures, target="m:j", profile="m:j", more="More.")
    return to_text(document, width=79)


@pytest.mark.parametrize("options", [{}, {"items": 5000}, {"change": "config"}, {"items": 1}])
def test_the_answer_is_one_screen(saved, options):
    lines = screen(saved, **options).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 79


def test_a_budget_that_was_too_short_is_told_on_top_with_its_reason(saved):
    end = MeasuringEnd(StopReason.BUDGET, 20.0, load=8.0, needed_s=19.0, starting_s=16.0)
    advice = replace(recommend(saved, AdviseOptions(), snippets=False), measuring=end)
    document = screen_document(advice, (), target="m:j", profile="m:j", more="More.")
    lines = to_text(document, width=79).splitlines()
    told = "Budget too short: a first answer took 19 s, 16 s of it starting and importing."
    assert told in " ".join(" ".join(lines[:4]).split())
    assert len(lines) <= 24


SHIPPED = sorted((Path(__file__).parents[2] / "profiles").glob("*/*.json"))


@pytest.mark.parametrize("profile", SHIPPED, ids=lambda path: path.stem.rpartition("-")[2])
@pytest.mark.parametrize("command", ["recommend", "predict", "plan --partitions 365 --items 40"])
def test_every_examples_answer_is_one_screen(command, profile, monkeypatch):
    monkeypatch.setenv("COLUMNS", "79")
    name, *options = command.split()
    outcome = CliRunner().invoke(cli, [name, str(profile), *options])
    assert outcome.exit_code == 0, outcome.output
    lines = outcome.stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 79


@pytest.mark.parametrize("command", ["recommend", "recommend --items 5000", "plan --partitions 9"])
def test_a_comment_has_the_rest_below_and_names_no_option_for_it(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "79")
    name, *options = command.split()
    for profile in SHIPPED:
        form = ["--format", "markdown"]
        outcome = CliRunner().invoke(cli, [name, str(profile), "--items", "40", *options, *form])
        assert outcome.exit_code == 0, outcome.output
        assert "<details>" in outcome.stdout
        assert "--details" not in outcome.stdout


def test_the_three_ways_stand_on_one_axis(saved):
    text = screen(saved)
    drawn = [line.partition("░ starts")[0] for line in text.splitlines() if set(line) & set("░█▒")]
    rows = {line.split()[0]: line[12:] for line in drawn}
    longest = max(len(row.rstrip()) for row in rows.values())
    best, now = len(rows["BEST"].rstrip()), len(rows["NOW"].rstrip())
    advice = recommend(saved, AdviseOptions(), snippets=False)
    expected = advice.recommendation.makespan_s.median / advice.current.makespan_s.median
    assert now == longest
    assert best / now == pytest.approx(expected, abs=2 / longest)


def test_the_work_of_a_clusters_run_is_drawn_behind_the_runs_start(saved):
    asked = AdviseOptions(cluster=Cluster("prod", "k8s", cpu=8, start_s=8.0, run_start_s=20.0))
    pictures = pictures_of(saved, recommend(saved, asked, snippets=False), asked)
    drawn = [picture for picture in pictures if picture.bars]
    assert drawn
    for picture in drawn:
        assert picture.bars[0] == Bar(0, 0.0, 20.0, "start")
        assert min(bar.begin_s for bar in picture.bars[1:]) >= 20.0
        assert max(bar.end_s for bar in picture.bars) == pytest.approx(picture.makespan_s, rel=0.1)


def test_what_it_prints_to_be_typed_is_typed(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store.write(saved, tmp_path / "profiles")
    outcome = CliRunner().invoke(cli, ["recommend", saved.advice.target])
    typed = [line for line in outcome.stdout.splitlines() if line.startswith("dynadvise ")]
    run = [shlex.split(line, comments=True)[1:] for line in typed]
    assert {words[0] for words in run} >= {"emit", "report", "verify"}
    for words in run:
        if words[0] in {"emit", "report"}:
            assert CliRunner().invoke(cli, words).exit_code == 0


def test_what_runs_already_is_called_now_and_numbers_are_printed_as_typed(saved, tmp_path):
    now = recommend(saved, AdviseOptions(), snippets=False).now
    keeps = replace(recommend(saved, AdviseOptions(), snippets=False), config_only=now)
    for advice, name in ((keeps, "NOW"), (replace(keeps, recommendation=now), "NOW = BEST")):
        text = to_text(screen_document(advice, target="m:j", profile="m:j"), width=79)
        assert f"{name}  " in text
        assert "CONFIG ONLY" not in text
    store.write(saved, tmp_path)
    asked = ["--items", "5000", "--cores", "16", "--profiles", str(tmp_path)]
    outcome = CliRunner().invoke(cli, ["recommend", saved.advice.target, *asked])
    assert "--items 5000 --cores 16 --as run-config" in outcome.stdout
    assert "batch of 5000" not in outcome.stdout


def test_details_show_everything(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store.write(saved, tmp_path / "profiles")
    outcome = CliRunner().invoke(cli, ["recommend", saved.advice.target, "--details"])
    for heading in ("Workload", "Configurations on", "Lower bounds", "Why "):
        assert heading in outcome.stdout


def test_the_screen_says_why_measuring_ended(saved):
    end = MeasuringEnd(StopReason.SETTLED, 9.4)
    ended = replace(saved, advice=replace(saved.advice, measuring=end))
    text = screen(ended)
    assert "Settled after 9.4 s." in " ".join(text.split())
    assert len(text.splitlines()) <= 24


@pytest.mark.parametrize(("load", "said"), [(14.2, True), (1.4, False), (None, False)])
def test_the_first_line_says_that_others_had_the_cores(saved, load, said):
    end = MeasuringEnd(StopReason.BUDGET, 60.0, load=load)
    text = screen(replace(saved, advice=replace(saved.advice, measuring=end)))
    first = " ".join(text.split()).partition("how to run")[0]
    assert ("2 cores, load 14: figures are uncertain." in first) == said
    assert len(text.splitlines()) <= 24


def test_the_screen_says_why_there_is_no_now(saved):
    overhead = saved.overhead
    without = {n: m for n, m in overhead.multiprocess.items() if n != "spawn"}
    host = replace(saved.host, unmeasured={"spawn": "did not end within 30 s"})
    text = screen(replace(saved, overhead=replace(overhead, multiprocess=without), host=host))
    assert "NOW" not in text
    why = "No figure for multiprocess, spawn, max_concurrent 2: there is no measurement of it"
    assert f"{why} (did not end within 30 s)." in " ".join(text.split())


def test_the_runs_are_a_picture_that_stands_alone(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store.write(saved, tmp_path / "profiles")
    outcome = CliRunner().invoke(cli, ["recommend", saved.advice.target, "-o", "runs.svg"])
    assert outcome.exit_code == 0
    picture = ET.fromstring((tmp_path / "runs.svg").read_text())
    texts = [node.text for node in picture.iter() if node.tag.endswith("text")]
    bars = [node for node in picture.iter() if node.get("class") == "work"]
    assert texts[0].startswith("now: multiprocess, spawn")
    assert "x faster" in texts[1]
    assert len(bars) > saved.workload.items  # each item now, and those of the advised way
    assert "how to run" in outcome.stdout
