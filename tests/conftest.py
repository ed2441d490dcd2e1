"""Pages in the browsers of this machine: Chromium and Firefox, where they are.

That this file is here puts its folder on the import path: every test can use ``factories``.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from functools import cache

import pytest

PROGRAMS = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "firefox": ("firefox-esr", "firefox"),
}
#: Firefox is driven over BiDi, which cannot say which colours a page prefers: its settings do.
SCHEME_SETTING = "layout.css.prefers-color-scheme.content-override"


@dataclass
class OpenPages:
    """Opens pages in one browser; each in a profile of its own."""

    name: str
    program: str
    playwright: object
    contexts: list = field(default_factory=list)

    def __post_init__(self):
        self.launched = cache(self._launch)

    def _launch(self, scheme):
        if self.name == "chromium":
            arguments = ["--no-sandbox"]
            return self.playwright.chromium.launch(executable_path=self.program, args=arguments)
        return self.playwright.firefox.launch(
            executable_path=self.program,
            channel="moz-firefox",
            firefox_user_prefs={SCHEME_SETTING: int(scheme == "light")},
        )

    def look(self, scheme):
        return {"color_scheme": scheme} if self.name == "chromium" else {}

    def __call__(self, path, fragment="", *, width=1280, scheme="light"):
        """The page, once it is drawn, and what it has written to the console."""
        context = self.launched(scheme).new_context(
            viewport={"width": width, "height": 900}, **self.look(scheme)
        )
        self.contexts.append(context)
        page = context.new_page()
        messages = []
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(f"file://{path}{fragment}")
        page.wait_for_selector("body[data-drawn]")
        return page, messages

    def close(self):
        while self.contexts:
            self.contexts.pop().close()


@pytest.fixture(scope="module")
def playwright_driver():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module", params=PROGRAMS)
def browser(request, playwright_driver):
    from playwright.sync_api import Error

    found = (shutil.which(program) for program in PROGRAMS[request.param])
    program = next(filter(None, found), None)
    if program is None:
        pytest.skip(f"no {request.param} on this machine")
    pages = OpenPages(request.param, program, playwright_driver)
    try:
        pages.launched("light").new_context(**pages.look("light")).close()
    except Error as error:
        pytest.skip(f"this Playwright cannot drive {program}: {error.message.splitlines()[0]}")
    return pages


@pytest.fixture
def opened(browser):
    yield browser
    browser.close()


@pytest.fixture
def pasted():
    """What a page has copied, as a paste gives it."""

    def paste(page):
        page.evaluate(
            "() => { const area = document.createElement('textarea'); area.id = 'pasted';"
            " document.body.append(area); area.focus(); }"
        )
        page.keyboard.press("Control+V")
        return page.input_value("#pasted")

    return paste
