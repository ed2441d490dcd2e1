"""DYN038: values in local files, and steps that may run on another host."""

from collections.abc import Iterator, Mapping

from advisor.domain.cluster import DESCRIBED
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN038"
_MOUNTS = frozenset({"volumes", "volume_mounts", "volumeMounts", "mounts"})


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Silent where the executor's config mounts something: it may be a shared volume.

    Of a step handler that is not known, nobody can tell where it runs a step.
    """
    description, setting = facts.description, facts.description.executor
    if setting is None or setting.executor not in DESCRIBED or not description.pickles:
        return
    config = facts.job.executor_config if facts.job else {}
    if description.fan_out is None or _mounts(config):
        return
    whose, then = "host", "may run on another"
    if setting.executor == "docker":
        whose, then = "container", "runs in another"
    yield Fault(
        "warning",
        "Values go from step to step through Dagster's default IO manager, in files of one"
        f" {whose}: under the {setting.executor} executor the next step {then}.",
    )


def _mounts(config: object) -> bool:
    """Whether a part of it, however deep, mounts something."""
    if isinstance(config, Mapping):
        return any((key in _MOUNTS and value) or _mounts(value) for key, value in config.items())
    return isinstance(config, list) and any(map(_mounts, config))
