"""``dynadvise analyze``: learn from runs that a Dagster instance already holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from advisor.cli import options, sections, values
from advisor.cli.context import CommandContext, pass_state
from advisor.domain.options import OutputOptions

if TYPE_CHECKING:
    from advisor.domain.analysis import Analysis


@sections.command("analyze", "--instance ~/dagster_home --job my_job --last 20")
@options.instance_option
@sections.runs(
    "--run",
    "run_ids",
    metavar="ID",
    multiple=True,
    help="A run, by its id or how it begins; may be repeated (default: the newest run).",
)
@sections.runs("--job", metavar="NAME", help="Runs of this job (default: the newest run's).")
@sections.runs(
    "--backfill",
    metavar="ID",
    help="The runs of this backfill: queue wait, start, run, and the whole (newest 10 in full).",
)
@sections.runs(
    "--last", type=values.COUNT, metavar="K", help="How many (default: 1, with --job 10)."
)
@sections.places(
    "--profile",
    metavar="PROFILE",
    help="Compare the runs with this profile's predictions (default: the job's own profile).",
)
@options.output_options("text", "json", "markdown", "html")
@options.open_option
@options.profiles_option
@sections.runs(
    "--pods",
    type=values.EXISTING_FILE,
    metavar="FILE",
    help="The runs' pods, as `kubectl get pods -o json` prints them: pending, start, OOMKilled.",
)
@sections.output("--save", is_flag=True, help="Write a profile, with advice, from these runs.")
@sections.output(
    "--items", type=values.ITEMS, metavar="N", help="Items in production, for --save's advice."
)
@pass_state
def command(
    state: CommandContext,
    *,
    instance: Path | None,
    run_ids: tuple[str, ...],
    job: str | None,
    backfill: str | None,
    last: int | None,
    profile: str | None,
    out: OutputOptions,
    show_it: bool,
    profiles: Path,
    pods: Path | None,
    save: bool,
    items: int | None,
) -> None:
    """Say where the time of past runs went, what slowed them, and what to do.

    The instance is opened for reading only, and no code of yours is run. With `-o chart.svg` the
    newest run's chart goes to that file, and the report to stdout; with `-o page.html` all is one
    page with the runs' timelines, which `--open` opens.
    """
    from advisor.api.analyze import AnalyzeOptions, analyze
    from advisor.cli.showing import show
    from advisor.render.analysis import analysis_document, analysis_screen

    options.refuse(bool(run_ids) and (job is not None or last is not None), "Give --run or --job.")
    options.refuse(
        backfill is not None and (bool(run_ids) or job is not None),
        "--backfill names its runs: give no --run or --job with it.",
    )
    options.refuse(items is not None and not save, "--items is for --save.")
    suffix = out.output.suffix if out.output else ""
    no_page = out.form not in {"text", "html"} or suffix == ".svg"
    options.refuse(show_it and no_page, "--open is for the page.", "Use -o page.html")
    selected = instance or run_ids or job or backfill or save
    if pods is not None and not selected:
        _show_pods(state, pods, out)
        return
    request = AnalyzeOptions(
        instance=options.named(instance),
        run_ids=run_ids,
        job=job,
        last=last or (10 if job or backfill else 1),
        backfill=backfill,
        profile=profile,
        profiles_dir=profiles,
        save=save,
        items=items,
        pods=pods,
    )
    analysis = analyze(request)
    if analysis.saved_to:
        state.say(f"Profile saved: {analysis.saved_to}")
    if show_it:
        state.open_page(html_of(analysis), out.output)
    elif out.form == "html" or (out.form == "text" and suffix == ".html"):
        state.write(html_of(analysis), out.output)
    else:
        show(state, out, analysis, analysis_document, analysis_screen, svg=_svg)


def _show_pods(state: CommandContext, pods: Path, out: OutputOptions) -> None:
    from advisor.api.analyze import analysis_of_pods
    from advisor.cli.showing import show
    from advisor.render.analysis import notes_document

    options.refuse(out.form == "html", "A page is made of runs.", "Give --instance DIR as well.")
    show(state, out, analysis_of_pods(pods), notes_document)


def html_of(analysis: Analysis) -> str:
    """The page of an analysis, which needs nothing from elsewhere."""
    from advisor.render.analysis import analysis_document, heading
    from advisor.render.analysis_page import page_of, without_charts
    from advisor.render.html import InteractivePart, to_html
    from advisor.store import version_of_dynadvise

    return to_html(
        without_charts(analysis_document(analysis)),
        heading(analysis),
        f"Written by dynadvise {version_of_dynadvise()}.",
        InteractivePart("analysis", page_of(analysis)),
    )


def _svg(analysis: Analysis) -> str:
    from advisor.render.analysis import parallel_sentence, run_heading
    from advisor.render.timelines import observed_svg

    run = analysis.runs[0]
    return observed_svg(
        run.bars,
        run.totals.makespan_s,
        title=run_heading(run),
        subtitle=parallel_sentence(run),
    )
