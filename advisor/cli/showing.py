"""A command's answer on stdout or in a file, in the form that the user asked for."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from advisor.cli.context import CommandContext
from advisor.domain.advice import Advice
from advisor.domain.measured import Measured
from advisor.domain.options import AdviseOptions
from advisor.render.document import Code, Details, Document


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
    measured: Measured,
    asked: AdviseOptions,
    details: bool = False,
    path: Path | None = None,
    emitted: str | None = None,
) -> None:
    """Render an advice and write it: one screen, and in Markdown the rest folded below it.

    Args:
        state: The command's context.
        advice: The advice.
        form: ``text``, ``json`` or ``markdown``.
        output: A file; None: stdout.
        measured: What the advice is from, and ``asked`` what it is for.
        asked: See ``measured``.
        details: Whether to show everything that is known.
        path: Where its profile was saved.
        emitted: A snippet that was asked for.
    """
    from advisor.render.forms.documents import advice_to_json

    def document() -> Document:
        from advisor.api.pictures import pictures_of
        from advisor.domain.command_line import target_name, target_words
        from advisor.render.advice import advice_document
        from advisor.render.screen import screen_document

        evidence = form == "text" and output is None
        whole = advice_document(advice, path=path, emitted=emitted, evidence=evidence)
        if details:
            return whole
        saved = f" Saved: {path}." if path else ""
        screen = screen_document(
            advice,
            pictures_of(measured, advice, asked),
            target=target_words(measured.description),
            profile=shlex.quote(target_name(measured.description.target)),
            more=f"All ways, reasons and limits: --details, --format json.{saved}",
            evidence=evidence,
            titled=form == "markdown",
        )
        pasted = (Code(emitted),) if emitted else ()
        folded = (Details("Details", whole.blocks),) if form == "markdown" else ()
        return Document((*screen.blocks, *pasted, *folded))

    if output is not None and output.suffix == ".svg":
        from advisor.api.pictures import pictures_of
        from advisor.render.timelines import timelines_svg

        pictures = pictures_of(measured, advice, asked)
        state.write(timelines_svg(pictures, f"{advice.target}: simulated runs"), output)
        output = None
    show(
        state,
        form,
        output,
        document=document,
        as_json=lambda: advice_to_json(advice, path=path, emitted=emitted),
    )
