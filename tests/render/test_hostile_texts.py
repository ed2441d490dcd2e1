"""Every text of a user's, made hostile, in every form of every report."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from factories import (
    make_advice,
    make_analysis,
    make_description,
    make_gate_report,
    make_host_profile,
    make_overhead,
    make_prediction,
    make_verification,
)
from markdown_it import MarkdownIt

from advisor.domain.advice import Crossings
from advisor.domain.measured import Calibration
from advisor.domain.verification import LeftOut
from advisor.render import github, junit, sarif
from advisor.render.advice import advice_document, prediction_document, report_document
from advisor.render.analysis import analysis_document, analysis_screen
from advisor.render.document import Code, Document
from advisor.render.forms.documents import (
    advice_to_json,
    check_to_json,
    to_json,
    verification_to_json,
)
from advisor.render.forms.encoding import json_text
from advisor.render.forms.table import OnePrediction
from advisor.render.gate import gate_document
from advisor.render.host import host_document, host_screen
from advisor.render.html import to_html
from advisor.render.markdown import to_markdown
from advisor.render.terminal import to_text
from advisor.render.timelines import observed_svg
from advisor.render.verification import verification_document, verification_screen

ROOT = Path("/repo")
HOSTILE = {
    "tag": "<script>alert(1)</script>",
    "backtick": "a`<img src=x onerror=alert(1)>",
    "backticks": "`a` ``<b>`` ```<i>\n```\n<b>`",
    "pipe": "a|b\\|<b>|`\\|<b>`",
    "lines": "one\ntwo\r\n<b>\u2028three\n\n    four\n---\n===\n# five\n- six\n</details>",
    "list": "1. one",
    "ansi": "\x1b[31mred\x1b]0;title\x07\x9b1m\x7f",
    "mention": "@everyone &lt;b&gt; [x](javascript:y) ![z](w) *b* _i_ ~~s~~ #1",
    "command": "::error::x\n::set-output name=a::b %0A::error::c, d:e",
    "zero": "a\0b",
    "direction": "a\u202eb\u200b\ufeff",
    "surrogate": "a\udc80b",
}


def poisoned(value, text):
    """``value`` with each text that a user's code or files may hold replaced."""
    if not is_dataclass(value):
        return [poisoned(part, text) for part in value]
    parts = {}
    for field in fields(value):
        part = getattr(value, field.name)
        if field.type in {"str", "str | None"}:
            parts[field.name] = text
        elif field.type == "tuple[str, ...]":
            parts[field.name] = (text, text)
        elif field.type == "Mapping[str, str]":
            parts[field.name] = {text: text}
        elif is_dataclass(part):
            parts[field.name] = poisoned(part, text)
        elif isinstance(part, tuple) and part and is_dataclass(part[0]):
            parts[field.name] = tuple(poisoned(part, text))
    return replace(value, **parts)


def everything(text):
    """All reports as one document, and each as JSON."""
    advice, prediction = poisoned(make_advice(), text), poisoned(make_prediction(), text)
    description = poisoned(make_description(), text)
    host, analysis = poisoned(make_host_profile(), text), poisoned(make_analysis(), text)
    verifications, gate = poisoned([make_verification()], text), poisoned(make_gate_report(), text)
    overhead, left_out = make_overhead(), [LeftOut(text, text)]
    calibration = Calibration(host, overhead, (Crossings(8, advice.break_even),))
    path = Path(text.replace("\0", "_"))
    documents = (
        advice_document(advice, path=path, emitted=Code(text)),
        report_document(advice, description, host, overhead, tuple(verifications)),
        prediction_document(OnePrediction(text, 8, prediction)),
        host_document(calibration),
        host_screen(calibration),
        verification_document(verifications, text, left_out=left_out),
        verification_screen(verifications, text, left_out=left_out),
        analysis_document(analysis),
        analysis_screen(analysis),
        gate_document(gate),
    )
    forms = (
        advice_to_json(advice, path=path, emitted=text),
        to_json(OnePrediction(text, 8, prediction)),
        to_json(calibration),
        verification_to_json(verifications, text, left_out=left_out),
        to_json(analysis),
        check_to_json(gate),
    )
    return Document(sum((document.blocks for document in documents), ())), forms


hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)


def assert_harmless(shown):
    """Nothing that steers a terminal, and nothing that cannot be written as UTF-8."""
    assert shown.encode()
    assert not {c for c in shown if not c.isprintable()} - {"\n", "\t"}


@hostile
def test_a_terminal_is_not_steered(text):
    document, _ = everything(text)
    assert_harmless(to_text(document))
    assert_harmless(to_text(document, wrap=False))
    assert_harmless(re.sub(r"\x1b\[[\d;]*m", "", to_text(document, color=True)))


@hostile
def test_json_keeps_every_text(text):
    _, forms = everything(text)
    for document in forms:
        shown = json_text(document)
        assert_harmless(shown)
        assert json.loads(shown) == document


@hostile
def test_markdown_has_no_markup_but_ours(text):
    document, _ = everything(text)
    shown = to_markdown(document)
    assert_harmless(shown.replace("\N{ZERO WIDTH SPACE}", "").replace("\ufe0f", ""))
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(shown)
    flat = [part for token in tokens for part in (token, *(token.children or ()))]
    ours = re.compile(r"</?(details|summary|sub)>|<br>")
    for token in flat:
        if token.type.startswith("html"):
            assert "<" not in ours.sub("", token.content), token.content
        if token.type == "text":
            assert "@everyone" not in token.content
    kinds = {token.type for token in flat}
    assert not kinds & {"link_open", "image", "s_open", "em_open", "hr", "ordered_list_open"}
    assert {token.tag for token in flat if token.type == "heading_open"} <= {"h2", "h3", "h4"}
    assert sum(token.content.count("<details>") for token in flat) == shown.count("\n\n<details>")
    rows = [line for line in shown.split("\n") if line.startswith("| ")]
    cells = sum(token.type in {"td_open", "th_open"} for token in flat)
    assert cells == sum(len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) - 1 for row in rows) - sum(
        row.count("|") - 1 for row in rows if row.startswith("| ---")
    )


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def parsed(page):
    tags = Tags()
    tags.feed(page)
    return tags


@hostile
def test_a_page_has_the_tags_that_it_has_without_hostile_texts(text):
    calm, shown = (to_html(everything(t)[0], t, t) for t in ("calm", text))
    assert_harmless(shown)
    assert parsed(shown).tags == parsed(calm).tags
    assert parsed(shown).attributes == parsed(calm).attributes


@hostile
def test_the_forms_for_services_stay_whole(text):
    report = poisoned(make_gate_report(), text)
    shown = github.render(report)
    assert_harmless(shown)
    assert [line[:2] for line in shown.split("\n")] == ["::", "::", "::", ""]
    assert "%0A::error" not in shown.replace("%250A", "") or "\n" in text
    shown = sarif.render(report, ROOT, rules={text: text}, version="1")
    assert_harmless(shown)
    assert len(json.loads(shown)["runs"][0]["results"]) == 2
    shown = junit.render(report)
    assert_harmless(shown)
    assert len(ET.fromstring(shown)[0]) == 5
    bars = make_analysis().runs[0].bars
    picture = observed_svg([replace(bars[0], step_key=text)], 2.0, title=text, subtitle=text)
    assert_harmless(picture)
    assert ET.fromstring(picture).tag.endswith("svg")


def test_a_gate_without_notes_has_no_empty_small_print():
    assert "<sub>" not in to_markdown(gate_document(make_gate_report(targets=(), notes=())))
