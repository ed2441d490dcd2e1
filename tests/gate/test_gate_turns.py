"""The two processes of a pair take turns, and one that dies or hangs takes no other with it."""

from __future__ import annotations

import itertools
import random
import threading
import time
from pathlib import Path

import pytest

from advisor.gate.measuring import ChildProcesses
from advisor.gate.orders import SurveyRequest, Tree

WORK = """\
import os
import time
from pathlib import Path

HERE = Path(__file__).parent


def work(number):
    mode = (HERE / "mode").read_text()
    begun = time.monotonic()
    time.sleep(0.004)
    with (HERE / "calls").open("a") as file:
        file.write(f"{begun} {time.monotonic()}\\n")
    if mode == "dies":
        os._exit(3)
    if mode == "closes":
        os.closerange(3, 512)
    if mode == "hangs":
        time.sleep(600)
    if mode == "raises" and number == 2:
        raise ValueError("no such row")
    return number
"""


@pytest.fixture(scope="module")
def trees(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("turns")
    for side in ("base", "head"):
        (folder / side).mkdir()
        (folder / side / "taking_turns.py").write_text(WORK)
        (folder / side / "rows.json").write_text("[1, 2, 3]")
        (folder / side / "mode").write_text("works")
    return {side: folder / side for side in ("base", "head")}


@pytest.fixture(scope="module")
def measurer(trees) -> ChildProcesses:
    def request(side):
        root = str(trees[side])
        return SurveyRequest(
            Tree(side, root, root), "taking_turns:work", None, {}, f"{root}/rows.json", 3,
            f"{root}/samples.pickle", item_timeout_s=2.0,
        )  # fmt: skip

    found = ChildProcesses(request("base"), request("head"), 60.0)
    for side in ("base", "head"):
        found.survey(side)
    return found


@pytest.fixture
def pair(measurer, trees):
    """Time one pair, with the mode of each side; handle of the op, and its timings."""

    def run(**modes):
        for side, folder in trees.items():
            (folder / "mode").write_text(modes.get(side, "works"))
            (folder / "calls").unlink(missing_ok=True)
        timed = measurer.time_pair(["work"], 0, random.Random(3))
        return {side: calls["work"] for side, calls in timed.items()}

    return run


def test_they_work_by_turns_and_never_at_once(pair, trees):
    timed = pair()
    assert timed["base"].failed is timed["head"].failed is None
    assert [len(item) for item in timed["base"].calls_s] == [
        len(item) for item in timed["head"].calls_s
    ]
    assert sum(map(len, timed["base"].calls_s)) > 30
    calls = sorted(
        (*map(float, line.split()), side)
        for side, folder in trees.items()
        for line in (folder / "calls").read_text().splitlines()
    )
    for (_, ended, _), (begun, _, _) in itertools.pairwise(calls):
        assert ended <= begun
    turns = [side for side, _ in itertools.groupby(calls, key=lambda call: call[2])]
    assert len(turns) > len(calls) / 8  # two or three calls of 4 ms each time


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("dies", "exit status 3"), ("hangs", "within 2 s"), ("raises", "raised ValueError at")],
)
def test_one_that_fails_is_named_and_the_other_ends(pair, mode, reason):
    begun = time.monotonic()
    threads = set(threading.enumerate())  # a test before may have left one
    timed = pair(base=mode)
    assert reason in timed["base"].failed
    assert timed["head"].failed is None
    assert time.monotonic() - begun < 50  # not the 60 s that a process may take
    assert set(threading.enumerate()) <= threads


def test_an_op_that_closes_every_descriptor_still_takes_its_turns(pair):
    timed = pair(head="closes")
    assert timed["base"].failed is timed["head"].failed is None
    assert [len(item) for item in timed["base"].calls_s] == [
        len(item) for item in timed["head"].calls_s
    ]
