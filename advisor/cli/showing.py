"""An advice on stdout or in a file, in the form that the user asked for."""

from __future__ import annotations

import sys
from pathlib import Path

from advisor.cli.context import CommandContext
from advisor.domain.advice import Advice


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

    Raises:
        DynadviseError: The file cannot be written.
    """
    if form == "json":
        from advisor.render.forms.advice import advice_to_json
        from advisor.render.forms.encoding import json_text

        text = json_text(advice_to_json(advice, path=path, emitted=emitted))
    elif form == "markdown":
        from advisor.render.markdown import advice_to_markdown

        text = advice_to_markdown(advice, path=path, emitted=emitted)
    else:
        from advisor.render.text import advice_to_text

        text = advice_to_text(
            advice, path=path, emitted=emitted, width=state.width, color=to_color(state, output)
        )
    state.write(text, output)


def to_color(state: CommandContext, output: Path | None) -> bool:
    """Whether the output may be coloured: a file only where the user insists."""
    return state.color == "always" if output is not None else state.colored(sys.stdout)
