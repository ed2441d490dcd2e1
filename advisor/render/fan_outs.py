"""A job's several fan-outs: what is advised of each, and the run with all of them."""

from advisor.domain.advice import Advice
from advisor.domain.candidate import Candidate
from advisor.domain.fan_outs import FanOutAdvice
from advisor.domain.quantities import count, interval, seconds, spread
from advisor.render.document import Block, Column, Heading, Paragraph, Row, Table

_EACH = (
    "The executor is that of the whole job; the figures below are of the first fan-out alone. "
    "`dynadvise emit TARGET --as batch` gives code for all that are in batches."
)


def fan_outs_blocks(advice: Advice) -> tuple[Block, ...]:
    """A section with a row per fan-out, and the total; empty where there is one alone."""
    whole = advice.whole_run
    if whole is None:
        return ()
    rows = tuple(Row(_cells(each)) for each in advice.fan_outs)
    columns = (
        Column("fan-out", left=True),
        Column("mapped", left=True),
        Column("items"),
        Column("per item"),
        Column("begins", left=True, roomy=True),
        Column("steps", left=True),
    )
    return (
        Heading(f"{count(len(advice.fan_outs), 'fan-out')} in one run"),
        Table(columns, rows),
        Paragraph((total_line(advice), _EACH)),
    )


def total_line(advice: Advice) -> str:
    """The makespans of the run with all fan-outs."""
    whole = advice.whole_run
    assert whole is not None
    parts = [f"now {interval(whole.now_s)}"] if whole.now_s else []
    parts.append(f"config only {interval(whole.config_only_s)}")
    parts.append(f"best {interval(whole.best_s)}")
    return f"Whole run: {', '.join(parts)}."


def fan_out_lines(advice: Advice) -> list[str]:
    """One line per fan-out, for the screen."""
    return [
        f"{each.op}: {count(each.items, 'item')} of {seconds(each.wall_s.median)}, "
        f"{steps_of(each.best)}"
        for each in advice.fan_outs
    ]


def _cells(each: FanOutAdvice) -> tuple[str, ...]:
    measured = "" if each.samples >= each.items else f" ({each.samples} measured)"
    begins = f"after {', '.join(each.waits_for)}" if each.waits_for else "immediately"
    return (
        each.op,
        ", ".join(each.mapped),
        f"{each.items:,}{measured}",
        spread(each.wall_s),
        begins,
        steps_of(each.best),
    )


def steps_of(way: Candidate) -> str:
    """How the items of a fan-out are put into steps."""
    if not way.is_batched:
        return "one item per step"
    workers = ""
    if way.workers_in_op > 1:
        kind = "processes" if way.worker_kind == "process" else "threads"
        workers = f", {way.workers_in_op} {kind} per step"
    return f"batches of {way.batch_size:,}{workers}"
