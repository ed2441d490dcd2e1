"""Code for a job of a project's Definitions, pasted into the project as its text says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from emission import request_for

from advisor.api.discovering import discover_target
from advisor.dagster_bridge.target import parse_target
from advisor.domain.candidate import Candidate
from advisor.domain.options import WorkloadOptions
from advisor.emit import emit

IN_BATCHES = Candidate("execute_job", "in_process", batch_size=2)
JOBS = """
    import dagster as dg

    @dg.op(out=dg.DynamicOut(int))
    def orders():
        for number in range(3):
            yield dg.DynamicOutput(number, mapping_key=str(number))

    @dg.op(required_resource_keys={"unit"})
    def price(context, order: int) -> str:
        return f"{order} {context.resources.unit}"

    @dg.op
    def bill(prices: list[str]) -> list[str]:
        return prices

    @dg.job
    def price_job():
        bill(orders().map(price).collect())
"""
DEFINITIONS = """
    unit = dg.ResourceDefinition.hardcoded_resource("eur")
    defs = dg.Definitions(jobs=[price_job], resources={"unit": unit})
"""
RUN = """
from price_shop.definitions import defs
found = defs() if callable(defs) else defs
job = found.resolve_job_def("price_job_batched")
print(job.execute_in_process().output_for_node("bill"))
"""


def emitted(folder: Path) -> str:
    target = "price_shop.definitions:price_job"
    reference = parse_target(target, working_directory=folder)
    workload = WorkloadOptions(target, working_directory=folder)
    description = discover_target(reference, None, workload).description
    return emit("batch", request_for(description, IN_BATCHES))


def run(folder: Path, *first: str) -> str:
    code = "\n".join((*first, RUN))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout or done.stderr


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    package = tmp_path / "price_shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    return package


def test_definitions_import_the_code_of_a_job_that_another_module_holds(shop: Path) -> None:
    (shop / "jobs.py").write_text(dedent(JOBS))
    definitions = "import dagster as dg\nfrom price_shop.jobs import price_job\n"
    (shop / "definitions.py").write_text(definitions + dedent(DEFINITIONS))
    source = emitted(shop.parent)
    told = " ".join(source.split())
    assert "In price_shop.definitions, add `from THIS_MODULE import price_job_batched`" in told
    (shop / "batched.py").write_text(source)
    pasted = definitions + "from price_shop.batched import price_job_batched\n" + DEFINITIONS
    pasted = pasted.replace("[price_job]", "[price_job, price_job_batched]")
    (shop / "definitions.py").write_text(dedent(pasted.replace("\n    ", "\n")))
    assert run(shop.parent) == "['0 eur', '1 eur', '2 eur']\n"
    assert run(shop.parent, "import price_shop.batched") == "['0 eur', '1 eur', '2 eur']\n"


def test_definitions_that_hold_the_job_themselves_import_its_code_in_a_function(
    shop: Path,
) -> None:
    (shop / "definitions.py").write_text(dedent(JOBS) + dedent(DEFINITIONS))
    source = emitted(shop.parent)
    assert "make its Definitions in a function" in " ".join(source.split())
    (shop / "batched.py").write_text(source)
    in_function = """
    @dg.definitions
    def defs():
        from price_shop.batched import price_job_batched

        unit = dg.ResourceDefinition.hardcoded_resource("eur")
        return dg.Definitions(jobs=[price_job, price_job_batched], resources={"unit": unit})
    """
    (shop / "definitions.py").write_text(dedent(JOBS) + dedent(in_function))
    assert run(shop.parent) == "['0 eur', '1 eur', '2 eur']\n"
    assert run(shop.parent, "import price_shop.batched") == "['0 eur', '1 eur', '2 eur']\n"
