"""What an author chooses of a figure: its parts, its size, its limits, its colors, its curve."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.colors import is_color_like, to_hex
from numpy.typing import NDArray

from rlviz import wording
from rlviz.given import flag
from rlviz.palette import DASHES
from rlviz.report.figure.style import Style, color_and_dashes
from rlviz.report.series.measures import Titles

Floats = NDArray[np.float64]
Limits: TypeAlias = tuple[float | None, float | None]
"""The ends of an axis; None leaves one to the data."""
Smooth: TypeAlias = Literal["auto", "none"] | float

_SIDE = (1.0, 40.0)
"""Inches that a figure may be wide or high."""
OPEN: Limits = (None, None)


@dataclass(frozen=True, slots=True)
class Looks:
    """What differs from the figure as rlviz draws it; see `rlviz.figure`."""

    title: bool = True
    caption: bool = True
    width: float | None = None
    height: float | None = None
    xlim: Limits = OPEN
    ylim: Limits | Mapping[str, Limits] = OPEN
    log_y: bool | Sequence[str] = False
    dots: bool = True
    colors: Sequence[str] | None = None
    smooth: Smooth = "auto"
    titles: Titles = "published"
    places: Sequence[int] | None = None
    """Where the drawn groups stand among those that have a color each; None if all are drawn."""

    def checked(self, metrics: Sequence[str], groups: int) -> "Looks":
        """What was given, in the types that it stands for.

        Args:
            metrics: the names of the panels.
            groups: how many groups were given, also those that can't be drawn.

        Raises:
            ValueError, TypeError: a value is not what it should be.
        """
        several = self.ylim if isinstance(self.ylim, Mapping) else {"": self.ylim}
        limits = {
            metric: _limits(given, f"ylim of {metric!r}" if metric else "ylim")
            for metric, given in several.items()
        }
        logs = () if isinstance(self.log_y, bool) else self.log_y
        if unknown := ({*several} - {""} | {*logs}) - {*metrics}:
            raise ValueError(
                f"limits or scales of {wording.some(sorted(unknown))}, but the panels are "
                f"{wording.some(list(metrics))}."
            )
        return replace(
            self,
            title=flag("title", self.title),
            caption=flag("caption", self.caption),
            dots=flag("dots", self.dots),
            width=_side(self.width, "width"),
            height=_side(self.height, "height"),
            xlim=_limits(self.xlim, "xlim"),
            ylim=limits if isinstance(self.ylim, Mapping) else limits[""],
            colors=None if self.colors is None else _colors(self.colors, groups),
            smooth=_smooth(self.smooth),
        )

    def sized(self, style: Style, panels: int) -> Style:
        """The style with the chosen size, for so many panels."""
        if self.width is not None:
            style = style.of_width(self.width)
        if self.height is not None:
            rows = -(-panels // min(style.columns, panels))
            style = replace(style, panel_height=self.height / rows, foot_height=0.0)
        return style

    def of_kept(self, kept: Sequence[bool]) -> "Looks":
        """The looks of the kept groups: each has the color that it would have among all."""
        if all(kept):
            return self
        return replace(self, places=[place for place, is_kept in enumerate(kept) if is_kept])

    def color(self, number: int) -> tuple[Any, Any]:
        """Color and dashes of a drawn group, counted from 0; a color that comes again is dashed."""
        if self.colors is None:
            return color_and_dashes(number)
        place = number if self.places is None else self.places[number]
        color = self.colors[place]
        dashes = DASHES[self.colors[:place].count(color) % len(DASHES)]
        return color, (0, dashes) if dashes else "solid"

    def dots_and_curve(self, number: int, usual: tuple[Any, Any]) -> tuple[Any, Any]:
        """The colors of a drawn group's dots and curve, by default the usual; of two colors for a
        run that was given alone the first is that of its dots."""
        if self.colors is None:
            return usual
        if self.places is None and len(self.colors) > 1 and usual[0] != usual[1]:
            return self.colors[0], self.colors[1]
        color, _ = self.color(number)
        return color, color

    def of_y(self, metric: str) -> Limits:
        """The limits of a panel."""
        if isinstance(self.ylim, Mapping):
            return self.ylim.get(metric, OPEN)
        return self.ylim

    def is_log(self, metric: str) -> bool:
        """Whether the y axis of a panel is logarithmic."""
        log_y = self.log_y
        return log_y if isinstance(log_y, bool) else metric in log_y


def inside(values: Any, limits: Limits) -> Any:
    """Whether each value is within limits."""
    low, high = limits
    found = np.full(len(values), True)
    if low is not None:
        found &= values >= low
    if high is not None:
        found &= values <= high
    return found


def cut(x: Floats, y: Floats, limits: Limits) -> tuple[Floats, Floats]:
    """A line within limits of x, with its points at these; empty where it is not there."""
    low, high = limits
    first = float(x[0]) if low is None else max(low, float(x[0]))
    last = float(x[-1]) if high is None else min(high, float(x[-1]))
    if first > last:
        return x[:0], y[:0]
    places = np.concatenate([[first], x[inside(x, limits)], [last]])
    return places, np.interp(places, x, y)


def _number(value: Any, name: str) -> float:
    if isinstance(value, (str, bytes, bool)) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number, got {wording.shown(value)}.")
    return float(value)


def _side(value: Any, name: str) -> float | None:
    if value is not None and not _SIDE[0] <= _number(value, name) <= _SIDE[1]:
        raise ValueError(f"{name} must be from 1 to 40 inches, got {wording.shown(value)}.")
    return None if value is None else float(value)


def _listed(given: Any) -> list[Any] | None:
    """The items of a list, an array or the like, in their order; None of all else."""
    is_list = isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping, set))
    return list(given) if is_list else None


def _limits(given: Any, name: str) -> Limits:
    ends = _listed(given)
    if ends is None or len(ends) != 2:
        raise TypeError(
            f"{name} must be two numbers, (low, high), got {wording.shown(given)}. None leaves one "
            "to the data."
        )
    low, high = (None if end is None else _number(end, name) for end in ends)
    known = [end for end in (low, high) if end is not None]
    if not all(map(math.isfinite, known)) or (len(known) == 2 and not known[0] < known[1]):
        raise ValueError(f"{name} must be two finite numbers in order, got {wording.shown(given)}.")
    return low, high


def _colors(given: Any, groups: int) -> list[str]:
    colors = _listed(given)
    if colors is None:
        raise TypeError(f"colors must be a list of colors, got {wording.shown(given)}.")
    for color in colors:
        if not is_color_like(color):
            raise ValueError(
                f"{wording.shown(color)} is no color. Write '#0072B2', or a name such as 'navy'."
            )
    if len(colors) < groups:
        raise ValueError(
            f"{wording.counted(groups, 'run')} or groups need as many colors, got {len(colors)}."
        )
    return [to_hex(color, keep_alpha=True) for color in colors]


def _smooth(given: Any) -> Smooth:
    if isinstance(given, str) and given in ("auto", "none"):
        return given  # type: ignore[return-value]
    weight = math.nan if isinstance(given, (str, bool)) else _number(given, "smooth")
    if not 0 <= weight < 1:
        raise ValueError(
            "smooth must be 'auto', 'none', or the weight of a moving average in [0, 1), got "
            f"{wording.shown(given)}."
        )
    return weight
