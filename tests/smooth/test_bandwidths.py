"""One bandwidth for a whole series: the best at predicting points that the curve never saw."""

from functools import partial

import numpy as np
import pytest

import rlviz.smooth
from rlviz.smooth.bandwidths import Grid, leave_one_out
from rlviz.smooth.fit import estimate
from rlviz.smooth.series import Series

local_polynomial = partial(rlviz.smooth.local_polynomial, local=False, noise_correlation=0.0)

DEGREES = (0, 1, 2)


def noisy(x, seed=0):
    span = (x[-1] - x[0]) or 1.0
    signal = np.sin(4 * (x - x[0]) / span) + 3
    return signal + 0.3 * np.random.default_rng(seed).normal(size=len(x))


def regular(length):
    return np.arange(length, dtype=np.float64)


def irregular(length):
    return np.cumsum(np.random.default_rng(length).exponential(size=length))


def leave_one_out_error(y, x, tau, degree):
    """Mean squared error of predicting every point from all others, each fit really made."""
    residuals = []
    for i in range(len(x)):
        others = np.delete(np.arange(len(x)), i)
        u = (x[others] - x[i]) / tau
        root = np.exp(-np.abs(u) / 2)
        design = root[:, None] * u[:, None] ** np.arange(degree + 1)
        residuals.append(y[i] - np.linalg.lstsq(design, root * y[others], rcond=None)[0][0])
    return np.mean(np.square(residuals))


@pytest.mark.quick(4)
@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("spacing", [regular, irregular])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_bandwidth_chosen_is_the_best_of_the_grid_at_predicting_unseen_points(
    kernel_rows, spacing, degree, seed
):
    x = spacing(40)
    y = noisy(x, seed)
    # The grid: 24 bandwidths, geometric, from two median steps to twice the extent of x.
    extent = x[-1] - x[0]
    grid = np.geomspace(2 * np.median(np.diff(x)), 2 * extent, 24)
    usable = [tau for tau in grid if np.diag(kernel_rows(x, tau, degree)).max() <= 0.98]
    losses = [leave_one_out_error(y, x, tau, degree) for tau in usable]
    expected = usable[int(np.argmin(losses))]
    got = local_polynomial(y, x=x, degree=degree)
    np.testing.assert_allclose(got.bandwidth, expected, rtol=1e-9)


def test_a_point_that_stands_alone_does_not_widen_the_curve_of_all_the_rest():
    # As after a pause: 1,000 points of a fine curve, one more far away.
    x = np.append(np.arange(1000.0), 21000.0)
    truth = np.sin(x / 50)
    y = truth + 0.1 * np.random.default_rng(0).normal(size=1001)
    got = local_polynomial(y, x=x)
    assert got.bandwidth.max() < 40
    assert np.sqrt(np.mean((got.curve - truth)[:1000] ** 2)) < 0.03


# --- noise that lasts --------------------------------------------------------


def three_points(y=(1.0, 4.0, 2.0)):
    return Series.of(np.array([y]), np.arange(3.0))


def test_three_equal_points_know_7_2_of_the_noise_of_their_ends():
    # Each weighs 1/3: (1 + 1/2 + 1/4)/3 = 7/12 at the ends, (1/2 + 1 + 1/2)/3 = 2/3 in the middle.
    found = estimate(three_points(), np.array([[1e12]]), 0, np.array([0.5]))
    np.testing.assert_allclose(found.echo[0, 0], [7 / 12, 2 / 3, 7 / 12], rtol=1e-9)


def test_without_correlation_it_is_the_leverage():
    found = estimate(three_points(), np.array([[1.0]]), 1, np.array([0.0]))
    plain = estimate(three_points(), np.array([[1.0]]), 1, None)
    np.testing.assert_array_equal(found.echo, plain.weights[0])


def test_noise_that_lasts_is_not_followed():
    random = np.random.default_rng(3)
    noise = random.normal(size=(20, 300))
    for t in range(1, 300):
        noise[:, t] = 0.7 * noise[:, t - 1] + np.sqrt(1 - 0.49) * noise[:, t]
    series = Series.of(noise, np.arange(300.0))
    grid = Grid.of(series, 24)
    fooled = leave_one_out(series, grid, 2, None)
    knowing = leave_one_out(series, grid, 2, np.full(20, 0.7))
    assert np.median(fooled) < 0.02
    assert np.median(knowing) > 0.2


def test_the_grid_goes_from_two_steps_to_twice_the_extent():
    grid = Grid.of(Series.of(np.zeros((1, 101)), np.arange(101.0)), 24)
    np.testing.assert_allclose(grid.tau[[0, -1], 0], [0.02, 2.0])
    np.testing.assert_allclose(np.log(grid.tau[1:, 0] / grid.tau[:-1, 0]), grid.ratio[0])
    np.testing.assert_allclose(
        grid.at(np.array([[0.0, 23.0, 1.5]])),
        [[0.02, 2.0, np.sqrt(grid.tau[1, 0] * grid.tau[2, 0])]],
    )
