from __future__ import annotations

from pathlib import Path

import pytest

from advisor.domain.errors import ConfigurationError
from advisor.domain.options import DescribedHost
from advisor.domain.quantities import parse_size
from advisor.settings import Settings, load

WHOLE = """
[project]
name = "shop"

[tool.dynadvise]
targets = ["shop.jobs:all", "shop.jobs:one"]
inputs = {"shop.jobs:one" = "samples.json", "shop.jobs:all" = "shop.samples:rows"}
items = 400
fail-on = "warning"
max-regression = 0.2
max-regret = "5%"
profiles = "perf"
ignore = ["DYN003"]
max-connections = 5
max-rate = 20
memory-headroom = "20%"
budget = 30

[tool.dynadvise.hosts.production]
cores = 8
memory = "32GiB"
"""


def project(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(text)
    return folder


def test_everything_is_read(tmp_path):
    settings = load(project(tmp_path, WHOLE))
    assert settings.path == tmp_path / "pyproject.toml"
    assert settings.targets == ("shop.jobs:all", "shop.jobs:one")
    assert settings.items_of("anything") == 400
    assert settings.hosts == {"production": DescribedHost(8.0, 32 * 2**30)}
    assert (settings.fail_on, settings.max_regression, settings.max_regret) == (
        "warning",
        0.2,
        0.05,
    )
    assert settings.profiles == tmp_path / "perf"
    assert settings.ignore == ("DYN003",)
    assert (settings.max_connections, settings.max_rate, settings.memory_headroom) == (5, 20, 0.2)
    assert settings.budget_s == 30


def test_inputs_that_are_files_are_found_from_any_folder(tmp_path):
    project(tmp_path, WHOLE)
    (tmp_path / "samples.json").write_text("[]")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    settings = load(below)
    assert settings.inputs_of("shop.jobs:one") == str(tmp_path / "samples.json")
    assert settings.inputs_of("shop.jobs:all") == "shop.samples:rows"
    assert settings.inputs_of("other") is None


@pytest.mark.parametrize(
    "line",
    [
        'profiles = "a\\u0000b"',
        "hosts = {big = {cores = 1e-300}}",
        'clusters = {prod = {executor = "k8s", run-pod = {cpu = 1e-300}}}',
    ],
)
def test_what_no_machine_has_is_refused_with_its_line(tmp_path, line):
    with pytest.raises(ConfigurationError) as refused:
        load(project(tmp_path, f"[tool.dynadvise]\n{line}\n"))
    assert str(refused.value.where).endswith("pyproject.toml:2")


def test_items_may_differ_by_target(tmp_path):
    settings = load(project(tmp_path, '[tool.dynadvise]\nitems = {"a:b" = 3}\n'))
    assert settings.items_of("a:b") == 3
    assert settings.items_of("other") is None


def test_a_nearer_file_without_the_table_is_passed_over(tmp_path):
    project(tmp_path, "[tool.dynadvise]\nitems = 3\n")
    inner = tmp_path / "inner"
    inner.mkdir()
    project(inner, "[tool.other]\n")
    assert load(inner).items_of("x") == 3


def test_without_a_file_the_defaults_hold(tmp_path):
    settings = load(tmp_path)
    assert settings.max_regression == Settings().max_regression
    assert settings.profiles == Path("profiles")


@pytest.mark.parametrize(
    ("line", "named", "hint"),
    [
        ('target = ["a"]', "'target'", "targets"),
        ("max_regression = 0.1", "'max_regression'", "max-regression"),
        ("zzzz = 1", "'zzzz'", "Known keys: targets"),
        ("hosts = {big = {core = 3}}", "'core'", "cores"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(tmp_path, line, named, hint):
    with pytest.raises(ConfigurationError) as raised:
        load(project(tmp_path, f"[tool.dynadvise]\n\n{line}\n"))
    assert named in raised.value.what
    assert hint in raised.value.hint
    assert raised.value.where == f"{tmp_path / 'pyproject.toml'}:3"


@pytest.mark.parametrize(
    "line",
    [
        'targets = "a:b"',
        "targets = [1]",
        "items = 0",
        "items = true",
        'items = "many"',
        'items = {"a:b" = 1.5}',
        'inputs = {"a:b" = 1}',
        'fail-on = "never"',
        "max-regression = -1",
        "max-regression = nan",
        'max-regret = "much"',
        "profiles = 3",
        "max-connections = 0",
        "max-rate = 0",
        "memory-headroom = 1",
        "budget = 0",
        "hosts = 3",
        "hosts = {big = 3}",
        "hosts = {big = {cores = 0}}",
        "hosts = {big = {cpu-count = 1.5}}",
        'hosts = {big = {memory = "lots"}}',
        "ignore = [3]",
        "max-rate = inf",
        pytest.param(f"max-rate = {'9' * 401}", id="a rate of 401 digits"),
        pytest.param(f"items = {'9' * 401}", id="items of 401 digits"),
        "clusters = {big = 3}",
        "clusters = {big = {slots = 3}}",
        'clusters = {big = {executor = "k9s"}}',
        'clusters = {big = {executor = "k8s", start = "-3s"}}',
        pytest.param(
            f'clusters = {{big = {{executor = "k8s", start = "{"9" * 401}s"}}}}',
            id="a start of 401 digits",
        ),
        'clusters = {big = {executor = "k8s", quota = 3}}',
    ],
)
def test_a_wrong_value_is_named_with_its_line(tmp_path, line):
    with pytest.raises(ConfigurationError) as raised:
        load(project(tmp_path, f"[build-system]\nitems = 2\n[tool.dynadvise]\n{line}\n"))
    assert raised.value.where.endswith(":4")
    assert "must be" in raised.value.what


def test_damaged_toml_is_shown_with_its_line(tmp_path):
    with pytest.raises(ConfigurationError) as raised:
        load(project(tmp_path, "[tool.dynadvise]\nitems = 3\ntargets = [\n"))
    assert "not valid TOML" in raised.value.what
    assert "pyproject.toml:" in raised.value.where


def test_a_number_of_thousands_of_digits_is_refused(tmp_path):
    with pytest.raises(ConfigurationError) as raised:
        load(project(tmp_path, f"[tool.dynadvise]\nbudget = {'9' * 5000}\n"))
    assert "pyproject.toml" in raised.value.where


def test_someone_elses_damaged_file_is_no_concern(tmp_path):
    assert load(project(tmp_path, "[tool.ruff\n")).path is None


def test_a_table_that_is_none_is_refused(tmp_path):
    with pytest.raises(ConfigurationError):
        load(project(tmp_path, "[tool]\ndynadvise = 3\n"))


def test_an_unknown_machine_names_the_known(tmp_path):
    settings = load(project(tmp_path, WHOLE))
    assert settings.machine("production").cores == 8
    with pytest.raises(ConfigurationError, match="known: production") as raised:
        settings.machine("prodution")
    assert "production" in raised.value.hint


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8GiB", 8 * 2**30),
        ("8 GiB", 8 * 2**30),
        ("512MB", 512_000_000),
        ("1.5g", 3 * 2**29),
        ("16Gi", 16 * 2**30),
        ("100", 100),
        ("100b", 100),
        ("2tib", 2 * 2**40),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "GiB", "-1GiB", "0", "8 apples", "8i", "8iB", "1e9", "nan", "9" * 40]
)
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)
