"""The one way in which each quantity is put into words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.domain.quantities import Interval, change, faster, interval, percent, seconds, size


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0 s"),
        (0.0000004, "0.40 \N{MICRO SIGN}s"),
        (0.00035, "0.35 ms"),
        (0.012, "12 ms"),
        (0.0994, "99 ms"),
        (0.0996, "0.10 s"),
        (0.5, "0.50 s"),
        (4.14, "4.1 s"),
        (14.3, "14 s"),
        (99.7, "100 s"),
        (119.99, "120 s"),
        (750, "12 min 30 s"),
        (3599.9, "60 min"),
        (7_230, "2 h"),
        (12_345, "3 h 26 min"),
        (1_000_000, "278 h"),
    ],
)
def test_durations_have_sensible_figures(value, words):
    assert seconds(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Interval(4.1, 3.8, 4.5), "4.1 s (3.8 to 4.5)"),
        (Interval(14.31, 14.28, 14.36), "14.31 s (14.28 to 14.36)"),
        (Interval(0.012, 0.011, 0.013), "12 ms (11 to 13)"),
        (Interval(0.12, 0.09, 0.15), "0.12 s (0.09 to 0.15)"),
        (Interval(100, 90, 130), "100 s (90 to 130)"),
        (Interval(5400, 5000, 6000), "1 h 30 min (83 min to 1 h 40 min)"),
        (Interval(2.0, 2.0, 2.0), "2.0 s (2.0 to 2.0)"),
    ],
)
def test_a_prediction_is_never_without_its_interval(value, words):
    assert interval(value) == words


@given(st.floats(0, 1e7), st.floats(0, 1), st.floats(0, 3))
def test_any_interval_can_be_spelled(median, below, above):
    text = interval(Interval(median, median * (1 - below), median * (1 + above)))
    assert " (" in text
    assert text.endswith(")")
    assert len(text) < 60


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0, "0 %"),
        (0.0001, "<0.1 %"),
        (0.03, "3.0 %"),
        (0.5, "50 %"),
        (0.999, ">99 %"),
        (1, "100 %"),
    ],
)
def test_shares(share, words):
    assert percent(share) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0 B"), (1000, "1000 B"), (1024, "1.0 KiB"), (8 * 2**30, "8.0 GiB"), (2**50, "1024 TiB")],
)
def test_sizes_in_words(value, words):
    assert size(value) == words


@pytest.mark.parametrize(
    ("slow", "words"),
    [
        (14.4, "18x faster than"),
        (0.0, "far slower than"),
        (2.0, "2.5x faster than"),
        (0.81, "as fast as"),
        (0.4, "2.0x slower than"),
        (98.4, "123x faster than"),
    ],
)
def test_speed_ups(slow, words):
    interval = Interval(slow, slow, slow)
    assert faster(interval, Interval(0.8, 0.7, 0.9)) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.5, "+50 %"), (-0.02, "-2.0 %"), (0, "+0 %"), (1.5, "+150 %"), (-4e-4, "±0.0 %")],
)
def test_differences(share, words):
    assert change(share) == words
