"""How long noise lasts: its likelihood and its estimate, against a dense formula and the truth."""

import numpy as np
import pytest

from rlviz.smooth import correlation
from rlviz.smooth.correlation import LAMBDA, RHO, noise_correlation, restricted


def lasting(series, length, rho, seed=0):
    """AR(1) noise of variance 1."""
    y = np.random.default_rng(seed).normal(size=(series, length))
    for t in range(1, length):
        y[:, t] = rho * y[:, t - 1] + np.sqrt(1 - rho**2) * y[:, t]
    return y


def estimated(y):
    return noise_correlation(y, np.isfinite(y))


def test_the_likelihood_is_that_of_the_dense_formula():
    # y = line + spline + noise: log|V| + log|X'V⁻¹X| + (n − 2)·log y'Py, up to a constant that
    # depends on neither rho nor lambda (Patterson, Thompson 1971).
    n, knots = 24, 6
    basis = correlation._cubic(n, knots)
    second = np.diff(np.eye(knots), 2, axis=0)
    penalty = second.T @ second
    y = lasting(1, n, 0.4)[0] + np.linspace(0, 2, n)
    index = np.arange(n)
    fixed = np.linalg.svd(penalty)[2][-2:].T  # what is not penalized
    random = np.linalg.pinv(second)
    found, expected = restricted(y[None])[0], []
    for i in (1, 4, 9):
        rho = RHO[i]
        noise = rho ** np.abs(index[:, None] - index)
        # The penalty's unit: its middle eigenvalue beside the whitened spline.
        whitened = basis.T @ np.linalg.inv(noise / (1 - rho**2)) @ basis
        values = np.linalg.eigvals(np.linalg.solve(whitened, penalty)).real
        middle = np.median(np.sort(values)[2:])
        for j in (4, 12, 20):
            unit = LAMBDA[j] / middle
            design = basis @ random
            total = noise / (1 - rho**2) + design @ design.T / unit
            x = basis @ fixed
            inverse = np.linalg.inv(total)
            gram = x.T @ inverse @ x
            projection = inverse - inverse @ x @ np.linalg.inv(gram) @ x.T @ inverse
            logs = np.linalg.slogdet(total)[1] + np.linalg.slogdet(gram)[1]
            expected.append((i, j, logs + (n - 2) * np.log(y @ projection @ y)))
    constants = [found[i, j] - value for i, j, value in expected]
    assert np.ptp(constants) < 1e-6


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.5, 0.8])
@pytest.mark.parametrize("length", [240, 1000])
def test_it_is_found_beside_a_curve(length, rho):
    curve = 3 * np.sin(np.linspace(0, 6, length))
    found = estimated(curve + lasting(60, length, rho))
    # Measured: 0.00–0.06 for 0, within 0.02 for the others; the mean of 60 is good to 0.01.
    assert found.mean() == pytest.approx(rho, abs=0.04)
    assert found.std() < 0.12


def test_few_points_claim_nothing_and_up_to_60_little():
    y = lasting(40, 60, 0.8)
    assert (estimated(y[:, :23]) == 0).all()
    assert 0 < estimated(y[:, :30]).max() < 0.25  # at most (30 − 20) / 40 of 0.97
    assert estimated(y).mean() > 0.5


def test_clean_steps_are_no_noise_but_an_outlier_stays_one():
    y = lasting(20, 300, 0.0)
    stepped = y + 20.0 * (np.arange(300) > 120) - 15.0 * (np.arange(300) > 200)
    assert estimated(stepped).mean() < 0.1
    jumps = correlation._without_jumps(stepped)
    assert np.abs(jumps[:, -50:] - jumps[:, :50].mean()).mean() < 2
    outlier = y.copy()
    outlier[:, 150] += 30
    assert (correlation._without_jumps(outlier) == outlier).all()


def test_gaps_are_passed_over():
    y = lasting(6, 200, 0.5)
    holes = y.copy()
    holes[:, 20:40] = np.nan
    holes[2, 100:103] = np.nan
    got = estimated(holes)
    for row in range(6):
        alone = holes[row][np.isfinite(holes[row])][None]
        assert got[row] == pytest.approx(estimated(alone)[0], abs=1e-12)


def test_where_there_is_no_noise_none_lasts():
    x = np.linspace(0, 1, 300)
    assert list(estimated(np.array([x**2, np.sin(9 * x), 0 * x + 1, np.exp(3 * x)]))) == [0] * 4


def test_neither_the_unit_nor_a_line_matters():
    y = lasting(5, 150, 0.4)
    line = 50 - 7 * np.arange(150)
    np.testing.assert_allclose(estimated(1e-6 * y + 1e-6 * line), estimated(y), atol=1e-6)


def test_a_long_series_is_seen_through_windows_and_costs_no_more():
    y = lasting(1, 100_000, 0.3)
    assert estimated(y)[0] == pytest.approx(0.3, abs=0.08)
    outside = y.copy()
    outside[0, 300:400] = 99.0  # between the first window and the second
    assert estimated(outside)[0] == estimated(y)[0]
