"""``check --helm``: what the official chart would drop without a word, and what it would refuse."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from factories import make_description, make_saved_profile

from advisor.api.emitting import snippet
from advisor.api.helm_check import chart_for
from advisor.api.recommend import recommend
from advisor.cli import cli
from advisor.domain.cluster import Cluster
from advisor.domain.options import AdviseOptions
from advisor.domain.rule_facts import HelmValues
from advisor.domain.workload import ExecutorSetting
from advisor.rules import helm

VALUES = """\
dagsterUserDeployments:
  deployments: []
runLauncher:
  type: K8sRunLauncher
  config:
    k8sRunLauncher:
      imagePullPolicy: Sometimes
      runK8sConfig: {containerConfig: {resources: {limits: {memory: 1Gi}}}}
      max_concurrent: 4
dagster-user-deployments:
  deployments:
    - name: code
      envSecret: []
postgresql: {persistence: {size: 10Gi}}
"""
SCHEMA = {
    "properties": {
        "runLauncher": {"$ref": "#/definitions/Launcher"},
        "resources": {"$ref": "https://kubernetes.example/_definitions.json#/Resources"},
        "brandNew": {"type": "object", "properties": {"size": {"type": "integer"}}},
    },
    "required": ["dagsterDaemon"],
    "definitions": {
        "Launcher": {
            "type": "object",
            "properties": {
                "config": {
                    "type": "object",
                    "properties": {
                        "k8sRunLauncher": {
                            "anyOf": [{"$ref": "#/definitions/K8s"}, {"type": "null"}]
                        }
                    },
                }
            },
        },
        "K8s": {
            "type": "object",
            "properties": {"imagePullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]}},
            "required": ["loadInclusterConfig"],
        },
    },
}


@pytest.fixture
def check(tmp_path, monkeypatch):
    """``check --helm`` on a file of that text: exit status, and findings by line and severity."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HELM_REPOSITORY_CACHE", str(tmp_path / "none"))

    def run(text: str, *arguments: str):
        (tmp_path / "values.yaml").write_text(text)
        (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
        asked = ["check", "--helm", "values.yaml", "--format", "json", *arguments]
        done = CliRunner().invoke(cli, asked)
        if done.exit_code == 2:
            return 2, done.stderr
        (target,) = json.loads(done.stdout)["targets"]
        assert {each["code"] for each in target["findings"]} <= {"DYN039"}
        return done.exit_code, target["findings"]

    return run


def test_a_name_that_helm_drops_fails_with_its_line_and_the_nearest_name(check):
    status, findings = check(VALUES)
    assert status == 1
    told = {(each["line"], each["severity"]): each for each in findings}
    assert set(told) == {(1, "error"), (13, "error"), (9, "warning")}
    assert told[1, "error"]["remedy"] == "Write 'dagster-user-deployments'."
    assert (
        "dagster-user-deployments.deployments.0: the chart has no" in told[13, "error"]["message"]
    )
    assert "run config" in told[9, "warning"]["remedy"]


def test_the_charts_own_schema_decides_what_is_refused(check):
    """Its names count, what Kubernetes defines is open, and what is left out has a default."""
    status, findings = check(
        VALUES + "brandNew: {size: large}\nresources: {cpu: 1}\n", "--helm-schema", "schema.json"
    )
    assert status == 1
    refused = {each["line"] for each in findings if "refuses" in each["message"]}
    assert refused == {7, 15}
    assert {each["line"] for each in findings} == {1, 7, 9, 13, 15}


def chart_archive(folder, version: str, **files: str):
    """A packed chart as Helm keeps it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / f"dagster-{version}.tgz", "w:gz") as archive:
        for name, text in files.items():
            part = tarfile.TarInfo(f"dagster/{name.replace('_', '.')}")
            part.size = len(text)
            archive.addfile(part, io.BytesIO(text.encode()))


CLOSED = {
    "properties": {
        "runLauncher": {"$ref": "#/definitions/Launcher"},
        "limits": {
            "anyOf": [{"type": "array"}, {"type": "null"}],
            "items": {"properties": {"key": {}}},
        },
    },
    "definitions": {"Launcher": {"properties": {"type": {}}, "additionalProperties": False}},
}


def test_the_newest_chart_that_helm_has_here_is_what_the_values_are_checked_against(
    check, tmp_path, monkeypatch
):
    monkeypatch.setenv("HELM_REPOSITORY_CACHE", str(tmp_path / "cache"))
    chart_archive(tmp_path / "cache", "1.9.3", values_schema_json="{}")
    defaults = "newer: {size: 1}\nrunLauncher: {typo: 1}\n"
    schema = json.dumps(CLOSED)
    chart_archive(tmp_path / "cache", "1.13.27", values_schema_json=schema, values_yaml=defaults)
    status, findings = check(
        "newer: {size: 2, any: 3}\nrunLauncher: {typo: 1}\nlimits: [{kay: 1}]\nredis: {own: 1}\n"
        "concurrency: {}\n"
    )
    assert status == 1
    told = {each["line"]: each["message"] for each in findings}
    assert set(told) == {2, 3, 5}  # the defaults' names count, but where the schema has all names
    assert "no 'typo', and Helm refuses the values" in told[2]
    assert "no 'kay', and Helm drops it without a word" in told[3]
    assert "has no 'concurrency'" in told[5]  # what is put down by hand does not count


NEWER = {
    "properties": {
        "launcher": {"$ref": "#/$defs/Launcher"},
        "probe": {"$ref": "#/$defs/Probe"},
        "runs": {"anyOf": [{"anyOf": [{"type": "integer"}]}, {"type": "null"}]},
        "codes": {"type": "array", "items": {"properties": {"name": {}}}},
    },
    "additionalProperties": True,
    "$defs": {
        "Launcher": {"properties": {"config": {"$ref": "#/$defs/Config"}}},
        "Config": {"properties": {"envVars": {}}, "additionalProperties": False},
        "Probe": {"properties": {"enabled": {}}, "additionalProperties": True},
    },
}


def test_names_below_the_top_of_a_newer_charts_schema_count(check, tmp_path):
    """Its definitions are ``$defs``; what is open below the top is Kubernetes' own."""
    templates = {"templates/a_yaml": "{{ .Values.old.image }} {{ with .Values.older }}"}
    chart_archive(
        tmp_path / "charts",
        "1.13.27",
        values_schema_json=json.dumps(NEWER),
        values_yaml="codes: [{name: a, service: {}}]",
        **templates,
    )
    status, findings = check(
        "launcher: {config: {envVar: 1}, evnVars: 1}\n"
        "probe: {periodSeconds: 1}\n"
        "old: {image: 1}\n"
        "older: {any: 1}\n"
        "runs: many\n"
        "codes: [{name: b, service: {}}]\n"
    )
    assert status == 1
    told = [(each["line"], each["message"]) for each in findings]
    assert sorted(told) == [
        (1, "launcher.config: the chart has no 'envVar', and Helm refuses the values."),
        (1, "launcher: the chart has no 'evnVars', and Helm drops it without a word."),
        (5, "runs: 'many' is not of type 'integer'. Helm refuses the values."),
    ]


def test_the_charts_own_values_pass_in_its_folder(check, tmp_path):
    """Names that only its templates know are no faults, though a user may have edited the file."""
    (tmp_path / "Chart.yaml").write_text("")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.yaml").write_text("{{ .Values.pipelineRun.image }}")
    asked = ("--helm-schema", "schema.json")
    assert check("pipelineRun: {image: {tag: a}}\n", *asked) == (0, [])
    assert check("pipelineRum: {image: {tag: a}}\n", *asked)[0] == 1


def test_a_chart_beside_the_values_is_what_they_are_for(check, tmp_path):
    chart_archive(tmp_path / "charts", "1.13.27", values_schema_json='{"properties": {"a": {}}}')
    assert check("a: 1\n") == (0, [])
    (tmp_path / "charts" / "dagster").mkdir()
    (tmp_path / "charts" / "dagster" / "values.schema.json").write_text("[]")
    assert "no JSON object" in check("a: 1\n")[1]


def test_values_without_a_fault_pass(check):
    assert check("runLauncher: {type: K8sRunLauncher}\n") == (0, [])
    assert check("", "--strict") == (0, [])


@pytest.mark.parametrize("text", ["a: [", "- 1\n", "a: &a [*a]\n"])
def test_what_is_no_values_file_is_the_users_mistake(check, text):
    status, message = check(text)
    assert status == 2
    assert "values.yaml" in message


@pytest.mark.parametrize(
    "schema",
    [
        {"x": {"$ref": "#/x"}, "$ref": "#/x"},
        {"properties": []},
        {"properties": {"a": 3}},
        {"type": 3},
        {"$ref": "#/no/such"},
    ],
)
def test_a_schema_that_is_none_is_said_with_its_place(tmp_path, schema):
    (tmp_path / "values.yaml").write_text("a: {b: [1]}")
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    files = [
        "--helm",
        str(tmp_path / "values.yaml"),
        "--helm-schema",
        str(tmp_path / "schema.json"),
    ]
    result = CliRunner().invoke(cli, ["check", "--static", *files])
    assert result.exit_code == 2
    assert "The chart's schema cannot be followed" in result.stderr
    assert "schema.json" in result.stderr


def test_a_code_can_be_left_out(check, tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.dynadvise]\nignore = ["DYN039"]\n')
    assert check(VALUES) == (0, [])


@pytest.fixture(params=["by hand", "official"])
def chart(request):
    """The names put down by hand, and the official chart where its file is here."""
    if request.param == "by hand":
        return None
    given = os.environ.get("DYNADVISE_TEST_HELM_SCHEMA")
    found = chart_for(Path("values.yaml"), Path(given) if given else None)
    return found or pytest.skip("no official chart here (`helm pull dagster/dagster`)")


@pytest.mark.parametrize(("kind", "executor"), [("helm-values", "k8s"), ("celery", "celery_k8s")])
def test_what_is_emitted_for_helm_is_known_to_the_chart(kind, executor, chart):
    setting = ExecutorSetting(executor, f"{executor}_executor", max_concurrent=4)
    saved = make_saved_profile(description=make_description(executor=setting))
    cluster = Cluster("prod", executor, cpu=8, start_s=0.2, runs_at_once=2, slots=8)
    advice = recommend(saved, AdviseOptions(cluster=cluster, change="config"))
    emitted = yaml.safe_load(snippet(kind, saved, advice, None, cluster))
    assert list(helm.check(HelmValues("values.yaml", emitted, chart=chart))) == []
    emitted["runLauncher"]["config"]["k8sRunLauncheR"] = {}
    (fault,) = helm.check(HelmValues("values.yaml", emitted, chart=chart))
    assert fault.remedy == "Write 'k8sRunLauncher'."
