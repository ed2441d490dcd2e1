"""Profiles on disk: ``profiles/<host id>/<target>.json``, written whole or not at all.

A profile is JSON text (never pickle) with ``schema`` and an integer ``version``. An older version
is migrated on reading, a newer one is refused.
"""

import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from advisor.domain.advice import Advice
from advisor.domain.command_line import path_of, target_name
from advisor.domain.errors import ProfileError
from advisor.domain.graph import GraphNode
from advisor.domain.measured import Measured
from advisor.domain.nearest import nearest
from advisor.domain.workload import TargetReference
from advisor.stored_json import UnfitError, adapter, fitted, parse
from advisor.whole_files import reason, write_whole

Document = Mapping[str, Any]
SCHEMA = "dynadvise/profile"
VERSION = 2
#: A profile of 10,000 items is about 5 MB; what is ten times that is not one of ours.
MAX_PROFILE_BYTES = 50_000_000
#: Most file systems allow 255 bytes in a name; the temporary file's name is longer than this.
_MAX_NAME_LENGTH = 150
_RESTORE = "Take it from version control, or measure again: `dynadvise profile TARGET`."


def ops_by_handle(document: Document) -> dict[str, Any]:
    """Version 2 of a document of version 1, which named each measured op by its definition.

    Version 1 measured the ops in the order of the chain, so the place of each tells its handle
    also where two steps share one definition.

    Raises:
        KeyError, TypeError: The document is damaged.
    """
    description, workload = document["description"], document["workload"]
    mapped = [_renamed(op, "op", "reference") for op in description["mapped"]]
    ops = [_renamed(op, "op", "handle") for op in workload["ops"]]
    if len(ops) == len(mapped):
        for op, step in zip(ops, mapped, strict=True):
            op["handle"] = ".".join(step["reference"]["node_path"])
    return {
        **document,
        "description": {**description, "mapped": mapped},
        "workload": {**workload, "ops": ops},
    }


def _renamed(values: Document, old: str, new: str) -> dict[str, Any]:
    return {new if key == old else key: value for key, value in values.items()}


#: From a version to the function that makes the next one's document of it.
MIGRATIONS: Mapping[int, Callable[[Document], dict[str, Any]]] = {1: ops_by_handle}


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedProfile(Measured):
    """What was measured and what was advised from it, so that a later run can be laid beside it.

    Attributes:
        written_at: ISO 8601, UTC; set by :func:`write`.
        dynadvise_version: Of the dynadvise that wrote it; set by :func:`write`.
    """

    advice: Advice
    written_at: str = ""
    dynadvise_version: str = ""


def with_advice(measured: Measured, advice: Advice) -> SavedProfile:
    """What is saved of a measurement."""
    parts = {each.name: getattr(measured, each.name) for each in fields(Measured)}
    return SavedProfile(**parts, advice=advice)


