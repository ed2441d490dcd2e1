"""Eight chunks that each wait half a second: the smallest dynamic-output workload there is.

Processing a chunk takes no CPU, as if it waited for another machine.
"""

import sys
import time
from collections.abc import Iterator

from dagster import Definitions, DynamicOut, DynamicOutput, job, op

CHUNKS = 8
CHUNK_S = 0.5


@op(out=DynamicOut(int))
def split_chunks() -> Iterator[DynamicOutput[int]]:
    """Yield the chunks' numbers."""
    for chunk in range(CHUNKS):
        yield DynamicOutput(chunk, mapping_key=f"chunk_{chunk}")


@op
def process_chunk(chunk: int) -> int:
    """Wait, as for a remote system, and return the chunk's result."""
    time.sleep(CHUNK_S)
    return chunk * chunk


@op
def combine_chunks(results: list[int]) -> int:
    """Add up what the chunks gave."""
    return sum(results)


@job
def seed_job() -> None:
    """Split, process each chunk, combine."""
    combine_chunks(split_chunks().map(process_chunk).collect())


defs = Definitions(jobs=[seed_job])

if __name__ == "__main__":
    sys.stdout.write(f"{seed_job.execute_in_process().output_for_node('combine_chunks')}\n")
