"""What the use cases hand back, beside the domain's own values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from advisor.domain.advice import Advice
from advisor.domain.errors import ProfileError
from advisor.store import SavedProfile


@dataclass(frozen=True, slots=True)
class ProfileOutcome:
    """What ``profile`` found.

    Attributes:
        path: Where it was saved; None: nowhere.
        unsaved: Why it could not be saved.
        interrupted: Whether a Ctrl-C came, after the first answer or while it was saved.
    """

    advice: Advice
    saved: SavedProfile
    path: Path | None
    interrupted: bool = False
    unsaved: ProfileError | None = None
