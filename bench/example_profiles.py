"""`make example-profiles`: one saved profile of each example, to try the other commands with.

Nothing of the machine's folders stays in them: paths are relative to the repository.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "profiles" / "example-2-cores"
EXAMPLES = (
    "seed_chunks:seed_job",
    "csv_files:csv_job",
    "async_calls:async_job",
    "two_stage:two_stage_job",
    "http_calls:http_job",
    "sqlite_rows:sqlite_job",
    "train_segments:train_job",
    "bare_op:stretch_password",
)


def measure(example: str) -> Path:
    """Profile one example and keep the profile without this machine's paths."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["profile", "--yes", f"advisor.examples.{example}", "--profiles", folder]
        subprocess.run(
            [Path(sys.executable).with_name("dynadvise"), *command],
            cwd=ROOT,
            check=True,
            stdout=sys.stderr,
        )
        (written,) = Path(folder).rglob("*.json")
        text = written.read_text(encoding="utf-8")
    for place in (f"{ROOT}/", str(ROOT), f"{Path.home()}/"):
        text = text.replace(place, "" if place.endswith("/") else ".")
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / written.name
    path.write_text(text, encoding="utf-8")
    return path


if __name__ == "__main__":
    for example in sys.argv[1:] or EXAMPLES:
        sys.stdout.write(f"{measure(example)}\n")
