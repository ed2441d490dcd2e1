from __future__ import annotations

import json
import os
import pickle
import re
import stat
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from factories import (
    make_advice,
    make_description,
    make_host_facts,
    make_host_profile,
    make_saved_profile,
    make_target,
    make_workload_profile,
)

from advisor import store, whole_files
from advisor.domain.errors import DynadviseError, ProfileError


@pytest.fixture
def saved():
    return make_saved_profile()


@pytest.fixture
def path(saved, tmp_path):
    return store.write(saved, tmp_path)


def edited(path, **changes):
    document = json.loads(path.read_text())
    document.update(changes)
    path.write_text(json.dumps(document))
    return path


def test_a_profile_comes_back_equal_and_stamped(saved, path, tmp_path):
    again = store.read(path)
    assert again.written_at
    assert again.dynadvise_version == store.version_of_dynadvise()
    assert replace(again, written_at="", dynadvise_version="") == saved
    assert isinstance(again.advice.candidates, tuple)
    assert path.parent.parent == tmp_path
    assert path.parent.name == saved.host.facts.id


def test_a_profile_is_text_with_schema_and_integer_version(path):
    document = json.loads(path.read_text())
    assert document["schema"] == "dynadvise/profile"
    assert document["version"] == 2
    assert document["advice"]["recommendation"]["makespan_s"]["median"] == 0.8


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("pkg.mod:job", "pkg.mod--job.json"),
        ("my_module:my_op", "my_module--my_op.json"),
    ],
)
def test_a_plain_target_gives_a_plain_file_name(tmp_path, target, name):
    path = store.profile_path(tmp_path, "host", make_target(spelled=target))
    assert path == tmp_path / "host" / name


@pytest.mark.parametrize(
    "target",
    [
        "../../etc/passwd:x",
        "/abs/path.py:op",
        "a/b.py:op",
        "..",
        ".",
        "",
        "a\0b:op",
        "x" * 5000,
        "naïve:ö😀",
        "\udc80:op",
        "a--b",
        "con:nul ",
    ],
)
def test_no_target_leaves_its_folder_or_shares_its_file(tmp_path, target):
    path = store.profile_path(tmp_path, "../up", make_target(spelled=target))
    assert path.parent.parent == tmp_path
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,200}\.json", path.name)
    assert not path.name.startswith(".")
    others = ["a:b", "a-b.py:op", "a_b.py:op", "etc/passwd:x"]
    assert path not in [
        store.profile_path(tmp_path, "../up", make_target(spelled=other)) for other in others
    ]


def test_a_job_of_definitions_is_part_of_the_name(tmp_path):
    one = make_target(spelled="defs", attribute=None, job="one")
    assert store.profile_path(tmp_path, "h", one).name == "defs--one.json"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_not_saved(tmp_path, value):
    bad = make_saved_profile(workload=make_workload_profile(cost_s=value))
    with pytest.raises(ProfileError):
        store.write(bad, tmp_path)
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize("spelled", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused(path, spelled):
    path.write_text(path.read_text().replace('"drift": 0.05', f'"drift": {spelled}'))
    with pytest.raises(ProfileError, match="finite"):
        store.read(path)


def test_a_missing_profile_names_the_nearest(path):
    with pytest.raises(ProfileError) as raised:
        store.read(path.with_name("shop.chunks--proces_all.json"))
    assert str(path) in str(raised.value)


def test_a_target_without_profile_is_offered_profiles_and_no_other_file(
    path, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "items.json").write_text("[1]")
    with pytest.raises(ProfileError, match="of a target 'shop:none' below") as raised:
        store.find_profile("shop:none", path.parent.parent)
    assert str(path) in str(raised.value)
    assert "items.json" not in str(raised.value)


def test_a_missing_profile_where_there_is_none_says_how_to_make_one(tmp_path):
    with pytest.raises(ProfileError, match="dynadvise profile TARGET"):
        store.read(tmp_path / "nowhere" / "x.json")


def test_damage_is_shown_with_its_place(path):
    lines = path.read_text().splitlines()
    lines[4] = '  "kind" = "job",'
    path.write_text("\n".join(lines))
    with pytest.raises(ProfileError) as raised:
        store.read(path)
    assert raised.value.where.startswith(f"{path}:5:")


def test_a_cut_file_is_damaged(path):
    path.write_text(path.read_text()[:1000])
    with pytest.raises(ProfileError, match="damaged"):
        store.read(path)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "1", '"x"', "null", "{}", '{"schema": 3}', '{"schema": "dynadvise/advice"}'],
)
def test_what_is_no_profile_is_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ProfileError):
        store.read(path)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe\x00",
        pickle.dumps({"schema": "dynadvise/profile"}),
        b"[" * 200_000,
        b'{"schema": "dynadvise/profile", "version": ' + b"9" * 10_000 + b"}",
        b'{"schema": "dynadvise/profile", "version": 1, "workload": '
        + b'{"a":' * 900
        + b"1"
        + b"}" * 900
        + b"}",
    ],
)
def test_hostile_files_are_refused_cleanly(tmp_path, data):
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with pytest.raises(ProfileError):
        store.read(path)


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "x.json"
    with path.open("wb") as file:
        file.truncate(store.MAX_PROFILE_BYTES + 1)
    with pytest.raises(ProfileError, match="50 MB"):
        store.read(path)


