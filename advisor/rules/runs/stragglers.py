"""RUN008: slots stand empty at the end while a few long items finish."""

from statistics import median

from advisor.domain.quantities import seconds
from advisor.model.run_statistics import begin_s, compute_s, mapped_steps
from advisor.rules.runs.facts import RunFacts
from advisor.rules.runs.gain import Cause, duration, gain_of, number

CODE = "RUN008"
LONG = 2
"""Times the median item from which an item is long."""


def diagnose(facts: RunFacts) -> Cause | None:
    """When nothing was left to start, each slot idles until the last step ends."""
    steps = [
        (begin, step.end_s, step)
        for step in mapped_steps(facts.run)
        if step.end_s is not None and (begin := begin_s(step)) is not None
    ]
    slots = facts.slots
    if slots < 2 or len(steps) <= slots:
        return None
    last_begin = max(begin for begin, _, _ in steps)
    ends = sorted(end for _, end, _ in steps)
    final = [end for end in ends if end >= last_begin]
    idle_s = sum(ends[-1] - end for end in final[-slots:])
    idle_s += (slots - min(slots, len(final))) * (ends[-1] - last_begin)
    work = sorted((compute_s(step) or 0.0, step.step_key) for _, _, step in steps)
    median_s = median(item_s for item_s, _ in work)
    longest_s, longest = work[-1]
    idle = duration("idle slot-seconds at the end", idle_s) / number("slots", slots)
    gain = gain_of(facts, idle, at_most=True, spreads_work=True)
    if longest_s < LONG * median_s or not facts.worth(gain.seconds):
        return None
    return Cause(
        "warning",
        message=(
            f"{longest} computed {seconds(longest_s)} where the median item takes "
            f"{seconds(median_s)}; the other slots stood empty meanwhile."
        ),
        evidence=(
            (
                f"nothing was left to start at {seconds(last_begin)}, the last step ended at "
                f"{seconds(ends[-1])}"
            ),
            f"{seconds(idle_s)} of idle slots in that time",
        ),
        gain=gain,
    )
