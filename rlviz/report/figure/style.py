"""How figures look: sizes, fonts and colors, on a screen and in one column of a paper."""

from dataclasses import dataclass, replace
from typing import Any

from rlviz.palette import DASHES, OF_RUNS
from rlviz.report.figure.labels import FONT

_BESIDE = 0.6
"""Of the usual width of a panel: narrower ones stand below each other."""
_WORDS = 0.85
"""The same, below which the words are smaller."""
_SMALLEST = 0.5
MOST_GROUPS = len(OF_RUNS) * len(DASHES)


def color_and_dashes(number: int) -> tuple[str, Any]:
    """Color and dashes of the run with this number, counted from 0, as matplotlib takes them."""
    dashes = DASHES[number // len(OF_RUNS)]
    return OF_RUNS[number % len(OF_RUNS)], (0, dashes) if dashes else "solid"


@dataclass(frozen=True, slots=True)
class Style:
    """Lengths in inches, fonts and lines in points."""

    width: float
    one_panel_width: float
    columns: int
    panel_height: float
    foot_height: float
    """Extra height of a figure below its panels, for the caption."""
    dpi: int
    font: float
    title: float
    label: float
    caption: float
    line: float
    dots: tuple[float, float]
    """Smallest and largest area of a dot, in square points."""
    legend_handle: float
    """Area of the dot in the legend."""
    most_ticks: int
    """Most ticks of a y axis."""
    decades: int
    """Most decades that a logarithmic axis labels."""
    legend_label: float
    """Largest width of a legend's text in a panel, in points."""
    legend_width: float
    """The largest share of a panel's width that a legend takes, including its distance from the
    frame."""
    legend_height: tuple[float, float]
    """The share of a panel's height that a legend takes: a fixed part, and a part for each line."""

    def of_width(self, width: float) -> "Style":
        """The same for figures of another width: panels that would be too narrow for their words
        stand below each other, and words that would be too long even there are smaller."""
        each = self.width / self.columns
        columns = self.columns if width / self.columns >= _BESIDE * each else 1
        narrower = width / columns / each
        lower = min(1.0, narrower) if columns < self.columns else 1.0
        smaller = max(_SMALLEST, min(1.0, narrower / _WORDS))
        words = ("font", "title", "label", "caption", "legend_label")
        return replace(
            self,
            width=width,
            one_panel_width=width,
            columns=columns,
            panel_height=lower * self.panel_height,
            legend_width=min(1.0, smaller / narrower * self.legend_width),
            legend_height=(self.legend_height[0], smaller / lower * self.legend_height[1]),
            **{name: smaller * getattr(self, name) for name in words},
        )

    @property
    def settings(self) -> dict[Any, Any]:
        """Settings for `matplotlib.rc_context`."""
        return {
            "font.family": FONT,
            "font.size": self.font,
            "axes.titlesize": self.title,
            "axes.labelsize": self.label,
            "axes.linewidth": self.line / 2.75,
            "patch.linewidth": self.line / 2.2,  # of the legend's frame
            **{f"{axis}tick.major.width": self.line / 2.75 for axis in "xy"},
            **{f"{axis}tick.major.size": 3.5 * self.font / 11 for axis in "xy"},
        }


STYLES = {
    "default": Style(
        width=10.0,
        one_panel_width=6.4,
        columns=2,
        panel_height=4.2,
        foot_height=0.0,
        dpi=150,
        font=11.0,
        title=13.0,
        label=12.0,
        caption=8.0,
        line=2.2,
        dots=(2.0, 40.0),
        legend_handle=25.0,
        most_ticks=12,
        decades=8,
        legend_label=125.0,
        legend_width=0.56,
        legend_height=(0.06, 0.08),
    ),
    "paper": Style(
        width=3.3,
        one_panel_width=3.3,
        columns=1,
        panel_height=1.75,
        foot_height=0.45,
        dpi=300,
        font=7.0,
        title=8.0,
        label=7.5,
        caption=6.0,
        line=1.3,
        dots=(0.8, 10.0),
        legend_handle=10.0,
        most_ticks=7,
        decades=6,
        legend_label=78.0,
        legend_width=0.56,
        legend_height=(0.10, 0.115),
    ),
}
