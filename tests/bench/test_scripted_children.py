"""The real parent with scripted children: it takes of a step what the model says."""

from __future__ import annotations

import scripted_children

from advisor.domain.dagster_facts import EVENTS_PER_STEP


def test_a_mapped_step_sends_the_parent_as_many_messages_as_the_model_counts():
    found = scripted_children.measured(2, 3, 0.05)
    # beside them STEP_WORKER_STARTING, and that the process is done
    assert len(scripted_children.ScriptedChildren.events) + 2 == EVENTS_PER_STEP
    assert found["mapped_s"] > 2 * 0.05  # three steps on two slots, none left out
    told = scripted_children.overhead(found["cpu_s"] / 3)
    assert scripted_children.predicted_s(told, 2, 3, 0.05) > 2 * 0.05
