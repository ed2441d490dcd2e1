"""How a snippet reaches the user's objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from advisor.domain.errors import DynadviseError
from advisor.domain.workload import WorkloadDescription
from advisor.emit.source_text import WIDTH, dotted, identifier, quoted


@dataclass(frozen=True, slots=True)
class JobImport:
    """How an emitted module comes by the user's job.

    Attributes:
        module: The user's module, as the snippet imports it.
        lines: The import that binds the job, and the statements that it takes besides.
    """

    module: str
    lines: str
    name: str


def user_module(description: WorkloadDescription) -> str:
    """Dotted name of the module that holds the target; a file's stem, for a target in a file.

    Raises:
        DynadviseError: The name cannot be imported by an import statement.
    """
    target = description.target
    if target.module:
        return dotted(target.module, "The module")
    return identifier(PurePath(target.file or "").stem, "The file (without .py)")


def job_import(description: WorkloadDescription) -> JobImport:
    """The lines that bind the user's job to ``original_job``.

    Raises:
        DynadviseError: The target has no job, or a name is not one in Python.
    """
    target, name = description.target, description.job_name
    if name is None or description.fan_out is None:
        raise DynadviseError(
            f"{target.spelled} is {_article(description.kind)}, not a job: there is no job to run.",
            hint="Give the job that uses it as the target.",
        )
    name = identifier(name, "The job")
    module = user_module(description)
    attribute = target.attribute
    if description.kind == "op":
        # The profile knows the job's name, not the variable that holds it.
        condition = f'hasattr(value, "executor_def") and value.name == {quoted(name)}'
        found = _first("original_job", condition)
        return JobImport(module, f"{import_of(module)}\n\n{found}", name)
    if description.kind == "asset":
        raise DynadviseError(
            f"{target.spelled} is an asset: its dynamic graph runs inside the asset's own job.",
            hint="Emit `run-config`, `batch` or `workers` for it, or move the graph into a job.",
        )
    if target.job is not None or attribute is None:
        job = quoted(target.job or name)
        held = attribute or description.definitions_name
        if held is not None:
            line = import_line(module, identifier(held, "The definitions"), "definitions")
            loaded = "loaded = definitions() if callable(definitions) else definitions"
            found = f"{loaded}\noriginal_job = loaded.resolve_job_def({job})"
            return JobImport(module, f"{line}\n\n{found}", name)
        condition = 'hasattr(value, "get_job_def") and not isinstance(value, type)'
        found = (
            f"{_first('definitions', condition)}\noriginal_job = definitions.resolve_job_def({job})"
        )
        return JobImport(module, f"{import_of(module)}\n\n{found}", name)
    attribute = dotted(attribute, "The target")
    outer = attribute.partition(".")[0]
    if description.kind == "graph":
        line = import_line(module, outer, outer if "." in attribute else "original_graph")
        graph = attribute if "." in attribute else "original_graph"
        return JobImport(module, f"{line}\n\noriginal_job = {graph}.to_job()", name)
    if description.is_called or outer != attribute:
        line, call = import_line(module, outer, outer), "()" if description.is_called else ""
        return JobImport(module, f"{line}\n\noriginal_job = {attribute}{call}", name)
    return JobImport(module, import_line(module, attribute, "original_job"), name)


def held_job_import(description: WorkloadDescription) -> JobImport:
    """The lines that bind the job by the variable that holds it, where its definitions name it.

    The definitions, which give it their resources, may then import the emitted module in turn.

    Raises:
        DynadviseError: As `job_import`.
    """
    imported, held = job_import(description), description.job_from
    if held is None:
        return imported
    module, variable = dotted(held[0], "The module"), identifier(held[1], "The job")
    return JobImport(module, import_line(module, variable, "original_job"), imported.name)


def asset_name(description: WorkloadDescription) -> str:
    """The variable that holds the target, a graph-backed asset.

    Raises:
        DynadviseError: It has none, or its name is not one in Python.
    """
    target = description.target
    if target.asset is not None and description.asset_from is None:
        raise DynadviseError(
            f"No module has a name for the asset {target.asset}, so that no code can import it.",
            hint="Give it one where it is made: orders = make_asset(...), and profile again.",
        )
    held = description.asset_from[1] if description.asset_from else target.attribute
    return identifier(held or "", "The asset")


def asset_import(description: WorkloadDescription) -> JobImport:
    """The lines that bind the user's graph-backed asset, and the resources of its module.

    Raises:
        DynadviseError: A name is not one in Python.
    """
    name, held = asset_name(description), description.asset_from
    module = dotted(held[0], "The module") if held else user_module(description)
    lines = f"{import_of(module)}\n\noriginal_asset = user_code.{name}"
    if not defined_elsewhere(description):
        lines += f"\n{resources_of_module()}"
    return JobImport(module, lines, name)


def defined_elsewhere(description: WorkloadDescription) -> str:
    """The import of the definitions that hold the asset, where another module has them.

    They will import the emitted module, which can therefore import them only later.
    """
    held, name = description.asset_from, description.definitions_name
    if held is None or name is None or held[0] == user_module(description):
        return ""
    return import_line(user_module(description), identifier(name, "The definitions"), "around")


def resources_of_module() -> str:
    """A statement that finds the resources of the user's definitions; it needs ``Definitions``."""
    held = ["value.resources", "for value in vars(user_code).values()"]
    held.append("if isinstance(value, Definitions) and value.resources")
    lines = "".join(f"        {line}\n" for line in held)
    return f"given_resources = next(\n    (\n{lines}    ),\n    {{}},\n)"


