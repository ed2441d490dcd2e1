"""A job on another executor than this machine's: named, kept, and not guessed at."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from dagster import DagsterInstance, execute_job, reconstructable
from factories import make_description, make_saved_profile
from standin_jobs import k8s_job, queue_job

from advisor import store
from advisor.api.analyze import AnalyzeOptions, analyze
from advisor.api.asked_ways import asked_ways
from advisor.api.emitting import snippet
from advisor.api.recommend import predict, recommend
from advisor.api.runnable import configuration_for, refuse_elsewhere
from advisor.cli import cli
from advisor.dagster_bridge.structure import describe
from advisor.dagster_bridge.target import load_target, parse_target
from advisor.domain.errors import DynadviseError
from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.options import AdviseOptions
from advisor.render.advice import advice_document
from advisor.render.analysis import analysis_document
from advisor.render.forms.documents import advice_to_json
from advisor.render.terminal import to_text

HERE = Path(__file__).parent
ON_K8S = ExecutorSetting("k8s", "k8s_job_executor", max_concurrent=16, effective_max_concurrent=16)


def on_k8s():
    saved = make_saved_profile()
    return replace(saved, description=make_description(executor=ON_K8S))


def test_the_first_lines_say_what_the_job_runs_on_and_what_is_not_modelled() -> None:
    advice = recommend(on_k8s(), AdviseOptions())
    text = to_text(advice_document(advice), width=100)
    first = " ".join(" ".join(text.splitlines()[:8]).split())
    assert "runs on the k8s executor (k8s_job_executor, max_concurrent 16)" in first
    assert "quota are not modelled" in first
    assert "Dagster's default" not in text  # it is not what the job runs on


def test_current_never_vanishes() -> None:
    saved = on_k8s()
    advice = recommend(saved, AdviseOptions())
    current = advice_to_json(advice)["current"]
    assert (current["executor"], current["max_concurrent"]) == ("k8s", 16)
    assert "predicted_s" not in current
    (asked,) = asked_ways(replace(saved, advice=advice), ["current"])
    with pytest.raises(DynadviseError, match="more than this machine"):
        refuse_elsewhere(asked.candidate)
    with pytest.raises(DynadviseError) as refused:
        predict(saved, asked.candidate, AdviseOptions())
    assert "--cluster NAME" in str(refused.value)


@pytest.mark.parametrize("kind", ["python", "batch", "workers"])
def test_emitted_code_keeps_the_executor(kind: str, tmp_path: Path) -> None:
    description = describe(
        load_target(parse_target("standin_jobs:k8s_job", working_directory=HERE)), None
    )
    saved = replace(make_saved_profile(), description=description)
    advice = recommend(saved, AdviseOptions())
    source = snippet(kind, saved, advice)
    assert "advised_executor = original_job.executor_def" in source
    module = tmp_path / f"emitted_{kind}.py"
    module.write_text(source, encoding="utf-8")
    namespace = runpy.run_path(str(module))
    jobs = [each for name, each in namespace.items() if name in ("advised_job", "k8s_job_batched")]
    assert [each.executor_def for each in jobs] == [k8s_job.executor_def]


def test_what_verify_runs_of_a_job_on_a_cluster_is_what_was_predicted_here(tmp_path: Path) -> None:
    """Code that is emitted keeps the executor, which this machine has no cluster for."""
    target = parse_target("standin_jobs:k8s_job", working_directory=HERE)
    saved = replace(make_saved_profile(), description=describe(load_target(target), None))
    saved = replace(saved, advice=recommend(saved, AdviseOptions()))
    (way,) = asked_ways(saved, ["in_process:batch=4"])
    prediction = predict(saved, way.candidate, AdviseOptions())
    ready = configuration_for(
        way, prediction, saved, target=target, run_config={}, directory=tmp_path
    )
    job = runpy.run_path(str(ready.target.file))[str(ready.target.attribute)]
    assert job.executor_def.name == "in_process"


def test_a_description_says_in_one_sentence_why_there_is_no_prediction() -> None:
    saved = on_k8s()
    advice = recommend(saved, AdviseOptions())
    text = " ".join(snippet("run-config", saved, advice).replace("#", "").split())
    assert "not predicted: for the k8s executor that takes --cluster NAME" in text


def test_printed_commands_are_for_what_was_asked(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    described = '[tool.dynadvise.clusters.prod]\nexecutor = "k8s"\nstart = "8s"\n'
    (tmp_path / "pyproject.toml").write_text(described)
    file = store.write(on_k8s(), tmp_path / "profiles")
    asked = ["--cluster", "prod", "--items", "40"]
    outcome = CliRunner().invoke(cli, ["recommend", str(file), *asked])
    assert outcome.exit_code == 0
    line = next(line for line in outcome.stdout.splitlines() if "--as run-config" in line)
    assert "--items 40 --cluster prod" in line


def run_failed(home: Path, **config: object) -> None:
    home.mkdir()
    with (
        DagsterInstance.local_temp(str(home)) as instance,
        execute_job(
            reconstructable(queue_job),
            instance=instance,
            run_config={
                "execution": {"config": config},
                "ops": {"split": {"config": {"items": 2}}},
            },
        ) as result,
    ):
        assert not result.success


def test_a_run_that_died_in_its_launcher_is_told_from_its_log(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run_failed(home, fault="run() got an unexpected keyword argument 'cpus'")
    analysis = analyze(AnalyzeOptions(instance=home))
    (run,) = analysis.runs
    assert run.executor == "delegating"  # of a step handler that nothing is known of
    (cause,) = [each for each in run.diagnoses if each.code == "RUN020"]
    assert "unexpected keyword argument 'cpus'" in cause.message
    text = to_text(analysis_document(analysis))
    assert "nano_cpus" in text
    assert "No problem found" not in text


def test_a_step_whose_container_died_before_it_began_is_told_with_its_cause(tmp_path: Path) -> None:
    """As a Ray job without Dagster in its environment: the step's own code never ran."""
    home = tmp_path / "home"
    run_failed(home, illness="exit code 127: dagster: not found")
    (run,) = analyze(AnalyzeOptions(instance=home)).runs
    (cause,) = [each for each in run.diagnoses if each.code == "RUN020"]
    assert "of split failed before it began the step" in cause.message
    assert "exit code 127: dagster: not found" in cause.message


def test_what_no_log_tells_is_said_to_be_unknown() -> None:
    saved = make_saved_profile()
    workload = replace(saved.workload, resources_measured=False)
    advice = recommend(replace(saved, workload=workload), AdviseOptions())
    text = to_text(advice_document(advice), width=100)
    assert "CPU and memory not known" in text
    assert "of it computing" not in text
    assert advice_to_json(advice)["workload"]["resources_measured"] is False
