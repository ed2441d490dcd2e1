"""What a process waits for the storage of its events, told from what it computes."""

from __future__ import annotations

import time

from dagster import DagsterInstance, job, op

from advisor.dagster_bridge.calibration_job import storage_waits


@op
def nothing() -> None:
    """Does nothing."""


@job
def empty() -> None:
    nothing()


def test_a_remote_storage_is_waited_for_and_a_slow_one_here_computes() -> None:
    with DagsterInstance.ephemeral() as instance:
        storage = instance.event_log_storage
        store, waits_s = storage.store_event, {}

        def remote(event: object) -> None:
            time.sleep(0.02)
            store(event)

        def busy(event: object) -> None:
            until_s = time.thread_time() + 0.02
            while time.thread_time() < until_s:
                pass
            store(event)

        for kind in (remote, busy):
            storage.store_event = kind
            with storage_waits(instance) as found:
                empty.execute_in_process(instance=instance)
            assert found.events > 8
            waits_s[kind] = found.each_s
        assert waits_s[remote] > 0.019
        assert waits_s[busy] < 0.5 * waits_s[remote]