def test_an_endless_device_is_refused():
    with pytest.raises(ProfileError):
        store.read(store.Path("/dev/zero"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("items", "8"),
        ("items", 8.5),
        ("items", True),
        ("items", None),
        ("cost_s", "long"),
        ("ops", {}),
        ("category_shares", {"waiting": []}),
    ],
)
def test_a_wrong_type_is_named(path, field, value):
    document = json.loads(path.read_text())
    document["workload"][field] = value
    path.write_text(json.dumps(document))
    with pytest.raises(ProfileError, match=f"workload.{field}"):
        store.read(path)


def test_a_slowdown_that_cannot_be_is_refused(path):
    document = json.loads(path.read_text())
    document["workload"]["probes"][0]["slowdown"] = 1e15
    path.write_text(json.dumps(document))
    with pytest.raises(ProfileError, match=r"slowdown`: is 1e\+15; from 0 to 1e\+06 can be"):
        store.read(path)


def test_a_share_of_more_than_all_is_refused(path):
    document = json.loads(path.read_text())
    document["overhead"]["in_process"]["wait_share"] = 1.5
    path.write_text(json.dumps(document))
    with pytest.raises(ProfileError, match=r"wait_share`: is 1\.5; a share is from 0 to 1"):
        store.read(path)


def test_more_seconds_than_a_clock_can_count_are_refused(path):
    document = json.loads(path.read_text())
    document["workload"]["cost_s"] = 1e15
    path.write_text(json.dumps(document))
    with pytest.raises(ProfileError, match=r"`workload.cost_s`: is larger than 1e\+10"):
        store.read(path)


@pytest.mark.parametrize(
    ("into", "sources"), [("", ["fan"]), ("item", ["nobody"]), ("item", [])], ids=repr
)
def test_a_wire_that_leads_nowhere_is_refused(path, into, sources):
    document = json.loads(path.read_text())
    sources = [[source, "result"] for source in sources]
    wires = [{"input": into, "sources": sources, "collected": not sources}]
    document["description"]["graph"] = [
        {"name": "fan", "outputs": ["result"]},
        {"name": "work", "inputs": ["item"], "wires": wires},
    ]
    path.write_text(json.dumps(document))
    with pytest.raises(ProfileError, match=r"description\.graph\.1\.wires"):
        store.read(path)


def test_a_missing_field_is_named(path):
    document = json.loads(path.read_text())
    del document["host"]["facts"]["cpus"]
    path.write_text(json.dumps(document))
    with pytest.raises(ProfileError, match=r"host\.facts\.cpus"):
        store.read(path)


def test_keys_of_tomorrow_are_ignored(path, saved):
    document = json.loads(path.read_text())
    document["new"] = {"a": 1}
    document["advice"]["new"] = 1
    path.write_text(json.dumps(document))
    assert store.read(path).advice == saved.advice


def test_a_profile_from_before_the_parents_seconds_were_one_figure_is_read(path):
    document = json.loads(path.read_text())
    for overhead in document["overhead"]["multiprocess"].values():
        del overhead["parent_step_s"]
        overhead |= {"launch_s": 0.0075, "starting_s": 0.003, "event_s": 0.000375}
        overhead["background_cpu_s"] = 0.08
    path.write_text(json.dumps(document))
    found = store.read(path).overhead.multiprocess["warm_forkserver"]
    assert found.parent_step_s == 0.015
    assert found.step_s == pytest.approx(found.child_step_s + 0.005)


