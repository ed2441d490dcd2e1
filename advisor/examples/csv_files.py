"""CSV files, parsed and aggregated: CPU work in the interpreter, a file an item.

An upstream op writes the files, always the same ones, into the system's temporary folder. A file
that is already there is left alone, so runs at the same time do not disturb each other.
"""

import csv
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from dagster import Definitions, DynamicOut, DynamicOutput, job, op

FILES = 12
ROWS_PER_FILE = 40_000
REGIONS = ("north", "east", "south", "west")

Totals = dict[str, dict[str, int]]


def _write_file(path: Path, number: int) -> None:
    """Write one file of sales, whole or not at all."""
    handle, unfinished = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["order", "region", "quantity", "cents"])
        for row in range(ROWS_PER_FILE):
            region = REGIONS[(row * 7 + number) % len(REGIONS)]
            writer.writerow([row, region, row % 9 + 1, (row * 37 + number * 11) % 10_000])
    Path(unfinished).replace(path)


@op
def write_sales_files() -> str:
    """Make the CSV files and return their folder."""
    folder = Path(tempfile.gettempdir()) / f"dynadvise-example-sales-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for number in range(FILES):
        path = folder / f"sales_{number:02}.csv"
        if not path.exists():
            _write_file(path, number)
    return str(folder)


@op(out=DynamicOut(str))
def list_sales_files(folder: str) -> Iterator[DynamicOutput[str]]:
    """Yield each file's path."""
    for path in sorted(Path(folder).glob("sales_*.csv")):
        yield DynamicOutput(str(path), mapping_key=path.stem)


@op
def total_sales(path: str) -> Totals:
    """Parse one file and add up orders, pieces and cents by region."""
    totals: Totals = defaultdict(lambda: {"orders": 0, "pieces": 0, "cents": 0})
    with Path(path).open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            total = totals[row["region"]]
            total["orders"] += 1
            total["pieces"] += int(row["quantity"])
            total["cents"] += int(row["quantity"]) * int(row["cents"])
    return dict(totals)


@op
def combine_sales(per_file: list[Totals]) -> Totals:
    """Add up the files' totals."""
    combined: Totals = {region: {"orders": 0, "pieces": 0, "cents": 0} for region in REGIONS}
    for totals in per_file:
        for region, total in totals.items():
            for name, value in total.items():
                combined[region][name] += value
    return combined


@job
def csv_job() -> None:
    """Write the files, parse each, combine."""
    combine_sales(list_sales_files(write_sales_files()).map(total_sales).collect())


defs = Definitions(jobs=[csv_job])

if __name__ == "__main__":
    sys.stdout.write(f"{csv_job.execute_in_process().output_for_node('combine_sales')}\n")
