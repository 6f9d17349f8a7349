"""The family of saturating curves: regressions by hand, the best shape, all that data allow."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from rlviz.scaling.sigmoid import EXPONENTS, FitData, Sigmoids, allowed, best, regress

EXACT = 1e-12
# The optimizer's last step is 1e-10 of the shape, and the curve is flat around its best one.
SOLVED = 1e-5

C_MID_1_B_1 = np.zeros((1, 2))
"""At C = 0, 1 and infinity the rise is done to 0, 1/2 and 1."""


def data(log_compute, value, weight=None, r0=None):
    weight = np.ones(len(value)) if weight is None else np.array(weight, np.float64)
    return FitData(np.array(log_compute, np.float64), np.array(value, np.float64), weight, r0)


def curve(log_compute, a, b, c_mid, r0):
    return r0 + (a - r0) / (1 + (c_mid / np.exp(log_compute)) ** b)


def noisy(n=300, seed=0, scatter=0.02):
    log_compute = np.log(np.arange(1, n + 1) / n)
    value = curve(log_compute, 0.7, 1.9, 0.1, 0.3)
    return data(log_compute, value + scatter * np.random.default_rng(seed).normal(size=n))


class TestFitData:
    def test_a_given_start_is_one_parameter_less(self):
        assert data([0], [1]).parameters == 4
        assert data([0], [1], r0=0.0).parameters == 3

    def test_squares_are_weighted_and_around_the_weighted_mean(self):
        # mean (2·0 + ½ + ½)/3 = 1/3; 2·1/9 + 2·½·4/9
        assert data([-2, -1, 0], [0, 1, 1], [2, 0.5, 0.5]).squares() == pytest.approx(2 / 3)

    def test_the_search_goes_from_a_tenth_of_the_first_compute_to_a_thousand_times_the_last(self):
        low, high = data([-math.inf, -3.0, -1.0, 0.0], [0, 1, 2, 3]).bounds()
        assert_allclose(low, [-3 - math.log(10), math.log(EXPONENTS[0])])
        assert_allclose(high, [math.log(1000), math.log(EXPONENTS[1])])

    def test_one_tiny_first_step_does_not_stretch_the_search(self):
        log_compute = np.log(np.arange(1, 201) / 200)
        log_compute[0] = -90.0
        low, _ = data(log_compute, np.arange(200)).bounds()
        assert low[0] == pytest.approx(math.log(3 / 200) - math.log(10))  # the second of a hundred


class TestRegression:
    def test_a_line_in_the_share_of_the_rise_by_hand(self):
        # The shares are 0 and ½ and the values 0.2 and 0.6: R0 = 0.2, and twice the rise to A.
        found = regress(data([-math.inf, 0.0], [0.2, 0.6]), C_MID_1_B_1)
        assert_allclose(found.value(np.array([-math.inf, 0.0, math.inf])), [[0.2, 0.6, 1.0]])
        assert found.squares[0] == pytest.approx(0, abs=EXACT)
        assert_allclose([found.unit, found.intercept, found.slope], [[0.5], [0.2], [0.4]])
        assert_allclose([found.center, found.spread, found.weight], [[0.5], [0.5], [2.0]])

    def test_a_given_start_is_kept_whatever_the_points_say(self):
        # Through (0, 0.2): the slopes of the points (½, 0.6), (½, 0.8) are 0.8 and 1.2.
        found = regress(data([0.0, 0.0], [0.6, 0.8], r0=0.2), C_MID_1_B_1)
        assert_allclose(found.value(np.array([-math.inf, math.inf])), [[0.2, 1.2]])
        assert found.squares[0] == pytest.approx(2 * 0.1**2)
        assert found.weight[0] == math.inf

    def test_weights_pull(self):
        # At one place with weights 3 and 1 the curve goes through the weighted mean.
        found = regress(data([-math.inf, 0.0, 0.0], [0.0, 1.0, 0.0], [1, 3, 1]), C_MID_1_B_1)
        assert found.value(np.array([0.0])).item() == pytest.approx(3 / 4)
        assert found.squares[0] == pytest.approx(3 * (1 / 4) ** 2 + (3 / 4) ** 2)

    def test_each_shape_is_regressed_by_itself(self):
        points = noisy()
        shapes = np.array([[0.0, 0.0], [-2.0, 0.5], [3.0, -1.0]])
        together = regress(points, shapes)
        for k, shape in enumerate(shapes):
            alone = regress(points, shape[None])
            assert_allclose(together.squares[k], alone.squares[0], rtol=EXACT)
            at = np.array([-1.0, 0.0, math.inf])
            assert_allclose(together.value(at)[k], alone.value(at)[0], rtol=EXACT)

    def test_the_squares_are_those_of_what_the_curve_leaves(self):
        points = noisy()
        found = regress(points, np.array([[-1.0, 0.3]]))
        left = points.value - found.value(points.log_compute)[0]
        assert_allclose(found.squares[0], left @ left, rtol=1e-9)

    def test_a_shape_that_is_flat_over_the_data_has_no_slope(self):
        found = regress(data([-1e-9, 0.0], [0.2, 0.2]), np.array([[-50.0, math.log(10)]]))
        assert_allclose(found.value(np.array([0.0])), [[0.2]])

    def test_a_middle_far_beyond_the_data_loses_no_digits(self):
        # There the share is a power law: C^B over (1000^B), of which doubles of C are 2^B apart.
        found = regress(
            data(np.log([0.25, 0.5, 1.0]), [1.0, 2.0, 4.0]), np.array([[math.log(1e12), 0.0]])
        )
        assert_allclose(found.value(np.log([0.25, 0.5, 1.0])), [[1, 2, 4]], rtol=1e-9)


class TestHull:
    # One curve: z is 1 at C = 1, ½ at its center; it is right at 0.3 + 0.4·z.
    one = Sigmoids(
        shape=C_MID_1_B_1,
        unit=np.array([0.5]),
        intercept=np.array([0.3]),
        slope=np.array([0.4]),
        center=np.array([0.5]),
        spread=np.array([0.25]),
        weight=np.array([4.0]),
        squares=np.array([1.0]),
    )

    def test_a_regression_reaches_as_far_as_its_squares_may_grow(self):
        # (5 − 1)·(1/4 + (1 − ½)²/0.25) = 5
        low, high = self.one.hull(np.array([0.0]), 5.0)
        assert_allclose([low, high], [[0.7 - math.sqrt(5)], [0.7 + math.sqrt(5)]])

    def test_without_room_it_is_the_curve_itself(self):
        low, high = self.one.hull(np.array([-math.inf, 0.0, math.inf]), 1.0)
        assert_allclose(low, [0.3, 0.7, 1.1])
        assert_allclose(high, low)

    def test_it_holds_every_curve_that_is_inside_and_no_other(self):
        lower = Sigmoids(
            **{n: getattr(self.one, n) for n in Sigmoids.__slots__ if n != "intercept"},
            intercept=np.array([0.1]),
        )
        outside = Sigmoids(
            **{n: getattr(self.one, n) for n in Sigmoids.__slots__ if n != "squares"},
            squares=np.array([9.0]),
        )
        both = self.one.and_those(lower).and_those(outside.where(np.array([True])))
        low, high = both.hull(np.array([0.0]), 5.0)
        assert_allclose([low, high], [[0.5 - math.sqrt(5)], [0.7 + math.sqrt(5)]])

    def test_many_places_give_what_each_gives(self):
        found = allowed(
            noisy(), best(noisy()), 1.1 * regress(noisy(), best(noisy())[None]).squares[0]
        )
        places = np.linspace(-5, 3, 2500)  # more than are worked on at a time
        low, high = found.hull(places, found.squares.max())
        for k in (0, 1023, 1024, 2499):
            one_low, one_high = found.hull(places[k : k + 1], found.squares.max())
            assert (low[k], high[k]) == (one_low.item(), one_high.item())


class TestFamilies:
    def test_where_keeps_and_and_those_appends_in_order(self):
        three = regress(noisy(), np.array([[0.0, 0.0], [-1.0, 0.5], [-2.0, 1.0]]))
        two = three.where(np.array([True, False, True]))
        assert two.shape.tolist() == [[0.0, 0.0], [-2.0, 1.0]]
        again = two.and_those(three.where(np.array([False, True, False])))
        assert again.shape.tolist() == [[0.0, 0.0], [-2.0, 1.0], [-1.0, 0.5]]
        assert again.squares.tolist() == three.squares[[0, 2, 1]].tolist()


class TestBest:
    @pytest.mark.parametrize(("b", "c_mid"), [(1.9, 0.1), (0.5, 0.3), (6.0, 0.02)])
    def test_data_without_noise_give_their_shape_back(self, b, c_mid):
        log_compute = np.log(np.arange(1, 301) / 300)
        points = data(log_compute, curve(log_compute, 0.7, b, c_mid, 0.3))
        assert_allclose(best(points), [math.log(c_mid), math.log(b)], rtol=SOLVED, atol=SOLVED)

    @pytest.mark.parametrize("scatter", [0.02, 0.2, 2.0])
    def test_no_shape_of_a_fine_grid_has_less_squares(self, scatter):
        points = noisy(scatter=scatter)
        found = regress(points, best(points)[None]).squares[0]
        low, high = points.bounds()
        for mid in np.linspace(low[0], high[0], 100):
            grid = np.stack([np.full(100, mid), np.linspace(low[1], high[1], 100)], 1)
            assert regress(points, grid).squares.min() >= found * (1 - 1e-9)

    def test_it_stays_within_the_search(self):
        points = data(np.log(np.arange(1, 101) / 100), np.arange(100) > 50)  # as steep as can be
        low, high = points.bounds()
        found = best(points)
        assert (found >= low).all()
        assert (found <= high).all()


class TestAllowed:
    def test_the_best_shape_comes_first_and_all_are_inside(self):
        points = noisy()
        center = best(points)
        least = regress(points, center[None]).squares[0]
        found = allowed(points, center, 1.05 * least)
        assert found.shape[0].tolist() == center.tolist()
        assert found.squares[0] == least
        assert (found.squares <= 1.05 * least).all()

    @pytest.mark.parametrize("factor", [1.01, 1.2])
    def test_it_reaches_as_far_as_a_fine_grid_over_everything(self, factor):
        points = noisy()
        center = best(points)
        limit = factor * regress(points, center[None]).squares[0]
        found = allowed(points, center, limit)
        low, high = points.bounds()
        fine = [
            regress(points, np.stack([np.full(300, mid), np.linspace(low[1], high[1], 300)], 1))
            for mid in np.linspace(low[0], high[0], 300)
        ]
        inside = np.concatenate([each.shape[each.squares <= limit] for each in fine])
        size = np.ptp(found.shape, axis=0)
        # Within a node of its own grid (1/31 of the box) and one of the fine grid.
        slack = size / 20 + (high - low) / 299
        assert (np.abs(found.shape.min(0) - inside.min(0)) <= slack).all()
        assert (np.abs(found.shape.max(0) - inside.max(0)) <= slack).all()

    def test_where_everything_is_allowed_it_ends_at_the_bounds_of_the_search(self):
        points = noisy(scatter=5.0)
        found = allowed(points, best(points), 1e9)
        low, high = points.bounds()
        assert_allclose(found.shape.min(0), low)
        assert_allclose(found.shape.max(0), high)
