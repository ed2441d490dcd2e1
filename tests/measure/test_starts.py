"""The command line's start is calibrated once: what others take from it then is not counted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.measure.calibration.starts import delay_to_the_end_s

COMPUTES = "import os, time\nos.sched_setaffinity(0, {CORE})\nwhile time.process_time() < {S}: pass"


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="Linux counts waits alone")
def test_waits_for_a_core_that_another_program_has_are_told_from_computing():
    """Both compute on one core; of the second, which needs 0.4 s of it, about as much is a wait."""
    core = str(min(os.sched_getaffinity(0)))

    def computing(seconds: str) -> subprocess.Popen[bytes]:
        text = COMPUTES.replace("CORE", core).replace("{S}", seconds)
        return subprocess.Popen([sys.executable, "-c", text])

    with computing("60") as other:
        try:
            with computing("0.4") as process:
                assert delay_to_the_end_s(process) > 0.1
        finally:
            other.kill()
