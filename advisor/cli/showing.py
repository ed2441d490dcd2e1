"""A command's answer on stdout or in a file, in the form that the user asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from advisor.cli.context import CommandContext
from advisor.domain.advice import Advice
from advisor.render.document import Document


def show(
    state: CommandContext,
    form: str,
    output: Path | None,
    *,
    document: Callable[[], Document],
    as_json: Callable[[], dict[str, Any]],
    wrap: bool = True,
) -> None:
    """Write ``document`` as text or Markdown, or ``as_json`` where ``form`` is json.

    Raises:
        DynadviseError: The file cannot be written.
    """
    if form == "json":
        from advisor.render.forms.encoding import json_text

        text = json_text(as_json())
    elif form == "markdown":
        from advisor.render.markdown import to_markdown

        text = to_markdown(document())
    else:
        from advisor.render.terminal import to_text

        color = state.color == "always" if output is not None else state.colored(sys.stdout)
        text = to_text(document(), width=state.width, color=color, wrap=wrap)
    state.write(text, output)


def show_advice(
    state: CommandContext,
    advice: Advice,
    form: str,
    output: Path | None,
    *,
    path: Path | None = None,
    emitted: str | None = None,
) -> None:
    """Render an advice and write it.

    ``path`` is where its profile was saved, ``emitted`` a snippet to show instead of the
    advice's own.
    """
    from advisor.render.advice import advice_document
    from advisor.render.forms.documents import advice_to_json

    show(
        state,
        form,
        output,
        document=lambda: advice_document(
            advice, path=path, emitted=emitted, evidence=form == "text" and output is None
        ),
        as_json=lambda: advice_to_json(advice, path=path, emitted=emitted),
    )
