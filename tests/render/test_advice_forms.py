"""The advice as text, JSON, Markdown and HTML."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from factories import (
    IN_PROCESS,
    SPAWN_2,
    THREADS_8,
    WARM_8,
    make_advice,
    make_description,
    make_host_profile,
    make_overhead,
    make_prediction,
    make_target,
    make_verification,
)

from advisor.domain.advice import Crossings, NextMeasurement, Snippets
from advisor.domain.candidate import Candidate
from advisor.domain.finding import Finding
from advisor.domain.host import CheaperStep
from advisor.domain.measured import Calibration
from advisor.domain.rejection import Rejection
from advisor.domain.workload import Hotspot
from advisor.render import wording
from advisor.render.advice import advice_document, prediction_document, report_document
from advisor.render.document import Code
from advisor.render.escaping import to_ascii
from advisor.render.forms.documents import advice_to_json, to_json
from advisor.render.forms.encoding import json_text
from advisor.render.forms.schema import schema_of
from advisor.render.forms.table import OnePrediction
from advisor.render.host import host_document
from advisor.render.html import to_html
from advisor.render.markdown import to_markdown
from advisor.render.terminal import to_text
from advisor.render.ways import selected_ways

SCHEMA = schema_of("advice")

# The example of the published contract, with literal values.
CONTRACT = json.loads("""
{"schema": "dynadvise/advice", "version": 1,
 "target": "pkg.mod:job", "dagster_version": "1.13.27", "python_version": "3.11.7",
 "host": {"id": "h", "cpus": 2.0, "memory_bytes": 0},
 "workload": {"items": 8, "samples": 5, "wall_s": {"median": 0.5, "p10": 0.5, "p90": 0.5},
              "cpu_s": 0.0, "first_call_extra_s": 0.0, "input_bytes": 0, "output_bytes": 0,
              "peak_rss_bytes": 0, "kind": "waiting",
              "hotspots": [{"where": "file.py:12 function", "share": 0.9}]},
 "recommendation": {
   "launch": "execute_job", "executor": "multiprocess",
   "start_method": null, "preload_modules": [], "max_concurrent": 4,
   "batch_size": 1, "workers_in_op": 1, "worker_kind": null,
   "predicted_s": {"median": 1.0, "low": 0.9, "high": 1.2},
   "breakdown_s": {"work": 0.0, "launch": 0.0, "serialize": 0.0, "coordinate": 0.0, "idle": 0.0},
   "peak_memory_bytes": 0, "core_seconds": 0.0, "p_best": 0.9, "expected_regret": 0.01,
   "needs_code": false, "costs": ["one log entry a batch"], "reasons": ["r"]},
 "config_only": {}, "current": null, "candidates": [],
 "rejected": [{"candidate": {}, "reason": "needs 9.1 GiB, the host has 8.0 GiB"}],
 "floors": {"critical_path_s": 0.5, "perfect_parallel_s": 2.0, "serial_s": 4.0},
 "break_even": [{"from": "in_process", "to": "multiprocess", "item_s": 0.4}],
 "snippets": {"python": "", "run_config": "", "definition": ""},
 "warnings": [{"code": "DYN003", "message": "m"}],
 "measured": {"cost_s": 31.0, "op_executions": 12}}
