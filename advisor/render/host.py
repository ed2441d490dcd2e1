"""What a calibration measured, as a document, and on one screen."""

from collections.abc import Iterator, Sequence

from advisor.domain.advice import BreakEven, Crossings
from advisor.domain.candidate import name_in_words
from advisor.domain.host import HostProfile, building
from advisor.domain.measured import Calibration
from advisor.domain.overhead import MultiprocessOverhead, OverheadModel
from advisor.domain.quantities import count, seconds, size
from advisor.render.document import (
    Block,
    Document,
    Heading,
    Headline,
    ListBlock,
    Note,
    Paragraph,
    plain_table,
)

METHODS = (
    ("spawn", "spawn"),
    ("forkserver", "forkserver"),
    ("warm_forkserver", "forkserver with preload"),
)
_STEP_PHASES = (
    ("refill_s", "parent: takes the last events, starts the next step"),
    ("boot_s", "boot: until its Dagster instance is there"),
    ("prepare_s", "prepare: user code, plan, resources, logs"),
    ("load_s", "load: its input"),
    ("finish_s", "finish: its output, its last events"),
    ("exit_s", "exit: until its process is gone"),
)
_PAYS = (
    "Pays from: when each of {items:,} waiting items takes longer, it is faster than in process."
)


def host_document(calibration: Calibration) -> Document:
    """All sections, in the order in which they are read."""
    host, overhead = calibration.host, calibration.overhead
    sections = (
        _machine(host),
        _steps(overhead),
        _preload(host),
        _cheaper(host),
        _fixed(overhead),
        _storing(host),
        _scaling(overhead),
        _crossings(calibration.break_even),
        _unmeasured(host),
    )
    return Document(tuple(block for section in sections for block in section))


Section = tuple[Block, ...]


def _section(
    title: str,
    header: tuple[str, ...] = (),
    rows: tuple[tuple[str, ...], ...] = (),
    notes: tuple[str, ...] = (),
) -> Section:
    """A table with its notes; no rows: notes alone; neither: nothing."""
    if not rows and not notes:
        return ()
    table = (plain_table(header, rows),) if rows else ()
    return (Heading(title), *table, *((Paragraph(notes),) if notes else ()))


def _machine(host: HostProfile) -> Section:
    facts = host.facts
    cpus = count(facts.cpus, "core")
    counted = f" (cpu_count says {facts.cpu_count})" if facts.cpu_count != facts.cpus else ""
    return _section(
        f"Host {facts.id}",
        notes=(
            f"{cpus}{counted}, {size(facts.memory_bytes)}, {facts.processor}, {facts.system}",
            f"Python {facts.python_version}, Dagster {facts.dagster_version}",
            f"Storage {host.storage}, user module {host.user_module or 'none'}",
            f"Measured {host.calibrated_at} in {seconds(host.cost_s)}.",
        ),
    )


def _steps(overhead: OverheadModel) -> Section:
    methods = [
        (name, overhead.multiprocess[key]) for key, name in METHODS if key in overhead.multiprocess
    ]
    rows = [
        (phase, *(seconds(getattr(method, field)) for _, method in methods))
        for field, phase in _STEP_PHASES
    ]
    rows.append(("per step, in all", *(seconds(_step_s(method)) for _, method in methods)))
    serial = (
        f"In process a step takes {seconds(overhead.in_process.step_s)} "
        f"(in_process executor) or {seconds(overhead.execute_in_process.step_s)} "
        "(execute_in_process)."
    )
    pooled = (
        f"A step in a pool takes {seconds(2 * overhead.in_process.claim_s)} more, to claim its "
        "slot and give it back."
    )
    return _section(
        "Overhead per step, one step at a time (multiprocess)",
        ("phase", *(name for name, _ in methods)),
        tuple(rows) if methods else (),
        (*_estimated(overhead), serial, pooled),
    )


def _estimated(overhead: OverheadModel) -> tuple[str, ...]:
    """Which columns no run of this host is behind."""
    names = [name for key, name in METHODS if key in overhead.estimated]
    sentence = (
        f"Not run yet, estimated from the run of forkserver with preload: {', '.join(names)}."
    )
    return (sentence,) if names else ()


def _step_s(method: MultiprocessOverhead) -> float:
    """Overhead of one step, without a neighbour: the sum of its phases."""
    return sum(float(getattr(method, field)) for field, _ in _STEP_PHASES)


def _preload(host: HostProfile) -> Section:
    preload = host.preload
    if not preload.modules:
        return _section("List of preload_modules", notes=("None could be derived.",))
    before_s = preload.boot_before_s
    default = f", in {seconds(before_s)} with Dagster's own" if before_s else ""
    notes = [
        f"A step boots in {seconds(preload.boot_after_s)} with it{default}.",
        f"{count(len(preload.modules), 'module')}: {', '.join(preload.modules)}",
    ]
    notes += [f"{building(host)}."] if host.step_build_s else []
    notes += [f"Left out: {module}: {reason}" for module, reason in preload.left_out.items()]
    return _section("List of preload_modules", notes=tuple(notes))


def _cheaper(host: HostProfile) -> Section:
    names = {
        "no_compute_logs": "no captured output (NoOpComputeLogManager)",
        "storage_in_memory": "DAGSTER_HOME on a file system in memory",
    }
    rows = tuple(
        (names[step.what], seconds(step.before_s), seconds(step.after_s), str(step.runs))
        for step in host.cheaper_steps
    )
    return _section(
        "Options that reduce step overhead",
        ("option", "now", "with this option", "runs of each"),
        rows,
        () if rows else ("Not measured, for lack of time; `dynadvise calibrate` does it.",),
    )


