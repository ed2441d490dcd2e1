"""How long measurements tell what they do."""

from collections.abc import Callable

Progress = Callable[[str, float | None], None]
"""Called with what is being done and the share that is done (0 to 1; None: unknown)."""


def silent(message: str, fraction: float | None = None) -> None:
    """Show nothing."""
