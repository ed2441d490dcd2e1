"""The answer on one screen: three ways on one axis, why, price, how certain, what next."""

from collections.abc import Sequence

from advisor.domain.advice import Advice, Breakdown, Prediction
from advisor.domain.candidate import Candidate
from advisor.domain.picture import BarPhase, RunPicture
from advisor.domain.quantities import count, interval, multiple, percent, seconds, size
from advisor.render import wording
from advisor.render.document import (
    Block,
    Code,
    Column,
    Document,
    Heading,
    Headline,
    Paragraph,
    Row,
    Span,
    Table,
    plain_table,
)
from advisor.render.fan_outs import fan_out_lines, total_line

WIDTH, ONE_LINE = 62, 77
"""Columns of the chart, and of the first line, which leaves the memory out where it is longer."""
MOST_CERTAIN, SHORT_CERTAIN = 300, 135
"""Characters of what is said of the certainty: four lines; beyond two no term is explained."""
_COMMENT_FROM = 46
"""Longest command beside which a comment fits on 79 columns."""
MOST_ROWS, FEW_ROWS = 2, 1
"""Rows of one way in it; more slots are folded, the busiest of them shown. Fewer where the facts
have more than `LONG_FACTS` characters, so that all fits on one screen."""
LONG_FACTS, LONG_COST = 330, 110
"""A longer cost is cut at its colon; --details has all of it."""
_KEY = "░ starts  █ your code  ▒ store, exit"
_SYMBOLS: dict[BarPhase, str] = {"start": "░", "work": "█", "store": "▒", "exit": "▒"}


def screen_document(
    advice: Advice,
    pictures: Sequence[RunPicture] = (),
    *,
    target: str,
    profile: str,
    more: str = "",
    evidence: bool = False,
    titled: bool = False,
) -> Document:
    """The screen.

    Args:
        pictures: Simulated runs of the named ways, as far as there are.
        evidence: Whether values and messages of the user's may be shown, as on a terminal.
        titled: Whether the verdict stands above, as a title: for a comment that is read alone.
    """
    blocks: list[Block] = []
    if advice.cautions:
        blocks.append(Paragraph(advice.cautions, "warn"))
    named = _named(advice)
    if titled:
        blocks.append(Heading(_verdict(advice), 3))
    blocks += [Headline(_workload(advice), _too_short(advice)), _ways(named)]
    if advice.whole_run is not None:
        blocks.append(Paragraph((total_line(advice), *fan_out_lines(advice))))
    facts = _facts(advice, evidence, "More below." if titled else "More: --details.")
    if advice.whole_run is None:
        length = sum(len(text) for _, text in facts)
        chart = _chart(named, pictures, FEW_ROWS if length > LONG_FACTS else MOST_ROWS)
        blocks += [Code(chart)] if chart else []
    named_facts = ((Span(f"{name:<7}", strong=True), text) for name, text in facts)
    blocks += [plain_table(("", ""), named_facts, words=("",))]
    blocks += [Code(_next(advice, target, profile))]
    return Document(tuple(blocks), more)


def _named(advice: Advice) -> list[tuple[str, Prediction]]:
    """Now, config only, best: each once, under the names of all that it is."""
    ways: dict[Candidate, tuple[list[str], Prediction]] = {}
    for name, way in advice.comparison:
        ways.setdefault(way.candidate, ([], way))[0].append(name.upper())
    return [(_row_name(names), way) for names, way in ways.values()]


def _row_name(names: Sequence[str]) -> str:
    """What already runs is called so, the best or not; of others the last name says the most."""
    if names[0] != "NOW":
        return names[-1]
    return "NOW = BEST" if names[-1] == "BEST" else "NOW"


def _verdict(advice: Advice) -> str:
    best, now = advice.recommendation, advice.now
    if now is None or now.candidate == best.candidate:
        return f"{advice.target}: {best.candidate.label}, {seconds(best.makespan_s.median)}"
    gain = now.makespan_s.median / max(best.makespan_s.median, 1e-9)
    times = f"{seconds(now.makespan_s.median)} -> {seconds(best.makespan_s.median)}"
    return f"{advice.target}: {multiple(gain)} faster ({times}) with {best.candidate.label}"


