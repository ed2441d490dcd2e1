"""Code for an asset that is named by its key, pasted into the project that holds it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from emission import request_for

from advisor.api.discovering import discover_target
from advisor.dagster_bridge.target import parse_target
from advisor.domain.candidate import Candidate
from advisor.domain.options import WorkloadOptions
from advisor.emit import emit

ORDERS = Path(__file__).parents[1] / "projects" / "asset_orders"
IN_BATCHES = Candidate("execute_job", "in_process", batch_size=2)
RUN = """
from orders.definitions import defs
result = defs.resolve_implicit_global_asset_job_def().execute_in_process()
print([result.asset_value(key) for key in ("orders_scored", "all_scores", "best_score")])
"""


def run(folder: Path, code: str = RUN) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("target", ["orders.definitions:all_scores", "orders.scoring:scores"])
def test_the_project_loads_with_the_emitted_asset_in_the_place_of_its_own(
    target: str, tmp_path: Path
) -> None:
    shutil.copytree(ORDERS, tmp_path, dirs_exist_ok=True)
    reference = parse_target(target, working_directory=tmp_path)
    workload = WorkloadOptions(target, working_directory=tmp_path)
    description = discover_target(reference, None, workload).description
    emitted = emit("batch", request_for(description, IN_BATCHES))
    (tmp_path / "orders" / "batched.py").write_text(emitted)
    assert "put scores_batched in the place of scores" in " ".join(emitted.split())
    definitions = tmp_path / "orders" / "definitions.py"
    original = definitions.read_text().replace(
        "import dagster as dg\n",
        "import dagster as dg\nfrom orders.batched import scores_batched, scores_batched_job\n",
    )
    both = original.replace("orders_scored, scores]", "orders_scored, scores, scores_batched]")
    definitions.write_text(both)
    assert "Duplicate asset key" in run(tmp_path).stderr
    pasted = both.replace("scores, scores_batched]", "scores_batched], jobs=[scores_batched_job]")
    definitions.write_text(pasted)
    done = run(tmp_path)
    assert done.stdout == "[[90, 30, 60], [90, 30, 60], 90]\n", done.stderr
    alone = "from orders.batched import defs\nprint(sorted(defs().resources))"
    assert run(tmp_path, alone).stdout == "['currency']\n"
