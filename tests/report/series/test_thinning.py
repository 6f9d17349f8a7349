"""Which dots of a long run are drawn: none that shows is missing, the extremes never."""

import math

import numpy as np
import pytest

from rlviz.report.series.thinning import Viewport, thinned, thinned_for_screen, thinned_line

N = 200_000
RANDOM = np.random.default_rng(2)
X = np.sort(RANDOM.random(N))
NOISE = RANDOM.normal(size=N)


def test_a_short_run_is_drawn_whole():
    assert thinned(np.arange(20_000.0), RANDOM.normal(size=20_000)).tolist() == list(range(20_000))


@pytest.mark.parametrize("y", [NOISE, NOISE**5, np.round(NOISE), np.sin(9 * X), np.zeros(N)])
def test_of_a_long_run_few_are_drawn_and_each_once(y):
    kept = thinned(X, y)
    assert len(kept) <= 81_900
    assert (np.diff(kept) > 0).all()


@pytest.mark.parametrize("y", [NOISE, np.where(np.arange(N) == 70_001, 1e6, NOISE)])
def test_the_lowest_and_the_highest_of_every_stretch_stay(y):
    kept = thinned(X, y)
    column = np.minimum((X - X[0]) / (X[-1] - X[0]) * 450, 449).astype(int)
    for number in range(0, 450, 7):
        mine = y[column == number]
        drawn = y[kept][column[kept] == number]
        assert (drawn.min(), drawn.max()) == (mine.min(), mine.max())


def test_every_dot_has_a_drawn_one_within_a_cell():
    kept = thinned(X, NOISE)
    cell = np.array([(X[-1] - X[0]) / 450, np.ptp(NOISE) / 180])
    for i in range(0, N, 997):
        near = np.abs(X[kept] - X[i]) <= cell[0]
        assert (np.abs(NOISE[kept][near] - NOISE[i]) <= cell[1] * (1 + 1e-9)).any()


def test_several_runs_share_the_dots_of_a_panel():
    assert len(thinned(X, NOISE, runs=9)) < len(thinned(X, NOISE)) / 4


# --- on a screen -----------------------------------------------------------

WIDTH, HEIGHT = 600, 300


def bitmap(place, y, viewport, radius):
    """The pixels that discs around the points cover."""
    across = (place - viewport.left) / (viewport.right - viewport.left) * (viewport.width - 1)
    up = (y - viewport.low) / (viewport.high - viewport.low) * (viewport.height - 1)
    margin = math.ceil(radius)
    covered = np.zeros((viewport.height + 2 * margin, viewport.width + 2 * margin), dtype=bool)
    for dx in range(-margin, margin + 1):
        for dy in range(-margin, margin + 1):
            if dx * dx + dy * dy <= radius * radius:
                covered[
                    np.round(up).astype(int) + dy + margin,
                    np.round(across).astype(int) + dx + margin,
                ] = True
    return covered


@pytest.mark.parametrize("points", [60_000, 400_000])
@pytest.mark.parametrize("shape", ["cloud", "curve", "outliers", "levels"])
def test_the_thinned_picture_looks_like_the_whole_one(points, shape):
    random = np.random.default_rng(0)
    place = np.sort(random.random(points))
    y = np.sin(5 * place) + 0.2 * random.normal(size=points)
    if shape == "curve":
        y = np.sin(5 * place)
    elif shape == "outliers":
        y[:: points // 20] += 8 * random.normal(size=len(y[:: points // 20]))
    elif shape == "levels":
        y = np.round(y * 8) / 8
    viewport = Viewport(place[0], place[-1], y.min(), y.max(), WIDTH, HEIGHT)
    kept = thinned_for_screen(place, y, viewport)
    assert len(kept) <= 20_000
    whole = bitmap(place, y, viewport, 2)
    fewer = bitmap(place[kept], y[kept], viewport, 2)
    assert not (fewer & ~whole).any()
    assert (whole & ~fewer).sum() <= 0.03 * whole.sum()
    assert {int(y.argmin()), int(y.argmax())} <= set(kept)


def test_a_larger_panel_shows_more():
    random = np.random.default_rng(0)
    place = np.linspace(0, 1, 100_000)
    y = np.sin(5 * place) + 0.01 * random.normal(size=len(place))
    small, large = (
        thinned_for_screen(place, y, Viewport(0, 1, -1.1, 1.1, width, width // 2))
        for width in (150, 400)
    )
    assert 1.5 * len(small) < len(large) <= 20_000


def test_a_line_keeps_what_each_column_of_pixels_shows():
    random = np.random.default_rng(1)
    y = np.cumsum(random.normal(size=100_000))
    place = np.arange(100_000.0)
    viewport = Viewport(0, 99_999, y.min(), y.max(), 500, 300)
    kept = thinned_line(place, y, viewport)
    assert len(kept) <= 4 * 500
    column = np.minimum((place / 99_999 * 500).astype(int), 499)
    for number in range(500):
        mine = np.flatnonzero(column == number)
        shown = kept[np.isin(kept, mine)]
        assert (shown[0], shown[-1]) == (mine[0], mine[-1])
        assert y[shown].min() == y[mine].min()
        assert y[shown].max() == y[mine].max()


def test_a_viewport_of_any_size_takes_no_more_than_a_grid_of_4_million_cells():
    """By counting what is allocated: the cells of a huge panel alone would take 7 GB."""
    import tracemalloc

    random = np.random.default_rng(0)
    place, y = np.sort(random.random(60_000)), random.random(60_000)
    tracemalloc.start()
    kept = thinned_for_screen(place, y, Viewport(0.0, 1.0, 0.0, 1.0, 10_000, 10_000), 20_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60e6
    assert 10_000 < len(kept) <= 20_000
