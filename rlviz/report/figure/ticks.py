"""Ticks whose labels never run into each other, at any size of the figure."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.ticker import Formatter, Locator, MaxNLocator, ScalarFormatter

_APART = 0.6
"""The least distance between two labels, in font sizes."""
_MOST = 9
_LINE = 1.0
"""Height of a label, in font sizes."""
_DIGITS = 9
"""Labels with more digits are written as differences from a round number."""
_STEPS = [1, 2, 2.5, 5, 10]

Choices = Callable[[float, float], Iterator[Sequence[float]]]
"""Ticks from a low to a high end of the view, the finest first."""


class FirstThatFits(Locator):
    """The first of several choices of ticks whose labels have room beside each other.

    The room is that of the axis as it is drawn, so labels stay apart when a figure gets another
    size, or other fonts.

    Args:
        choices: gives the ticks; the last ones are taken if none fit.
    """

    def __init__(self, choices: Choices) -> None:
        self._choices = choices

    def __call__(self) -> Any:
        return self.tick_values(*sorted(self.axis.get_view_interval()))  # type: ignore[union-attr]

    def tick_values(self, vmin: float, vmax: float) -> Any:
        found: Sequence[float] = ()
        margin = 1e-9 * (vmax - vmin)
        for ticks in self._choices(vmin, vmax):
            found = [tick for tick in ticks if vmin - margin <= tick <= vmax + margin]
            if self._fit(found):
                break
        return np.array(found)

    def _fit(self, ticks: Sequence[float]) -> bool:
        if len(ticks) < 2:
            return True
        axis: Any = self.axis
        ax = axis.axes
        font = axis.majorTicks[0].label1.get_fontproperties()
        size = font.get_size_in_points()
        is_wide = axis.axis_name == "x"
        box = ax.bbox.width if is_wide else ax.bbox.height
        ends = ax.transScale.transform(np.column_stack([ticks, ticks]))[:, 0 if is_wide else 1]
        view = np.array([[x, y] for x, y in zip(ax.get_xlim(), ax.get_ylim(), strict=True)])
        low, high = ax.transScale.transform(view)[:, 0 if is_wide else 1]
        places = (ends - low) / (high - low) * box * 72 / ax.figure.dpi
        apart = np.abs(np.diff(places))
        if not is_wide:
            return bool(apart.min() >= (_LINE + 0.5 * _APART) * size)
        texts = axis.get_major_formatter().format_ticks(ticks)
        widths = np.array([_width(text, font.get_family()[0], size) for text in texts])
        return bool((apart >= 0.5 * (widths[1:] + widths[:-1]) + _APART * size).all())


@lru_cache(maxsize=4096)
def _width(text: str, family: str, size: float) -> float:
    """Width of a label in points, with what stands between dollar signs as mathematics."""
    font = FontProperties(family=family, size=size)
    found = text_to_path.get_text_width_height_descent(text, font, ismath="$" in text)
    return float(found[0])


def linear(*, whole: bool = False) -> FirstThatFits:
    """Round numbers on a linear axis; `whole` for whole numbers only."""

    return FirstThatFits(lambda low, high: _round_numbers(low, high, whole=whole))


def _round_numbers(low: float, high: float, *, whole: bool) -> Iterator[Sequence[float]]:
    for most in range(_MOST, 0, -1):
        locator = MaxNLocator(most, integer=whole, steps=_STEPS, min_n_ticks=1)
        yield list(locator.tick_values(low, high))


def multiples(step: float, most: float = math.inf) -> FirstThatFits:
    """Multiples of a step up to a number, or of 2, 5, 10 … times that step where these are too
    many."""

    def choices(low: float, high: float) -> Iterator[Sequence[float]]:
        for times in (m * 10**k for k in range(4) for m in (1, 2, 5)):
            first = math.ceil(low / (times * step) - 1e-6)
            last = math.floor(min(high, most) / (times * step) + 1e-6)
            if last - first < 1000:
                yield [times * step * k for k in range(first, last + 1)]
        yield from _round_numbers(low, high, whole=False)  # matplotlib widened a view of nothing

    return FirstThatFits(choices)


def logarithmic(decades: int) -> FirstThatFits:
    """Whole decades where there are enough, else 1, 2 and 5 in each, else round numbers; at most
    that many decades are labeled."""

    def choices(low: float, high: float) -> Iterator[Sequence[float]]:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        fine = [m * 10.0**k for k in range(first, last + 1) for m in (1, 2, 5)]
        few = [m * 10.0**k for k in range(first, last + 1) for m in (1, 3)]
        inside = [sum(low <= tick <= high for tick in ticks) for ticks in (fine, few)]
        stride = max(1, math.ceil((last - first) / decades))
        if math.log10(high) - math.log10(low) >= 2:
            for times in (stride * m for m in (1, 2, 3, 5, 10, 20, 50, 100)):
                yield [10.0**k for k in range(first, last + 1, times)]
        if inside[0] >= 2:
            yield fine
        if inside[1] >= 2:
            yield few
        for most in range(5, 0, -1):
            yield list(MaxNLocator(most).tick_values(low, high))

    return FirstThatFits(choices)


class Powers(Formatter):
    """Numbers as mantissa and power of ten, with the digits that tell them apart."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return power_of_ten(x)

    def format_ticks(self, values: Any) -> list[str]:
        texts: list[str] = []
        for digits in range(4, 17):
            texts = [power_of_ten(value, digits) for value in values]
            if len(set(texts)) == len(texts):
                break
        return texts


def power_of_ten(value: float, digits: int = 4) -> str:
    """A number as mantissa and power of ten, in math text; small numbers stay as they are.

    >>> power_of_ten(20.0), power_of_ten(1e21), power_of_ten(2e21)
    ('20', '$10^{21}$', '$2 \\\\times 10^{21}$')
    """
    if 1e-3 <= value < 1e4:
        return f"{value:.{digits + 2}g}"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if mantissa == "1" else f"${mantissa} \\times {power}$"


class Numbers(ScalarFormatter):
    """Labels with a common power of ten beside the axis, and a common summand only where labels
    would be very long without."""

    def __init__(self) -> None:
        super().__init__(useOffset=False, useMathText=True)
        self.set_powerlimits((-3, 5))

    def set_locs(self, locs: Any) -> None:
        locs = np.asarray(locs, dtype=np.float64)
        step = float(np.diff(locs).min()) if len(locs) > 1 else 0.0
        largest = float(np.abs(locs).max(initial=0.0))
        self.set_useOffset(step > 0 and largest / step > 10.0**_DIGITS)
        super().set_locs(locs)
