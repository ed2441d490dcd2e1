"""The base revision's worktree: there for the block, gone afterwards, the user's tree untouched."""

from __future__ import annotations

import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from advisor.cli import _end
from advisor.gate import worktree
from advisor.gate.worktree import GitError, base_worktree, repository_root


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "job.py").write_text("old")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=base")
    (folder / "job.py").write_text("new")
    (folder / "untracked.py").write_text("mine")
    return folder


def assert_untouched(repository):
    assert git(repository, "status", "--short").split() == ["M", "job.py", "??", "untracked.py"]
    assert git(repository, "worktree", "list").count("\n") == 1
    assert not list((repository / ".git").glob("worktrees/*"))


def test_the_base_is_there_and_then_gone(repository):
    with base_worktree(repository, "main") as base:
        assert (base.root / "job.py").read_text() == "old"
        assert not (base.root / "untracked.py").exists()
        assert base.counterpart(repository / "job.py") == base.root / "job.py"
        assert base.counterpart(Path("/elsewhere")) is None
        assert base.revision == git(repository, "rev-parse", "main").strip()
        (base.root / "left_behind.txt").write_text("by the user's code")
    assert not base.root.parent.exists()
    assert_untouched(repository)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_gone_after_an_exception(repository, error):
    with pytest.raises(error), base_worktree(repository, "main") as base:
        raise error
    assert not base.root.parent.exists()
    assert_untouched(repository)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_while_it_is_removed_waits(repository, monkeypatch, number):
    remove = worktree._remove

    def interrupted(*arguments):
        signal.raise_signal(number)
        remove(*arguments)

    monkeypatch.setattr(worktree, "_remove", interrupted)
    before = signal.signal(number, _end)
    try:
        with pytest.raises(SystemExit) as ended, base_worktree(repository, "main") as base:
            signal.raise_signal(number)
    finally:
        signal.signal(number, before)
    assert ended.value.code == 128 + number
    assert not base.root.parent.exists()
    assert_untouched(repository)


def test_several_at_once_do_not_take_each_others(repository):
    with ThreadPoolExecutor(6) as pool, ExitStack() as stack:
        opened = pool.map(
            lambda _: stack.enter_context(base_worktree(repository, "main")), range(6)
        )
        folders = [base.root for base in opened]
        assert len(set(folders)) == 6
        assert git(repository, "worktree", "list").count("\n") == 7
        with base_worktree(repository, "main"):
            pass
        assert all((folder / "job.py").read_text() == "old" for folder in folders)
    assert_untouched(repository)


def test_gone_though_its_folder_was_removed_before(repository):
    with base_worktree(repository, "main") as base:
        shutil.rmtree(base.root)
    assert_untouched(repository)


def test_the_users_own_worktree_on_a_disk_that_is_away_is_kept(repository, tmp_path):
    git(repository, "worktree", "add", "--quiet", "--detach", str(tmp_path / "disk"))
    (tmp_path / "disk").rename(tmp_path / "elsewhere")
    with base_worktree(repository, "main"):
        pass
    assert str(tmp_path / "disk") in git(repository, "worktree", "list")


def test_from_a_worktree_of_the_user(repository, tmp_path):
    own = tmp_path / "own tree"
    git(repository, "worktree", "add", "--quiet", "-b", "mine", str(own))
    (own / "job.py").write_text("newer")
    with base_worktree(own, "main") as base:
        assert (base.root / "job.py").read_text() == "old"
        assert base.counterpart(own / "job.py") == base.root / "job.py"
    assert git(repository, "worktree", "list").count("\n") == 2


def test_a_repository_with_a_submodule(repository, tmp_path):
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "--quiet")
    git(library, "commit", "--quiet", "--allow-empty", "--message=library")
    add = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add")
    git(repository, *add, str(library), "library")
    git(repository, "commit", "--quiet", "--message=submodule", "--", ".gitmodules", "library")
    with base_worktree(repository, "main") as base:
        assert (base.root / "library").is_dir()
    assert_untouched(repository)


def test_inside_a_git_hook(repository, monkeypatch):
    """Git tells a hook about the index that is being committed; that must stay alone."""
    monkeypatch.setenv("GIT_INDEX_FILE", str(repository / ".git" / "index.lock.next"))
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    monkeypatch.setenv("GIT_PREFIX", "")
    with base_worktree(repository, "main") as base:
        assert (base.root / "job.py").read_text() == "old"
    monkeypatch.undo()
    assert_untouched(repository)


def test_the_users_hooks_do_not_run(repository):
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {repository}/hook_ran\n")
    hook.chmod(0o755)
    with base_worktree(repository, "main"):
        pass
    assert not (repository / "hook_ran").exists()


def test_a_revision_that_does_not_exist_names_those_that_do(repository):
    with pytest.raises(GitError) as caught, base_worktree(repository, "origin/nope"):
        pass
    assert "origin/nope" in str(caught.value)
    assert "main" in str(caught.value.hint)
    for odd in ("--help", "", "main:job.py"):
        with pytest.raises(GitError), base_worktree(repository, odd):
            pass


def test_a_shallow_clone_says_how_to_deepen_it(repository, tmp_path):
    git(repository, "commit", "--quiet", "--all", "--message=second")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", str(shallow))
    with pytest.raises(GitError) as caught, base_worktree(shallow, "HEAD~1"):
        pass
    assert "fetch-depth: 0" in str(caught.value.hint)


def test_without_a_repository(tmp_path):
    with pytest.raises(GitError, match="needs a git repository"), base_worktree(tmp_path, "main"):
        pass
    assert repository_root(tmp_path) is None


def test_without_git(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GitError, match="not installed"), base_worktree(repository, "main"):
        pass
