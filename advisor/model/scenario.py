"""What the page's model needs of a setting, as plain values: `advisor/render/page/model`."""

from dataclasses import asdict, replace
from typing import Any

from advisor.domain.candidate import Candidate
from advisor.model.contention import IN_PROCESS
from advisor.model.listing import reference_list, with_last
from advisor.model.setting import Setting
from advisor.model.stage import Stage
from advisor.model.transfers import RETAINED_BYTES

ROUNDS = 2_000
"""Length of the sequence that stands for any number of items; it is repeated beyond."""

_PLAIN = (
    "upstream_s",
    "collect_s",
    "peak_rss_bytes",
    "base_rss_bytes",
    "forked_rss_bytes",
    "grown_rss_bytes",
    "first_touch_byte_s",
    "input_bytes",
    "output_bytes",
    "between_bytes",
)


def scenario_of(setting: Setting) -> dict[str, Any]:
    """The setting as the page takes it."""
    machine = setting.machine
    return {
        "cores": machine.cores,
        "memory_bytes": machine.memory_bytes,
        "memory_headroom": machine.memory_headroom,
        "base_rss_bytes": machine.base_rss_bytes,
        "before_steps": setting.before_steps,
        "after_steps": setting.after_steps,
        "depth_first": setting.depth_first,
        "in_memory": setting.in_memory,
        "stage_pools": [p if p in setting.pool_limits else None for p in setting.stage_pools],
        "pool_limits": dict(setting.pool_limits),
        "stage_tags": setting.tag_limits.stages,
        "tag_limits": dict(setting.tag_limits.steps),
        "rate": asdict(setting.rate) if setting.rate else None,
        "run_start_s": setting.cluster.run_start_s if setting.cluster else 0.0,
        "cpu_scaling": [asdict(each) for each in setting.overhead.cpu_scaling],
        "overhead": {
            key: value
            for key, value in asdict(setting.overhead).items()
            if key not in {"cpu_scaling", "drift", "moments", "noise", "measured_cpu_s"}
        },
        **_work(setting),
        "limited": setting.limited and _work(setting.limited),
    }


def _work(setting: Setting) -> dict[str, Any]:
    """The items, and how they slow each other."""
    items, contention = with_last(setting.items), setting.contention
    others = replace(items, count=ROUNDS, sample_numbers=())
    return {
        "contention": {
            "alone_s": contention.alone_s,
            "cpu_s": contention.cpu_s,
            "thread_points": contention.thread_points,
            "process_points": contention.process_points,
            "lock_share": contention.lock_share,
            "in_process": IN_PROCESS,
        },
        "items": {
            "count": items.count,
            "samples": items.samples,
            "order": reference_list(items).tolist(),
            "rounds": reference_list(others).tolist(),
            "stages": [_stage(stage) for stage in items.stages],
            "retained_bytes": RETAINED_BYTES,
            "copies": list(items.copies),
            "yielded": items.yielded and asdict(items.yielded),
            "collected": items.collected and asdict(items.collected),
            "fan_out_item_s": items.fan_out_s / max(1, items.count),
            **{name: getattr(items, name) for name in _PLAIN},
        },
    }


def is_ported(candidate: Candidate) -> bool:
    """Whether the page can predict the candidate anew: no pods."""
    return candidate.executor in {"in_process", "multiprocess", "async"}


def _stage(stage: Stage) -> dict[str, Any]:
    columns = {
        "wall": stage.wall_s,
        "cpu": stage.cpu_s,
        "load": stage.load_s,
        "store": stage.store_s,
    }
    return {
        "io_wait_share": stage.io_wait_share,
        "share": stage.share,
        "taken": None if stage.takers is None else stage.takers.tolist(),
        "held": None if stage.held_s is None else stage.held_s.tolist(),
        "events": stage.events,
        "messages": stage.messages,
        **{name: values.tolist() for name, values in columns.items()},
        **{
            name: asdict(getattr(stage, name))
            for name in ("first", "preloaded", "resources", "hooks")
        },
    }