def version_of_dynadvise() -> str:
    """The installed version; ``0+unknown`` where run from a plain checkout."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("dynadvise")
    except PackageNotFoundError:
        return "0+unknown"


# --- names -----------------------------------------------------------------------------------


def safe_name(name: str) -> str:
    """A file name for ``name`` that every file system takes and that cannot leave its folder.

    ``pkg.mod:job`` becomes ``pkg.mod--job``. A name that needs more than that gets a few digits
    of its hash, so that two targets never share a file.
    """
    plain = name.replace(":", "--")
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip(".-")[:_MAX_NAME_LENGTH]
    if safe and safe == plain and "--" not in name:
        return safe
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe}-{digest}" if safe else digest


def profile_path(directory: Path, host_id: str, reference: TargetReference) -> Path:
    """Where the profile of a target on a host lives below ``directory``."""
    return directory / safe_name(host_id) / f"{safe_name(target_name(reference))}.json"


def existing_profiles(directory: Path) -> list[Path]:
    """All profiles below ``directory``, sorted; empty where it does not exist."""
    return sorted(path for path in directory.glob("*/*.json") if not path.name.startswith("."))


def readable_profiles(directory: Path, most: int | None = None) -> Iterator[SavedProfile]:
    """The first ``most`` profiles below ``directory`` (None: all) that can be read.

    What is wrong with the others is told where one of them is named.
    """
    for path in existing_profiles(directory)[:most]:
        with contextlib.suppress(ProfileError):
            yield read(path)


def find_profile(spelled: str, directory: Path) -> Path:
    """The profile that the user means: a file, or a target's profile below ``directory``.

    A target may be spelled otherwise than when it was profiled: as a file or a module, by its
    module and the name of its job.

    Raises:
        ProfileError: There is none, its folder may not be searched, or profiles of several hosts
            fit.
    """
    path = path_of(spelled)
    if os.path.exists(path):  # noqa: PTH110 - Path's own raises where a name is too long
        return path
    if closed := _closed_folder(path):
        raise ProfileError(f"{str(path)!r} cannot be read: permission denied on {closed}.")
    fitting = sorted(directory.glob(f"*/{safe_name(spelled)}.json"))
    if not fitting:
        fits = {path: _fit(path, spelled) for path in existing_profiles(directory)}
        best = max(fits.values(), default=0) or None
        fitting = [path for path, fit in fits.items() if fit == best]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ProfileError(
            f"There are profiles of {spelled!r} for {len(fitting)} hosts.",
            hint="Name one of: " + ", ".join(map(str, fitting)),
        )
    raise _missing(path, directory)


def _closed_folder(path: Path) -> Path | None:
    """The outermost folder of a path that may not be searched; None where all may be."""
    try:
        path.stat()
    except PermissionError:
        folders = reversed(path.absolute().parents)
        return next((each for each in folders if not os.access(each, os.X_OK)), path.parent)
    except OSError:
        pass
    return None


def _fit(path: Path, spelled: str) -> int:
    """How well a profile fits a target: 2 by its name, 1 by the job around it; else 0.

    One that cannot be read fits none.
    """
    try:
        description = parse(path.read_text(encoding="utf-8"))["description"]
        target, job = description["target"], description["job_name"]
        attribute = target["attribute"] or target["job"] or target.get("asset")
        place, file = target["module"], target["file"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    where, _, name = spelled.rpartition(":")
    where = where.rpartition(":")[0] or where  # the Definitions that a job was named in
    same_file = bool(where) and file is not None and os.path.abspath(where) == file  # noqa: PTH100
    same_place = same_file or (place is not None and where == place)
    if spelled == target["spelled"] or (same_place and name == attribute):
        return 2
    return int(same_place and name == job)


def _missing(path: Path, directory: Path) -> ProfileError:
    nearby = existing_profiles(directory)
    is_file = path.suffix == ".json"
    if is_file:
        with contextlib.suppress(OSError):
            nearby += sorted(path.parent.glob("*.json"))
    names = list(dict.fromkeys(map(str, nearby)))
    near = nearest(str(path), names, most=3, cutoff=0.3) or names[:3]
    hint = (
        f"The nearest that exist: {', '.join(near)}"
        if near
        else "`dynadvise profile TARGET` measures a target and saves its profile."
    )
    of_target = "" if is_file else f"of a target {str(path)!r} below {directory}"
    return ProfileError(f"There is no profile {of_target or repr(str(path))}.", hint=hint)


# --- reading ---------------------------------------------------------------------------------


def read(path: Path) -> SavedProfile:
    """Read a profile, migrating an older version.

    Raises:
        ProfileError: It is missing, not readable, damaged, of another kind, or too new.
    """
    document = _document(path, _text(path))
    migrated = _migrate(path, document)
    try:
        saved = fitted(SavedProfile, migrated)
        _check_wires(saved.description.graph)
    except UnfitError as error:
        raise ProfileError(
            f"{str(path)!r} is damaged: {error}.", where=f"{path}: {error.field}", hint=_RESTORE
        ) from None
    return saved


def _check_wires(graph: tuple[GraphNode, ...]) -> None:
    """Each wire must lead from a node, or from the graph's own inputs, to an input of its node."""
    names = {"", *(node.name for node in graph)}
    for place, node in enumerate(graph):
        for wire in node.wires:
            strays = not names.issuperset(source for source, _ in wire.sources)
            if wire.input not in node.inputs or strays or (wire.collected and not wire.sources):
                raise UnfitError(f"description.graph.{place}.wires", "is of no node's input")


def _text(path: Path) -> str:
    try:
        facts = path.stat()
        if stat.S_ISDIR(facts.st_mode):
            raise ProfileError(
                f"{str(path)!r} is a folder, not a profile.",
                hint=_name_the_files(existing_profiles(path) or sorted(path.glob("*.json"))),
            )
        if facts.st_size > MAX_PROFILE_BYTES:
            raise ProfileError(
                f"{str(path)!r} has {facts.st_size / 1e6:.0f} MB; a profile has at most "
                f"{MAX_PROFILE_BYTES / 1e6:.0f} MB."
            )
        # Bounded also where the size is not known beforehand (a pipe).
        with path.open("rb") as file:
            data = file.read(MAX_PROFILE_BYTES + 1)
        if len(data) > MAX_PROFILE_BYTES:
            raise ProfileError(f"{str(path)!r} is longer than any profile.")
        return data.decode("utf-8")
    except FileNotFoundError:
        raise _missing(path, path.parent.parent) from None
    except OSError as error:
        raise ProfileError(f"The profile {str(path)!r} cannot be read: {reason(error)}.") from None
    except UnicodeDecodeError as error:
        raise ProfileError(
            f"{str(path)!r} is not a profile: byte {error.start} is not UTF-8 text."
        ) from None