def test_a_newer_version_says_which_dynadvise_reads_it(path):
    edited(path, version=3, dynadvise_version="3.1.4")
    with pytest.raises(ProfileError) as raised:
        store.read(path)
    assert "written by dynadvise 3.1.4" in str(raised.value)
    assert "3.1.4 or newer" in raised.value.hint


def test_a_newer_version_is_refused_before_its_content_is_looked_at(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"schema": "dynadvise/profile", "version": 99, "all": "new"}')
    with pytest.raises(ProfileError, match="version 99"):
        store.read(path)


@pytest.mark.parametrize("version", [None, "1", 1.0, True])
def test_a_version_that_is_no_integer_is_refused(path, version):
    with pytest.raises(ProfileError, match="version"):
        store.read(edited(path, version=version))


def as_version_1(path):
    """The document as the first version wrote it: what was measured is named by the op."""
    document = json.loads(path.read_text())
    document["version"] = 1
    for op, measured in zip(
        document["description"]["mapped"], document["workload"]["ops"], strict=True
    ):
        op["op"] = op.pop("reference")
        del measured["handle"]
        measured["op"] = op["op"]["name"]
    return document


def test_a_profile_of_version_1_gets_the_handles_of_its_chain(saved, tmp_path):
    (op,), (measured,) = saved.description.mapped, saved.workload.ops
    steps = [
        replace(op, reference=replace(op.reference, node_path=("outer", alias)))
        for alias in ("short", "long")
    ]
    twice = replace(
        saved,
        description=replace(saved.description, mapped=tuple(steps)),
        workload=replace(
            saved.workload,
            ops=tuple(replace(measured, handle=step.handle) for step in steps),
        ),
    )
    path = store.write(twice, tmp_path)
    path.write_text(json.dumps(as_version_1(path)))
    read = store.read(path)
    assert read.workload == twice.workload
    assert read.description == twice.description


@pytest.mark.parametrize("damage", [{"description": None}, {"workload": {"ops": [1]}}])
def test_a_damaged_profile_of_version_1_is_refused(path, damage):
    path.write_text(json.dumps({**as_version_1(path), **damage}))
    with pytest.raises(ProfileError, match="damaged"):
        store.read(path)


def test_a_version_that_is_no_longer_read_says_so(path):
    with pytest.raises(ProfileError, match="version 0"):
        store.read(edited(path, version=0))


def test_writing_again_replaces_the_file_and_leaves_no_other(saved, path, tmp_path):
    path.chmod(0o640)
    changed = replace(saved, advice=make_advice(op_executions=99))
    assert store.write(changed, tmp_path) == path
    assert store.read(path).advice.op_executions == 99
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(path.parent.iterdir()) == [path]


