"""The report's page in a real browser."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner
from factories import make_saved_profile
from playwright.sync_api import expect, sync_playwright

from advisor import store
from advisor.cli import cli

CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


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
    for arguments in (
        (str(first), "-o", str(folder / "one.html")),
        (str(first), str(second), "-o", str(folder / "two.html")),
    ):
        outcome = CliRunner().invoke(cli, ["report", *arguments])
        assert outcome.exit_code == 0, outcome.output
    return folder


@pytest.fixture
def opened(browser, page_file):
    contexts = []

    def open_page(name="one.html", fragment="", **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        messages = []
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(f"file://{page_file / name}{fragment}")
        page.wait_for_selector("body[data-drawn]")
        return page, messages

    yield open_page
    for context in contexts:
        context.close()


def test_it_is_small_and_loads_nothing(page_file):
    text = (page_file / "one.html").read_text()
    assert len(text) < 150_000
    assert "http://www.w3.org/2000/svg" in text
    assert text.count("http") == text.count("http://www.w3.org/2000/svg") + text.count("http-equiv")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_message_no_fault_of_access_no_sideways_scrolling(opened, width, scheme):
    page, messages = opened(viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert messages == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    faults = Axe().run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in faults] == []


def test_the_sliders_move_the_figures_to_the_models(opened):
    page, messages = opened(fragment="#items=200&cores=8")
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


def test_the_config_at_the_sliders_is_copied(opened):
    page, _ = opened(permissions=["clipboard-read", "clipboard-write"])
    page.locator("#copy-config button").click()
    expect(page.locator("#copy-config button")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#config").inner_text()
    assert copied.startswith("execution:")


def test_keyboard_alone_moves_a_slider(opened):
    page, _ = opened()
    before = page.locator("#sliders output").first.inner_text()
    page.locator("#slider-items").focus()
    for _ in range(5):
        page.keyboard.press("PageUp")
    assert page.locator("#sliders output").first.inner_text() != before


def test_two_profiles_are_compared_and_hostile_names_stay_text(opened):
    page, messages = opened("two.html")
    assert page.locator("#comparison thead button").count() == 2
    page.locator("#comparison thead button").nth(1).click()
    expect(page.locator("#target")).to_have_text("</script>x")
    assert messages == []


def test_what_is_embedded_is_json(opened):
    page, _ = opened()
    data = json.loads(page.locator("#data").evaluate("(node) => node.textContent"))
    assert len(data["profiles"]) == 1
