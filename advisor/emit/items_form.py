"""Batches for a bare op or a plain function: a whole job, from reading the items to the results."""

from dataclasses import dataclass, replace
from pathlib import PurePath

from advisor.domain.errors import DynadviseError
from advisor.domain.graph import GraphNode, Wire
from advisor.domain.inputs_tag import inputs_tag
from advisor.domain.workload import MappedOp, OpReference, WorkerKind, WorkloadDescription
from advisor.emit.imports import JobImport, from_import, import_of, resources_of_module, user_module
from advisor.emit.plain_form import BATCHED_ON, GLOBAL_NAMES, LOCAL_NAMES, PlainForm, submitted
from advisor.emit.source_text import dotted, identifier, quoted
from advisor.emit.templating import imports_of

READING, RESULTS = "all_items", "all_results"
SPLITTING = f"{READING}_in_one_list", f"{READING}_in_batches"
_READERS = {
    ".json": 'json.loads(INPUTS.read_text(encoding="utf-8"))',
    ".jsonl": '[json.loads(line) for line in INPUTS.open(encoding="utf-8") if line.strip()]',
    ".yaml": 'yaml.safe_load(INPUTS.read_text(encoding="utf-8"))',
}
_IN_ONE_LIST = """\
async def in_one_list(given):
    return [each async for each in given]


"""
_SUFFIXES = {".ndjson": ".jsonl", ".yml": ".yaml"}


@dataclass(frozen=True, slots=True)
class ItemsSource:
    """How the emitted job comes by its items.

    Attributes:
        imports: Lines that import the user's op or function, and the callable that gives items.
        reading: Lines that read the items and yield them as dynamic outputs.
        worker: Name by which the op or function is called.
    """

    imports: str
    reading: str
    worker: str


def items_source(description: WorkloadDescription) -> ItemsSource:
    """Where the items come from: what the profile was measured with, to be replaced.

    Raises:
        DynadviseError: It is not known, or the op takes what one entry cannot give.
    """
    op = description.mapped[0]
    spelled = description.inputs or inputs_tag(description)
    if spelled is None:
        raise DynadviseError(
            f"It is not known where the items of {description.target.spelled} come from.",
            hint="Profile it again with --inputs, or give the job that maps it as the target.",
        )
    module = user_module(description)
    name = identifier(description.target.attribute or "", "The target")
    reserved = {
        *GLOBAL_NAMES,
        *LOCAL_NAMES,
        READING,
        RESULTS,
        *SPLITTING,
        "INPUTS",
        "asyncio",
        "in_one_list",
        "entries",
        "entry",
    }
    worker = f"your_{name}" if name in reserved else name
    bound = [name if worker == name else f"{name} as {worker}"]
    callable_from, _, attribute = spelled.rpartition(":")
    if callable_from and "/" not in callable_from:
        attribute = identifier(attribute, "The callable that gives the inputs")
        bound_name = f"your_{attribute}" if attribute in {*reserved, worker} else attribute
        imported = attribute if bound_name == attribute else f"{attribute} as {bound_name}"
        names = {dotted(callable_from, "The inputs' module"): [imported]}
        names.setdefault(module, [])
        names[module] = sorted([*names[module], *bound])
        imports = "\n".join(from_import(place, names[place]) for place in sorted(names))
        entries, constant = f"{bound_name}() if callable({bound_name}) else {bound_name}", ""
    else:
        suffix = PurePath(spelled).suffix
        reader = _READERS.get(_SUFFIXES.get(suffix, suffix), _READERS[".json"])
        imports, entries = from_import(module, bound), reader
        constant = f"INPUTS = Path({quoted(spelled)})\n\n\n"
    return ItemsSource(imports, constant + _reading(op, entries), worker)


def _reading(op: MappedOp, entries: str) -> str:
    unpacked = ""
    if len(op.inputs) == 1:
        name = quoted(identifier(op.inputs[0], "The input"))
        unpacked = f"""\
        if isinstance(entry, dict) and {name} in entry:
            entry = entry[{name}]
"""
    elif op.item_input is not None:
        names = "{" + ", ".join(map(quoted, op.inputs)) + "}"
        unpacked = f"""\
        if not (isinstance(entry, dict) and {names} & entry.keys()):
            entry = {{{quoted(op.item_input)}: entry}}
"""
    return f'''\
def {READING}():
    """One output per item. These are the samples: read your real items here."""
    entries = {entries}
    for place, entry in enumerate(entries):
{unpacked}        yield DynamicOutput(entry, mapping_key=f"item_{{place}}")'''


