from __future__ import annotations

import subprocess
import sys

import pytest

from advisor.domain.quantities import size
from advisor.measure.machine import host_facts

GIB = 1 << 30


def tree(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


@pytest.fixture
def sixteen_cores(monkeypatch):
    monkeypatch.setattr("advisor.measure.machine._affinity", lambda: 16)


MACHINE = {
    "proc/meminfo": "MemTotal:       67108864 kB\nMemFree: 1 kB",
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: AMD EPYC 7B13\n",
}


def test_without_limits(tmp_path, sixteen_cores):
    facts = host_facts(tree(tmp_path, {**MACHINE, "proc/self/cgroup": "0::/"}))
    assert facts.cpus == 16
    assert facts.memory_bytes == 64 * GIB
    assert facts.processor == "AMD EPYC 7B13"
    assert facts.dagster_version


def test_version_2_limit_of_a_parent_binds(tmp_path, sixteen_cores):
    files = {
        **MACHINE,
        "proc/self/cgroup": "0::/kubepods/pod1/container",
        "sys/fs/cgroup/kubepods/cpu.max": "max 100000",
        "sys/fs/cgroup/kubepods/pod1/cpu.max": "250000 100000",
        "sys/fs/cgroup/kubepods/pod1/container/cpu.max": "400000 100000",
        "sys/fs/cgroup/kubepods/pod1/memory.max": "max",
        "sys/fs/cgroup/kubepods/pod1/container/memory.max": str(8 * GIB),
    }
    facts = host_facts(tree(tmp_path, files))
    assert facts.cpus == 2.5
    assert facts.memory_bytes == 8 * GIB


def test_version_2_inside_a_container_sees_only_the_mount(tmp_path, sixteen_cores):
    """The path in /proc/self/cgroup is the host's; the mount's root holds the limits."""
    files = {
        **MACHINE,
        "proc/self/cgroup": "0::/../../docker/abc",
        "sys/fs/cgroup/cpu.max": "150000 100000",
        "sys/fs/cgroup/memory.max": str(GIB),
    }
    facts = host_facts(tree(tmp_path, files))
    assert (facts.cpus, facts.memory_bytes) == (1.5, GIB)


def test_version_1(tmp_path, sixteen_cores):
    files = {
        **MACHINE,
        "proc/self/cgroup": "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n1:name=systemd:/x",
        "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "300000",
        "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
        "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": str(4 * GIB),
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
    }
    facts = host_facts(tree(tmp_path, files))
    assert (facts.cpus, facts.memory_bytes) == (3.0, 4 * GIB)


def test_affinity_below_the_quota(tmp_path, monkeypatch):
    monkeypatch.setattr("advisor.measure.machine._affinity", lambda: 2)
    files = {**MACHINE, "proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "800000 100000"}
    assert host_facts(tree(tmp_path, files)).cpus == 2


def test_id_tells_machines_apart_and_is_fit_for_a_folder(tmp_path, sixteen_cores):
    one = host_facts(tree(tmp_path / "a", {**MACHINE, "proc/self/cgroup": "0::/"}))
    other = dict(MACHINE, **{"proc/cpuinfo": "model name : Intel Xeon"})
    two = host_facts(tree(tmp_path / "b", {**other, "proc/self/cgroup": "0::/"}))
    assert "16cpu-64g" in one.id
    assert one.id != two.id
    assert all(sign.isalnum() or sign in "-._" for sign in one.id)


def test_this_machine():
    facts = host_facts()
    assert 0 < facts.cpus <= facts.cpu_count
    assert facts.memory_bytes > 1 << 28


def test_sizes_for_people():
    assert size(9.1 * GIB) == "9.1 GiB"
    assert size(12) == "12 B"


TOUCHING = """
import psutil, resource
from advisor.measure.first_touch import {call}
assert 0.0 <= ({call}(256 << 20) or 0.0) < 1e-6  # seconds a byte
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10, psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems give memory back otherwise")
@pytest.mark.parametrize("call", ["touch_memory", "first_touch_byte_s"])
def test_memory_is_really_used_and_given_back(call):
    told = subprocess.run(
        [sys.executable, "-c", TOUCHING.format(call=call)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    most, left = map(int, told.stdout.split())
    assert most > 128 << 20 > left
