"""The one curve: of very many points the same as of all of them; its band; means of seeds."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import lfilter

from rlviz import schema
from rlviz.report.series.axis import XAxis
from rlviz.report.series.curves import (
    Curve,
    Value,
    joined,
    mean_of,
    smoothed,
    smoothed_together,
)
from rlviz.report.series.points import Points
from rlviz.smooth import local_polynomial

LINEAR = XAxis(schema.AXES["flops"])
LOG = XAxis(schema.AXES["flops"], log=True)
RANDOM = np.random.default_rng(0)


def test_a_run_that_is_not_long_is_smoothed_as_it_is():
    x, y = np.sort(RANDOM.random(500)), RANDOM.normal(size=500)
    found, expected = smoothed(LINEAR, x, y), local_polynomial(y, x=x)
    assert found.averaged == 1
    for part, of_it in (("y", "curve"), ("low", "low"), ("high", "high"), ("bandwidth",) * 2):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, of_it))
    assert found.noise_correlation == expected.noise_correlation


def test_a_long_run_is_averaged_first_and_the_curve_stays_the_same():
    x = np.sort(RANDOM.random(60_000))
    y = np.sin(6 * x) + 0.3 * RANDOM.normal(size=60_000)
    found = smoothed(LINEAR, x, y)
    assert (len(found.x), found.averaged) == (2_000, 30)
    np.testing.assert_allclose(found.y, np.sin(6 * found.x), atol=0.03)
    all_points = local_polynomial(y, x=x, noise_correlation=0.0)
    at = np.searchsorted(x, found.x)
    np.testing.assert_allclose(found.y, all_points.curve[at], atol=0.01)
    assert np.median(found.high - found.low) == pytest.approx(
        np.median(all_points.high - all_points.low), rel=0.3
    )


def test_a_long_run_ends_where_it_ends():
    x = np.arange(30_000.0)
    found = smoothed(LINEAR, x, 1e-4 * x)
    assert found.at(x[0]).value == pytest.approx(0.0, abs=1e-3)
    assert found.at(x[-1]).value == pytest.approx(3.0, abs=1e-3)


def test_over_a_logarithmic_axis_each_part_of_it_counts_the_same():
    x = 10 ** np.sort(6 * RANDOM.random(5000))
    found = smoothed(LOG, x, np.log10(x) ** 2)
    assert found.averaged == 0
    assert len(found.x) <= 400
    np.testing.assert_allclose(found.y, np.log10(found.x) ** 2, atol=0.02)
    dense = smoothed(LOG, np.arange(1.0, 1e6), RANDOM.normal(size=999_999))
    assert len(dense.x) <= 400
    assert np.median(dense.bandwidth) > 0.1  # not that of the last decade, with 90 % of the points


def test_between_its_points_a_curve_is_straight_on_the_axis_as_it_is_drawn():
    line = joined(LINEAR, np.array([0.0, 2.0]), np.array([1.0, 3.0]))
    assert (line.at(1.0).value, line.at(-5.0).value, line.at(9.0).value) == (2.0, 1.0, 3.0)
    assert line.at(1.0).error is None
    decades = joined(LOG, np.array([1.0, 100.0]), np.array([0.0, 2.0]))
    assert decades.at(10.0).value == pytest.approx(1.0)
    value, low, _ = line.values_at(np.array([-1.0, 1.0]))
    np.testing.assert_array_equal(value, [1.0, 2.0])
    assert np.isnan(low).all()


def test_what_stands_behind_plus_minus_is_half_of_the_band():
    value = Value(8.0, 7.0, 10.0)
    assert value.error == 1.5
    assert (Value(1.0).error, Value.around(1.0, 0.25)) == (None, Value(1.0, 0.5, 1.5))


def test_no_share_passes_0_or_1():
    y = np.concatenate([np.zeros(60), np.linspace(0, 1, 30), np.ones(60)])
    found = smoothed(LINEAR, np.arange(150.0), y, limits=(0.0, 1.0))
    assert found.y.min() >= 0
    assert found.high.max() <= 1
    free = smoothed(LINEAR, np.arange(150.0), y)
    assert free.high.max() > 1


def test_the_band_is_never_narrower_than_known_noise_allows():
    x = np.arange(300.0)
    y = 0.5 + 0.0 * x  # answers that seem to have no noise at all
    known = smoothed(LINEAR, x, y, np.full(300, 0.04))
    assert (smoothed(LINEAR, x, y).high - y).max() < 1e-9
    # All in one bandwidth: 2 standard errors of a mean of 300 are 0.023, of a parabola a bit more.
    assert 0.02 < np.median(known.high - y) < 0.2
    wide = smoothed(LINEAR, x, y, np.full(300, 0.16))
    np.testing.assert_allclose(wide.high - y, 2 * (known.high - y), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [0.0, 0.5])
def test_the_band_covers_the_truth_about_as_often_as_it_says(lasting):
    rng = np.random.default_rng(0)
    x = np.linspace(0, 1, 200)
    truth = 1 - np.exp(-3 * x)
    inside = []
    for _ in range(100):
        noise = lfilter([1.0], [1.0, -lasting], rng.standard_normal(400))[200:]
        found = smoothed(LINEAR, x, truth + 0.1 * noise)
        for i in (0, 100, 199):
            value = found.at(x[i])
            inside.append(value.low <= truth[i] <= value.high)
    # Two standard errors: 95 % of the time if nothing but the noise mattered, and not two of the
    # three places were ends of a curve that bends.
    assert 0.82 <= np.mean(inside) <= 0.97


def test_draws_scatter_around_the_curve_by_its_errors():
    x = np.linspace(0, 1, 300)
    found = smoothed(LINEAR, x, x + 0.2 * RANDOM.normal(size=300))
    draws = found.draws(4000, np.random.default_rng(1))
    np.testing.assert_allclose(draws.mean(axis=0), found.y, atol=0.01)
    np.testing.assert_allclose(draws.std(axis=0), (found.high - found.low) / 4, rtol=0.1)


def test_draws_at_two_places_are_as_alike_as_the_kernel_makes_them():
    x = np.linspace(0, 1, 401)
    nothing = np.zeros(401)
    curve = Curve(LINEAR, x, nothing, nothing - 2, nothing + 2, np.full(401, 0.05))
    draws = curve.draws(8000, np.random.default_rng(2))
    # By the autocorrelation of the kernel: at one bandwidth 0.682, far away none.
    for distance, expected in ((0.05, 0.682), (0.45, 0.0)):
        other = np.searchsorted(x, 0.5 + distance)
        found = np.corrcoef(draws[:, 200], draws[:, other])[0, 1]
        assert found == pytest.approx(expected, abs=0.04)


def test_the_mean_of_seeds_goes_as_far_as_all_of_them_with_students_interval():
    x = np.linspace(0, 10, 101)
    curves = [smoothed(LINEAR, x[: 101 - 10 * i], i * x[: 101 - 10 * i]) for i in range(3)]
    mean = mean_of(LINEAR, curves)
    assert (mean.x[0], mean.x[-1]) == (0, 8)
    np.testing.assert_allclose(mean.y, mean.x, atol=1e-9)  # of 0, x and 2x
    # Student's 97.5 % point with 2 degrees of freedom, 4.3027.
    np.testing.assert_allclose(mean.high - mean.y, 4.3027 * mean.x / np.sqrt(3), atol=1e-3)
    assert mean.seeds == 3


def test_the_mean_of_shares_and_its_interval_stay_shares():
    x = np.arange(40.0)
    shares = [0.96 + 0.04 * RANDOM.random(40), 0.7 + 0.2 * RANDOM.random(40)]
    curves = [smoothed(LINEAR, x, y, limits=(0.0, 1.0)) for y in shares]
    mean = mean_of(LINEAR, curves)
    assert mean.high.max() == 1.0
    free = mean_of(LINEAR, [smoothed(LINEAR, x, y) for y in shares])
    assert free.high.max() > 1.0
    losses = mean_of(LINEAR, [curve.times(-1) for curve in curves])
    assert losses.low.min() == -1.0


def test_seeds_that_agree_are_no_surer_than_their_own_noise():
    x = np.linspace(0, 1, 200)
    curve = smoothed(LINEAR, x, x + 0.3 * RANDOM.normal(size=200))
    mean = mean_of(LINEAR, [curve, curve])
    half = np.interp(mean.x, curve.x, (curve.high - curve.low) / 2)
    # Half is 2 standard errors of a run; 12.706 is Student's 97.5 % point with 1 degree of freedom.
    expected = 12.706 * (half / 2) / np.sqrt(2)
    np.testing.assert_allclose((mean.high - mean.low) / 2, expected, rtol=1e-4)


def test_seeds_without_a_common_stretch_have_no_mean():
    x = np.linspace(0, 1, 20)
    assert mean_of(LINEAR, [smoothed(LINEAR, x, x), smoothed(LINEAR, x + 1, x)]) is None


def test_many_runs_smoothed_together_are_those_smoothed_alone():
    sizes = (60, 25, 60, 3000, 60)
    drawn = [(np.sort(RANDOM.random(n)), RANDOM.normal(size=n)) for n in sizes]
    several = [Points(x, y, None, (-1.0, 1.0)) for x, y in drawn]
    several[2] = replace(several[2], variance=np.full(60, 9.0))  # its noise is known
    together = smoothed_together(LINEAR, several)
    assert len(together) == len(several)
    for points, curve in zip(several, together, strict=True):
        alone = smoothed(LINEAR, points.x, points.y, points.variance, limits=(-1, 1))
        for part in ("x", "y", "low", "high", "bandwidth"):
            np.testing.assert_allclose(getattr(curve, part), getattr(alone, part), rtol=1e-8)
        assert curve.noise_correlation == pytest.approx(alone.noise_correlation)
        assert (curve.averaged, curve.is_smooth) == (alone.averaged, alone.is_smooth)
    widths = [np.median(curve.high - curve.low) for curve in together]
    assert widths[2] > 1.5 * max(widths[0], widths[4])
