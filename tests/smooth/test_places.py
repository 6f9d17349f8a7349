"""Bandwidths place by place: wide where it is flat, narrow where it bends; seen through means."""

import numpy as np
import pytest

from rlviz.smooth import local_polynomial
from rlviz.smooth.places import BLOCKS, _box, _levels, choose


def losses(best, size=24, noise=0.02, seed=0):
    """Blocks whose loss is least at the bandwidth `best` of each, (G, 1, B), of 5 points each."""
    apart = np.arange(size)[:, None] - np.asarray(best, float)[None]
    random = np.random.default_rng(seed)
    loss = 1 + 0.05 * apart**2 + noise * random.normal(size=apart.shape)
    return 5 * loss[:, None], np.full((size, 1, len(best)), 5.0)


def chosen(total, judged, overall=12, **options):
    bad = np.zeros((len(total), 1), bool)
    return choose(total, judged, np.array([overall]), bad, **options)[0]


def test_one_best_bandwidth_for_all_blocks_is_chosen_at_all_of_them():
    place = chosen(*losses([12] * BLOCKS))
    assert place == pytest.approx(np.full(BLOCKS, 12), abs=0.6)


def test_a_change_of_the_best_one_is_followed():
    place = chosen(*losses([5] * 60 + [18] * 60))
    assert place[0] == pytest.approx(5, abs=1)
    assert place[-1] == pytest.approx(18, abs=1)
    assert (np.diff(place) >= -1e-9).all()


def test_of_bandwidths_that_are_alike_the_widest_is_taken():
    total, judged = losses([12] * BLOCKS, noise=0.0)
    total[12:] = total[12]  # from there on no worse
    assert chosen(total, judged) == pytest.approx(np.full(BLOCKS, 23))


def test_a_bandwidth_that_is_out_is_never_chosen():
    total, judged = losses([3] * BLOCKS)
    bad = (np.arange(24) < 8)[:, None]
    place = choose(total, judged, np.array([9]), bad)[0]
    assert place.min() >= 8


def test_a_block_that_a_bandwidth_only_interpolates_does_not_speak_for_it():
    total, judged = losses([12] * BLOCKS)
    total[0, 0, :40], judged[0, 0, :40] = 0.0, 0.0
    assert chosen(total, judged) == pytest.approx(np.full(BLOCKS, 12), abs=0.6)


def test_the_unit_and_a_growing_noise_do_not_matter():
    total, judged = losses([5] * 60 + [18] * 60, noise=0.0)
    np.testing.assert_allclose(chosen(1e-9 * total, judged), chosen(total, judged), atol=1e-9)


def test_means_of_neighbors_as_far_as_there_are_any():
    assert _box(np.array([[0.0, 3.0, 6.0, 9.0]]), 1).tolist() == [[1.5, 3.0, 6.0, 7.5]]


def test_short_series_are_fitted_as_they_are_and_long_ones_through_means():
    assert _levels(240, 24) == [0] * 24
    parts = _levels(100_000, 24)  # 833 points in a block
    assert parts[0] == 0
    assert parts[-1] == round(100_000 / 120 / 256)
    assert (np.diff(parts[parts.count(0) :]) <= 0).all()


def test_a_steep_start_gets_a_narrow_curve_and_a_noisy_end_a_wide_one():
    # As on the demo: one bandwidth for all of it needs 1 % here and 8 % there.
    x = np.linspace(0, 1, 600)
    truth = 8 + 5 / (1 + np.exp((0.25 - x) / 0.02))
    noise = 0.02 + 0.4 * x
    y = truth + noise * np.random.default_rng(0).normal(size=(12, 600))
    one, by_place = local_polynomial(y, x=x, local=False), local_polynomial(y, x=x)
    assert np.median(by_place.bandwidth[:, -100:]) > 2 * np.median(by_place.bandwidth[:, 100:200])
    error, of_one = (np.abs(got.curve - truth)[:, -200:].mean() for got in (by_place, one))
    assert error < 0.8 * of_one


def test_under_40_points_one_bandwidth_serves_for_all_places():
    y = np.random.default_rng(0).normal(size=39)
    assert np.ptp(local_polynomial(y).bandwidth) < 1e-12
    many = np.random.default_rng(0).normal(size=(20, 60)) + 5 * (np.arange(60) > 30)
    assert np.ptp(local_polynomial(many).bandwidth, axis=-1).max() > 1
