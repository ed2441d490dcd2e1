"""What stands beside a predicted total: how many items it is of, and what it leaves out."""

from __future__ import annotations

from dataclasses import replace

import jsonschema
import pytest
from factories import make_description, make_sample, make_saved_profile, make_workload_profile

from advisor import store
from advisor.api.recommend import recommend
from advisor.domain.exclusions import Exclusion, ExclusionKind, exclusions
from advisor.domain.options import AdviseOptions
from advisor.domain.workload import OpReference
from advisor.render.advice import advice_document
from advisor.render.forms.documents import advice_to_json
from advisor.render.forms.schema import schema_of
from advisor.render.markdown import to_markdown
from advisor.render.terminal import to_text

UPSTREAM = (OpReference("extract", ("extract",)),)


@pytest.mark.parametrize(
    ("description", "workload", "expected"),
    [
        ({}, {}, []),
        ({}, {"collect_s": None, "collect_items": 0}, [("collect", "gather")]),
        ({}, {"collect_items": 5}, [("collect-growth", "gather")]),
        ({"collects": ()}, {"collect_s": None, "collect_items": 0}, []),
        ({}, {"fan_out_s": None, "fan_out_items": 0}, [("fan-out", "split")]),
        ({"upstream": UPSTREAM}, {}, [("upstream", "extract")]),
        ({"upstream": UPSTREAM}, {"upstream_s": 3.0}, []),
        (
            {"other_ops": ("notify",), "other_fan_outs": ("pages",)},
            {},
            [("other-fan-out", "pages"), ("other-op", "notify")],
        ),
    ],
)
def test_what_was_not_measured_is_named(description, workload, expected):
    found = exclusions(make_description(**description), make_workload_profile(**workload), 8)
    assert [(part.kind.value, part.op) for part in found] == expected


@pytest.mark.parametrize("kind", ExclusionKind)
def test_every_kind_has_its_words(kind):
    assert Exclusion(kind, "gather").sentence.count("'gather'") == 1


def saved_without_collect(**changes):
    workload = make_workload_profile(collect_s=None, collect_items=0, **changes)
    return make_saved_profile(workload=workload, verifications=())


def test_the_first_lines_say_what_the_total_is_of(tmp_path):
    advice = recommend(saved_without_collect(), AdviseOptions(items=40, environment="dev"))
    words = "(5 of 40 items measured; not included: the collecting op 'gather')"
    assert words in " ".join(" ".join(to_text(advice_document(advice)).splitlines()[:5]).split())
    assert "5 of 40 items measured" in to_markdown(advice_document(advice)).partition("Workload")[0]
    document = advice_to_json(advice)
    jsonschema.validate(document, schema_of("advice"))
    assert document["workload"]["measured_items"] == 5
    (left_out,) = document["workload"]["not_included"]
    assert (left_out["kind"], left_out["op"]) == ("collect", "gather")
    assert "--measure-collect" in left_out["sentence"]

    saved = replace(saved_without_collect(), advice=advice)
    assert store.read(store.write(saved, tmp_path)).advice.workload == advice.workload


def test_a_collect_of_another_number_of_items_is_not_scaled():
    five = make_workload_profile(collect_s=5.0, collect_items=5)
    totals = []
    for workload in (five, replace(five, collect_s=0.0)):
        saved = make_saved_profile(workload=workload, verifications=())
        advice = recommend(saved, AdviseOptions(items=40))
        totals.append(advice.floors.serial_s)
    assert totals[0] - totals[1] == pytest.approx(5.0, abs=0.01)


def test_items_that_logged_errors_stand_before_the_advice():
    quiet = recommend(make_saved_profile(), AdviseOptions())
    assert quiet.workload.errors_logged == 0
    assert not quiet.cautions

    workload = make_workload_profile()
    calls = tuple(make_sample(item, errors_logged=2) for item in range(1, 5))
    op = replace(workload.ops[0], later_calls=calls)
    advice = recommend(make_saved_profile(workload=replace(workload, ops=(op,))), AdviseOptions())
    words = "4 of 5 measured items logged an error"
    for text in (to_text(advice_document(advice)), to_markdown(advice_document(advice))):
        assert words in text
        assert text.index(words) < text.index("for 8 items")
    document = advice_to_json(advice)
    assert document["workload"]["errors_logged"] == 4
    assert words in document["cautions"][0]
