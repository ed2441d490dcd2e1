"""Whether base and head do the same work, by real calls of two folders."""

from __future__ import annotations

import contextlib

from surveys import options

from advisor.api.check import RealSurroundings, check
from advisor.gate.worktree import BaseTree

JOB = """
import random

from dagster import DynamicOut, DynamicOutput, job, op


@op(out=DynamicOut())
def shops():
    for number in range({items}):
        yield DynamicOutput(number, f"shop_{{number}}")


@op
def total(context, shop):
    {change}
    return {{"drawn": random.random(), "total": shop + {more}}}


@job
def totals():
    shops().map(total)
"""
BEFORE = JOB.format(items=3, change="pass", more=1)


class TwoPairs:
    """Really measures two pairs, which the further ones repeat."""

    def __init__(self, measurer):
        self.survey, self._measurer, self._pairs = measurer.survey, measurer, {}

    @property
    def executions(self):
        return self._measurer.executions

    def time_pair(self, ops, number, order):
        place = number % 2
        if place not in self._pairs:
            self._pairs[place] = self._measurer.time_pair(ops, number, order)
        return self._pairs[place]


class TwoFolders(RealSurroundings):
    """The real world, with a folder beside head's for the base instead of a git worktree."""

    def base_tree(self, options):
        head = options.folder
        return contextlib.nullcontext(BaseTree(head.parent / "base", head, "0" * 40))

    def measurer(self, *request):
        return TwoPairs(super().measurer(*request))


def report_of(tmp_path, head):
    for side, source in (("base", BEFORE), ("head", head)):
        (tmp_path / side).mkdir()
        (tmp_path / side / "totals_gate.py").write_text(source)
    asked = options(targets=("totals_gate:totals",), working_directory=tmp_path / "head")
    return check(asked, surroundings=TwoFolders())


def test_other_items_and_errors_that_are_logged(tmp_path):
    head = JOB.format(items=2, change="context.log.error('no key'); return", more=1)
    report = report_of(tmp_path, head)
    assert report.verdict == "COULD NOT MEASURE"
    assert [finding.code for finding in report.findings] == ["DYN109", "DYN109"]
    items, errors = (finding.message for finding in report.findings)
    assert "items: 3 -> 2" in items
    assert "`total`: measured calls that logged an error: 0 -> 2" in errors


def test_another_result_for_the_same_inputs(tmp_path):
    """What differs from process to process on one side tells nothing."""
    report = report_of(tmp_path, JOB.format(items=3, change="pass", more=2))
    (timing,) = report.targets[0].timings
    assert timing.other_results == ("result.total",)
    assert "DYN110" in {finding.code for finding in report.findings}
