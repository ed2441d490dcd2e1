"""``dynadvise check``: the pre-merge gate."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from advisor.cli import options, sections, values
from advisor.cli.context import CommandContext, pass_state
from advisor.domain.finding import SEVERITIES
from advisor.domain.options import (
    DEFAULT_PAIRS,
    DEFAULT_SAMPLES,
    AdviseOptions,
    CheckOptions,
    OutputOptions,
)

if TYPE_CHECKING:
    from advisor.domain.gate import GateReport
    from advisor.settings import Settings

FORMATS = ("text", "json", "markdown", "github", "sarif", "junit")


def _fail_on(text: str) -> tuple[str, ...]:
    """Severities and codes, separated by commas."""
    for name in (listed := values.names(text)):
        if name not in SEVERITIES and not (name.startswith("DYN") and name[3:].isdigit()):
            severities = ", ".join(SEVERITIES)
            raise ValueError(
                f"{name!r} is neither a severity ({severities}) nor a code such as DYN101"
            )
    return listed


@sections.command("check", "my_module:my_job --base origin/main")
@options.grouped(
    "check",
    CheckOptions,
    click.argument("targets", nargs=-1, metavar="[TARGET]..."),
    options.job_option,
    sections.measured(
        "--base", metavar="REF", help="Compare with this git revision (origin/main)."
    ),
    sections.measured("--static", is_flag=True, help="Static rules alone: import, call no op."),
    sections.measured(
        "--helm",
        multiple=True,
        type=values.FILE,
        metavar="FILE",
        help="Helm values of the official chart: names that it drops, values that it refuses.",
    ),
    sections.measured(
        "--helm-schema",
        type=values.FILE,
        metavar="FILE",
        help="The chart's own values.schema.json (`helm pull dagster/dagster --untar`).",
    ),
    sections.gate(
        "--fail-on",
        "failing",
        type=values.Parsed("severity or codes", _fail_on),
        metavar="SEVERITY|CODES",
        default=options.setting("fail_on"),
        help="Findings that fail the gate: error (default), warning, note, or codes "
        "(DYN106,DYN107).",
    ),
    sections.gate(
        "--max-regression",
        type=values.FRACTION,
        metavar="FRACTION",
        default=options.setting("max_regression"),
        help="Largest accepted slowdown of an op (default: 10%).",
    ),
    sections.gate(
        "--max-regret",
        type=values.FRACTION,
        metavar="FRACTION",
        default=options.setting("max_regret"),
        help="How much slower than the best the job's own configuration may be (default: 15%).",
    ),
    sections.effort(
        "--pairs",
        type=values.COUNT,
        default=DEFAULT_PAIRS,
        show_default=True,
        metavar="N",
        help="Most pairs of base and head to time; clear cases need fewer.",
    ),
    sections.effort(
        "--samples",
        type=values.COUNT,
        default=DEFAULT_SAMPLES,
        show_default=True,
        metavar="K",
        help="Call the ops on at most K items.",
    ),
    options.run_config_option,
    sections.effort(
        "--item-timeout",
        "item_timeout_s",
        type=values.NUMBER,
        default=300.0,
        metavar="SECONDS",
        help="A call that takes longer counts as hung (default: 300).",
    ),
    sections.effort("--seed", type=int, metavar="N", help="Of the order inside the pairs."),
    options.profiles_option_as("profiles_dir"),
    options.working_directory_option,
)
@sections.measured(
    "--inputs",
    "spelled_inputs",
    metavar="FILE|MODULE:CALLABLE",
    help="Sample inputs, for a single TARGET.",
)
@sections.gate("--strict", is_flag=True, help="Exit with 3 where the gate could not decide.")
@sections.gate("--exit-zero", is_flag=True, help="Exit with 0 whatever was found.")
@options.output_options(*FORMATS)
@pass_state
def command(
    state: CommandContext,
    *,
    check: CheckOptions,
    spelled_inputs: str | None,
    strict: bool,
    exit_zero: bool,
    out: OutputOptions,
) -> int:
    """Did this change make a workload slower, or its configuration wrong?

    Without TARGET, those of [tool.dynadvise] are checked. With --base, each op is timed at the
    base revision and in your tree, in pairs of fresh processes; without, against the committed
    profile. The verdict is PASS, FAIL, INCONCLUSIVE or COULD NOT MEASURE.

    Exit status: 0 passed, 1 failed, 2 wrong usage or the user's code failed, 3 could not decide
    (with --strict; else a warning and 0) or nothing could be measured at all.
    """
    from advisor.api.check import check as run_check
    from advisor.domain.gate import Verdict, exit_status
    from advisor.gate.worktree import repository_root
    from advisor.render.gate import located

    check = _completed(check, state.settings, spelled_inputs)
    with state.progress() as progress:
        report = run_check(check, progress, announce=state.say)
    status = exit_status(report, strict=strict, exit_zero=exit_zero)
    root = repository_root(check.folder) or check.folder  # where services look for files
    report = located(report, root)
    _show(state, report, out, root=root, status=status)
    _summarize(state, report)
    if report.verdict in {Verdict.INCONCLUSIVE, Verdict.NOT_MEASURED}:
        hint = "" if status else " --strict makes this exit with 3."
        state.warn(f"the gate could not decide ({report.verdict}).{hint}")
    return status


def _completed(check: CheckOptions, settings: Settings, spelled_inputs: str | None) -> CheckOptions:
    """What is asked, with what ``[tool.dynadvise]`` alone says."""
    targets = tuple(dict.fromkeys(check.targets or settings.targets))
    options.refuse(
        check.static and check.base is not None,
        "--static runs nothing, so there is nothing to compare with --base.",
    )
    options.refuse(
        check.helm_schema is not None and not check.helm,
        "--helm-schema is the schema of the values of --helm FILE.",
    )
    options.refuse(
        spelled_inputs is not None and len(targets) != 1,
        "--inputs is for a single TARGET.",
        "Set [tool.dynadvise.inputs] for several.",
    )
    inputs = {target: spelled_inputs or settings.inputs_of(target) for target in targets}
    return replace(
        check,
        targets=targets,
        failing=check.failing or (settings.fail_on,),
        ignore=settings.ignore,
        inputs={target: spelled for target, spelled in inputs.items() if spelled is not None},
        items=settings.items,
        clusters=tuple(settings.clusters.values()),
        run_config=check.run_config.absolute() if check.run_config else None,
        profiles_dir=check.profiles_dir.absolute(),
        advise=AdviseOptions(
            change=settings.change or "config",
            objective=settings.objective or "time",
            environment=settings.environment or "prod",
            max_connections=settings.max_connections,
            max_rate=settings.max_rate,
            memory_headroom=settings.memory_headroom,
        ),
    )


def _show(
    state: CommandContext, report: GateReport, out: OutputOptions, *, root: Path, status: int
) -> None:
    if out.form == "github":
        from advisor.render import github

        state.write(github.render(report), out.output)
    elif out.form == "junit":
        from advisor.render import junit

        state.write(junit.render(report), out.output)
    elif out.form == "sarif":
        from advisor.render import sarif
        from advisor.rules.registry import meanings
        from advisor.store import version_of_dynadvise

        version = version_of_dynadvise()
        log = sarif.render(report, root, rules=meanings(), version=version, exit_code=status)
        state.write(log, out.output)
    else:
        from advisor.cli.showing import show
        from advisor.render.forms.documents import check_to_json
        from advisor.render.gate import gate_document, gate_screen

        # A log cannot be asked for the rest: it names every finding.
        logged = out.form == "text" and (out.output is not None or not sys.stdout.isatty())
        show(
            state,
            out,
            report,
            gate_document,
            None if logged else gate_screen,
            as_json=check_to_json,
            wrap=False,
        )


def _summarize(state: CommandContext, report: GateReport) -> None:
    """Append the report to the summary page of a GitHub job, where there is one."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if not summary:
        return
    from advisor.cli.showing import folded
    from advisor.render.gate import gate_document, gate_screen
    from advisor.render.markdown import to_markdown

    shown = folded(gate_screen(report), gate_document(report))

    try:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(to_markdown(shown))
    except OSError as error:
        state.warn(f"the job summary {summary} cannot be written: {error}.")
