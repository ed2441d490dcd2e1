"""A project of any size is listed on one screen, all of it behind ``--details``."""

from __future__ import annotations

import pytest

from advisor.domain.project import ListedLocation, ListedWorkload, ProjectListing
from advisor.render.listing import listing_document, listing_screen
from advisor.render.terminal import to_text


def workload(number: int, obstacle: str | None) -> ListedWorkload:
    name = f"nightly_exports_of_the_shop_{number}"
    command = f"dynadvise profile shop.jobs:{name}"
    return ListedWorkload(
        "job", name, command, ("work",), 2, "multiprocess", "spawn", 16, obstacle, runs=1000
    )


@pytest.mark.parametrize("jobs", [1, 4, 40])
@pytest.mark.parametrize("broken", [False, True])
def test_one_screen_names_first_what_can_be_measured(jobs, broken):
    obstacle = "needs a resource that is not given: database, in which all of it is kept"
    workloads = [workload(n, obstacle if n % 2 and broken else None) for n in range(jobs)]
    error = "ImportError at shop/other.py:3\nno module named x\nadd it"
    locations = [
        ListedLocation("shop.jobs", tuple(workloads), 3),
        *(ListedLocation("shop.other", error=error) for _ in range(3 if broken else 0)),
    ]
    listing = ProjectListing("shop", tuple(locations))
    lines = to_text(listing_screen(listing), width=79).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 79
    screen = "\n".join(lines)
    assert screen.strip().startswith(f"{jobs} workload")
    assert ("more workloads: --details" in screen) == (jobs > 4)  # of 4, one more
    assert [line.rpartition("_")[2] for line in lines if line.startswith("dynadvise profile")] == [
        str(n) for n in sorted(range(jobs), key=lambda n: bool(n % 2 and broken))[:3]
    ]
    everything = to_text(listing_document(listing), width=79)
    assert everything.count("dynadvise profile") == jobs
    assert everything.count("add it") == (3 if broken else 0)
