"""How the gate calls a job's ops: as a run would, and naming the one that fails."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from advisor.gate.measuring import ChildProcesses
from advisor.gate.orders import SurveyRequest, Tree

JOB = """\
import os
from pathlib import Path

from dagster import DynamicOut, DynamicOutput, job, op

PRICES = {"a": 1, "b": 2}


@op(out=DynamicOut())
def shops():
    for name in PRICES:
        yield DynamicOutput(name, mapping_key=name)


@op
def price(context, shop):
    return PRICES[context.get_mapping_key()]


@op
def report(price):
    if (Path(__file__).parent / "dies").exists():
        os._exit(3)
    return price


@job
def prices():
    shops().map(lambda shop: report(price(shop)))
"""


@pytest.fixture(scope="module")
def measurer(tmp_path_factory) -> ChildProcesses:
    def request(side):
        folder = tmp_path_factory.mktemp(side)
        (folder / "prices_by_key.py").write_text(JOB)
        root = str(folder)
        return SurveyRequest(
            Tree(side, root, root), "prices_by_key:prices", None, {}, None, 3,
            f"{root}/samples.pickle", item_timeout_s=60.0,
        )  # fmt: skip

    return ChildProcesses(request("base"), request("head"), 120.0)


@pytest.fixture(scope="module")
def surveys(measurer):
    return {side: measurer.survey(side) for side in ("base", "head")}


def test_an_op_gets_the_mapping_key_of_its_item(surveys):
    for survey in surveys.values():
        assert [op.failed for op in survey.ops] == [None, None]
        assert [len(op.calls) for op in survey.ops] == [2, 2]
        assert survey.items == 2


def test_of_a_process_that_ends_the_op_that_ran_is_named(measurer, surveys):
    head = Path(surveys["head"].description.target.working_directory)
    (head / "dies").touch()
    timed = measurer.time_pair(["price", "report"], 0, random.Random(3))["head"]
    assert timed["report"].failed == ("op 'report' on item 0 ended its process with exit status 3")
    assert timed["price"].failed.startswith("its process ended: op 'report' on item 0")
