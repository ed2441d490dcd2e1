"""Whether a database has a schema that the installed Dagster knows."""

import importlib.metadata
import importlib.util
import re
import sqlite3
from functools import cache
from pathlib import Path

from advisor.domain.errors import DynadviseError

_REVISION = re.compile(r"""^revision\s*(?::\s*str\s*)?=\s*["']([0-9a-f]+)["']""", re.MULTILINE)


def check_table(
    connection: sqlite3.Connection, path: Path, table: str, columns: frozenset[str]
) -> None:
    """Refuse a database without the table or a column of it, or of an unknown revision.

    Raises:
        DynadviseError: It is none of Dagster's, or another version's.
    """
    present = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    revision = _revision(connection)
    if not present:
        raise DynadviseError(
            f"This is not a database of Dagster's: it has no table {table!r}.", where=str(path)
        )
    if missing := sorted(columns - present):
        raise DynadviseError(
            f"The table {table!r} lacks {', '.join(missing)}: a schema of another Dagster version"
            + (f" (revision {revision})." if revision else "."),
            where=str(path),
            hint="dynadvise never migrates. Read it with the Dagster version that wrote it, or "
            "run `dagster instance migrate` on a copy.",
        )
    check_revision(revision, path)


def check_revision(revision: str | None, path: Path) -> None:
    """Refuse a schema revision that the installed Dagster does not know.

    Raises:
        DynadviseError: Another version wrote it.
    """
    revisions = known_schema_revisions()
    if revision is not None and revisions and revision not in revisions:
        version = importlib.metadata.version("dagster")
        raise DynadviseError(
            f"The database was written by another Dagster version: its schema revision {revision} "
            f"is unknown to Dagster {version}.",
            where=str(path),
            hint="dynadvise never migrates. Install the Dagster version that wrote it (or newer).",
        )


def _revision(connection: sqlite3.Connection) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None  # some Dagster versions did not stamp their SQLite files (dagster#25740)
    return str(row[0]) if row else None


@cache
def known_schema_revisions() -> frozenset[str]:
    """The schema revisions that the installed Dagster knows; empty where they are not found.

    Read from its migration scripts, without importing them (or Dagster, or alembic).
    """
    spec = importlib.util.find_spec("dagster")
    root = Path(spec.origin).parent if spec and spec.origin else Path()
    scripts = (root / "_core" / "storage" / "alembic" / "versions").glob("*.py")
    texts = (script.read_text(encoding="utf-8") for script in scripts)
    return frozenset(match[1] for text in texts if (match := _REVISION.search(text)))
