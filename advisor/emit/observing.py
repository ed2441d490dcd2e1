"""The kinds ``instrument`` and ``monitor``: figures of real runs in Dagster's own pages."""

from __future__ import annotations

from advisor.domain.quantities import seconds
from advisor.emit.graph_plan import check_functions
from advisor.emit.imports import job_import
from advisor.emit.python_form import imported_job
from advisor.emit.request import EmitRequest
from advisor.emit.runtime_text import copied
from advisor.emit.source_text import comment, identifier, literal, quoted
from advisor.emit.templating import module_text
from advisor.emit.wording import decision


def emit_instrument(request: EmitRequest) -> str:
    """A decorator that times an op, and the job with its mapped ops so timed."""
    imported = imported_job(request)
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
        imports=imports,
        code=code,
        job=imported.lines if imported else "",
        timed=literal(names),
        first=first,
    )  # fmt: skip


def emit_monitor(request: EmitRequest) -> str:
    """A run status sensor that lays each finished run beside the prediction.

    Raises:
        DynadviseError: The target is no job, so that no run can be compared.
    """
    description, span = request.description, request.chosen.makespan_s
    name = job_import(description).name
    items = request.advice.workload.items
    batched = request.candidate.is_batched
    watched = [f"{name}_batched"] if batched else [name]
    mapped = [] if batched else [op.handle for op in description.mapped]
    remark = f"Predicted for {items} items: {seconds(span.median)}."
    if batched:
        remark += " A batched run does not show its items: each run is taken to have as many."
    imports, code = copied("drift")
    return module_text(
        "monitor.py.j2",
        [
            (f"Watches {watched[0]}: each finished run is compared with the prediction, and one"
            " that has drifted is tagged and logged. It imports nothing of dynadvise."),
            decision(request),
        ],
        imports=imports,
        code=code,
        jobs=literal(watched, 1),
        mapped=literal(mapped, 1),
        comment=comment(remark),
        items=items,
        low=float(f"{span.low:.4g}"),
        median=float(f"{span.median:.4g}"),
        high=float(f"{span.high:.4g}"),
        sensor=quoted(f"{name}_drift"),
    )  # fmt: skip
