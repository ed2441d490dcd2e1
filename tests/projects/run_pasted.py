"""Run a project's workload as it is, with the pasted config, and as the pasted code."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import yaml
from dagster import Definitions, JobDefinition
from dotenv import dotenv_values
from projects import PROJECTS

from advisor.dagster_bridge.target import load_target, parse_target, with_upstream_assets

FOLDER, WRITTEN = sys.argv[1], Path(sys.argv[2])
project = next(each for each in PROJECTS if each.folder == FOLDER)


def output(job: JobDefinition, run_config: dict | None = None) -> object:
    found = job.execute_in_process(run_config=run_config, partition_key=project.partition)
    return found.output_for_node(project.collects)


os.environ.update(dotenv_values(project.path / ".env"))
spelled, *options = project.target.split()
working_directory = project.path / options[-1] if options else project.path
loaded = load_target(parse_target(spelled, working_directory=working_directory))
job = with_upstream_assets(loaded) or loaded.job
config = yaml.safe_load((WRITTEN / "config.yaml").read_text()) or {}
given = {"original": output(job), "config": output(job, {**(job.run_config or {}), **config})}

sys.path[:0] = [str(working_directory), str(WRITTEN)]
spec = importlib.util.spec_from_file_location("pasted", WRITTEN / "pasted.py")
pasted = importlib.util.module_from_spec(spec)
sys.modules["pasted"] = pasted
spec.loader.exec_module(pasted)
(made,) = (value for name, value in vars(pasted).items() if name.endswith("_batched"))
# Of an asset the definitions make a job: tests/emit/test_emit_assets.py runs it.
if isinstance(made, JobDefinition):
    resources = loaded.definitions.get_top_level_resources() if loaded.definitions else {}
    around = Definitions(jobs=[made], resources=dict(resources))
    given["code"] = output(around.resolve_job_def(made.name))
else:
    given["code"] = given["original"]
sys.stdout.write(json.dumps(given))
