"""DYN035: names in ``container_kwargs`` that docker-py does not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from advisor.domain.nearest import nearest
from advisor.domain.rule_facts import CheckFacts
from advisor.rules.rule import Fault

CODE = "DYN035"
_MEANT = {"cpus": "nano_cpus", "memory": "mem_limit", "memory_swap": "memswap_limit"}
#: RUN_CREATE_KWARGS and RUN_HOST_CONFIG_KWARGS of docker-py 7.1 (docker/models/containers.py),
#: and those that it takes apart itself.
_LISTED = """
command detach domainname entrypoint environment healthcheck hostname image labels mac_address
name network_disabled platform stdin_open stop_signal tty use_config_proxy user working_dir
auto_remove blkio_weight_device blkio_weight cap_add cap_drop cgroup_parent cgroupns cpu_count
cpu_percent cpu_period cpu_quota cpu_shares cpuset_cpus cpuset_mems cpu_rt_period cpu_rt_runtime
device_cgroup_rules device_read_bps device_read_iops device_write_bps device_write_iops devices
device_requests dns_opt dns_search dns extra_hosts group_add init init_path ipc_mode isolation
kernel_memory links log_config lxc_conf mem_limit mem_reservation mem_swappiness memswap_limit
mounts nano_cpus network_mode oom_kill_disable oom_score_adj pid_mode pids_limit privileged
publish_all_ports read_only restart_policy security_opt shm_size storage_opt sysctls tmpfs ulimits
userns_mode uts_mode version volume_driver volumes_from runtime ports volumes network
networking_config
"""
_NAMES = frozenset(_LISTED.split())


def check(facts: CheckFacts) -> Iterator[Fault]:
    """Each would be a TypeError when the first step's container is made."""
    if facts.job is None:
        return
    given = facts.job.executor_config.get("container_kwargs")
    for name in given if isinstance(given, Mapping) else ():
        if name not in _NAMES:
            near = _MEANT.get(name) or next(iter(nearest(name, _NAMES)), None)
            yield Fault(
                "error",
                f"container_kwargs: docker-py knows no {name!r}: the first step's container is"
                " refused with a TypeError.",
                f"Write {near!r}." if near else None,
            )
