"""``dynadvise check``: the pre-merge gate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.cli import options
from advisor.cli.context import CommandContext, pass_state
from advisor.domain.finding import SEVERITIES

if TYPE_CHECKING:
    from advisor.domain.gate import GateReport
    from advisor.gate.options import CheckOptions

FORMATS = ("text", "json", "markdown", "github", "sarif", "junit")


class _Percent(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3
    """A fraction: ``0.1`` or ``10%``."""

    name = "fraction"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The fraction.

        Raises:
            BadParameter: It is none, or not from 0 to 10.
        """
        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            number = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            self.fail(f"{value!r} is no fraction such as 0.1 or 10%.", param, ctx)
        if not 0 <= number < 10:
            self.fail(f"{value!r} is not between 0 and 10.", param, ctx)
        return number


class _FailOn(click.ParamType):  # type: ignore[type-arg]
    """Severities and codes, separated by commas."""

    name = "severity or codes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Their names.

        Raises:
            BadParameter: One is neither.
        """
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in str(value).split(",") if name.strip())
        for name in names:
            if name not in SEVERITIES and not (name.startswith("DYN") and name[3:].isdigit()):
                self.fail(
                    f"{name!r} is neither a severity ({', '.join(SEVERITIES)}) nor a code "
                    "such as DYN101.",
                    param,
                    ctx,
                )
        return names


@click.command("check")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@options.job_option
@click.option("--base", metavar="REF", help="Compare with this git revision (origin/main).")
@click.option("--static", is_flag=True, help="Static rules alone: import, call no op.")
@click.option("--strict", is_flag=True, help="Exit with 3 where the gate could not decide.")
@click.option(
    "--fail-on",
    type=_FailOn(),
    metavar="SEVERITY|CODES",
    help="Findings that fail the gate: error (default), warning, note, or codes (DYN106,DYN107).",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever was found.")
@click.option(
    "--max-regression",
    type=_Percent(),
    metavar="FRACTION",
    help="Largest accepted slowdown of an op (default: 10%).",
)
@click.option(
    "--max-regret",
    type=_Percent(),
    metavar="FRACTION",
    help="How much slower than the best the job's own configuration may be (default: 15%).",
)
@click.option(
    "--pairs",
    type=options.COUNT,
    default=20,
    show_default=True,
    metavar="N",
    help="Most pairs of base and head to time; clear cases need fewer.",
)
@click.option(
    "--samples",
    type=options.COUNT,
    default=3,
    show_default=True,
    metavar="K",
    help="Call the ops on at most K items.",
)
@click.option(
    "--inputs",
    metavar="FILE|MODULE:CALLABLE",
    help="Sample inputs, for a single TARGET.",
)
@options.run_config_option
@click.option(
    "--item-timeout",
    type=options.NUMBER,
    default=300.0,
    metavar="SECONDS",
    help="A call that takes longer counts as hung (default: 300).",
)
@click.option("--seed", type=int, metavar="N", help="Of the order inside the pairs.")
@options.profiles_option
@options.working_directory_option
@options.output_options(*FORMATS)
@pass_state
def command(
    state: CommandContext,
    *,
    targets: tuple[str, ...],
    strict: bool,
    exit_zero: bool,
    form: str,
    output: Path | None,
    **values: Any,
) -> int:
    """Did this change make a workload slower, or its configuration wrong?

    Without TARGET, those of [tool.dynadvise] are checked. With --base, each op is timed at the
    base revision and in your tree, in pairs of fresh processes; without, against the committed
    profile. The verdict is PASS, FAIL, INCONCLUSIVE or COULD NOT MEASURE.

    Exit status: 0 passed, 1 failed, 2 wrong usage or the user's code failed, 3 could not decide
    (with --strict; else a warning and 0) or nothing could be measured at all.
    """
    request = _request(state, targets, values)
    from advisor.api.check import check
    from advisor.domain.gate import exit_status

    with state.progress() as progress:
        report = check(request, progress, announce=progress.announce)
    status = exit_status(report, strict=strict, exit_zero=exit_zero)
    _show(state, report, form, output, root=_root(request.folder), status=status)
    _summarize(state, report, request.folder)
    if report.verdict in {"INCONCLUSIVE", "COULD NOT MEASURE"}:
        hint = "" if status else " --strict makes this exit with 3."
        state.warn(f"the gate could not decide ({report.verdict}).{hint}")
    return status


def _request(
    state: CommandContext, targets: tuple[str, ...], values: dict[str, Any]
) -> CheckOptions:
    from advisor.gate.options import CheckOptions

    settings = state.settings
    chosen = targets or settings.targets
    options.refuse(
        bool(values["static"] and values["base"]),
        "--static runs nothing, so there is nothing to compare with --base.",
    )
    options.refuse(
        bool(values["inputs"] and len(chosen) != 1),
        "--inputs is for a single TARGET.",
        "Set [tool.dynadvise.inputs] for several.",
    )
    inputs = {
        target: spelled
        for target in chosen
        if (spelled := values["inputs"] or settings.inputs_of(target)) is not None
    }
    run_config = values["run_config"]
    return CheckOptions(
        targets=tuple(dict.fromkeys(chosen)),
        job=values["job"],
        base=values["base"],
        static=values["static"],
        failing=values["fail_on"] or (settings.fail_on,),
        ignore=settings.ignore,
        max_regression=_given(values["max_regression"], settings.max_regression),
        max_regret=_given(values["max_regret"], settings.max_regret),
        pairs=values["pairs"],
        inputs=inputs,
        items=settings.items,
        run_config=run_config.absolute() if run_config is not None else None,
        samples=values["samples"],
        profiles_dir=values["profiles"].absolute(),
        item_timeout_s=values["item_timeout"],
        seed=values["seed"],
        working_directory=values["working_directory"],
        change=settings.change or "config",
        objective=settings.objective or "time",
        environment=settings.environment or "prod",
        max_connections=settings.max_connections,
    )


def _given(flag: float | None, setting: float) -> float:
    return setting if flag is None else flag


def _show(
    state: CommandContext,
    report: GateReport,
    form: str,
    output: Path | None,
    *,
    root: Path,
    status: int,
) -> None:
    if form == "github":
        from advisor.render import github

        state.write(github.render(report, root), output)
    elif form == "junit":
        from advisor.render import junit

        state.write(junit.render(report, root), output)
    elif form == "sarif":
        from advisor.render import sarif
        from advisor.rules.registry import meanings
        from advisor.store import version_of_dynadvise

        version = version_of_dynadvise()
        log = sarif.render(report, root, rules=meanings(), version=version, exit_code=status)
        state.write(log, output)
    else:
        from advisor.cli.showing import show
        from advisor.render.forms.gate import check_to_json
        from advisor.render.gate import gate_document

        show(
            state,
            form,
            output,
            document=lambda: gate_document(report, root),
            as_json=lambda: check_to_json(report, root),
            wrap=False,
        )


def _root(folder: Path) -> Path:
    """Folder to which services expect files to be relative: the repository's."""
    from advisor.gate.worktree import repository_root

    return repository_root(folder) or folder


def _summarize(state: CommandContext, report: GateReport, folder: Path) -> None:
    """Append the report to the summary page of a GitHub job, where there is one."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if not summary:
        return
    from advisor.render.gate import gate_document
    from advisor.render.markdown import to_markdown

    try:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(to_markdown(gate_document(report, _root(folder))))
    except OSError as error:
        state.warn(f"the job summary {summary} cannot be written: {error}.")
