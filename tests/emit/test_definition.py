"""Where the job's code fixes its executor, the lines of its definition are what is pasted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dagster import validate_run_config
from emission import load_job, load_source, request_for
from factories import WARM_8, make_advice, make_description, make_saved_profile

from advisor.api.recommend import recommend
from advisor.domain.advice import Snippets
from advisor.domain.candidate import Candidate
from advisor.domain.executor_setting import ExecutorSetting
from advisor.domain.options import AdviseOptions
from advisor.emit.python_form import executor_definition, is_fixed
from advisor.render.advice import advice_document
from advisor.render.terminal import to_text

FIXED = ExecutorSetting(
    "multiprocess", "multiprocess", "spawn", effective_max_concurrent=3, max_concurrent=3,
    fixed_by_code=("max_concurrent",), user_config={"retries": {"disabled": {}}},
)  # fmt: skip
SERIAL = Candidate("execute_job", "in_process")
WARM = replace(WARM_8, preload_modules=("sqlalchemy",))


@pytest.mark.parametrize("candidate", [WARM, SERIAL], ids=["multiprocess", "in_process"])
def test_the_definition_is_an_executor_that_run_config_can_override(candidate, tmp_path):
    description = make_description(executor=FIXED)

    text = executor_definition(request_for(description, candidate))

    executor = load_source(text, "definition", tmp_path).advised_executor
    job = load_job("emit_seed_job", "seed_job").graph.to_job("mine", executor_def=executor)
    validate_run_config(job, {"execution": {"config": {"retries": {"enabled": {}}}}})
    assert job.execute_in_process().success
    assert "executor_def=advised_executor" in text


def test_only_what_run_config_cannot_choose_is_fixed():
    choosable = replace(FIXED, fixed_by_code=(), config_path=("execution", "config"))

    assert is_fixed(WARM, FIXED)
    assert is_fixed(SERIAL, choosable)
    assert not is_fixed(WARM, choosable)
    assert not is_fixed(WARM, None)
    assert not is_fixed(replace(WARM, launch="execute_in_process"), FIXED)


def test_the_advice_for_a_fixed_executor_holds_its_definition_and_no_empty_run_config():
    saved = make_saved_profile(description=make_description(executor=FIXED))

    snippets = recommend(saved, AdviseOptions(change="config")).snippets

    assert snippets.run_config == ""
    assert "advised_executor = " in snippets.definition
    assert snippets.definition_lines >= 2


def test_the_text_says_that_the_jobs_definition_changes_and_shows_the_lines():
    lines = "from dagster import in_process_executor\n\n# here\nadvised_executor = x\n"
    advice = make_advice(snippets=Snippets(definition=lines))

    text = to_text(advice_document(advice))

    assert "change of the job's definition (2 lines)" in text
    assert "Config only" not in text
    assert "advised_executor = x" in text
