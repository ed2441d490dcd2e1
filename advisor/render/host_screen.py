"""What a calibration measured, on one screen: the price of a step, and when processes pay."""

from collections.abc import Sequence

from advisor.domain.advice import BreakEven, Crossings
from advisor.domain.candidate import name_in_words
from advisor.domain.host import HostProfile
from advisor.domain.measured import Calibration
from advisor.domain.overhead import OverheadModel
from advisor.domain.quantities import count, seconds, size
from advisor.render.document import Document, Headline, ListBlock, Note, plain_table
from advisor.render.host import METHODS, crossing_in_words, estimated_in_words, step_s

_PAYS = (
    "Pays from: when each of {items:,} waiting items takes longer, it is faster than in process."
)


def host_screen(calibration: Calibration) -> Document:
    """Overhead per step and per run of each executor."""
    host, overhead, break_even = calibration.host, calibration.overhead, calibration.break_even
    middle = break_even[len(break_even) // 2] if break_even else Crossings(0, ())
    items, crossings = middle.items, middle.crossings
    pays = {crossing.to_method: crossing_in_words(crossing) for crossing in crossings}
    rows = [
        (name, seconds(way.step_s), seconds(way.start_s), "")
        for name, way in (
            ("execute_in_process", overhead.execute_in_process),
            ("in_process executor", overhead.in_process),
        )
    ]
    steps = {}
    for key, name in METHODS:
        if key in overhead.multiprocess:
            way = overhead.multiprocess[key]
            steps[name] = seconds(step_s(way))
            start = seconds(way.start_s + way.server_start_s)
            family = f"multiprocess, {key.replace('_', ' ')}"
            rows.append((f"multiprocess, {name}", steps[name], start, pays.get(family, "")))
    facts = host.facts
    machine = f"{count(facts.cpus, 'core')}, {size(facts.memory_bytes)}, {facts.processor}"
    versions = f"Python {facts.python_version}, Dagster {facts.dagster_version}, {host.storage}"
    return Document(
        (
            Headline(_verdict(steps, rows[1][1], crossings), (f"{machine}. {versions}.",)),
            plain_table(("executor", "per step", "run start", "pays from, per item"), tuple(rows)),
            Note((_PAYS.format(items=items),) if items else ()),
            ListBlock(_savings(host, overhead)),
        ),
        more="All figures, the preload list",
    )


def _verdict(steps: dict[str, str], in_process: str, crossings: Sequence[BreakEven]) -> str:
    shown = {name: duration for name, duration in steps.items() if name != "forkserver"} or steps
    parts = [f"{duration} under {name}" for name, duration in shown.items()]
    verdict = f"Overhead per step: {', '.join([*parts, f'{in_process} in process'])}."
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
    lines += estimated_in_words(overhead)
    if host.unmeasured:
        lines.append(f"Not measured: {', '.join(map(name_in_words, host.unmeasured))}.")
    return tuple(lines)
