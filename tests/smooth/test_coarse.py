"""Means of neighbors in place of the points: what they keep, and how little a curve changes."""

import numpy as np
import pytest
import torch

from rlviz.smooth.bandwidths import Grid
from rlviz.smooth.coarse import Between, Coarse
from rlviz.smooth.fit import estimate
from rlviz.smooth.places import Levels, estimate_coarse
from rlviz.smooth.series import Series


def several(count=3, length=2400, gaps=0.1):
    random = np.random.default_rng(1)
    x = np.cumsum(random.exponential(size=(count, length)), -1)
    x[0, 1000:] += 400.0  # a pause
    y = np.sin(x / 300) + 0.3 * random.normal(size=x.shape)
    y[random.random(y.shape) < gaps] = np.nan
    return Series.of(y, x)


def made(series, parts=5, width=0.02):
    block = Levels(series, Grid.of(series, 24)).block
    return block, Coarse.of(series, block, parts, np.full(len(series.u), width))


def test_each_mean_has_the_mass_the_sum_and_the_spread_of_its_points():
    series = several()
    block, coarse = made(series)
    for row in range(3):
        for number in (0, 1, 77, int(coarse.group[row, -1])):
            inside = (coarse.group[row] == number) & series.known[row]
            y, u = series.y[row][inside], series.u[row][inside]
            assert coarse.series.mass[row, number] == len(y)
            assert coarse.series.y[row, number] == pytest.approx(y.sum(), abs=1e-12)
            assert coarse.series.u[row, number] == pytest.approx(u.mean(), abs=1e-12)
            assert coarse.spread[row, number] == pytest.approx(((y - y.mean()) ** 2).sum())
            assert np.ptp(u) <= 0.02
            assert set(block[row][inside]) == {coarse.block[row, number]}
        assert coarse.series.mass[row].sum() == series.known[row].sum()


def test_what_a_curve_leaves_is_what_the_line_between_means_leaves():
    series = several(gaps=0.0)
    _, coarse = made(series)
    value = np.cos(3 * coarse.series.u)[None]
    at_points = coarse.between.read(value[0])
    square = (series.y - at_points) ** 2
    expected = [[square[r][coarse.group[r] == n].sum() for n in (5, 60, 200)] for r in range(3)]
    found = coarse.left(value)[0][:, [5, 60, 200]]
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_a_wide_fit_through_means_is_that_through_the_points():
    series = several()
    levels = Levels(series, Grid.of(series, 24))
    rho = np.array([0.0, 0.4, 0.8])
    coarse_ones = [g for g in range(24) if levels.of(g, slice(None)) is not None]
    assert 9 < len(coarse_ones) < 20
    for g in coarse_ones[:: len(coarse_ones) // 3]:
        tau = levels.grid.tau[g : g + 1]
        coarse = levels.of(g, slice(None))
        found, exact = estimate_coarse(coarse, tau, 2, rho), estimate(series, tau, 2, rho)
        known = series.known
        apart = coarse.between.read(found.value)[0] - exact.value[0]
        deviation = 0.3 * np.sqrt(exact.weights[0][0])  # of the fit: σ²·l_0 is its variance's size
        assert np.abs((apart / deviation)[known]).max() < 0.2
        assert np.sqrt(np.mean((apart / deviation)[known] ** 2)) < 0.03
        ratio = (1 - coarse.between.read(found.echo)[0]) / (1 - exact.echo[0])
        assert np.abs(ratio[known] - 1).max() < 0.15  # at the very ends
        assert np.sqrt(np.mean((ratio[known] - 1) ** 2)) < 0.01


def test_between_knots_values_go_straight_and_beyond_them_on_or_level():
    knots, nearest = np.array([[1.0, 2.0, 4.0]]), np.array([[0, 0, 1, 2, 2]])
    u = np.array([[0.0, 1.5, 1.5, 3.0, 5.0]])
    values = np.array([[10.0, 20.0, 0.0]])
    on = Between.of(u, knots, nearest, beyond=True).read(values)
    level = Between.of(u, knots, nearest, beyond=False).read(values)
    assert on.tolist() == [[0.0, 15.0, 15.0, 10.0, -10.0]]
    assert level.tolist() == [[10.0, 15.0, 15.0, 10.0, 0.0]]


def test_tensors_make_the_same_means():
    series = several()
    block, coarse = made(series)
    names = ("u", "y", "mass", "known", "offset", "scale", "extent", "step")
    tensors = Series(*(torch.from_numpy(np.array(getattr(series, name))) for name in names))
    width = torch.full((3,), 0.02, dtype=torch.float64)
    same = Coarse.of(tensors, torch.from_numpy(block), 5, width)
    for name in ("spread", "along", "wide", "rank", "block", "group"):
        np.testing.assert_allclose(getattr(same, name).numpy(), getattr(coarse, name), atol=1e-12)
    read = same.between.read(same.series.u).numpy()
    np.testing.assert_allclose(read, coarse.between.read(coarse.series.u), atol=1e-12)