def _ways(overhead: OverheadModel) -> list[tuple[str, str, float, float]]:
    """Each way to run steps: its key, its name, what a step takes, and what a run's start takes."""
    serial = (
        ("execute_in_process", "execute_in_process", overhead.execute_in_process),
        ("in_process", "in_process executor", overhead.in_process),
    )
    ways = [(key, name, way.step_s, way.start_s) for key, name, way in serial]
    for key, name in METHODS:
        if key in overhead.multiprocess:
            method = overhead.multiprocess[key]
            start_s = method.start_s + method.server_start_s
            ways.append((key, f"multiprocess, {name}", _step_s(method), start_s))
    return ways


def _fixed(overhead: OverheadModel) -> Section:
    rows = [(name, seconds(start_s)) for _, name, _, start_s in _ways(overhead)]
    if overhead.cli_start_s is not None:
        rows.append(("the command line, on top", seconds(overhead.cli_start_s)))
    return _section("What a run takes to start, once", ("way", "start"), tuple(rows))


def _storing(host: HostProfile) -> Section:
    rows = tuple(
        (size(sample.value_bytes), seconds(sample.store_s), seconds(sample.load_s))
        for sample in host.storing
    )
    return _section("Storing and loading one value", ("size", "store", "load"), rows)


def _scaling(overhead: OverheadModel) -> Section:
    rows = tuple((str(s.workers), f"{s.slowdown:.2f}") for s in overhead.cpu_scaling)
    return _section(
        "CPU-bound processes in parallel: seconds per item over the seconds of one alone",
        ("processes", "slowdown"),
        rows,
    )


def _crossings(rows: Sequence[Crossings]) -> Section:
    pairs = dict.fromkeys((b.from_method, b.to_method) for row in rows for b in row.crossings)
    return _section(
        "The second way is faster when an item takes more than",
        ("ways", *(f"{row.items:,} items" for row in rows)),
        tuple(
            (
                f"{name_in_words(old)} → {name_in_words(new)}",
                *(_crossing(row.crossings, old, new) for row in rows),
            )
            for old, new in pairs
        ),
    )


def _crossing(row: tuple[BreakEven, ...], old: str, new: str) -> str:
    matches: Iterator[BreakEven] = (b for b in row if (b.from_method, b.to_method) == (old, new))
    crossing = next(matches, None)
    return "" if crossing is None else _duration(crossing)


def _duration(crossing: BreakEven) -> str:
    """The duration of an item from which the second way is faster."""
    return "never" if crossing.item_s is None else seconds(crossing.item_s)


def _unmeasured(host: HostProfile) -> Section:
    return _section(
        "Not measured",
        notes=tuple(f"{name_in_words(what)}: {why}" for what, why in host.unmeasured.items()),
    )


# --- the screen --------------------------------------------------------------------------------


def host_screen(calibration: Calibration) -> Document:
    """Overhead per step and per run of each executor."""
    host, overhead, break_even = calibration.host, calibration.overhead, calibration.break_even
    middle = break_even[len(break_even) // 2] if break_even else Crossings(0, ())
    items, crossings = middle.items, middle.crossings
    pays = {crossing.to_method: _duration(crossing) for crossing in crossings}
    rows, steps = [], {}
    for key, name, step_s, start_s in _ways(overhead):
        family = f"multiprocess, {key.replace('_', ' ')}"
        rows.append((name, seconds(step_s), seconds(start_s), pays.get(family, "")))
        steps[name.removeprefix("multiprocess, ")] = seconds(step_s)
    facts = host.facts
    machine = f"{count(facts.cpus, 'core')}, {size(facts.memory_bytes)}, {facts.processor}"
    versions = f"Python {facts.python_version}, Dagster {facts.dagster_version}, {host.storage}"
    return Document(
        (
            Headline(_verdict(steps, crossings), (f"{machine}. {versions}.",)),
            plain_table(("executor", "per step", "run start", "pays from, per item"), tuple(rows)),
            Note((_PAYS.format(items=items),) if items else ()),
            ListBlock(_savings(host, overhead)),
        ),
        more="All figures, the preload list",
    )


def _verdict(steps: dict[str, str], crossings: Sequence[BreakEven]) -> str:
    names = [name for _, name in METHODS if name in steps]
    shown = [name for name in names if name != "forkserver"] or names
    parts = [f"{steps[name]} under {name}" for name in shown]
    in_process = f"{steps['in_process executor']} in process"
    verdict = f"Overhead per step: {', '.join([*parts, in_process])}."
    if not crossings:
        return verdict
    from_s = min((each.item_s for each in crossings if each.item_s is not None), default=None)
    pay = "never pay" if from_s is None else f"pay from {seconds(from_s)} per item"
    return f"{verdict} Processes {pay}."


def _savings(host: HostProfile, overhead: OverheadModel) -> tuple[str, ...]:
    """The preload list, and what was not measured."""
    preload = host.preload
    lines = []
    if preload.modules and preload.boot_before_s > preload.boot_after_s:
        before, after = seconds(preload.boot_before_s), seconds(preload.boot_after_s)
        lines.append(
            f"preload_modules ({count(len(preload.modules), 'module')}) cuts the start of a step "
            f"from {before} to {after}."
        )
    lines += _estimated(overhead)
    if host.unmeasured:
        lines.append(f"Not measured: {', '.join(map(name_in_words, host.unmeasured))}.")
    return tuple(lines)
