"""Which dots of a long run are drawn: none that shows is missing, the extremes never."""

import numpy as np
import pytest

from rlviz.report.series.thinning import thinned

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
