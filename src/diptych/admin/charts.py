"""Charts as figures for SVG: where lines, bars and ticks are; the template draws them, the style sheet colours them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from diptych.admin.words import language
from diptych.translation import moments

WIDTH, HEIGHT = 720, 200
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 10, 26


@dataclass(frozen=True)
class Tick:
    """A label on an axis, at its place."""

    at: float
    label: str


@dataclass(frozen=True)
class LineChart:
    """A line with the area below it. `line`, `area`: path data; `last`: where the line ends."""

    line: str
    area: str
    last: tuple[float, float]
    down: Sequence[Tick]
    across: Sequence[Tick]


@dataclass(frozen=True)
class Bar:
    """One bar: its place and size, what it says, and whether it is what was sent."""

    x: float
    y: float
    width: float
    height: float
    label: str
    outbound: bool


@dataclass(frozen=True)
class BarChart:
    """Bars on one another, hour by hour."""

    bars: Sequence[Bar]
    down: Sequence[Tick]
    across: Sequence[Tick]


def nice_top(value: float) -> float:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten that is not below; at least 4."""
    if value <= 4:
        return 4
    power = 10 ** math.floor(math.log10(value))
    return float(next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value))


def _y(value: float, top: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top), 1)


def _down(top: float) -> list[Tick]:
    return [Tick(_y(top * part / 4, top), short(top * part / 4)) for part in range(5)]


def short(value: float) -> str:
    """12,400 as 12.4k, so that it fits beside the axis; marks as the language of the page has them."""
    for limit, mark in ((1_000_000, "M"), (10_000, "k")):
        if value >= limit:
            part = float(f"{value / (1_000_000 if mark == 'M' else 1000):.3g}")
            return f"{moments.exact(part, language())}{mark}"
    return moments.exact(value, language())


def line_chart(points: Sequence[tuple[datetime, float]], days: bool = True) -> LineChart | None:
    """Values over time; None for fewer than two."""
    if len(points) < 2:
        return None
    begin, end = points[0][0], points[-1][0]
    seconds = (end - begin).total_seconds() or 1.0
    top = nice_top(max(value for _, value in points))

    def x(at: datetime) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (at - begin).total_seconds() / seconds, 1)

    places = [(x(at), _y(value, top)) for at, value in points]
    line = "M" + "L".join(f"{px} {py}" for px, py in places)
    floor = _y(0, top)
    area = f"{line}L{places[-1][0]} {floor}L{places[0][0]} {floor}Z"
    by_day = days and seconds > 2 * 86400
    marks = [begin + (end - begin) * n / 6 for n in range(7)]  # evenly, however uneven the points are
    labels = {at: moments.short_day(at, language()) if by_day else moments.hour(at) for at in marks}
    across = list({labels[at]: Tick(x(at), labels[at]) for at in reversed(marks)}.values())[::-1]
    return LineChart(line, area, places[-1], _down(top), across)


def bar_chart(hours: Sequence[tuple[datetime, int, int]]) -> BarChart:
    """Records an hour: what came in below, what was sent above it. `hours`: begin, in, out."""
    top = nice_top(max((came + sent for _, came, sent in hours), default=0))
    room = (WIDTH - LEFT - RIGHT) / max(len(hours), 1)
    floor, bars, across = _y(0, top), [], []
    for place, (at, came, sent) in enumerate(hours):
        left = round(LEFT + place * room + room * 0.12, 1)
        wide = round(room * 0.76, 1)
        middle = _y(came, top)
        label = moments.hour(at)
        if came:
            bars.append(
                Bar(
                    left,
                    middle,
                    wide,
                    round(floor - middle, 1),
                    f"{label}: {moments.number(came, language())}",
                    False,
                )
            )
        if sent:
            upper = _y(came + sent, top)
            bars.append(
                Bar(
                    left,
                    upper,
                    wide,
                    round(middle - upper, 1),
                    f"{label}: {moments.number(sent, language())}",
                    True,
                )
            )
        if place % 4 == 0:
            across.append(Tick(left + wide / 2, label))
    return BarChart(bars, _down(top), across)
