"""What a step asks of its pod: the CPUs of its mean use, and its peak."""

from dataclasses import replace

from advisor.domain.candidate import Candidate
from advisor.domain.cluster import DELEGATING, Cluster, StepSizing
from advisor.model.estimators.delegating import request_cpu
from advisor.model.memory import step_peak_bytes
from advisor.model.setting import Setting


def step_sizing(candidate: Candidate, setting: Setting) -> StepSizing:
    """From the measurements; a start time, which need not be known, changes neither."""
    described = setting.cluster
    executor = candidate.executor if candidate.executor in DELEGATING else "k8s"
    cluster = described or Cluster("", executor)
    there = replace(setting, cluster=replace(cluster, executor=executor, start_s=0.0))
    return StepSizing(
        cpu=request_cpu(replace(candidate, executor=executor), there),
        peak_bytes=step_peak_bytes(candidate, setting),
        cluster=described,
    )
