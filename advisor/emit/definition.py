"""The executor in a job's own definition, where run config cannot choose it."""

from __future__ import annotations

from advisor.domain.candidate import Candidate
from advisor.domain.executor_setting import ExecutorSetting
from advisor.emit.python_form import EXECUTOR_NAMES, executor_lines
from advisor.emit.request import EmitRequest
from advisor.emit.run_config import path_of
from advisor.emit.source_text import comment
from advisor.emit.wording import executor_config, whole_config


def is_fixed(candidate: Candidate, setting: ExecutorSetting | None) -> bool:
    """Whether the job's code fixes its executor, so that run config cannot make it this way."""
    if setting is None or candidate.launch == "execute_in_process" or candidate.needs_code:
        return False
    fixed = not set(executor_config(candidate)).isdisjoint(setting.fixed_by_code)
    return fixed or path_of(candidate, setting) is None


def executor_definition(request: EmitRequest) -> str:
    """The lines that define the advised executor; run config can still override its settings."""
    name = EXECUTOR_NAMES[request.candidate.executor]
    place = comment("In the job's definition, in place of the executor that it names now:")
    use = "#     @job(executor_def=advised_executor), or to_job(executor_def=advised_executor)"
    names = f"Permissive, {name}" if whole_config(request) else name
    return f"from dagster import {names}\n\n{place}\n{use}\n{executor_lines(request)}\n"
