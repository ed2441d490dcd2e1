"""What memory costs that was not used lately, from blocks that are touched."""

from __future__ import annotations

import pytest

from advisor.measure import first_touch

USED_S, COLD_S = 1.3e-3, 70e-3


def with_blocks(monkeypatch, *looks_s):
    """Each look sees these, and then memory that was used a moment before; what was slept."""
    looks = iter([blocks for look_s in looks_s for blocks in (list(look_s), [USED_S] * 4)])
    monkeypatch.setattr(first_touch, "_touched_s", lambda _least, _most: next(looks))
    slept_s: list[float] = []
    monkeypatch.setattr(first_touch.time, "sleep", slept_s.append)
    return slept_s


@pytest.mark.parametrize("used_lately", [0, 60])
def test_memory_that_a_host_took_back_is_priced_however_much_was_used_lately(
    monkeypatch, used_lately
):
    with_blocks(monkeypatch, [USED_S] * used_lately + [COLD_S] * 6)
    price = first_touch.first_touch_byte_s() * first_touch.BLOCK_BYTES
    assert price == pytest.approx(COLD_S - USED_S)


@pytest.mark.parametrize("blocks_s", [[], [USED_S] * 60, [USED_S] * 58 + [COLD_S] * 2])
def test_a_host_that_takes_nothing_back_charges_nothing(monkeypatch, blocks_s):
    with_blocks(monkeypatch, blocks_s, blocks_s)
    assert first_touch.first_touch_byte_s() == 0.0


def test_where_all_was_used_a_moment_before_it_is_looked_at_after_a_pause(monkeypatch):
    slept_s = with_blocks(monkeypatch, [USED_S] * 60, [USED_S] * 20 + [COLD_S] * 6)
    price = first_touch.first_touch_byte_s() * first_touch.BLOCK_BYTES
    assert price == pytest.approx(COLD_S - USED_S)
    assert slept_s[-1] > 2.0  # after which such a host takes it
