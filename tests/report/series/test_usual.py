"""The range of nearly all values: what may be outside of it, and what never is."""

import tracemalloc

import numpy as np
import pytest

from rlviz.report.series import usual
from rlviz.report.series.usual import usual_range

RANDOM = np.random.default_rng(22)
T = np.linspace(0, 1, 300)
NOISY = 0.02 + 0.05 * T + 0.004 * RANDOM.normal(size=300)


def with_spikes(*values):
    found = NOISY.copy()
    found[50 : 50 + len(values)] = values
    return found


@pytest.mark.parametrize(
    "spikes", [(1e9,), (-1e9,), (1e9, 1e12, -40.0), (1.7e308, -1.7e308), (3.0,)]
)
def test_few_values_far_from_all_others_are_outside(spikes):
    with np.errstate(all="raise", under="ignore"):
        found = usual_range(with_spikes(*spikes))
    others = np.delete(NOISY, range(50, 50 + len(spikes)))
    assert (found.low, found.high) == (others.min(), others.max())
    assert found.outside == len(spikes)
    assert abs(found.farthest) == max(map(abs, spikes))
    inside = found.has(with_spikes(*spikes))
    assert np.count_nonzero(~inside) == len(spikes)


@pytest.mark.parametrize(
    "values",
    [
        NOISY,
        with_spikes(0.5),  # the others still have a tenth of the height
        with_spikes(*np.full(10, 1e9)),  # no exceptions any more
        np.where(T[7] == T, 1.0, 0.0),  # the others are a line wherever they stand
        np.exp(-12 * T),  # a steep start
        1 / np.arange(1.0, 301),
        10.0 ** (20 * T),
        RANDOM.standard_cauchy(300),
        np.where(T < 0.5, 1.0, 4096.0),
        np.full(300, -21.0),
        with_spikes(1e9)[40:58],  # too few to tell what is usual
        np.array([3.0]),
    ],
)
def test_what_belongs_to_a_series_is_never_outside(values):
    found = usual_range(values)
    assert (found.low, found.high, found.outside) == (values.min(), values.max(), 0)


def test_values_near_the_others_stay_even_if_one_is_far():
    found = usual_range(with_spikes(1e9, 0.12))
    assert (found.high, found.outside) == (0.12, 1)


def test_an_ordinary_series_is_judged_in_little_memory():
    y = np.random.default_rng(0).normal(size=1_000_000)
    tracemalloc.start()
    try:
        assert usual_range(y).outside == 0
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 << 20  # a copy of it is 8 MB


@pytest.mark.parametrize("seed", range(20))
def test_the_quick_look_refuses_no_series_that_has_values_far_outside(seed, monkeypatch):
    random = np.random.default_rng(seed)
    series = []
    for size in random.integers(20, 300, 50):
        y = np.round(random.normal(size=size), int(random.integers(0, 4)))
        y[: random.integers(0, 5)] *= 10.0 ** random.integers(0, 10)
        series.append(y)
    quick = [usual_range(y) for y in series]
    monkeypatch.setattr(usual, "_may_be_flat", lambda *_: True)
    assert quick == [usual_range(y) for y in series]
    assert any(found.outside for found in quick)
