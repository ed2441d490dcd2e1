"""The page of ``analyze``: its data, its size, and it in real browsers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from observed_runs import make_observed
from playwright.sync_api import expect

from advisor.cli.analyze import html_of
from advisor.domain.analysis import Analysis, ObservedOverhead
from advisor.domain.quantities import Interval
from advisor.history.drift import drift
from advisor.history.run_analysis import analyze_run
from advisor.history.statistics import op_statistics
from advisor.render.analysis_page import LONGEST, MOST_STEPS, page_of


def analysis_of(*runs, predicted=None):
    points = drift(runs, None)
    if predicted:
        known = [replace(each, predicted_s=predicted) for each in points.points]
        points = replace(points, points=tuple(known))
    return Analysis(
        instance="dagster_home",
        runs=tuple(analyze_run(run) for run in runs),
        combined=op_statistics(runs),
        overhead=ObservedOverhead(),
        drift=points,
    )


def with_failure(run, at=-2):
    """The run with one step that failed, by a hostile name."""
    steps = list(run.steps)
    steps[at] = replace(steps[at], status="failure", step_key="work[</script><b>x]")
    return replace(run, steps=tuple(steps), status="failure")


SMALL = make_observed([0.5] * 6 + [2.0, 0.5])
MANY = make_observed([0.5 + (i % 7) / 10 for i in range(1_000 - 2)], slots=16)


def test_each_step_has_its_wait_its_start_its_code_and_its_exit():
    page = page_of(analysis_of(SMALL))
    (run,) = page["runs"]
    assert run["names"] == ["collect", "fan_out", "work"]
    lane, op, key, begin_ms, *parts = run["steps"][3]  # the third item, in the slot of the first
    assert (lane, run["names"][op], key) == (0, "work", "k2")
    first_begin_ms = run["steps"][1][3]
    assert begin_ms - first_begin_ms == pytest.approx(1690, abs=2)
    # waits from the fan-out's end; boot and prepare; load; code; store; exit and polls
    assert parts == pytest.approx([1740, 1100, 20, 500, 20, 50], abs=2)
    spent = run["slot_time_s"]
    assert sum(spent.values()) == pytest.approx(2 * run["makespan_s"])
    assert spent["work"] == pytest.approx(run["work_s"])
    assert page["verdict"].startswith("1 run of chunks in dagster_home: ")
    assert {cause["code"] for cause in page["causes"]} >= {"RUN003"}


def test_a_prediction_stands_beside_its_run():
    page = page_of(analysis_of(SMALL, predicted=Interval(9.0, 8.0, 10.0)))
    assert page["runs"][0]["predicted_s"] == {"median": 9.0, "low": 8.0, "high": 10.0}


def test_of_a_huge_run_failures_and_stragglers_are_drawn_and_the_rest_is_said_to_be_missing():
    huge = make_observed([0.5] * 2_990 + [60.0] + [0.5] * 7, slots=16)
    run, small = page_of(analysis_of(with_failure(huge), SMALL))["runs"]
    assert len(run["steps"]) == MOST_STEPS
    assert run["cut"].startswith("1,000 of 3,000 steps are drawn")
    keys = [step[2] for step in run["steps"]]
    assert keys[1:3] == ["k0", "k1"]
    assert "k2990" in keys
    assert [step[2] for step in run["steps"] if step[10:] == [1]] == ["</script><b>x"]
    assert len([key for key in keys if key[1:].isdigit() and int(key[1:]) > 900]) <= LONGEST
    assert run["slot_time_s"]["work"] > 0.5 * 2_900
    assert small["steps"] == []
    assert "--run" in small["cut"]


def test_a_run_of_a_thousand_steps_is_a_small_page_that_loads_nothing():
    text = html_of(analysis_of(MANY))
    assert len(text.encode()) < 150_000
    assert text.count("http") == text.count("http://www.w3.org/2000/svg") + text.count("http-equiv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    runs = [replace(SMALL, run_id=f"run-{i}", started_at_s=1.7e9 + 86_400 * i) for i in range(4)]
    runs[1] = with_failure(runs[1])
    predicted = Interval(10.0, 9.0, 12.0)
    (folder / "few.html").write_text(html_of(analysis_of(*runs[::-1], predicted=predicted)))
    (folder / "many.html").write_text(html_of(analysis_of(MANY)))
    return folder


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_message_no_fault_of_access_no_sideways_scrolling(opened, folder, width, scheme):
    page, messages = opened(folder / "few.html", width=width, scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    faults = Axe().run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in faults] == []
    assert messages == []


def test_the_steps_can_be_seen_zoomed_and_read(opened, folder):
    page, messages = opened(folder / "many.html", width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    folded = page.locator("#timeline rect").count()
    assert folded > 100
    page.locator("#rows").select_option("steps")
    expect(page.locator("#timeline p")).to_contain_text("the first 40 of 1000 steps")
    assert "rows=steps" in page.evaluate("location.hash")
    page.locator("#zoom").focus()
    page.keyboard.press("End")
    expect(page.locator("#timeline p")).not_to_contain_text("of 1000 steps")
    page.locator("#steps-details summary").click()
    expect(page.locator("#steps tbody tr")).to_have_count(1000)
    assert messages == []


def test_another_run_is_chosen_and_hostile_names_stay_text(opened, folder):
    page, messages = opened(folder / "few.html", "#run=3")
    assert "failure" in page.locator("#cards .card").first.inner_text()
    assert page.locator("#timeline rect.failed").count() == 1
    page.locator("#steps-details summary").click()
    expect(page.locator("#steps")).to_contain_text("work[</script><b>x]")
    expect(page.locator("#history-table tbody tr")).to_have_count(4)
    expect(page.locator("#cards")).to_contain_text("inside the interval")
    assert messages == []


def test_the_remedys_command_is_copied(opened, folder, pasted):
    page, _ = opened(folder / "few.html")
    page.locator(".cause button").first.click()
    expect(page.locator(".cause button").first).to_have_text("Copied")
    assert pasted(page).startswith("dynadvise calibrate")
