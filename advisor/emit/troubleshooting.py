"""The kind ``troubleshooting``: a script by which ``execute_job`` works."""

from advisor.emit.imports import job_import
from advisor.emit.request import EmitRequest
from advisor.emit.run_config import run_config_values
from advisor.emit.source_text import literal
from advisor.emit.templating import module_text


def emit_troubleshooting(request: EmitRequest) -> str:
    """A script that sets up an instance, guards ``__main__``, and reconstructs the job."""
    imported = job_import(request.description)
    reason = request.description.not_reconstructable_reason
    return module_text(
        "troubleshooting.py.j2",
        [
            (f"Runs {imported.name} by execute_job, for when that fails. Each of its three parts"
            " mends one usual cause: no persistent instance (DAGSTER_HOME), a job that a step's"
            " process cannot find again, and a script without a __main__ guard."),
            f"Found of this job: {reason}" if reason else "",
            (f"Save it beside {imported.module.rpartition('.')[2]}.py or where that can be"
            " imported, then: python this_file.py"),
        ],
        job=imported.lines,
        run_config=literal(run_config_values(request)),
    )  # fmt: skip
