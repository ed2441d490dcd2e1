"""Probes of several situations in one child."""

from __future__ import annotations

import os
from dataclasses import replace

from advisor.measure.workload.concurrency import probe
from advisor.measure.workload.probing import harmed


def probes(orders):
    """Name to its probes, one for each number of workers until more do harm, in a folder each."""
    found = {}
    for name, (order, counts) in orders.items():
        os.environ["SITUATION"] = order.assignment.workspace
        found[name] = []
        for workers in counts:
            found[name].append(probe(replace(order, workers=workers)).probe)
            if harmed(found[name]):
                break
    return found