def test_a_new_file_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        whole_files.write_whole(tmp_path / "x", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


def test_a_failed_write_leaves_the_old_file_and_nothing_else(saved, path, tmp_path, monkeypatch):
    before = path.read_text()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole_files.os, "fsync", full)
    with pytest.raises(ProfileError, match="No space left"):
        store.write(saved, tmp_path)
    assert path.read_text() == before
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    before = path.read_text()

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(whole_files.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        whole_files.write_whole(path, "half")
    assert path.read_text() == before
    assert list(path.parent.iterdir()) == [path]


def test_two_writers_and_a_reader_see_whole_profiles_only(saved, path):
    def write(executions):
        mine = replace(saved, advice=make_advice(op_executions=executions))
        for _ in range(15):
            store.write_to(mine, path)

    writers = [threading.Thread(target=write, args=(number,)) for number in (1, 2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert store.read(path).advice.op_executions in (1, 2, 12)
    assert list(path.parent.iterdir()) == [path]


def test_a_link_is_followed(saved, tmp_path):
    real = tmp_path / "real.json"
    real.write_text("{}")
    link = tmp_path / "link.json"
    link.symlink_to(real)
    store.write_to(saved, link)
    assert link.is_symlink()
    assert store.read(real).advice == saved.advice


def test_what_cannot_be_written_is_said(saved, tmp_path):
    (tmp_path / "file").write_text("")
    for where in (tmp_path / "file" / "x.json", tmp_path):
        with pytest.raises(ProfileError, match="cannot be written"):
            store.write_to(saved, where)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(ProfileError):
        store.write_to(saved, loop)
    with pytest.raises(ProfileError):
        store.read(loop)


def test_a_folder_is_no_profile_and_its_profiles_are_named(path):
    with pytest.raises(ProfileError, match="folder") as raised:
        store.read(path.parent)
    assert str(path) in raised.value.hint


def test_output_can_go_to_a_device(tmp_path):
    whole_files.write_output(whole_files.Path(os.devnull), "text")
    with pytest.raises(DynadviseError, match="cannot be written"):
        whole_files.write_output(tmp_path / "no" / "folder", "text")


def test_a_profile_is_found_by_its_target(path, tmp_path):
    assert store.find_profile("shop.chunks:process_all", tmp_path) == path
    assert store.find_profile(str(path), tmp_path / "elsewhere") == path
    with pytest.raises(ProfileError) as raised:
        store.find_profile("shop.chunks:proces_all", tmp_path)
    assert str(path) in raised.value.hint


def test_a_profile_of_a_job_is_found_by_the_definitions_that_hold_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = {"spelled": "jobs.py:nightly", "module": None, "file": str(tmp_path / "jobs.py")}
    target = replace(make_description().target, **changes, attribute="nightly", job=None)
    saved = make_saved_profile(description=replace(make_description(), target=target))
    written = store.write(saved, tmp_path)
    assert store.find_profile("jobs.py:defs:nightly", tmp_path) == written
    with pytest.raises(ProfileError):
        store.find_profile("jobs.py:defs:other", tmp_path)


def test_a_profile_is_found_by_every_spelling_of_its_target(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = {"spelled": "jobs.py:defs", "module": None, "file": str(tmp_path / "jobs.py")}
    target = replace(make_description().target, **changes, attribute="defs", job="nightly")
    saved = make_saved_profile(description=replace(make_description(), target=target))
    written = store.write(saved, tmp_path)
    spellings = (
        "jobs.py:defs:nightly",
        "jobs.py:defs",
        "./jobs.py:defs",
        f"{tmp_path}/jobs.py:defs",
    )
    assert [store.find_profile(spelled, tmp_path) for spelled in spellings] == [written] * 4
    for spelled in ("jobs.py", "other.py:defs", "jobs.py:other"):
        with pytest.raises(ProfileError):
            store.find_profile(spelled, tmp_path)


def test_a_job_is_told_from_an_op_that_was_measured_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place, written = {"module": None, "file": str(tmp_path / "jobs.py")}, []
    for name in ("nightly", "fetch"):
        target = replace(make_description().target, spelled=f"jobs.py:{name}", **place, job=None)
        target = replace(target, attribute=name)
        described = replace(make_description(), target=target, job_name="nightly")
        written.append(store.write(make_saved_profile(description=described), tmp_path))
    found = [store.find_profile(f"./jobs.py:{name}", tmp_path) for name in ("nightly", "fetch")]
    assert found == written


def test_profiles_of_two_hosts_are_told_apart(path, tmp_path):
    other = make_host_profile(facts=make_host_facts(id="other"))
    second = store.write(make_saved_profile(host=other), tmp_path)
    with pytest.raises(ProfileError, match="2 hosts") as raised:
        store.find_profile("shop.chunks:process_all", tmp_path)
    assert str(second) in raised.value.hint


def test_a_description_without_executor_comes_back(tmp_path):
    bare = make_saved_profile(
        description=make_description(kind="function", executor=None, fan_out=None, collects=()),
        advice=make_advice(current=None, default=None, next_measurement=None, target="ä:ö"),
    )
    again = store.read(store.write(bare, tmp_path))
    assert again.description == bare.description
    assert again.advice == bare.advice


@pytest.fixture
def user_folder():
    """A folder of a user whom the modes of files bind, as which the test runs."""
    with tempfile.TemporaryDirectory() as path:
        is_root = os.getuid() == 0
        if is_root:
            os.chown(path, 65534, 65534)
            os.setresuid(65534, 65534, 0)
        yield Path(path)
        if is_root:
            os.setresuid(0, 0, 0)


def test_a_profile_in_a_folder_that_may_not_be_searched_is_not_said_to_be_missing(user_folder):
    closed = user_folder / "closed"
    closed.mkdir(mode=0)
    try:
        with pytest.raises(ProfileError, match=f"denied on {re.escape(str(closed))}\\.$"):
            store.find_profile(str(closed / "deep" / "p.json"), user_folder)
    finally:
        closed.chmod(0o700)
    with pytest.raises(ProfileError, match="There is no profile"):
        store.find_profile(str(user_folder / "p.json"), user_folder)
