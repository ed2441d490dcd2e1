"""The simulated runs of an advice as one picture that stands alone, in light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from advisor.domain.picture import Bar, RunPicture
from advisor.domain.quantities import seconds
from advisor.render.escaping import printable

WIDTH, LEFT, LANE, MOST_LANES = 860, 10, 12, 12
"""Pixels; more slots than lanes are folded, several to a lane."""

_STYLE = (
    ".t{font:13px system-ui,sans-serif;fill:#1d2330}.q{fill:#5b6472;font-size:12px}"
    ".g{stroke:#d9dde4}.start{fill:#f0b429}.work{fill:#1d4f91}.store{fill:#8f98a5}"
    ".exit{fill:#c9ced6}.b{fill:#ffffff}"
    "@media (prefers-color-scheme:dark){.t{fill:#e6e9ef}.q{fill:#9aa4b2}.g{stroke:#313844}"
    ".start{fill:#ffd166}.work{fill:#4f86d9}.store{fill:#a7b0bd}.exit{fill:#59626f}"
    ".b{fill:#14171d}}"
)
_KEY = (
    ("start", "step starts"),
    ("work", "your code"),
    ("store", "load, store, events"),
    ("exit", "process exits"),
)


def timelines_svg(pictures: Sequence[RunPicture], title: str) -> str:
    """The runs below each other on one axis, one lane per slot."""
    longest_s = max((each.makespan_s for each in pictures), default=1.0) or 1.0
    scale = (WIDTH - 2 * LEFT) / longest_s
    body: list[str] = []
    top = 36
    for picture in pictures:
        gain = pictures[0].makespan_s / picture.makespan_s if picture.makespan_s > 0 else 1.0
        faster = f", {gain:.2g}x faster" if picture is not pictures[0] else ""
        words = f"{picture.name}: {picture.candidate.label}, {seconds(picture.makespan_s)}{faster}"
        body.append(f'<text class="t" x="{LEFT}" y="{top}">{escape(printable(words))}</text>')
        slots = 1 + max((bar.slot for bar in picture.bars), default=0)
        fold = -(-slots // MOST_LANES)
        for bar in _merged(picture.bars, fold, 0.4 / scale):
            x, width = LEFT + bar.begin_s * scale, max(0.5, (bar.end_s - bar.begin_s) * scale)
            body.append(
                f'<rect class="{bar.phase}" x="{x:.1f}" y="{top + 6 + bar.slot * LANE}" '
                f'width="{width:.1f}" height="{LANE - 2}"/>'
            )
        top += 6 + -(-slots // fold) * LANE + 24
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 16}" role="img">',
            f"<title>{escape(printable(title))}</title><style>{_STYLE}</style>",
            f'<rect class="b" width="{WIDTH}" height="{top + 16}"/>',
            *body,
            *_key(top),
            "</svg>\n",
        )
    )


def _merged(bars: Sequence[Bar], fold: int, least_s: float) -> Iterator[Bar]:
    """Bars by lane; those of one phase that would share a pixel are one."""
    last: dict[tuple[int, str], Bar] = {}
    for bar in sorted(bars, key=lambda bar: bar.begin_s):
        key = (bar.slot // fold, bar.phase)
        before = last.get(key)
        if before is not None and bar.begin_s - before.end_s < least_s:
            last[key] = before._replace(end_s=max(before.end_s, bar.end_s))
            continue
        if before is not None:
            yield before
        last[key] = bar._replace(slot=key[0])
    yield from last.values()


def _key(top: int) -> Iterator[str]:
    for place, (phase, words) in enumerate(_KEY):
        x = LEFT + place * 170
        yield f'<rect class="{phase}" x="{x}" y="{top - 4}" width="12" height="12"/>'
        yield f'<text class="t q" x="{x + 18}" y="{top + 6}">{words}</text>'
