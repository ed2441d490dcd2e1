"""What Python users import, and the page that shows it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from factories import make_saved_profile

import advisor
from advisor import store

PAGE = Path(advisor.__file__).parents[1] / "docs" / "python-api.md"
RUN = """
import os, pathlib
from dagster import DagsterInstance
from advisor.examples.csv_files import csv_job
pathlib.Path("dagster_home").mkdir()
with DagsterInstance.from_config("dagster_home") as instance:
    csv_job.execute_in_process(instance=instance)
"""


@pytest.mark.parametrize("name", advisor.__all__)
def test_every_name_is_there_and_says_what_it_is(name):
    assert getattr(advisor, name).__doc__


def test_nothing_is_imported_before_it_is_used():
    code = "import sys, advisor; sys.exit(any('advisor.' in name for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_saved_profile_is_advised_on_predicted_and_emitted(tmp_path):
    saved = advisor.read(store.write(make_saved_profile(), tmp_path))
    options = advisor.AdviseOptions(items=500)
    advice = advisor.recommend(saved, options)
    assert advice.workload.items == 500
    candidate = advisor.read_candidate("spawn:2", ())
    assert advisor.predict(saved, candidate, options).makespan_s.median > 0
    assert "execution:" in advisor.snippet_as("run-config", saved, advice)


@pytest.mark.timeout(600)
def test_the_examples_of_the_page_work(tmp_path):
    """As the page gives them, one after another, in a folder with one recorded run."""
    subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, check=True)
    script = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    (tmp_path / "page.py").write_text(script)
    subprocess.run([sys.executable, "page.py"], cwd=tmp_path, check=True)
