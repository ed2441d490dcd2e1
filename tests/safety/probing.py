"""Probes of several situations in one child."""

from __future__ import annotations

import os

from advisor.measure.workload.concurrency import probe


def probes(orders):
    """Name to the probes of its order, each in a folder of its own."""
    found = {}
    for name, order in orders.items():
        os.environ["SITUATION"] = order.assignment.workspace
        found[name] = probe(order).probes
    return found
