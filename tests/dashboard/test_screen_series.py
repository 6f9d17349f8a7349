"""One metric of one run for the page: only the chosen dots, and what is said of all."""

import numpy as np

from rlviz.dashboard import lines, series
from rlviz.dashboard.screen_series import screen_series


def test_the_chosen_dots_are_given_and_all_points_are_counted(long_history):
    found = series.points(long_history, "accuracy", "step", log=False)
    seen = series.view(found, (101, 1100), (-np.inf, np.inf), 600, 300)
    kept = np.array([0, 10, 999])
    header, arrays = screen_series(long_history, seen, None, kept)
    np.testing.assert_array_equal(arrays["step"], [101, 111, 1100])
    np.testing.assert_array_equal(arrays["y"], long_history.accuracy[[100, 110, 1099]])
    np.testing.assert_array_equal(arrays["flops"], long_history.flops[[100, 110, 1099]])
    assert (arrays["low"] < arrays["y"]).all()
    assert (arrays["y"] < arrays["high"]).all()
    assert (header["total"], header["shown"], header["thinned"]) == (1000, 3, True)
    assert "curve" not in arrays


def test_a_curve_comes_with_its_band_and_bandwidth(long_history):
    found = series.points(long_history, "loss", "flops", log=False)
    seen = series.view(found, (-np.inf, np.inf), (-np.inf, np.inf), 600, 300)
    curve = lines.whole(long_history, found, lines.AUTO)
    header, arrays = screen_series(long_history, seen, curve, np.array([0]))
    np.testing.assert_array_equal(arrays["curve"], curve.y)
    np.testing.assert_array_equal(arrays["curve_low"], curve.low)
    assert header["bandwidth"] == curve.bandwidth
    assert not {"flops", "low", "high"} & arrays.keys()
