"""A revision of the user's repository in a folder of its own, which always goes again."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from advisor.domain.errors import DynadviseError
from advisor.measure.interrupts import ENDING, deferred

_GIT_TIMEOUT_S = 600  # a large repository takes minutes to check out
_RETRY_PAUSES_S = (0.1, 0.3, 0.6)
#: What git sets inside a hook; it would lead a command about another worktree to the user's index.
_HOOK_VARIABLES = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_WORK_TREE",
    }
)


class GitError(DynadviseError):
    """The base revision cannot be had from git."""


@dataclass(frozen=True, slots=True)
class BaseTree:
    """A checked-out revision.

    Attributes:
        head_root: Folder of the repository that it belongs to: the user's own tree.
    """

    root: Path
    head_root: Path
    revision: str

    def counterpart(self, path: Path) -> Path | None:
        """Where ``path`` of the user's tree lies in this one; None for a path outside of it."""
        try:
            return self.root / path.resolve().relative_to(self.head_root)
        except ValueError:
            return None


@contextlib.contextmanager
def base_worktree(directory: Path, reference: str) -> Iterator[BaseTree]:
    """Check out ``reference`` of the repository around ``directory`` beside it, for the block.

    The user's own files, index and branches are not touched; git hooks do not run. The worktree
    is removed at the end, after an exception or Ctrl-C too; SIGTERM must raise one, as it does in
    our commands.

    Raises:
        GitError: No git, no repository, no such revision, or it cannot be checked out.
    """
    if shutil.which("git") is None:
        raise GitError(
            "git is not installed, so the base revision cannot be checked out.",
            hint="Install git, or check without --base.",
        )
    root = _repository(directory)
    revision = _revision(root, reference)
    # Not under the repository: tools that look upwards for a pyproject.toml would find the
    # user's own one above the base's files.
    holder = Path(tempfile.mkdtemp(prefix="dynadvise-base-")).resolve()
    folder = holder / root.name
    try:
        added = _added(root, folder, revision)
        if added.returncode != 0:
            raise GitError(
                f"git cannot check out {reference!r} beside your tree.",
                where=str(root),
                details=added.stderr.strip(),
            )
        yield BaseTree(root=folder, head_root=root, revision=revision)
    finally:
        with deferred(ENDING):
            _remove(root, folder, holder)


def repository_root(directory: Path) -> Path | None:
    """Root of the repository around ``directory``; None where there is none."""
    try:
        return _repository(directory)
    except GitError:
        return None


def _repository(directory: Path) -> Path:
    toplevel = _git(directory, "rev-parse", "--show-toplevel")
    if toplevel.returncode != 0:
        reason = toplevel.stderr.strip()
        foreign = "dubious ownership" in reason
        raise GitError(
            "git does not trust this repository."
            if foreign
            else "--base needs a git repository, and this folder is not in one.",
            where=str(directory),
            details=reason if foreign else None,
            hint=None if foreign else "Check without --base, or run it in the project's clone.",
        )
    return Path(toplevel.stdout.strip()).resolve()


def _revision(root: Path, reference: str) -> str:
    commit = _git(
        root, "rev-parse", "--verify", "--quiet", "--end-of-options", reference + "^{commit}"
    )
    if commit.returncode == 0:
        return commit.stdout.strip()
    shallow = _git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == "true"
    if shallow:
        raise GitError(
            f"There is no revision {reference!r} in this clone, which is shallow.",
            where=str(root),
            hint=(
                "Fetch it: `git fetch --depth=1 origin REF` (and --base FETCH_HEAD), or "
                "`fetch-depth: 0` for actions/checkout."
            ),
        )
    branches = _git(root, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes")
    names = ", ".join(branches.stdout.split()[:8])
    raise GitError(
        f"There is no revision {reference!r} in this repository.",
        where=str(root),
        hint=f"Branches here: {names}." if names else "It has no commit yet.",
    )


def _added(root: Path, folder: Path, revision: str) -> subprocess.CompletedProcess[str]:
    """Check ``revision`` out at ``folder``.

    More than once: git reads the records of all worktrees, and dies of one that another process is
    writing just then ("failed to read .git/worktrees/NAME/commondir: Success").
    """
    add = ("worktree", "add", "--detach", "--quiet", str(folder), revision)
    added = _git(root, *add)
    for pause_s in _RETRY_PAUSES_S:
        if added.returncode == 0:
            break
        time.sleep(pause_s)
        added = _git(root, *add)
    return added


def _remove(root: Path, folder: Path, holder: Path) -> None:
    """Remove the worktree.

    Not by ``git worktree prune``: that forgets the user's own worktrees too, where their disk is
    not there just now.
    """
    remove = ("worktree", "remove", "--force", "--force", str(folder))
    removed = _git(root, *remove)
    shutil.rmtree(holder, ignore_errors=True)
    if removed.returncode != 0:
        _git(root, *remove)  # of a folder that is gone, git forgets its record


def _git(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in _HOOK_VARIABLES}
    environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    command = ["git", "-C", str(directory), "-c", f"core.hooksPath={os.devnull}", *arguments]
    try:
        return subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_GIT_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            # Its own session: Ctrl-C at the terminal shall not end git in the middle of removing.
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise GitError(
            f"`git {' '.join(arguments[:2])}` did not end within {_GIT_TIMEOUT_S} s.",
            where=str(directory),
        ) from None
