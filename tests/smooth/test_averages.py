"""Batched averages, held against the definition as a loop in extended precision."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from rlviz.smooth import EMA, arrays, averages, ema
from rlviz.smooth.ema import EXACT

# Relative to the largest |y|. A loop in float64 itself is off by 4e-13 at a weight of 0.9999; that
# is what batches short enough to go through that loop may be, too.
TOLERANCE = {np.float32: 1e-6, np.float64: 1e-13}
LOOP = 4e-13

LENGTHS = (1, 2, 3, 127, 16323)  # below and above a block and a tile, no multiple of either
WEIGHTS = (0.0, 0.5, 0.9, 0.9999)


def positions(rows, length):
    """x that stands still now and then, in the size of FLOPs."""
    random = np.random.default_rng(length)
    return 1e24 + np.cumsum(np.floor(3 * random.random((rows, length))), -1) * 1e22


def hold(got, expected, y):
    """The bounds of the definition, relative to the largest |y|."""
    gap = np.isnan(expected)
    assert (np.isnan(got) == gap).all()
    loop = LOOP if np.size(y) <= EXACT else 0.0
    bound = max(TOLERANCE[y.dtype.type], loop) * np.abs(y[np.isfinite(y)]).max(initial=0.0)
    np.testing.assert_allclose(got[~gap], expected[~gap], rtol=0, atol=bound)


@pytest.mark.quick(20)
@pytest.mark.parametrize("gaps", [0.0, 0.1], ids=["whole", "gaps"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("weight", WEIGHTS)
def test_every_row_is_the_average_of_its_definition(average, series, weight, length, dtype, gaps):
    y = series(2, length, gaps=gaps, dtype=dtype)
    got, state = ema(y, weight=weight)
    assert got.dtype == dtype
    for row in range(2):
        expected, num, den, _ = average(y[row], weight=weight)
        hold(got[row], expected, y)
        assert state["num"][row] == pytest.approx(num, rel=1e-6)
        assert state["den"][row] == pytest.approx(den, rel=1e-12)


@pytest.mark.quick(10)
@pytest.mark.parametrize("gaps", [0.0, 0.1], ids=["whole", "gaps"])
@pytest.mark.parametrize("shared", [True, False], ids=["shared x", "private x"])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_with_tau_every_row_fades_along_its_x(average, series, length, shared, gaps, dtype):
    y, x = series(2, length, gaps=gaps, dtype=dtype), positions(2, length)
    got, state = ema(y, x=x[0] if shared else x, tau=5e22)
    for row in range(2):
        at = x[0 if shared else row]
        expected, num, den, last = average(y[row], x=at, tau=5e22)
        # x is an exact multiple of 2e21 near 1e24: exp(−Δx/tau) is good to a few roundings.
        hold(got[row], expected, y)
        rounding = max(TOLERANCE[dtype], 1e-12)
        assert state["num"][row] == pytest.approx(num, rel=rounding)
        assert state["den"][row] == pytest.approx(den, rel=rounding)
        assert state["x"][row] == (-math.inf if last is None else last)


@pytest.mark.parametrize("options", [{"weight": 0.97}, {"tau": 5e22}], ids=["weight", "tau"])
@pytest.mark.parametrize("length", [2, 3, 127, 16323])
@pytest.mark.parametrize("gaps", [0.0, 0.3], ids=["whole", "gaps"])
def test_a_batch_may_be_cut_anywhere(series, options, length, gaps):
    y, x = series(3, length, gaps=gaps), positions(1, length)[0]
    y[0, : length // 2] = math.nan  # one that has seen nothing when it is cut
    at = {"x": x} if "tau" in options else {}
    whole, end = ema(y, **options, **at)
    state, parts = None, []
    for part in (slice(0, 1), slice(1, length // 2), slice(length // 2, length)):
        if y[:, part].size:
            some = {"x": x[part]} if at else {}
            smoothed, state = ema(y[:, part], **options, **some, state=state)
            parts.append(smoothed)
    hold(np.concatenate(parts, -1), whole, y)
    for name in ("num", "den"):
        np.testing.assert_allclose(state[name], end[name], rtol=1e-12)


def test_few_points_give_the_bits_of_the_online_average_and_go_on_from_each_others_state(series):
    y = series(1, 900, gaps=0.1)[0]
    online = EMA(0.97)
    expected = np.array([online.update(value) for value in y.tolist()])
    got, state = ema(y, weight=0.97)
    assert got.tobytes() == expected.tobytes()
    assert state == online.state_dict()
    more, _ = ema(np.array([7.0]), weight=0.97, state=online.state_dict())
    assert more[0] == online.update(7.0)


@pytest.mark.parametrize("weight", [0.5, 0.99])
def test_a_batch_is_the_ewm_of_pandas(series, weight):
    y = series(4, 3000)
    y[np.random.default_rng(0).random(y.shape) < 0.1] = math.nan
    frame = pd.DataFrame(y.T).ewm(alpha=1 - weight, adjust=True, ignore_na=True).mean()
    expected = np.where(np.isnan(y), math.nan, frame.to_numpy().T)
    hold(ema(y, weight=weight)[0], expected, y)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_constant_comes_back(length):
    for options in ({"weight": 0.9999}, {"tau": 3e22, "x": positions(1, length)[0]}):
        got, _ = ema(np.full((2, length), 0.7, np.float32), **options)
        np.testing.assert_allclose(got, np.float32(0.7), rtol=1e-6)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("unit", [1e-20, 8.0])
def test_the_unit_of_x_and_tau_does_not_matter(series, length, unit):
    y, x = series(2, length, gaps=0.1), positions(1, length)[0] - 1e24
    one, other = ema(y, x=x, tau=5e22)[0], ema(y, x=x * unit, tau=5e22 * unit)[0]
    hold(other, one, y)


def test_the_order_of_the_rows_does_not_matter(series):
    y, order = series(5, 5000, gaps=0.01), [3, 0, 4, 1, 2]
    assert ema(y[order], weight=0.9)[0].tobytes() == ema(y, weight=0.9)[0][order].tobytes()


@pytest.mark.quick(2)
@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "gaps"])
@pytest.mark.parametrize("along", [False, True], ids=["weight", "tau"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ten_million_points_do_not_drift(dtype, along, gaps):
    """A constant is the hardest: every rounding goes the same way."""
    y = np.full(10_000_000, 0.7, dtype)
    if gaps:
        y[::7] = np.nan
    options = {"weight": 0.9999}
    if along:
        options = {"x": np.arange(10_000_000.0) * 0.3, "tau": -0.3 / math.log(0.9999)}
    got, _ = ema(y, **options)
    some = got[1::991] if not gaps else got[1::7]
    np.testing.assert_allclose(some, dtype(0.7), rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("gap", [40, 160, 1000])
def test_a_long_gap_at_the_end_fades_nothing_from_the_state(average, gap):
    y, x = 1 + np.arange(5000.0) % 3, np.arange(5000.0)
    y[-gap:] = math.nan
    _, state = ema(y, x=x, tau=1.0)
    _, num, den, last = average(y, x=x, tau=1.0)
    assert (state["num"], state["den"]) == pytest.approx((num, den), rel=1e-13)
    assert state["x"] == last == x[-gap - 1]


@pytest.mark.parametrize("length", [3, 5000])
def test_a_row_without_a_finite_point_is_nan(length):
    y = np.full((2, length), math.nan)
    y[1] = 1.0
    got, state = ema(y, weight=0.9)
    assert np.isnan(got[0]).all()
    np.testing.assert_allclose(got[1], 1.0, rtol=1e-12)
    assert (state["num"][0], state["den"][0]) == (0.0, 0.0)


@pytest.mark.parametrize(("weight", "value"), [(0.99, 2e37), (0.9999, 1e35)])
def test_large_values_in_float32_come_back(weight, value):
    got, _ = ema(np.full(6000, value, np.float32), weight=weight)
    np.testing.assert_allclose(got, value, rtol=1e-6)


def test_odd_positions_say_nothing_aloud():
    y, x = np.ones(5000), np.arange(5000.0)
    y[0], x[0] = math.nan, -math.inf
    assert np.isfinite(ema(y, x=x, tau=3.0)[0][1:]).all()
    far, _ = ema(np.ones(5000), x=np.arange(5000) * 1e300, tau=1e-300)
    assert (far == 1).all()


def test_no_series_give_no_series():
    got, state = ema(np.zeros((0, 5)), weight=0.5)
    assert (got.shape, state["num"].shape) == ((0, 5), (0,))


def test_tensors_of_any_layout_are_read_and_left_as_they_were(series):
    y = torch.from_numpy(series(40, 300, gaps=0.1)).float()
    columns = y.T.contiguous().T
    before = columns.clone()
    out = torch.empty_like(y)
    got, state = ema(columns, weight=0.9, out=out)
    assert got is out
    assert torch.is_tensor(state["num"])
    assert torch.equal(columns.nan_to_num(), before.nan_to_num())
    assert torch.equal(got.nan_to_num(), ema(y, weight=0.9)[0].nan_to_num())


@pytest.mark.parametrize("options", [{"weight": 0.97}, {"tau": 5e22}], ids=["weight", "tau"])
def test_torch_runs_the_same_algorithm_as_numpy(monkeypatch, series, options):
    # Where an accelerator has no Triton; here the host's memory is hidden from the engine.
    y, x = series(3, 6000, gaps=0.1), positions(1, 6000)
    at = x if "tau" in options else None
    expected, _ = ema(y, **options, **({} if at is None else {"x": x[0]}))
    fresh = torch.zeros(3, dtype=torch.float64)
    tensor = torch.from_numpy(y)
    batch = averages.SeriesBatch(
        y=tensor,
        out=torch.empty_like(tensor),
        weight=options.get("weight"),
        tau=options.get("tau"),
        at=None if at is None else torch.from_numpy(at),
        num=fresh.clone(),
        den=fresh.clone(),
        x=None if at is None else fresh - math.inf,
    )
    monkeypatch.setattr(arrays, "on_host", lambda array: False)
    averages.run(batch)
    hold(batch.out.numpy(), expected, y)


@pytest.mark.parametrize("length", [3, 5000])
@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda y: ema(y), ValueError, r"ema\(\) needs weight \(memory per point\) or tau"),
        (lambda y: ema(y, weight=0.5, tau=1.0), ValueError, "not both: got weight=0.5 and tau=1.0"),
        (lambda y: ema(y, weight=1.0), ValueError, r"weight must be in \[0, 1\), got 1.0"),
        (lambda y: ema(y, tau=0.0, x=y), ValueError, "tau must be > 0"),
        (lambda y: ema(y, tau=1.0), ValueError, "Got tau without x"),
        (lambda y: ema(y, weight=0.5, x=y), ValueError, "Got x without tau"),
        (lambda y: ema(y, tau=1.0, x=y[:-1]), ValueError, "x must have the shape of values"),
        (
            lambda y: ema(y, tau=1.0, x=-np.arange(len(y))),
            ValueError,
            r"x must not go backwards, got -1.0 after -?0.0",
        ),
        (lambda y: ema(y, tau=1.0, x=y + math.nan), ValueError, "needs a finite x .* got x=nan"),
        (
            lambda y: ema(y, tau=1.0, x=y, state={"num": 1.0, "den": 1.0, "x": 9.0}),
            ValueError,
            r"x must not go backwards, got 1.0 after 9.0",
        ),
        (
            lambda y: ema(y, weight=0.5, state={"num": np.ones(2), "den": 0.0, "x": None}),
            ValueError,
            r"the state's 'num' must have .* \(\), got \(2,\)",
        ),
        (lambda y: ema(y[:0], weight=0.5), ValueError, r"T >= 1, got \(0,\)"),
        (lambda y: ema(y.astype(int), weight=0.5), TypeError, "got dtype int64"),
        (lambda y: ema(y.astype(complex), weight=0.5), TypeError, "got dtype complex128"),
        (lambda y: ema(torch.ones(3, dtype=torch.bool), weight=0.5), TypeError, "torch.bool"),
    ],
)
def test_what_can_not_be_meant_is_refused_in_words(call, error, words, length):
    with pytest.raises(error, match=words):
        call(np.ones(length))
