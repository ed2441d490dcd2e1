"""Snippets of an advice."""

from __future__ import annotations

from advisor.domain.advice import Advice, Prediction, Snippets
from advisor.domain.cluster import unmodelled
from advisor.domain.errors import DynadviseError
from advisor.domain.measured import Measured

CODE_KINDS = ("batch", "workers")
"""Kinds that are written for a way to run that changes the user's code."""


def _snippet(
    measured: Measured,
    advice: Advice,
    kind: str,
    prediction: Prediction,
    max_connections: int | None = None,
) -> str:
    from advisor.emit import EmitRequest, emit

    request = EmitRequest(
        description=measured.description,
        advice=advice,
        prediction=prediction,
        workload=measured.workload,
        max_connections=max_connections,
    )
    return emit(kind, request)


def snippet_as(
    kind: str, measured: Measured, advice: Advice, max_connections: int | None = None
) -> str:
    """A snippet of the advice in any form.

    Config kinds are for the best way that needs no code where the advice itself needs code; the
    kind ``python`` carries an executor or an order that code must choose, but no batches.

    Args:
        kind: One of `advisor.emit.KINDS`.
        measured: What the advice is from.
        advice: Its recommendation is emitted, or its best way that needs no code.
        max_connections: Most items in parallel that may hold a database connection.

    Raises:
        DynadviseError: There is no such kind, or it does not fit the workload.
    """
    chosen = advice.recommendation
    candidate = chosen.candidate
    too_much = candidate.is_batched if kind == "python" else candidate.needs_code
    if kind not in CODE_KINDS and too_much:
        chosen = advice.config_only
    return _snippet(measured, advice, kind, chosen, max_connections)


def snippets_of(measured: Measured, advice: Advice) -> Snippets:
    """Code for the recommendation, and the config that needs no code."""
    from advisor.emit import EmitRequest
    from advisor.emit.definition import executor_definition, is_fixed

    candidate = advice.recommendation.candidate
    kind = "python"
    if candidate.workers_in_op > 1:
        kind = "workers"
    elif candidate.batch_size > 1:
        kind = "batch"
    try:
        python = _snippet(measured, advice, kind, advice.recommendation)
    except DynadviseError as error:
        python = "".join(f"# {line}\n" for line in str(error).splitlines())
    if advice.current is None and unmodelled(measured.description.executor):
        return Snippets(python=python if candidate.needs_code else "")  # nothing to configure
    pasted = advice.config_only
    keeps = advice.current is not None and advice.current.candidate == pasted.candidate
    if not keeps and is_fixed(pasted.candidate, measured.description.executor):
        request = EmitRequest(measured.description, advice, pasted, measured.workload)
        return Snippets(python=python, definition=executor_definition(request))
    return Snippets(python=python, run_config=_snippet(measured, advice, "run-config", pasted))