def has_items_form(description: WorkloadDescription) -> bool:
    """Whether the target stands in no job, and no item of it needs a step's context."""
    if description.job_name is not None:
        return False
    nodes = description.graph
    return description.kind != "op" or (bool(nodes) and all(node.is_plain for node in nodes))


def items_form(
    description: WorkloadDescription,
    source: ItemsSource,
    *,
    one_step: bool,
    kind: WorkerKind | None,
) -> PlainForm:
    """The short form of the whole job, where :func:`has_items_form`."""
    op = description.mapped[0]
    functions, helper = "", ""
    worker = source.worker
    if description.kind == "op":
        worker = f"call_{source.worker}"
        functions = f"{worker} = {source.worker}.__wrapped__"
    single = len(op.inputs) == 1
    call = f"{worker}({op.inputs[0]}=value)" if single else f"{worker}(**value)"
    if description.kind == "function" and op.is_async and op.is_generator:
        call, helper = f"asyncio.run(in_one_list({call}))", _IN_ONE_LIST
    elif description.kind == "function" and op.is_async:
        call = f"asyncio.run({call})"
    elif description.kind == "function" and op.is_generator:
        call = f"list({call})"
    batching = f"{'your_' * (op.name == READING)}{op.name}_{BATCHED_ON[kind]}"
    splitting = SPLITTING[0] if one_step else SPLITTING[1]
    mapped = f"{splitting}().map({batching})"
    body = f"{batching}({splitting}())" if one_step else f"{RESULTS}({mapped}.collect())"
    return PlainForm(
        functions=functions,
        fan_out_head=f"def {splitting}():",
        fan_out_call=f"    outputs = {READING}()",
        batch_head=f"def {batching}(items):",
        run_item=(
            f"{helper}def run_item(value):\n"
            f'    """What your {description.kind} makes of one item."""\n'
            f"    return {call}"
        ),
        submit=submitted("run_item", ["value"], one_step=one_step),
        call="            result = run_item(value)",
        collecting=()
        if one_step
        else ((quoted(RESULTS), f"def {RESULTS}(batches):", "    return in_order(batches)"),),
        body=f"    {body}",
        reading=source.reading,
        imports=source.imports,
    )


def described_as_job(description: WorkloadDescription) -> WorkloadDescription:
    """The job that the emitted module makes of a bare op, as if the user had written it.

    Raises:
        DynadviseError: The op has several inputs or outputs, so that one item does not fill it.
    """
    op = description.mapped[0]
    name = op.name
    if len(op.inputs) != 1 or len(op.outputs) != 1 or name in {READING, RESULTS}:
        raise DynadviseError(
            f"{name} needs context, config or resources and has"
            f" {len(op.inputs)} inputs and {len(op.outputs)} outputs: what to map it over cannot be"
            " told.",
            hint="Write a job that maps it over a dynamic output, and give that job as the target.",
        )
    reading = f"read_{READING}"
    (input_name,), (output,) = op.inputs, op.outputs
    return replace(
        description,
        job_name=name,
        fan_out=OpReference(reading, (reading,)),
        graph=(
            GraphNode(reading, outputs=("result",), dynamic_outputs=("result",)),
            GraphNode(
                name,
                (Wire(input_name, ((reading, "result"),)),),
                op.inputs,
                op.outputs,
                has_config=any(node.has_config for node in description.graph),
            ),
            GraphNode(
                RESULTS,
                (Wire("results", ((name, output),), collected=True),),
                ("results",),
                ("result",),
            ),
        ),
    )


def module_of_op(description: WorkloadDescription) -> str:
    """A module whose ``original_job`` maps a bare op over its samples, one per step."""
    lines = job_of_op(described_as_job(description), items_source(description)).lines
    return f"{imports_of(lines)}\n\n{lines}"


def job_of_op(description: WorkloadDescription, source: ItemsSource) -> JobImport:
    """Lines that make a job of a bare op: its items, the op, and the list of results."""
    name = description.mapped[0].name
    module = user_module(description)
    lines = f"""\
{import_of(module)}
{source.imports}

{resources_of_module()}


{source.reading}


@op(out=DynamicOut())
def read_{READING}():
    yield from {READING}()


@op
def {RESULTS}(results):
    return results


@job(resource_defs=given_resources)
def original_job():
    found = read_{READING}().map({source.worker})
    {RESULTS}(found.collect())
"""
    return JobImport(module, lines, name)
