"""An op without a job, and a plain function: what can be measured before there is a job.

The op names its sample inputs itself, in its ``dynadvise/inputs`` tag; the function gets them with
``--inputs advisor.examples.bare_op:sample_inputs``.
"""

import hashlib
import sys
from collections.abc import Iterator

from dagster import op


def sample_inputs() -> Iterator[dict[str, object]]:
    """Ten passwords to stretch, each with its number of rounds."""
    for number in range(10):
        yield {"password": f"password {number}", "rounds": 100_000 + 20_000 * (number % 3)}


def stretch(password: str, rounds: int) -> str:
    """Derive a key from a password, slowly."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), b"bare_op", rounds).hex()


@op(tags={"dynadvise/inputs": "advisor.examples.bare_op:sample_inputs"})
def stretch_password(password: str, rounds: int) -> str:
    """Derive a key from a password, as an op."""
    return stretch(password, rounds)


if __name__ == "__main__":
    for sample in sample_inputs():
        sys.stdout.write(f"{stretch_password(**sample)}\n")
