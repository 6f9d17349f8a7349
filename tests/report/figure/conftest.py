"""Figures that are drawn, and what is read off them.

Positions are those of the drawn artists, in pixels, not those that were asked for.
"""

import io
import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.text import Text

import rlviz

N = 60
T = np.linspace(0, 1, N)
BLUE, RED = (0x1F, 0x77, 0xB4), (0xD6, 0x27, 0x28)


def run_of(steps=N, *, seed=0, flops=1e22, name="runs/x", rise=6.0, **metrics):
    random = np.random.default_rng(seed)
    t = np.linspace(0, 1, steps)
    accuracy = np.clip(0.3 + 0.3 * t + 0.03 * random.normal(size=steps), 0, 1)
    columns = {
        "step": np.arange(1.0, steps + 1),
        "wall_time": 1.7e9 + 30 * np.arange(steps),
        "correct": 1000 * accuracy,
        "graded": np.full(steps, 1000.0),
        "correct/math": 400 * accuracy,
        "graded/math": np.full(steps, 500.0),
        "parallelism_sum": 64 * (7 + rise * t**4 + 0.4 * random.normal(size=steps)),
        "parallelism_count": np.full(steps, 64.0),
        "flops/total": flops * np.cumsum(0.5 + random.random(steps)) / steps,
    }
    columns |= {f"metrics/{key}": np.asarray(value, float) for key, value in metrics.items()}
    return rlviz.History(columns, name)


THREE = [run_of(seed=i, name=f"runs/{name}") for i, name in enumerate(("base", "wide", "long"))]


class Law:
    """A forecast as `rlviz.scaling.fit` gives one."""

    identifiable = True

    def predict(self, flops):
        return 0.7 - 0.4 / (1 + np.asarray(flops) / 1e22)

    def predict_interval(self, flops):
        return self.predict(flops) - 0.02, self.predict(flops) + 0.02


def drawn(*arguments, dpi=None, **options):
    """The figure, drawn, so that every artist has its final place."""
    figure = rlviz.figure(*arguments, **options)
    figure.set_dpi(dpi or 800 / figure.get_figwidth())  # 800 pixels wide
    FigureCanvasAgg(figure).draw()
    return figure


def box(artist):
    return artist.get_window_extent()


def dots_of(ax):
    return [c for c in ax.collections if isinstance(c, PathCollection)]


def curve_of(ax):
    (curve,) = ax.lines
    return curve


def names_in(legend):
    return [text.get_text() for text in legend.get_texts()]


def saved(figure, kind):
    stream = io.BytesIO()
    figure.savefig(stream, format=kind)
    return stream.getvalue()


def tick_labels(axis):
    """The labels that are drawn: those of ticks within the frame."""
    low, high = sorted(axis.get_view_interval())
    margin = 1e-9 * (high - low)
    return [
        tick.label1
        for tick in axis.get_major_ticks()
        if low - margin <= tick.get_loc() <= high + margin
        and tick.label1.get_visible()
        and tick.label1.get_text()
    ]


def texts_of(figure):
    """All texts that are drawn."""
    axes = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    ticks = {
        t for axis in axes for tick in axis.get_major_ticks() for t in (tick.label1, tick.label2)
    }
    others = [text for text in figure.findobj(Text) if text not in ticks]
    shown = [label for axis in axes for label in tick_labels(axis)]
    return [t for t in others + shown if t.get_visible() and t.get_text().strip()]


def assert_well_laid_out(figure):
    paper = figure.bbox
    places = {text: text.get_window_extent() for text in texts_of(figure)}
    for text, place in places.items():
        assert paper.x0 <= place.x0 <= place.x1 <= paper.x1, text
        assert paper.y0 <= place.y0 <= place.y1 <= paper.y1, text
    for (one, at), (other, there) in itertools.combinations(places.items(), 2):
        assert not at.padded(-0.5).overlaps(there.padded(-0.5)), (one, other)
    frames = [ax.get_window_extent() for ax in figure.axes]
    for one, other in itertools.combinations(frames, 2):
        assert not one.overlaps(other)
    outside = [*figure.legends, figure._supxlabel] if figure._supxlabel else figure.legends
    for artist in outside:
        place = artist.get_window_extent()
        assert paper.x0 <= place.x0 <= place.x1 <= paper.x1
        assert not any(place.overlaps(frame) for frame in frames)
    for ax in figure.axes:
        for text in ax.texts:  # "no … recorded"
            assert ax.get_window_extent().padded(1).contains(*text.get_window_extent().p0)
        assert ax.get_window_extent().width > 0.3 * paper.width
        assert ax.get_window_extent().height > 55 * figure.dpi / 72
        if ax.get_legend():
            assert_the_legend_covers_nothing(ax)


def assert_the_legend_covers_nothing(ax):
    legend, frame = ax.get_legend().get_window_extent(), ax.get_window_extent()
    assert frame.x0 <= legend.x0 <= legend.x1 <= frame.x1
    if legend.y0 >= frame.y1:  # above the panel, where no corner is free
        return
    assert frame.y0 <= legend.y0 <= legend.y1 <= frame.y1
    for dots in dots_of(ax):
        assert not legend.count_contains(ax.transData.transform(dots.get_offsets()))
    for line in ax.lines:
        begin, end = ax.transData.transform(line.get_xydata()[[0, -1]])
        assert not legend.count_contains([end])
        assert frame.x0 <= begin[0] <= end[0] <= frame.x1


def is_color(rgba, rgb):
    return tuple(np.round(np.array(rgba[:3]) * 255).astype(int)) == rgb


@pytest.fixture(scope="module")
def parl_figure(parl):
    return drawn(parl)


@pytest.fixture(scope="module")
def panels(parl_figure):
    return parl_figure.axes