def _workload(advice: Advice) -> str:
    work = advice.workload
    waits = f", {percent(work.waiting_share)} waiting" if work.resources_measured else ""
    measured = f" ({work.samples} measured)" if work.samples < work.items else ""
    each = seconds(work.wall_s.median)
    what = f"{count(work.items, 'item')} of {each}{waits}{measured}"
    line = f"{advice.target.rpartition(':')[2]}: {what}. {count(advice.host.cpus, 'core')}"
    if advice.measuring is not None and advice.measuring.is_crowded(advice.host.cpus):
        return f"{line}, load {advice.measuring.load:.0f}: figures are uncertain."
    whole = f"{line}, {size(advice.host.memory_bytes)}."
    return whole if len(whole) <= ONE_LINE else f"{line}."


def _too_short(advice: Advice) -> tuple[str, ...]:
    """Why the command took longer than it was given, where even a first answer needs more."""
    end = advice.measuring
    if end is None or not end.needed_s:
        return ()
    needed, starting = seconds(end.needed_s), seconds(end.starting_s)
    why = f"a first answer took {needed}, {starting} of it starting and importing"
    return (f"Budget too short: {why}.",)


def _ways(named: Sequence[tuple[str, Prediction]]) -> Table:
    slow = named[0][1].makespan_s.median
    rows = []
    for place, (name, way) in enumerate(named):
        predicted, _, limits = interval(way.makespan_s).partition(" (")
        ratio = slow / way.makespan_s.median if way.makespan_s.median > 0 else 1.0
        gain = multiple(ratio) if place and name else ""
        label = way.candidate.label + (" (changes the code)" if way.candidate.needs_code else "")
        cells = (name, label, predicted, limits.rstrip(")"), gain)
        rows.append(Row(cells, "good" if "BEST" in name else "", strong="BEST" in name))
    columns = (
        Column("", left=True),
        Column("how to run", left=True),
        Column("time"),
        Column("90 %"),
        Column("faster"),
    )
    return Table(columns, tuple(rows))


def _chart(
    named: Sequence[tuple[str, Prediction]], pictures: Sequence[RunPicture], most: int
) -> str:
    """The runs on one axis, a row per slot; of a long run its parts in one row."""
    drawn = {each.candidate: each for each in pictures if each.share >= 1.0}
    longest_s = max(way.makespan_s.median for _, way in named)
    if longest_s <= 0:
        return ""
    lines = []
    for name, way in named:
        picture = drawn.get(way.candidate)
        share = way.makespan_s.median / longest_s
        rows = _slots(picture, longest_s, most) if picture else [_parts(way.breakdown_s, share)]
        lines += [f"{name if not place else '':<12}{row}" for place, row in enumerate(rows)]
    # Beside the last row, which is the shortest as a rule, where there is room.
    room = 12 + WIDTH - len(_KEY)
    last = lines.pop() if len(lines[-1]) < room else ""
    return "\n".join((*lines, f"{last:<{room}}{_KEY}"))


