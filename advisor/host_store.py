"""Calibrations of this host, in the user's cache folder; a damaged one is as good as none."""

import contextlib
import hashlib
import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

from advisor.domain.command_line import path_of
from advisor.domain.host import HostFacts, HostProfile
from advisor.stored_json import adapter, fitted, parse
from advisor.whole_files import write_whole

SCHEMA = "dynadvise/host"
VERSION = 3
"""Version 1 did not know what of a calibration is the user's module's, version 2 not what building
its definitions takes: they are read where there was none, and made anew where there was."""

KEPT_DAYS = 7
"""An older calibration is made anew: packages and machines change."""


def cache_folder() -> Path:
    """Where calibrations lie; ``DYNADVISE_CACHE_DIR`` overrides the platform's cache folder."""
    override = os.environ.get("DYNADVISE_CACHE_DIR", "").strip()
    if override:
        return path_of(override) / "hosts"
    import platformdirs

    with contextlib.suppress(RuntimeError):
        folder = Path(platformdirs.user_cache_path("dynadvise"))
        if folder.is_absolute():
            return folder / "hosts"
    return Path(os.devnull, "hosts")  # there is no home: nothing is kept


def cache_path(facts: HostFacts, storage: str, user_module: str | None) -> Path:
    """The file of one host, Python, Dagster, kind of storage and user module."""
    parts = (facts.id, facts.python_version, facts.dagster_version, storage, str(user_module))
    digest = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return cache_folder() / f"{facts.id}-{digest}.json"


def read_host(path: Path) -> HostProfile | None:
    """The calibration at ``path``; None where there is none that can be used."""
    try:
        document = parse(path.read_text(encoding="utf-8"))
        if document.get("schema") != SCHEMA or document.get("version") not in (1, 2, VERSION):
            return None
        host = fitted(HostProfile, document["host"])
        if document["version"] != VERSION and host.user_module is not None:
            return None
        calibrated = datetime.fromisoformat(host.calibrated_at)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    age = datetime.now(timezone.utc) - calibrated
    return None if age > timedelta(days=KEPT_DAYS) else host


def write_host(path: Path, host: HostProfile) -> None:
    """Keep a calibration; a cache that cannot be written is no error, only slower next time."""
    body = adapter(HostProfile).dump_python(host)
    document = {"schema": SCHEMA, "version": VERSION, "host": body}
    text = json.dumps(document, ensure_ascii=False, default=float)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
