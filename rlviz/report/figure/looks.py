"""What an author chooses of a figure: its parts, its size, its limits, its colors, its curve."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.colors import is_color_like

from rlviz import wording
from rlviz.palette import DASHES
from rlviz.report.figure.style import Style, color_and_dashes
from rlviz.report.series.measures import Titles

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

    def check(self, metrics: Sequence[str], groups: int) -> None:
        """Check what was given.

        Args:
            metrics: the names of the panels.
            groups: how many groups were given, also those that can't be drawn.

        Raises:
            ValueError, TypeError: a value is not what it should be.
        """
        for name in ("width", "height"):
            side = getattr(self, name)
            if side is not None and not _SIDE[0] <= _number(side, name) <= _SIDE[1]:
                raise ValueError(f"{name} must be from 1 to 40 inches, got {side!r}.")
        _check_limits(self.xlim, "xlim")
        several = self.ylim if isinstance(self.ylim, Mapping) else {"": self.ylim}
        for metric, limits in several.items():
            _check_limits(limits, f"ylim of {metric!r}" if metric else "ylim")
        logs = () if isinstance(self.log_y, bool) else self.log_y
        if isinstance(logs, str) or not isinstance(logs, Sequence):
            raise TypeError(f"log_y must be a bool or a list of metrics, got {self.log_y!r}.")
        if unknown := ({*several} - {""} | {*logs}) - {*metrics}:
            raise ValueError(
                f"limits or scales of {wording.some(sorted(unknown))}, but the panels are "
                f"{wording.some(list(metrics))}."
            )
        self._check_colors(groups)
        if not (self.smooth in ("auto", "none") or 0 <= _number(self.smooth, "smooth") < 1):
            raise ValueError(
                "smooth must be 'auto', 'none', or the weight of a moving average in [0, 1), got "
                f"{self.smooth!r}."
            )

    def _check_colors(self, groups: int) -> None:
        if self.colors is None:
            return
        if isinstance(self.colors, str):
            raise TypeError(f"colors must be a list of colors, got {self.colors!r}.")
        for color in self.colors:
            if not is_color_like(color):
                raise ValueError(
                    f"{color!r} is no color. Write '#0072B2', or a name such as 'navy'."
                )
        if len(self.colors) < groups:
            raise ValueError(
                f"{wording.counted(groups, 'run')} or groups need as many colors, got "
                f"{len(self.colors)}."
            )

    def sized(self, style: Style, rows: int) -> Style:
        """The style with the chosen size, for `rows` of panels."""
        if self.width is not None:
            style = replace(style, width=self.width, one_panel_width=self.width)
        if self.height is not None:
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


def _number(value: Any, name: str) -> float:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number, got {value!r}.")
    return float(value)


def _check_limits(limits: Any, name: str) -> None:
    if isinstance(limits, str) or not isinstance(limits, Sequence) or len(limits) != 2:
        raise TypeError(f"{name} must be two numbers, (low, high), got {limits!r}.")
    low, high = (None if end is None else _number(end, name) for end in limits)
    ends = [end for end in (low, high) if end is not None]
    if not all(map(math.isfinite, ends)) or (len(ends) == 2 and not ends[0] < ends[1]):
        raise ValueError(f"{name} must be two finite numbers in order, got {limits!r}.")