def _slots(picture: RunPicture, longest_s: float, most: int) -> list[str]:
    slots = 1 + max((bar.slot for bar in picture.bars), default=0)
    fold = -(-slots // most)
    rows = [[" "] * WIDTH for _ in range(-(-slots // fold))]
    # What is drawn last is seen: the work.
    for phases in (("exit",), ("store",), ("start",), ("work",)):
        for bar in picture.bars:
            if bar.phase in phases:
                first = int(bar.begin_s / longest_s * WIDTH)
                last = max(first + 1, round(bar.end_s / longest_s * WIDTH))
                cells = rows[bar.slot // fold]
                cells[first:last] = _SYMBOLS[bar.phase] * (min(last, WIDTH) - first)
    return ["".join(row).rstrip() for row in rows]


def _parts(parts: Breakdown, share: float) -> str:
    """The parts of a makespan one after the other, in their proportions."""
    shown = (
        ("░", parts.launch_s),
        ("█", parts.work_s),
        ("▒", parts.serialize_s + parts.coordinate_s),
        ("·", parts.idle_s),
    )
    total_s = sum(part_s for _, part_s in shown) or 1.0
    return "".join(symbol * round(part_s / total_s * share * WIDTH) for symbol, part_s in shown)


def _facts(advice: Advice, evidence: bool, rest: str) -> list[tuple[str, str]]:
    """Why, price, how certain."""
    best = advice.recommendation
    costs = [cost if len(cost) < LONG_COST else cost.partition(":")[0] for cost in best.costs]
    price = "; ".join(costs) or "none: a pasted config is all"
    rows = _no_now(advice)
    rows += [("Why", best.reasons[0])] if best.reasons else []
    rows += [("Price", price), ("Certain", " ".join(_certain(advice, evidence, rest)))]
    return [(name, _sentence(text)) for name, text in rows]


def _no_now(advice: Advice) -> list[tuple[str, str]]:
    """Why there is no figure of how it runs today."""
    if advice.now is not None:
        return []
    rejected = {each.candidate: each.reason for each in reversed(advice.rejected)}
    spawned = (way for way in rejected if way.start_method == "spawn" and not way.is_batched)
    own = advice.own_way or next(spawned, None)
    reason = rejected.get(own, "there is no model of it") if own else None
    return [("Now", f"no figure for {own.label}: {reason}")] if own and reason else []


def _certain(advice: Advice, evidence: bool, rest: str) -> list[str]:
    """How sure, what did harm, what is not included or tried: as many of these as fit.

    ``rest`` says where the others are.
    """
    ended = ""
    if advice.measuring is not None:
        reason, spent_s = advice.measuring.reason, advice.measuring.spent_s
        ended = f" {wording.ENDED_SHORT[reason]} after {seconds(spent_s)}."
    sentences = [wording.choice(advice, titled=True) + ended]
    sentences += [wording.limit_in_words(each) for each in advice.limits if each.harm is not None]
    sentences += [each.evidence for each in advice.limits if each.evidence and evidence]
    if advice.workload.not_included:
        parts = ", ".join(part.name for part in advice.workload.not_included)
        sentences.append(f"Not included: {parts}.")
    sentences += wording.untried(advice)
    if advice.warnings:
        codes = ", ".join(dict.fromkeys(finding.code for finding in advice.warnings))
        sentences.append(f"{count(len(advice.warnings), 'warning')}: {codes}.")
    certain = [
        each
        for place, each in enumerate(sentences)
        if len(" ".join(sentences[: place + 1])) <= MOST_CERTAIN or place == 0
    ]
    if sum(map(len, certain)) > SHORT_CERTAIN:
        certain[0] = wording.choice(advice, titled=True, explained=False) + ended
    return certain if len(certain) == len(sentences) else [*certain, rest]


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!")) else f"{text}."


def _next(advice: Advice, target: str, profile: str) -> str:
    """The next commands, which run as they are printed."""
    best = advice.recommendation.candidate
    commands = [(f"dynadvise emit {profile} --as run-config", "the config to paste")]
    if best.needs_code:
        kind = "workers" if best.workers_in_op > 1 else "batch" if best.batch_size > 1 else "python"
        commands.append((f"dynadvise emit {profile} --as {kind}", "the changed job"))
    if advice.next_measurement is not None:
        commands.insert(0, (advice.next_measurement.command, "to be more certain"))
    commands.append((f"dynadvise verify {target}", "compare with real runs"))
    commands.append((f"dynadvise report {profile} -o page.html", "timelines, all ways, sliders"))
    width = max(len(command) for command, _ in commands)
    fits = width <= _COMMENT_FROM
    lines = [f"{command:<{width}}  # {why}" if fits else command for command, why in commands]
    return "\n".join(lines)
