"""The kind ``run-config``: YAML for the launchpad or ``-c``, nested rightly for the job."""

from collections.abc import Mapping

from advisor.domain.candidate import Candidate
from advisor.domain.cluster import DELEGATING
from advisor.domain.command_line import emit_command
from advisor.domain.executor_setting import ExecutorSetting
from advisor.emit.own_threads import above_yaml
from advisor.emit.request import EmitRequest
from advisor.emit.source_text import comment
from advisor.emit.wording import (
    decision,
    executor_config,
    reasons_for,
    whole_config,
    without_code,
)


def emit_run_config(request: EmitRequest) -> str:
    """Run config that selects the candidate's executor with its settings.

    What run config cannot express (batches, workers inside a step, an executor that the job's
    code fixes) is said in a comment, and the nearest valid config is given.
    """
    request, note = without_code(request)
    head = [comment(text) for text in (decision(request), note, *_notes(request)) if text]
    tree = run_config_values(request)
    written = yaml_lines(tree, reasons_for(request), 0) if tree else ["{}"]
    return above_yaml("\n".join([*head, *written]) + "\n", request)


def run_config_values(request: EmitRequest) -> dict[str, object]:
    """The emitted run config as values; empty where run config cannot choose the executor."""
    request, _ = without_code(request)
    candidate, setting = request.candidate, request.description.executor
    path = path_of(candidate, setting)
    if path is None or candidate.executor not in ("multiprocess", "in_process"):
        return {}
    fixed = setting.fixed_by_code if setting else ()
    config = {key: each for key, each in whole_config(request).items() if key not in fixed}
    for key in reversed(path):
        config = {key: config}
    return config


def path_of(candidate: Candidate, setting: ExecutorSetting | None) -> tuple[str, ...] | None:
    """Keys under which the executor's config stands; None where run config cannot choose it."""
    kind = "multiprocess" if candidate.executor == "multiprocess" else "in_process"
    if setting is None:
        return ("execution", "config", kind)  # of Dagster's default, which wants the name
    return setting.config_path if kind == "multiprocess" else setting.in_process_config_path


def _notes(request: EmitRequest) -> list[str]:
    candidate, setting = request.candidate, request.description.executor
    notes = []
    if setting is None:
        notes.append(
            f"{request.description.target.spelled} belongs to no job yet: this is the nesting for"
            " a job that names no executor of its own."
        )
    if candidate.launch == "execute_in_process":
        notes.append(
            "Advised: call execute_in_process(), which takes no executor config. Where the job is"
            " launched otherwise (UI, command line, schedule), this runs it the same way."
        )
    elif candidate.launch == "cli":
        notes.append(
            "Save as advised.yaml, and launch with `dg launch --job NAME -c advised.yaml`, or with"
            " `dagster job execute -c advised.yaml` where dg is not installed."
        )
    if setting is None:
        return notes
    kind = "multiprocess" if candidate.executor == "multiprocess" else "in_process"
    fixed = [key for key in executor_config(candidate) if key in setting.fixed_by_code]
    in_code = f"(`{emit_command(request.description, 'python')}`)."
    if request.keeps_executor:
        described = ""
        if setting.executor in DELEGATING:
            described = (
                " without its cluster and its start time: describe them in"
                " [tool.dynadvise.clusters.NAME], and give --cluster NAME"
            )
        notes.append(f"{setting.class_name} stays as it is. It is not modelled{described}.")
    elif candidate.executor not in ("multiprocess", "in_process"):
        notes.append(
            f"The {candidate.executor} executor is chosen in code, with `executor_def` {in_code}"
        )
    elif path_of(candidate, setting) is None:
        notes.append(
            f"Run config cannot choose the {kind} executor: the job's code fixes"
            f" {setting.class_name}, or maps its config. Change it there {in_code}"
        )
    elif fixed:
        notes.append(
            "Set in the job's code by configured(...), which ignores run config:"
            f" {', '.join(fixed)}. Change them there {in_code}"
        )
    return notes


def yaml_lines(tree: object, reasons: Mapping[str, str], depth: int) -> list[str]:
    """Block-style YAML with the reason of a key above it, a line of the reason by itself."""
    assert isinstance(tree, Mapping)
    lead = "  " * depth
    lines = []
    for key, value in tree.items():
        for reason in reasons.get(key, "").splitlines():
            lines += [lead + line for line in comment(reason).splitlines()]
        if isinstance(value, Mapping) and value:
            lines += [f"{lead}{key}:", *yaml_lines(value, reasons, depth + 1)]
        elif isinstance(value, list) and value:
            lines += [f"{lead}{key}:", *(f"{lead}  - {_scalar(entry)}" for entry in value)]
        else:
            lines.append(f"{lead}{key}: {_scalar(value)}")
    return lines


def _scalar(value: object) -> str:
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
