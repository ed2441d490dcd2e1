"""The rate at which a service lets items through."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Items per second, after so many calls that were let through faster (a token bucket's)."""

    per_s: float
    after_calls: int = 0
