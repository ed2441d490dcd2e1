"""The kinds ``instrument`` and ``monitor``: figures of real runs in Dagster's own pages."""

from typing import Any

from advisor.domain.quantities import seconds
from advisor.emit.graph_plan import check_functions
from advisor.emit.imports import job_import
from advisor.emit.python_form import imported_job
from advisor.emit.request import EmitRequest
from advisor.emit.run_config import run_config_values
from advisor.emit.source_text import comment, identifier, literal, quoted
from advisor.emit.templating import copied, module_text
from advisor.emit.wording import decision


def emit_instrument(request: EmitRequest) -> str:
    """A decorator that times an op, and the job with its mapped ops so timed."""
    imported = imported_job(request)
    job = imported.lines if imported else ""
    names = list(dict.fromkeys(op.name for op in request.description.mapped))
    first = identifier(names[0], "The mapped op")
    depth = len(request.description.graph_path)
    nodes = {".".join(op.reference.node_path[depth:]) for op in request.description.mapped}
    check_functions(node for node in request.description.graph if node.name in nodes)
    imports, code = copied("timing")
    return module_text(
        "instrument.py.j2",
        [
            ("Wall and CPU seconds of each item, as metadata of the op's outputs: they stand with"
            " the run's events in Dagster's pages, and the UI plots them over runs."),
            "Put @timed beneath @op on your own ops"
            + (", or run instrumented_job below without changing them." if imported else "."),
        ],
        [job, code],
        given=imports,
        job=job,
        timed=literal(names),
        first=first,
    )  # fmt: skip


def monitored_runs(request: EmitRequest) -> dict[str, Any]:
    """Which runs a monitor compares, and with what: the fields of `runtime.drift.Prediction`.

    Raises:
        DynadviseError: The target is no job, so that no run can be compared.
    """
    description, span = request.description, request.chosen.makespan_s
    name, batched = job_import(description).name, request.candidate.is_batched
    return {
        "jobs": [f"{name}_batched" if batched else name],
        "mapped": [] if batched else [op.handle for op in description.mapped],
        "items": request.advice.workload.items,
        "low_s": float(f"{span.low:.4g}"),
        "median_s": float(f"{span.median:.4g}"),
        "high_s": float(f"{span.high:.4g}"),
    }


def emit_monitor(request: EmitRequest) -> str:
    """A run status sensor that lays each finished run beside the prediction.

    Raises:
        DynadviseError: The target is no job, so that no run can be compared.
    """
    runs = monitored_runs(request)
    remark = f"Predicted for {runs['items']} items: {seconds(request.chosen.makespan_s.median)}."
    if request.candidate.is_batched:
        remark += " A batched run does not show its items: each run is taken to have as many."
    imports, code = copied("drift")
    return module_text(
        "monitor.py.j2",
        [
            (f"Watches {runs['jobs'][0]}: each finished run is compared with the prediction, and"
            " one that has drifted is tagged and logged. It imports nothing of dynadvise."),
            decision(request),
        ],
        [code],
        given=imports,
        predicted={name: literal(value, 1) for name, value in runs.items()},
        comment=comment(remark),
        sensor=quoted(f"{job_import(request.description).name}_drift"),
    )  # fmt: skip


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
        [imported.lines],
        run_config=literal(run_config_values(request)),
    )  # fmt: skip
