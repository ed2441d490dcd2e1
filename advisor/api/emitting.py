"""Snippets of a profile's advice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.api.options import AdviseOptions
from advisor.domain.advice import Advice, Prediction

if TYPE_CHECKING:
    from advisor.store import SavedProfile


def snippet(
    saved: SavedProfile,
    advice: Advice,
    kind: str,
    prediction: Prediction | None = None,
    max_connections: int | None = None,
) -> str:
    """One snippet for a prediction of the advice.

    Raises:
        DynadviseError: There is no such kind, or it does not fit the workload.
    """
    from advisor.emit import EmitRequest, emit

    request = EmitRequest(
        description=saved.description,
        advice=advice,
        prediction=prediction,
        workload=saved.workload,
        max_connections=max_connections,
    )
    return emit(kind, request)


CODE_KINDS = ("batch", "workers")
"""Kinds that are written for a way to run that changes the user's code."""


def emit_kind(saved: SavedProfile, kind: str, options: AdviseOptions) -> str:
    """A snippet again, in any form, for what is advised under ``options``.

    Config kinds are for the best way that needs no code where the advice itself needs code; the
    kind ``python`` carries an executor or an order that code must choose, but no batches.
    """
    from advisor.api.recommend import recommend

    advice = recommend(saved, options, snippets=False)
    chosen = advice.recommendation
    candidate = chosen.candidate
    too_much = candidate.is_batched if kind == "python" else candidate.needs_code
    if kind not in CODE_KINDS and too_much:
        chosen = advice.config_only
    return snippet(saved, advice, kind, chosen, options.max_connections)
