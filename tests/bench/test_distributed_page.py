"""What the page on clusters says of its runs."""

from __future__ import annotations

from pathlib import Path

import distributed_page
import pytest
from distributed_page import cells, regrets, summary, write_page

PLACE = {"kind": "k8s", "start_s": 0.5, "shape": "items", "boot": "warm"}


def row(at_once: int, real_s: float, predicted_s: float, room: int | None = None):
    way = {"place": PLACE, "items": 8, "batch": 1, "at_once": at_once, "room": room}
    return {"way": way, "real_s": real_s, "predicted_s": predicted_s, "load": 1.0}


def test_regret_is_that_of_the_way_predicted_to_be_fastest_in_its_grid() -> None:
    rows = [row(1, 30.0, 30.0), row(8, 12.0, 10.0), row(4, 10.0, 11.0)]
    assert regrets(rows) == {"k8s (forked pods)": [pytest.approx(0.2)]}
    # With room for three, one step at a time is the same run; 4 and 8 without a limit are not.
    narrow = [*rows, row(4, 20.0, 15.0, room=3), row(8, 18.0, 16.0, room=3)]
    assert regrets(narrow)["k8s (forked pods)"] == pytest.approx([0.2, 20 / 18 - 1])


def test_runs_of_one_cell_count_as_their_median() -> None:
    runs = [row(1, real_s, 10.0) for real_s in (30.0, 10.0, 11.0)]
    for repeat, run in enumerate(runs):
        run["way"]["repeat"] = repeat
    (cell,) = cells(runs)
    assert (cell["real_s"], cell["reals_s"]) == (11.0, [30.0, 10.0, 11.0])


def test_the_page_has_errors_by_kind_and_why_what_was_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(1, 10.0, 11.0), row(2, 10.0, 8.0), row(4, 10.0, 10.0)]
    assert summary(cells(rows))[2].startswith("| k8s (forked pods) | 3 | 3 | 10% | 20% | 1 |")
    monkeypatch.setattr(distributed_page, "PAGE", tmp_path / "page.md")
    write_page({"runs": rows, "skipped": {"docker": "dockerd is not installed"}})
    assert "Not run here: docker: dockerd is not installed." in (tmp_path / "page.md").read_text()
