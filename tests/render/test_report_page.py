"""The report's page in a real browser."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner
from factories import make_description, make_saved_profile
from playwright.sync_api import expect

from advisor import store
from advisor.api.recommend import recommend
from advisor.api.report_page import page_of
from advisor.cli import cli
from advisor.domain.cluster import Cluster
from advisor.domain.options import AdviseOptions
from advisor.domain.workload import ExecutorSetting
from advisor.render.document import Document
from advisor.render.html import InteractivePart, to_html

ON_K8S = ExecutorSetting("k8s", "k8s_job_executor", max_concurrent=16, effective_max_concurrent=16)


SHIPPED = sorted((Path(__file__).parents[2] / "profiles").glob("*/*.json"))


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    first = store.write(make_saved_profile(), folder / "profiles")
    other = make_saved_profile()
    target = replace(other.description.target, attribute="other", spelled="shop.chunks:other")
    other = replace(other, description=replace(other.description, target=target))
    second = store.write(
        replace(other, advice=replace(other.advice, target="</script>x")), folder / "b"
    )
    (seed_chunks,) = (path for path in SHIPPED if "seed_chunks" in path.name)
    for arguments in (
        (str(first), "-o", str(folder / "one.html")),
        (str(first), str(second), "-o", str(folder / "two.html")),
        (str(first), "--max-rate", "2", "-o", str(folder / "rate.html")),
        (str(seed_chunks), "-o", str(folder / "shipped.html")),
    ):
        outcome = CliRunner().invoke(cli, ["report", *arguments])
        assert outcome.exit_code == 0, outcome.output
    on_k8s = make_saved_profile(description=make_description(executor=ON_K8S))
    for name, cluster in (("unknown", None), ("cluster", Cluster("prod", "k8s", start_s=8.0))):
        asked = AdviseOptions(cluster=cluster)
        saved = replace(on_k8s, advice=recommend(on_k8s, asked))
        above = InteractivePart("report", {"profiles": [page_of(saved, asked)]})
        (folder / f"{name}.html").write_text(to_html(Document(()), name, above=above))
    return folder


def test_it_is_small_and_loads_nothing(page_file):
    text = (page_file / "one.html").read_text()
    assert len(text) < 150_000
    assert "http://www.w3.org/2000/svg" in text
    assert text.count("http") == text.count("http://www.w3.org/2000/svg") + text.count("http-equiv")


@pytest.mark.parametrize("profile", SHIPPED, ids=lambda path: path.stem.rpartition("-")[2])
def test_every_examples_page_is_small_and_has_the_code_once(profile, tmp_path):
    page = tmp_path / "page.html"
    assert CliRunner().invoke(cli, ["report", str(profile), "-o", str(page)]).exit_code == 0
    text = page.read_text()
    assert len(text) < 150_000
    assert text.count("def events_of(") <= 1


@pytest.mark.parametrize("name", ["one", "two", "shipped"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_message_no_fault_of_access_no_sideways_scrolling(
    opened, page_file, name, width, scheme
):
    page, messages = opened(page_file / f"{name}.html", width=width, scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert messages == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    faults = Axe().run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in faults] == []


def test_the_sliders_move_the_figures_to_the_models(opened, page_file):
    page, messages = opened(page_file / "one.html", "#items=200&cores=8")
    shown = page.locator("#cards .card").nth(2).locator(".time").inner_text()
    expected = page.evaluate(
        "(() => { const point = evaluate(); return seconds(point.best.median); })()"
    )
    assert shown.startswith(expected)
    before = page.locator("#timeline").inner_html()
    page.locator("#slider-items").evaluate(
        "(slider) => { slider.value = 900; slider.dispatchEvent(new Event('input')); }"
    )
    expect(page.locator("body")).not_to_have_attribute("data-drawn", "1")
    assert page.locator("#timeline").inner_html() != before
    assert "items=" in page.evaluate("location.hash")
    page.click("#as-measured")
    assert page.evaluate("location.hash") == ""
    assert messages == []


def test_the_config_at_the_sliders_is_copied(opened, page_file, pasted):
    page, _ = opened(page_file / "one.html")
    page.locator("#copy-config button").click()
    expect(page.locator("#copy-config button")).to_have_text("Copied")
    copied = pasted(page)
    assert copied == page.locator("#config").inner_text()
    assert copied.startswith("execution:")


def test_the_sliders_obey_the_services_rate(opened, page_file):
    page, messages = opened(page_file / "rate.html", "#items=300")
    least_s = page.evaluate("Math.min(...evaluate().model && ways.map((way) => way.low))")
    assert least_s >= 300 / 2
    expect(page.locator("#cautions")).to_contain_text("2 items per second")
    assert messages == []


def test_what_a_cluster_runs_is_not_recomputed_and_the_page_says_so(opened, page_file):
    page, messages = opened(page_file / "cluster.html", "#items=300")
    expect(page.locator("#cautions")).to_contain_text("k8s executor starts are not recomputed")
    now = page.locator("#cards .card").first
    expect(now).to_contain_text("Not recomputed here; as measured")
    assert "k8s" not in page.locator("#ways").inner_text()
    page.click("#as-measured")
    assert "k8s" in page.locator("#ways").inner_text()
    assert messages == []


def test_a_way_without_a_prediction_is_named_as_what_runs_now(opened, page_file):
    page, _ = opened(page_file / "unknown.html")
    now = page.locator("#cards .card").first
    expect(now).to_contain_text("k8s executor, max_concurrent 16")
    expect(now).to_contain_text("There is no prediction of it.")


def test_keyboard_alone_moves_a_slider(opened, page_file):
    page, _ = opened(page_file / "one.html")
    before = page.locator("#sliders output").first.inner_text()
    page.locator("#slider-items").focus()
    for _ in range(5):
        page.keyboard.press("PageUp")
    assert page.locator("#sliders output").first.inner_text() != before


def test_two_profiles_are_compared_and_hostile_names_stay_text(opened, page_file):
    page, messages = opened(page_file / "two.html")
    assert page.locator("#comparison thead button").count() == 2
    page.locator("#comparison thead button").nth(1).click()
    expect(page.locator("#target")).to_have_text("</script>x")
    assert messages == []


def test_keyboard_alone_chooses_a_profile(opened, page_file):
    page, _ = opened(page_file / "two.html")
    for _ in range(4):  # the link, the table that scrolls, one profile, the other
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#target")).to_have_text("</script>x")


def test_print_keeps_heads_and_colours_and_leaves_out_what_is_clicked(opened, page_file):
    if opened.name == "firefox":
        pytest.skip("the media of this Firefox cannot be set from outside")
    page, _ = opened(page_file / "two.html")
    page.emulate_media(media="print")
    assert page.locator("#comparison thead").inner_text().count("x") >= 1
    for head in page.locator("#ways thead th").all():
        assert head.inner_text().strip()
    assert not page.locator("#whatif").is_visible()
    assert not page.locator("#copy-link").is_visible()
    key = page.locator(".key i").first
    assert key.evaluate("(each) => getComputedStyle(each).printColorAdjust") == "exact"


def test_what_is_embedded_is_json(opened, page_file):
    page, _ = opened(page_file / "one.html")
    data = json.loads(page.locator("#data").evaluate("(node) => node.textContent"))
    assert len(data["profiles"]) == 1
