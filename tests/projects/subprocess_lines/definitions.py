import subprocess
import sys

import dagster as dg


@dg.op(out=dg.DynamicOut(str))
def texts():
    for text in ("one", "two", "three"):
        yield dg.DynamicOutput(text, mapping_key=text)


@dg.op
def convert(text: str) -> str:
    """Most of such ops call a program of somebody else's."""
    program = "import sys; print(sys.argv[1].upper())"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, text], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@dg.op
def gather(converted: list[str]) -> list[str]:
    return converted


@dg.job
def convert_job():
    gather(texts().map(convert).collect())


defs = dg.Definitions(jobs=[convert_job])
