"""A command's answer on stdout or in a file, in the form that the user asked for."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from advisor.cli.context import CommandContext
from advisor.domain.advice import Advice
from advisor.domain.measured import Measured
from advisor.domain.options import AdviseOptions, OutputOptions
from advisor.render.document import Code, Details, Document

T = TypeVar("T")


def show(
    state: CommandContext,
    out: OutputOptions,
    answer: T,
    document: Callable[[T], Document],
    screen: Callable[[T], Document] | None = None,
    *,
    as_json: Callable[[T], dict[str, Any]] | None = None,
    svg: Callable[[T], str] | None = None,
    wrap: bool = True,
) -> None:
    """Write the ``answer``: its ``document`` as text or Markdown, or its JSON.

    Args:
        screen: What is shown in place of the document, and in Markdown above it, folded; not with
            --details.
        as_json: Makes the JSON of an answer that is none of `forms.table.DOCUMENTS`.
        svg: The picture that goes to ``-o FILE.svg``, and the answer then to stdout.
        wrap: Whether lines of the whole document are broken in text; those of a screen are.

    Raises:
        DynadviseError: The file cannot be written.
    """
    output = out.output
    if svg is not None and output is not None and output.suffix == ".svg":
        state.write(svg(answer), output)
        output = None
    screen = None if out.details else screen
    if out.form == "json":
        from advisor.render.forms.documents import to_json
        from advisor.render.forms.encoding import json_text

        text = json_text((as_json or to_json)(answer))
    elif out.form == "markdown":
        from advisor.render.markdown import to_markdown

        text = to_markdown(folded(screen(answer), document(answer)) if screen else document(answer))
    else:
        from advisor.render.terminal import to_text

        wrap = wrap or screen is not None
        color = state.color == "always" if output is not None else state.colored(sys.stdout)
        text = to_text((screen or document)(answer), width=state.width, color=color, wrap=wrap)
    state.write(text, output)


def folded(screen: Document, whole: Document) -> Document:
    """The screen, and below it what else the whole says, to be unfolded."""
    rest = tuple(block for block in whole.blocks if block not in screen.blocks)
    return Document((*screen.blocks, Details("Details", rest)))


def show_advice(
    state: CommandContext,
    advice: Advice,
    out: OutputOptions,
    *,
    measured: Measured,
    asked: AdviseOptions,
    path: Path | None = None,
    emit: str | None = None,
) -> None:
    """Render an advice and write it: one screen, and in Markdown the rest folded below it."""
    from advisor.api.pictures import pictures_of
    from advisor.domain.command_line import target_name, target_words
    from advisor.render.advice import advice_document
    from advisor.render.forms.documents import advice_to_json
    from advisor.render.screen import screen_document

    emitted = _snippet(emit, measured, advice, asked) if emit else None
    text = emitted.text if emitted else None
    evidence = out.form == "text" and out.output is None

    def screen(advice: Advice) -> Document:
        shown = screen_document(
            advice,
            pictures_of(measured, advice, asked),
            target=target_words(measured.description),
            profile=shlex.join([target_name(measured.description.target), *_asked_for()]),
            more="All ways, reasons and limits",
            evidence=evidence,
            titled=out.form == "markdown",
        )
        return replace(shown, blocks=(*shown.blocks, *((emitted,) if emitted else ())))

    if path is not None:
        state.say(f"Saved: {path}")
    show(
        state,
        out,
        advice,
        partial(advice_document, path=path, emitted=emitted, evidence=evidence),
        screen,
        as_json=partial(advice_to_json, path=path, emitted=text),
        svg=partial(_runs_svg, measured, asked),
    )


def _asked_for() -> list[str]:
    """The options of what to advise for, as they were typed: other commands take them too."""
    context, words = click.get_current_context(), []
    names = {each.name for each in fields(AdviseOptions)}
    for option in context.command.params:
        name = option.name or ""
        if name in names and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = context.params[name]
            words += [option.opts[0], f"{value:g}" if isinstance(value, float) else str(value)]
    return words


def _snippet(kind: str, measured: Measured, advice: Advice, asked: AdviseOptions) -> Code:
    from advisor.api.emitting import snippet
    from advisor.emit import language_of

    text = snippet(kind, measured, advice, asked.max_connections, asked.cluster)
    return Code(text, language_of(kind))


def _runs_svg(measured: Measured, asked: AdviseOptions, advice: Advice) -> str:
    from advisor.api.pictures import pictures_of
    from advisor.render.timelines import timelines_svg

    title = f"{advice.target}: simulated runs"
    return timelines_svg(pictures_of(measured, advice, asked), title)