def _name_the_files(paths: list[Path]) -> str | None:
    return f"Profiles in it: {', '.join(map(str, paths[:3]))}" if paths else None


def _document(path: Path, text: str) -> dict[str, Any]:
    """Parse ``text``; what is no JSON object of ours is refused."""
    try:
        document = parse(text)
    except json.JSONDecodeError as error:
        raise ProfileError(
            f"{str(path)!r} is damaged: {error.msg}.",
            where=f"{path}:{error.lineno}:{error.colno}",
            hint=_RESTORE,
        ) from None
    except ValueError as error:
        raise ProfileError(f"{str(path)!r} is not a profile: {error}.") from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(document, dict) or schema != SCHEMA:
        kind = f"it says schema {schema!r}" if schema else "it has no `schema`"
        raise ProfileError(
            f"{str(path)!r} is not a profile: {kind}, a profile says {SCHEMA!r}.",
            hint="`dynadvise profile TARGET` saves profiles below profiles/."
            if schema != "dynadvise/advice"
            else "This is an advice (--format json); the profile lies below profiles/.",
        )
    return document


def _migrate(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise ProfileError(f"{str(path)!r} has no integer `version`.", where=f"{path}: version")
    if version > VERSION:
        writer = document.get("dynadvise_version")
        has_writer = isinstance(writer, str) and re.fullmatch(r"\d[\w.+]{0,40}", writer)
        raise ProfileError(
            f"{str(path)!r} has version {version}"
            + (f" and was written by dynadvise {writer}" if has_writer else "")
            + f"; this is dynadvise {version_of_dynadvise()}, which reads up to {VERSION}.",
            hint=f"Read it with dynadvise {writer} or newer."
            if has_writer
            else "Read it with a newer dynadvise.",
        )
    while version < VERSION:
        if version not in MIGRATIONS:
            raise ProfileError(
                f"{str(path)!r} has version {version}, which this dynadvise no longer reads.",
                hint="Measure again: `dynadvise profile TARGET`.",
            )
        try:
            document = MIGRATIONS[version](document)
        except (AttributeError, KeyError, TypeError) as error:
            raise ProfileError(
                f"{str(path)!r} is damaged: it is no profile of version {version} ({error!r}).",
                hint=_RESTORE,
            ) from None
        version += 1
    return document


# --- writing ---------------------------------------------------------------------------------


def write(saved: SavedProfile, directory: Path) -> Path:
    """Save a profile below ``directory`` under its host and target, and return its path.

    Raises:
        ProfileError: It cannot be written, or holds a number that is not finite.
    """
    path = profile_path(directory, saved.host.facts.id, saved.description.target)
    write_to(saved, path)
    return path


def write_to(saved: SavedProfile, path: Path) -> None:
    """Save a profile at ``path``, stamped with the time and this dynadvise's version.

    Raises:
        ProfileError: It cannot be written, or holds a number that is not finite.
    """
    stamped = replace(
        saved,
        written_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        dynadvise_version=version_of_dynadvise(),
    )
    text = to_text(stamped)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before 3.13
        raise ProfileError(
            f"The profile {str(path)!r} cannot be written: {reason(error)}.",
            hint="--profiles DIR saves it elsewhere, --no-save not at all.",
        ) from None


def to_text(saved: SavedProfile) -> str:
    """The profile's JSON text.

    Raises:
        ProfileError: It holds a number that is not finite, or text that is not Unicode.
    """
    try:
        body = adapter(SavedProfile).dump_python(saved, warnings=False)
        measured = body["workload"]
        for record in (*measured["probes"], *measured["limited_probes"], *body["advice"]["limits"]):
            record["evidence"] = ""  # values and messages of the user's, which may be secrets
        text = json.dumps(
            {"schema": SCHEMA, "version": VERSION, **body},
            indent=1,
            ensure_ascii=False,
            allow_nan=False,
            default=_number,
        )
    except ValueError as error:
        raise ProfileError(f"The profile cannot be saved: {error}.") from None
    return text + "\n"


def _number(value: Any) -> Any:
    if hasattr(value, "item"):  # a numpy scalar that the model has left in a field
        return value.item()
    raise ValueError(f"{type(value).__name__} has no JSON form")
