"""Runs as one picture that stands alone: simulated ones, or one that happened."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from advisor.domain.analysis import GanttBar
from advisor.domain.picture import Bar, RunPicture
from advisor.domain.quantities import multiple, seconds
from advisor.render.escaping import printable
from advisor.render.gantt import parts_in_time

WIDTH, LEFT, LANE = 860, 10, 12
"""Pixels."""

MOST_LANES, MOST_OBSERVED_LANES = 12, 200
"""More slots are folded, several to a lane."""

TICKS = 5

_STYLE = (
    ".t{font:13px system-ui,sans-serif;fill:#1d2330}.q{fill:#5b6472;font-size:12px}"
    ".g{stroke:#d9dde4}.start{fill:#f0b429}.work{fill:#1d4f91}.store{fill:#c9ced6}"
    ".exit{fill:#525b68}.failed{fill:#b3261e}.b{fill:#ffffff}"
    "@media (prefers-color-scheme:dark){.t{fill:#e6e9ef}.q{fill:#9aa4b2}.g{stroke:#313844}"
    ".start{fill:#ffd166}.work{fill:#2f66bd}.store{fill:#d5dae2}.exit{fill:#5f6876}.failed{fill:#c4463c}"
    ".b{fill:#14171d}}"
)
_KEY = {
    "start": "step starts",
    "work": "your code",
    "store": "load, store, events",
    "exit": "process exits",
    "failed": "failed attempt",
}


def timelines_svg(pictures: Sequence[RunPicture], title: str) -> str:
    """The runs below each other on one axis, one lane per slot."""
    rows: list[tuple[str, Sequence[Bar]]] = []
    for picture in pictures:
        gain = pictures[0].makespan_s / picture.makespan_s if picture.makespan_s > 0 else 1.0
        faster = f", {multiple(gain)} faster" if picture is not pictures[0] else ""
        words = f"{picture.name}: {picture.candidate.label}, {seconds(picture.makespan_s)}{faster}"
        rows.append((words, picture.bars))
    longest_s = max((each.makespan_s for each in pictures), default=1.0)
    return _svg(title, rows, longest_s, MOST_LANES)


def observed_svg(
    bars: Sequence[GanttBar], makespan_s: float, *, title: str, subtitle: str = ""
) -> str:
    """A run that happened, one lane per slot; names of steps show on hovering."""
    parts = [
        Bar(bar.lane, begin_s, end_s, phase, f"{bar.step_key}: {seconds(end_s - begin_s)}")
        for bar in bars
        for phase, begin_s, end_s in parts_in_time(bar)
    ]
    return _svg(title, [(title, ()), (subtitle, parts)], makespan_s, MOST_OBSERVED_LANES)


def _svg(
    title: str, rows: Iterable[tuple[str, Sequence[Bar]]], longest_s: float, most_lanes: int
) -> str:
    scale = (WIDTH - 2 * LEFT) / (longest_s or 1.0)
    body: list[str] = []
    phases: set[str] = set()
    top = 24
    for words, bars in rows:
        body.append(_text("t", LEFT, top, words))
        slots = 1 + max((bar.slot for bar in bars), default=-1)
        fold = max(1, -(-slots // most_lanes))
        body += (_rectangle(bar, scale, top) for bar in _merged(bars, fold, 1 / scale))
        phases.update(bar.phase for bar in bars)
        top += 18 + -(-slots // fold) * LANE + (12 if bars else 0)
    for tick in range(TICKS + 1):
        at_s = longest_s * tick / TICKS
        body.append(_text("t q", LEFT + at_s * scale, top, seconds(at_s), _anchor(tick)))
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 36}" role="img">',
            f"<title>{escape(printable(title))}</title><style>{_STYLE}</style>",
            f'<rect class="b" width="{WIDTH}" height="{top + 36}"/>',
            *body,
            *_key([phase for phase in _KEY if phase in phases], top + 20),
            "</svg>\n",
        )
    )


def _text(style: str, x: float, y: int, words: str, anchor: str = "start") -> str:
    shown = escape(printable(words))
    return f'<text class="{style}" x="{x:.0f}" y="{y}" text-anchor="{anchor}">{shown}</text>'


def _anchor(tick: int) -> str:
    return "start" if tick == 0 else "end" if tick == TICKS else "middle"


def _rectangle(bar: Bar, scale: float, top: int) -> str:
    x, width = LEFT + bar.begin_s * scale, max(0.5, (bar.end_s - bar.begin_s) * scale)
    place = f'x="{x:.1f}" y="{top + 6 + bar.slot * LANE}" width="{width:.1f}" height="{LANE - 2}"'
    if not bar.name:
        return f'<rect class="{bar.phase}" {place}/>'
    name = escape(printable(bar.name))
    return f'<rect class="{bar.phase}" {place}><title>{name}</title></rect>'


def _merged(bars: Sequence[Bar], fold: int, pixel_s: float) -> Iterator[Bar]:
    """Bars by lane; short ones of a phase that would share a pixel are one."""
    last: dict[tuple[int, str], Bar] = {}
    for bar in sorted(bars, key=lambda bar: bar.begin_s):
        key = (bar.slot // fold, bar.phase)
        before = last.get(key)
        if before is not None:
            end_s = max(before.end_s, bar.end_s)
            if bar.begin_s - before.end_s < pixel_s / 2 and end_s - before.begin_s < 2 * pixel_s:
                last[key] = before._replace(end_s=end_s)
                continue
            yield before
        last[key] = bar._replace(slot=key[0])
    yield from last.values()


def _key(phases: Sequence[str], top: int) -> Iterator[str]:
    for place, phase in enumerate(phases):
        x = LEFT + place * 170
        yield f'<rect class="{phase}" x="{x}" y="{top - 4}" width="12" height="12"/>'
        yield _text("t q", x + 18, top + 6, _KEY[phase])