def _first(bound: str, condition: str) -> str:
    """The first of the module's values for which the condition holds; too long for one line."""
    lines = ["value", "for value in vars(user_code).values()", f"if {condition}"]
    return f"{bound} = next(\n" + "".join(f"    {line}\n" for line in lines) + ")"


def import_of(module: str) -> str:
    """The line that binds the user's module to ``user_code``."""
    parent, _, last = module.rpartition(".")
    return import_line(parent, last, "user_code") if parent else f"import {last} as user_code"


def import_line(module: str, name: str, bound: str) -> str:
    """``from module import name as bound``, broken where it is too long."""
    return from_import(module, [name if name == bound else f"{name} as {bound}"])


def from_import(module: str, names: Sequence[str]) -> str:
    """``from module import a, b``, one name a line where it is too long."""
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def in_place_of_asset(asset: str) -> str:
    """What changes for an asset."""
    return (
        f"In your Definitions, put {asset}_batched in the place of {asset}, and add"
        f" {asset}_batched_job: with both assets, Dagster refuses to load (Duplicate asset key)."
        f" Where assets are collected from modules, leave {asset} out of what is collected."
    )


def beside_job(description: WorkloadDescription, launch: str, module: str, new: str) -> str:
    """What changes for a job.

    Args:
        module: From which the emitted module imports it; empty for a bare op's.
    """
    if launch == "execute_in_process":
        return "Advised: call execute_in_process() on the job below."
    added = "Add the job below to your Definitions, and run it as any other job."
    if not module:
        return added
    definitions, line = user_module(description), f"`from THIS_MODULE import {new}`"
    if description.target.job is None:
        return (
            f"{added} Where these stand in {module}, which is imported here, make them in a"
            f" function (`@dg.definitions`) with {line} in it."
        )
    if description.job_from is None:
        return (
            f"{added} This module imports {definitions}, which therefore cannot import it: give"
            " the job a variable in a module of its own, and profile again."
        )
    if module == definitions:
        return (
            f"{added} {definitions} is imported here, so make its Definitions in a function,"
            f" `@dg.definitions` above `def {description.definitions_name or 'defs'}():`, with"
            f" {line} as the first line in it, and {new} in its jobs=[...]."
        )
    return (
        f"{added} In {definitions}, add {line} to the imports and {new} to jobs=[...]; a schedule"
        " or sensor runs it once it names it."
    )
