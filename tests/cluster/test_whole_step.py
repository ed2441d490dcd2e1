"""A step run on this machine as a cluster runs it, and what it changes."""

from __future__ import annotations

from dataclasses import replace

from test_delegating_model import PODS, PROD, SEEN, saved_on_k8s

from advisor.api.calibrating import subject_of
from advisor.api.recommend import predict, recommend
from advisor.domain.host import WholeStep
from advisor.domain.options import AdviseOptions
from advisor.measure.whole_step import measure_whole_step

LIMIT = 0.8


def test_a_step_is_a_whole_process_of_dagsters_command_line_under_the_limit() -> None:
    step = measure_whole_step(subject_of(None), LIMIT)
    assert step.peak_rss_bytes > 60 * 2**20
    assert step.cpu_s > 0.3
    assert step.connections == 0  # files
    if step.cpu_limit is not None:
        assert step.wall_s > step.cpu_s  # it cannot have had a whole core


def test_a_boot_is_as_measured_under_the_limit_of_the_pods() -> None:
    saved, options = saved_on_k8s(), AdviseOptions(cluster=replace(PROD, cpu=None, step_cpu=0.5))
    step = WholeStep(12.1, 6.0, 168 * 2**20, 3, cpu_limit=0.5)
    measured = replace(saved, overhead=replace(saved.overhead, whole_step=step))
    said = recommend(measured, options).cautions[0]
    assert "boot as on this host (measured here, under 0.5 CPU: 168 MiB, 3 connections)" in said
    whole = replace(options, cluster=replace(PROD, cpu=None, step_cpu=1.0))
    narrow_s, wide_s = (predict(measured, PODS, o).makespan_s.median for o in (options, whole))
    steps_of_a_slot = 200 / PODS.max_concurrent
    assert narrow_s - wide_s > 0.9 * 6.0 * steps_of_a_slot / 2  # each boots for 12 s, not for 6 s


def test_a_step_that_was_run_here_tells_what_its_process_holds_beside_what_past_runs_tell() -> None:
    step = WholeStep(12.1, 6.0, 168 * 2**20, 3, cpu_limit=0.5)
    known = replace(saved_on_k8s().overhead, whole_step=step, delegated={"k8s": SEEN})
    seen = replace(PROD, start_s=None).as_seen(known)
    assert (seen.process_connections, seen.start_s) == (3, SEEN.start_s.median)
    assert f"{SEEN.steps} steps of past runs" in seen.sources["start_s"]
    assert PROD.as_seen(known).start_s == PROD.start_s  # as it is described
