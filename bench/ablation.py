"""What the prediction would be without one of the simulator's mechanisms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

from advisor.domain.overhead import MultiprocessOverhead
from advisor.model.contention import Contention
from advisor.model.setting import Setting
from advisor.model.timeline import MultiprocessRun

JOIN = "blocking join"


def _overhead(setting: Setting, **changes: float) -> Setting:
    """The setting with these figures of every start method."""
    methods: Mapping[str, MultiprocessOverhead] = setting.overhead.multiprocess
    changed = {name: replace(method, **changes) for name, method in methods.items()}
    return replace(setting, overhead=replace(setting.overhead, multiprocess=changed))


MECHANISMS: Mapping[str, Callable[[Setting], Setting]] = {
    "CPU sharing among runnable processes": lambda setting: replace(
        setting, machine=replace(setting.machine, cores=1e9)
    ),
    JOIN: replace,
    "forkserver's first start": lambda setting: _overhead(setting, server_start_s=0.0),
    "growth with the number of items": lambda setting: _overhead(
        setting, plan_item_s=0.0, turn_item_s=0.0, fan_out_output_s=0.0, collect_input_s=0.0
    ),
    "measured contention between items": lambda setting: replace(
        setting, contention=Contention(1.0)
    ),
    "waits for a pool's slots": lambda setting: replace(setting, pool_limits={}),
}


@contextmanager
def without(mechanism: str, setting: Setting) -> Iterator[Setting]:
    """The setting to predict with, while the mechanism is off."""
    if mechanism == JOIN:
        with patch.object(MultiprocessRun, "_join", lambda _run, _child: None):
            yield replace(setting)
    else:
        yield MECHANISMS[mechanism](setting)