""")

HOSTILE = '<script>alert("x")</script>`|*_[a](javascript:b)\x1b[31m@everyone & \u202e'


def hostile_advice():
    finding = Finding("DYN003", "error", HOSTILE, HOSTILE, None, HOSTILE)
    advice = make_advice()
    bad = replace(advice.recommendation, reasons=(HOSTILE,), costs=(HOSTILE,))
    return replace(
        advice,
        target=HOSTILE,
        recommendation=bad,
        candidates=(bad, *advice.candidates[1:]),
        workload=replace(advice.workload, hotspots=(Hotspot(HOSTILE, 0.5, "user code"),)),
        warnings=(finding,),
        notes=(HOSTILE,),
        snippets=Snippets(python=f"# {HOSTILE}\n```\nx", run_config=f"# {HOSTILE}\n"),
        rejected=(Rejection(IN_PROCESS, HOSTILE),),
        next_measurement=NextMeasurement(HOSTILE, HOSTILE),
    )


VERIFICATIONS = (make_verification(),)


def page(advice=None, description=None, verifications=VERIFICATIONS):
    advice = advice or make_advice()
    document = report_document(
        advice,
        description or make_description(),
        make_host_profile(),
        make_overhead(),
        verifications,
    )
    return to_html(document, advice.target, f"Written for {advice.target}.")


def advice_to_text(advice, *, path=None, emitted=None, **options):
    return to_text(advice_document(advice, path=path, emitted=emitted), **options)


def advice_to_markdown(advice, **parts):
    return to_markdown(advice_document(advice, **parts))


def calibration_to_text(*parts, **options):
    return to_text(host_document(Calibration(*parts)), **options)


def prediction_to_text(prediction, target, items):
    return to_text(prediction_document(OnePrediction(target, items, prediction)))


# --- JSON --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "advice",
    [
        make_advice(),
        make_advice(current=None, default=None, next_measurement=None, break_even=()),
        hostile_advice(),
    ],
)
def test_advice_is_valid_against_its_schema(advice):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(advice_to_json(advice, path=Path("p.json")))


def test_every_key_of_the_contract_is_there_and_required():
    document = advice_to_json(make_advice())
    CONTRACT["config_only"] = CONTRACT["recommendation"]
    prediction_keys = set(CONTRACT["recommendation"])

    def check(example, found, schema, place):
        schema = SCHEMA["$defs"][schema["$ref"].rsplit("/")[-1]] if "$ref" in schema else schema
        for key, value in example.items():
            assert key in found, f"{place}.{key} is missing"
            assert key in schema["required"], f"{place}.{key} is not required"
            part = schema["properties"][key]
            if isinstance(value, dict) and value:
                check(value, found[key], part, f"{place}.{key}")
            if isinstance(value, list) and value and isinstance(value[0], dict):
                check(value[0], found[key][0], part["items"], f"{place}.{key}[0]")

    check(CONTRACT, document, SCHEMA, "advice")
    for way in (document["config_only"], document["current"], *document["candidates"]):
        assert set(way) >= prediction_keys


@pytest.mark.parametrize("key", [k for k in CONTRACT if k != "schema"])
def test_the_schema_refuses_an_advice_without_a_key(key):
    document = advice_to_json(make_advice())
    del document[key]
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


def test_json_says_what_the_advice_says():
    document = advice_to_json(make_advice(), emitted="# x")
    best = document["recommendation"]
    assert best["predicted_s"] == pytest.approx({"median": 0.8, "low": 0.736, "high": 0.88})
    assert (best["batch_size"], best["workers_in_op"], best["worker_kind"]) == (8, 8, "thread")
    assert best["needs_code"] is True
    assert document["config_only"]["preload_modules"][0] == "sqlalchemy"
    assert document["config_only"]["needs_code"] is False
    assert document["break_even"][1] == {"from": "forkserver", "to": "spawn", "item_s": None}
    assert document["rejected"][0]["candidate"]["max_concurrent"] == 64
    assert document["emitted"] == "# x"
    assert sum(best["breakdown_s"].values()) == pytest.approx(0.8)
    assert best["pool_wait_s"] == 0.0
    short = replace(make_prediction(), pool_wait_s=7.5)
    predicted = to_json(OnePrediction("a:b", 8, short))
    jsonschema.validate(predicted, schema_of("prediction"))
    assert predicted["prediction"]["pool_wait_s"] == 7.5


def test_json_has_no_number_that_is_not_finite():
    with pytest.raises(ValueError, match="JSON"):
        json_text(advice_to_json(make_advice(measured_cost_s=math.nan)))


# --- text --------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 120])
def test_text_fits_its_width_and_tells_everything(width):
    text = advice_to_text(make_advice(), path=Path("profiles/h/t.json"), width=width)
    lines = text.splitlines()
    snippet = make_advice().snippets
    assert all(
        len(line) <= width for line in lines if line not in snippet.run_config + snippet.python
    )
    joined = " ".join(text.split())
    for part in (
        "in_process executor, batches of 8, 8 threads per step",
        "0.80 s (0.74 to 0.88) for 8 items",
        "18x faster than now",
        "Likely: fastest in 97 %",
        "Config only: multiprocess, forkserver with preload, max_concurrent 8",
        "14 s (13 to 16)",
        "needs 9.1 GiB, the host has 8.0 GiB",
        "DYN003",
        "shop/chunks.py:20",
        "--configurations advised,current",
        "12 executions",
        "profiles/h/t.json",
        "Only 5 of 8 items",
        "one log entry a batch",
    ):
        assert part in joined, part


def test_the_headline_comes_first():
    lines = advice_to_text(make_advice()).splitlines()
    assert "8 threads per step" in lines[2]
    assert "0.80 s" in lines[3]


def test_snippets_can_be_copied_as_they_are():
    long = "x: " + "y" * 300
    advice = make_advice(snippets=Snippets(run_config=f"a:\n  b:\n    - c\n{long}\n", python=""))
    for color in (False, True):
        text = advice_to_text(advice, width=80, color=color)
        plain = "".join(part.partition("m")[2] for part in ("m" + text).split("\x1b["))
        assert f"\na:\n  b:\n    - c\n{long}\n" in plain


def test_without_color_there_is_no_escape_and_with_color_there_is():
    assert "\x1b" not in advice_to_text(make_advice())
    assert "\x1b[" in advice_to_text(make_advice(), color=True)


def test_text_without_unicode():
    assert to_ascii(advice_to_text(make_advice())).isascii()
    prediction = prediction_to_text(make_prediction(), "a:b", 8)
    assert to_ascii(prediction).isascii()


def test_the_same_way_twice_is_no_speed_up():
    now = make_prediction(SPAWN_2, 14.0)
    advice = make_advice(
        recommendation=now, config_only=now, current=now, default=now, candidates=(now,)
    )
    text = advice_to_text(advice)
    assert "Keep it as it is: multiprocess, spawn, max_concurrent 2" in text
    assert "x faster" not in text
    assert "Config only" not in text


def test_a_bare_op_is_compared_with_the_default_alone():
    text = " ".join(advice_to_text(make_advice(current=None)).split())
    assert "18x faster than Dagster's default" in text
    assert "than now" not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"p_best": 0.95}, "Likely"),
        ({"p_best": 0.7, "expected_regret": 0.03}, "Likely"),
        ({"p_best": 0.3, "expected_regret": 0.03}, "Not sure"),
    ],
)
def test_the_certainty_is_put_into_words(changes, words):
    best = replace(make_advice().recommendation, **changes)
    assert wording.certainty(make_advice(recommendation=best)).startswith(words)


def test_only_what_no_measurement_could_turn_is_sure():
    best = replace(make_advice().recommendation, p_best=0.95)
    settled = make_advice(recommendation=best, next_measurement=None)
    assert wording.certainty(settled).startswith("Certain")
    assert wording.is_sure(settled)
    assert not wording.is_sure(make_advice(recommendation=best))


def test_a_tie_is_called_one():
    best = replace(make_advice().recommendation, p_best=0.4, expected_regret=0.004)
    text = advice_to_text(make_advice(recommendation=best, tie=True))
    assert "Several ways are within 3 %" in text
    assert "expected regret 0.4 %" in text


def test_hundreds_of_candidates_are_shown_by_their_kinds():
    ways = [
        make_prediction(Candidate("execute_job", "multiprocess", "spawn", (), n), 10 + n)
        for n in range(3, 300)
    ]
    ways.append(make_prediction(Candidate("execute_job", "celery", max_concurrent=4), 900))
    advice = make_advice()
    advice = replace(advice, candidates=(*advice.candidates, *ways))
    shown = selected_ways(advice)
    assert len(shown) <= 9
    named = {advice.recommendation.candidate, advice.config_only.candidate, SPAWN_2}
    assert named <= {prediction.candidate for prediction in shown}
    assert "celery" in {prediction.candidate.executor for prediction in shown}
    assert "more in --format json" in advice_to_text(advice)


def test_a_named_way_that_was_not_ranked_is_shown():
    advice = make_advice(candidates=(make_advice().recommendation,))
    assert {p.candidate for p in selected_ways(advice)} == {THREADS_8, WARM_8, SPAWN_2}


def test_a_prediction_shows_interval_and_breakdown():
    text = prediction_to_text(make_prediction(), "a:b", 1000)
    assert "4.1 s (3.8 to 4.5) for 1,000 items" in text
    for part in ("work", "launch", "serialize", "coordinate", "idle"):
        assert part in text


def test_a_calibration_shows_what_each_way_charges():
    table = tuple(Crossings(n, make_advice().break_even) for n in (10, 100, 1000))
    for text in (
        calibration_to_text(make_host_profile(), make_overhead(), table, width=80),
        to_markdown(host_document(Calibration(make_host_profile(), make_overhead(), table))),
    ):
        for part in ("boot", "1.1 s", "0.10 s", "ddtrace", "never", "1,000 items", "2.1 s"):
            assert part in text, part


def test_a_calibration_shows_what_cheaper_steps_and_pools_would_change():
    steps = (
        CheaperStep("no_compute_logs", 0.36, 0.21, 3),
        CheaperStep("storage_in_memory", 0.36, 0.28, 3),
    )
    host, overhead = make_host_profile(cheaper_steps=steps), make_overhead()
    overhead = replace(overhead, in_process=replace(overhead.in_process, claim_s=0.011))
    text = calibration_to_text(host, overhead, ())
    for part in ("NoOpComputeLogManager", "0.21 s", "in memory", "0.28 s", "22 ms more"):
        assert part in text, part
    document = to_json(Calibration(host, overhead))
    jsonschema.validate(document, schema_of("calibration"))
    assert document["cheaper_steps"][0] == {
        "what": "no_compute_logs", "before_s": 0.36, "after_s": 0.21, "runs": 3
    }  # fmt: skip


def test_a_calibration_that_could_measure_little_is_shown():
    host = make_host_profile(
        unmeasured={"spawn": "no process could be started"}, storing=(), runs=()
    )
    overhead = make_overhead(multiprocess={}, cli_start_s=None, cpu_scaling=())
    text = calibration_to_text(host, overhead, ())
    assert "no process could be started" in text


# --- hostile names -----------------------------------------------------------------------------


@pytest.mark.parametrize("color", [False, True])
def test_names_cannot_steer_the_terminal(color):
    text = advice_to_text(hostile_advice(), color=color)
    assert "\x1b[31m@" not in text
    assert "\u202e" not in text


class Reader(HTMLParser):
    """Collects tags and what they load; every opened tag must be closed."""

    VOID = frozenset({"meta", "line", "rect", "br", "link", "img"})

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.attributes, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read_page(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_is_whole_and_loads_nothing():
    reader = read_page(page())
    assert not {"script", "link", "img", "iframe"} & set(reader.tags)
    assert not [v for k, v in reader.attributes if k in {"src", "href", "action"}]
    assert "url(" not in page()
    assert "@import" not in page()
    text = " ".join(" ".join(reader.text).split())
    for part in (
        "in_process executor, batches of 8, 8 threads per step",
        "0.80 s (0.74 to 0.88) for 8 items",
        "shop/chunks.py:14 process_chunk",
        "max_concurrent: 8",
        "Real runs",
        "4.1 s",
        "forkserver with preload",
        "DYN003",
    ):
        assert part in text, part


def test_the_page_without_real_runs_warnings_or_snippets():
    advice = make_advice(warnings=(), snippets=Snippets(), next_measurement=None, break_even=())
    text = page(advice, verifications=())
    assert "Real runs" not in text
    read_page(text)


def test_a_failed_real_run_shows_its_reason():
    failed = make_verification(
        runs=(replace(make_verification().runs[0], failed="killed for memory"),)
    )
    assert "killed for memory" in page(verifications=(failed,))


def test_hostile_names_are_text_in_the_page():
    description = make_description(target=make_target(spelled=HOSTILE))
    text = page(hostile_advice(), description=description)
    reader = read_page(text)
    assert "script" not in reader.tags
    assert "<script" not in text
    assert any("alert(" in part for part in reader.text)


def test_hostile_names_are_text_in_markdown():
    text = advice_to_markdown(hostile_advice())
    # What is left without blocks, code spans and escaped characters is markup.
    markup = re.sub(r"(?s)(`{3,}).*?\n\1(?!`)", "", text)
    markup = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", re.sub(r"\\.", "", markup))
    assert "alert(" in markup
    assert "<script" not in markup
    assert "@everyone" not in markup
    assert "](" not in markup
    assert "<" not in re.sub(r"</?(details|summary|sub)>", "", markup)


# --- Markdown ----------------------------------------------------------------------------------


def test_markdown_has_headline_table_and_snippets():
    text = advice_to_markdown(make_advice(), path=Path("profiles/x.json"))
    assert "**in\\_process executor, batches of 8, 8 threads per step**\n\n- 0.80 s" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in rows}) == 1
    assert "```yaml\n# warm forkserver" in text
    assert "profiles/x.json" in text
    assert "<details>" in text


def test_a_fence_in_a_snippet_does_not_end_its_block():
    text = advice_to_markdown(make_advice(), emitted=Code('"""\n```\n"""'))
    assert "````\n" in text
