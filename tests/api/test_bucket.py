"""A whole profile of an op behind a bucket of tokens, on a host that was calibrated before."""

from __future__ import annotations

import json
import re

import pytest
from test_ending import naps  # noqa: F401 - a fixture

from advisor.api.profile import profile

BURST, PER_S, ITEM_S, ITEMS = 10, 20.0, 0.05, 200
BUCKET = f"""
import fcntl
import json
import time


def nap(number):
    with open("bucket", "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        tokens, at_s = json.loads(file.read() or "[{BURST}, 0]")
        now_s = time.time()
        tokens = min({BURST}, tokens + {PER_S} * (now_s - at_s)) - 1
        file.truncate(0)
        file.write(json.dumps([tokens, now_s]))
    time.sleep(max(0.0, -tokens / {PER_S}) + {ITEM_S})
    return number
"""


def test_a_service_behind_a_bucket_is_named_kept_to_and_predicted(naps, tmp_path):  # noqa: F811
    request = naps(1)
    (tmp_path / "naps.py").write_text(BUCKET)
    (tmp_path / "items.json").write_text(json.dumps(list(range(ITEMS))))
    advice = profile(request).advice
    (caution,) = advice.cautions
    assert re.search(r"a rate limit of about (1[6-9]|2[0-4]) items per second", caution), caution
    way = advice.recommendation
    assert way.makespan_s.median == pytest.approx((ITEMS - BURST) / PER_S, rel=0.25)
    assert way.candidate.max_concurrent * way.candidate.workers_in_op <= 4  # 1 is fed at 50 ms
