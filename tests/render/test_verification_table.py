"""The seed's table: what its figures mean, and that no text of a user's breaks it."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import jsonschema
import pytest
from factories import IN_PROCESS, SPAWN_2, THREADS_8, WARM_8, make_verification

from advisor.domain.quantities import Interval
from advisor.domain.verification import (
    LeftOut,
    Role,
    RunContent,
    Verification,
    VerifiedRun,
    comparable,
    with_unlike_runs,
)
from advisor.render.forms.documents import verification_to_json
from advisor.render.forms.schema import schema_of
from advisor.render.markdown import to_markdown
from advisor.render.terminal import to_text
from advisor.render.verification import rows_of, verification_document, verification_screen


def verification(name, candidate, walls, work=4.0, predicted=None, failed=None) -> Verification:
    runs = tuple(
        VerifiedRun(candidate, wall, work, 0.1, 0.2, "2026-01-02", failed) for wall in walls
    )
    roles = tuple(role for role in get_args(Role) if role in name.split(", "))
    return Verification(name, candidate, predicted, runs, roles)


IN_TURN = verification("sequential", IN_PROCESS, [4.6, 4.8, 4.7], predicted=Interval(5.0, 4.65, 6))
DEFAULT = verification("default", SPAWN_2, [14.0, 14.1], predicted=Interval(14.1, 13.0, 15.0))
ADVISED = verification("advised", THREADS_8, [0.8, 0.9, 0.7], work=0.5)
BROKEN = verification("broken", SPAWN_2, [3.0], failed="step work[a] failed: <b>|bad|")


def test_rows_are_medians_fastest_first_against_execute_in_process():
    fast, middle, slow = rows_of([DEFAULT, IN_TURN, ADVISED])
    assert [fast.name, middle.name, slow.name] == ["advised", "sequential", "default"]
    assert middle.total_s == pytest.approx(4.7)
    assert middle.efficiency == pytest.approx(1.0)
    assert fast.efficiency == pytest.approx(4.7 / 0.8)
    assert (fast.work_s, fast.overhead_s) == (0.5, pytest.approx(0.3))
    assert middle.error == pytest.approx(5.0 / 4.7 - 1.0)
    assert middle.inside == 2
    assert fast.error is None


def test_without_execute_in_process_the_current_way_is_the_baseline():
    now = verification("current, default", SPAWN_2, [10.0])
    rows = {row.name: row for row in rows_of([ADVISED, now])}
    assert rows["current, default"].efficiency == 1.0
    assert rows["advised"].efficiency == pytest.approx(12.5)


def test_a_failed_way_comes_last_with_its_reason():
    assert rows_of([BROKEN, DEFAULT])[-1].name == "broken"
    text = to_text(verification_document([BROKEN, DEFAULT], "job"))
    assert "step work[a] failed" in text
    assert to_text(verification_document([BROKEN], "job")).count("failed") >= 2


def test_text_shows_predicted_beside_measured():
    text = to_text(verification_document([DEFAULT, IN_TURN, ADVISED], "shop_job"), width=140)
    line = next(line for line in text.splitlines() if "default:" in line)
    for figure in ("14 s", "4.0 s", "10 s", "0.33x (3.0x slower)", "(13 to 15)", "+0.4 %"):
        assert figure in line
    assert "4 of 5 runs lie within the predicted interval" in text


NOW = verification("current", SPAWN_2, [14.0, 14.1], predicted=Interval(14.1, 13.0, 15.0))
QUICK = replace(ADVISED, predicted_s=Interval(0.8, 0.74, 0.9))
SLOW = verification("advised", WARM_8, [4.2, 4.1], predicted=Interval(4.1, 3.8, 4.3))
APART = verification("advised", WARM_8, [2.6, 2.5, 1.5])
OTHER = replace(ADVISED, roles=(), name="")
UNLIKE = replace(
    QUICK, runs=tuple(replace(run, unlike="its fan-out gave no work") for run in QUICK.runs)
)


@pytest.mark.parametrize(
    ("verifications", "verdict"),
    [
        (
            [QUICK, NOW],
            (
                "The advice held: 0.80 s measured, 0.80 s (0.74 to 0.90) predicted; "
                "18x faster than now (14 s)."
            ),
        ),
        (  # one run of three lies inside: the median does not
            [replace(SLOW, runs=APART.runs, predicted_s=Interval(1.6, 1.2, 2.2)), NOW],
            "It was the fastest: 2.5 s measured, 1.6 s (1.2 to 2.2) predicted, outside the",
        ),
        (
            [SLOW, OTHER],
            (
                "The advice did not hold: 4.2 s measured, 4.1 s (3.8 to 4.3) predicted; in_process "
                "executor, batches of 8, 8 threads per step took 0.80 s."
            ),
        ),
        # Runs of both lie among each other: none is known to be faster.
        ([replace(SLOW, runs=QUICK.runs), OTHER], "It was the fastest: "),
        (
            [replace(BROKEN, roles=("advised",)), NOW],
            "The advice did not hold: the advised configuration failed.",
        ),
        ([BROKEN], "Nothing could be compared: no run succeeded."),
        (
            [UNLIKE, NOW],
            "The advice could not be checked: the runs of the advised configuration did other",
        ),
        (
            [replace(UNLIKE, runs=()), NOW],
            "The advice could not be checked: the advised configuration was not run.",
        ),
        ([UNLIKE], "Nothing could be compared: no two runs did the same work."),
        ([OTHER], "Fastest: in_process executor, batches of 8, 8 threads per step, 0.80 s."),
    ],
)
def test_the_verdict_says_whether_the_advice_held(verifications, verdict):
    text = to_text(verification_screen(verifications, "shop_job"), width=79)
    assert " ".join(text.split()).startswith(verdict)


def test_a_run_that_did_other_work_is_not_said_to_have_failed():
    for document in (verification_screen, verification_document):
        text = " ".join(to_text(document([UNLIKE, NOW], "job"), width=200).split())
        assert "advised was not compared: its fan-out gave no work" in text
        assert "failed" not in text


def test_verify_answers_on_one_screen_whatever_went_wrong():
    many = [replace(BROKEN, name=f"broken {i}") for i in range(3)]
    reason = "it cannot run here, for a reason of some length"
    left_out = [LeftOut(f"way {i}", reason) for i in range(9)]
    document = verification_screen([QUICK, *many, NOW], "shop_job", left_out=left_out)
    lines = to_text(document, width=79).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 79
    assert "8 more notes, work" in lines[-1]
    assert "--details" in lines[-1]


def test_markdown_cells_cannot_be_broken_by_a_message():
    page = to_markdown(
        verification_document(
            [BROKEN, DEFAULT], "job|name", left_out=[LeftOut("warm:4", "no <list>")]
        )
    )
    assert "<b>" not in page.replace("\\<", "")
    assert "no \\<list\\>" in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {8}


def test_json_holds_every_run_and_is_finite():
    document = verification_to_json([DEFAULT, BROKEN], "job")
    jsonschema.validate(document, schema_of("verification"))
    first, second = document["configurations"]
    assert [run["wall_s"] for run in first["measured"]] == [14.0, 14.1]
    assert first["candidate"]["start_method"] == "spawn"
    assert second["failed"].startswith("step work[a]")


def test_a_verification_without_runs_is_shown():
    assert "advised" in to_text(
        verification_document([replace(make_verification(), runs=())], "job")
    )


def done(items, steps=4, planned=4, result="ab", errors=0):
    return RunContent(items, steps, planned, errors, result)


def with_contents(name, candidate, *contents):
    made = verification(name, candidate, [1.0] * len(contents))
    runs = tuple(
        replace(run, content=content) for run, content in zip(made.runs, contents, strict=True)
    )
    return replace(made, runs=runs)


def test_only_runs_of_the_same_work_are_compared():
    one = with_contents("sequential", IN_PROCESS, done(8), done(8))
    batched = with_contents("advised", THREADS_8, done(1, steps=3), done(0, steps=2))
    fewer = with_contents("default", SPAWN_2, done(7), done(8, steps=3))
    marked = with_unlike_runs([one, batched, fewer])

    assert [[bool(run.unlike) for run in v.runs] for v in marked] == [
        [False, False], [False, True], [True, True],
    ]  # fmt: skip
    assert [v.name for v in comparable(marked)] == ["sequential", "advised"]
    rows = {row.name: row for row in rows_of(marked)}
    assert rows["default"].failed == "it did 7 items, another run 8"
    assert rows["advised"].runs == 1


def test_one_step_for_all_items_did_their_work():
    one = with_contents("sequential", IN_PROCESS, done(8, steps=10, planned=10))
    batched = with_contents("advised", THREADS_8, done(0, steps=3, planned=3))
    no_work = with_contents("advised", THREADS_8, done(0, steps=2, planned=3))
    in_four = with_contents("batches", replace(THREADS_8, batch_size=2), done(0, 3, 3))

    assert [v.name for v in comparable(with_unlike_runs([one, batched]))] == [
        "sequential",
        "advised",
    ]
    assert [v.name for v in comparable(with_unlike_runs([batched]))] == ["advised"]
    assert [v.name for v in comparable(with_unlike_runs([one, no_work]))] == ["sequential"]
    assert [v.name for v in comparable(with_unlike_runs([one, in_four]))] == ["sequential"]


def test_other_results_and_steps_that_did_not_run_are_told():
    one = with_contents("sequential", IN_PROCESS, done(8, planned=6))
    other = with_contents("default", SPAWN_2, done(8, result="cd"))
    text = to_text(verification_document([one, other], "job"), width=140)

    assert "sequential: 2 of 6 planned steps did not run." in text
    assert "The collected result of default differs from that of sequential." in text
    alone = with_contents("default", SPAWN_2, done(8, result="cd"), done(8, result="ef"))
    assert "differs from that" not in to_text(verification_document([one, alone], "job"))
