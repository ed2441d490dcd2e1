"""Two ops mapped in a chain, the first with an input that is the same for every item."""

import hashlib
import sys
import time
from collections.abc import Iterator

from dagster import Definitions, DynamicOut, DynamicOutput, job, op

DOCUMENTS = 12
WORDS = ("amber", "basalt", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jade")


@op
def load_stop_words() -> list[str]:
    """The words to leave out, the same for every document."""
    return ["basalt", "delta", "heath"]


@op(out=DynamicOut(str))
def list_documents() -> Iterator[DynamicOutput[str]]:
    """Yield documents of some thousand words."""
    for number in range(DOCUMENTS):
        words = [WORDS[(place * place + number) % len(WORDS)] for place in range(4_000)]
        yield DynamicOutput(" ".join(words), mapping_key=f"document_{number}")


@op
def count_words(document: str, stop_words: list[str]) -> dict[str, int]:
    """Count a document's words, after waiting as for the store that holds it."""
    time.sleep(0.1)
    counts: dict[str, int] = {}
    for word in document.split():
        if word not in stop_words:
            counts[word] = counts.get(word, 0) + 1
    return counts


@op
def fingerprint(counts: dict[str, int]) -> str:
    """A slow digest of the counts."""
    text = ",".join(f"{word}={count}" for word, count in sorted(counts.items()))
    return hashlib.pbkdf2_hmac("sha256", text.encode(), b"two_stage", 200_000).hex()


@op
def combine_fingerprints(fingerprints: list[str]) -> str:
    """One digest of all, whatever their order."""
    return hashlib.sha256("".join(sorted(fingerprints)).encode()).hexdigest()


@job
def two_stage_job() -> None:
    """Count each document's words, take the fingerprints, combine."""
    stop_words = load_stop_words()
    counts = list_documents().map(lambda document: count_words(document, stop_words))
    combine_fingerprints(counts.map(fingerprint).collect())


defs = Definitions(jobs=[two_stage_job])

if __name__ == "__main__":
    result = two_stage_job.execute_in_process()
    sys.stdout.write(f"{result.output_for_node('combine_fingerprints')}\n")
