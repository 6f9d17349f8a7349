"""The batched recurrence, held against its definition as a loop in extended precision."""

import numpy as np
import pytest
import torch

import rlviz
from rlviz.smooth import arrays
from rlviz.smooth.recurrence import scan

# Relative to the largest |h|: a few roundings, which fade with the memory and so don't add up.
TOLERANCE = {np.float32: 1e-6, np.float64: 1e-13}

LENGTHS = (1, 2, 3, 127, 16323)  # below and above a block and a tile, no multiple of either
DTYPES = (np.float32, np.float64)


def factors(kind, rows, length):
    random = np.random.default_rng(length)
    return {
        "number": 0.9,
        "slow number": 0.9999,
        "shared": random.random(length),
        "private": random.random((rows, length)),
        "zero and one": (random.random((rows, length)) > 0.1).astype(np.float64),
    }[kind]


def row_of(factor, row):
    return factor[row] if np.ndim(factor) == 2 else factor


def largest(values):
    return np.abs(values).max()


@pytest.mark.quick(20)
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", ["number", "slow number", "shared", "private", "zero and one"])
def test_every_row_is_the_recurrence_of_its_definition(
    recurrence, series, kind, length, dtype, reverse
):
    b = series(3, length, dtype=dtype)
    a = factors(kind, 3, length)
    initial = np.array([0.0, 5.0, -2.0])
    h, last = scan(a, b, initial=initial, reverse=reverse)
    assert h.dtype == dtype
    assert last.dtype == np.float64
    for row in range(3):
        expected, final = recurrence(row_of(a, row), b[row], initial=initial[row], reverse=reverse)
        tolerance = TOLERANCE[dtype] * largest(expected)
        np.testing.assert_allclose(h[row], expected, rtol=0, atol=tolerance)
        np.testing.assert_allclose(last[row], final, rtol=0, atol=tolerance)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("kind", ["number", "shared", "private"])
@pytest.mark.parametrize("length", [2, 3, 127, 16323])
def test_a_series_may_be_cut_anywhere_and_go_on_from_its_state(series, kind, length, reverse):
    b, a = series(2, length), factors(kind, 2, length)
    whole, end = scan(a, b, reverse=reverse)
    cut = length // 3 + 1
    parts = [slice(0, cut), slice(cut, length)]
    state, got = None, np.empty_like(b)
    for part in reversed(parts) if reverse else parts:
        some = a if isinstance(a, float) else a[..., part]
        got[:, part], state = scan(some, b[:, part], initial=state, reverse=reverse)
    np.testing.assert_allclose(got, whole, rtol=1e-13)
    np.testing.assert_allclose(state, end, rtol=1e-13)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", ["number", "shared", "private"])
def test_a_reversed_series_run_in_reverse_is_the_same(series, kind, length):
    b, a = series(2, length), factors(kind, 2, length)
    backwards = a if isinstance(a, float) else np.flip(a, -1)
    got, last = scan(backwards, np.flip(b, -1), reverse=True)
    expected, end = scan(a, b)
    np.testing.assert_allclose(np.flip(got, -1), expected, rtol=1e-13)
    np.testing.assert_allclose(last, end, rtol=1e-13)


def test_rows_do_not_know_of_each_other(series):
    b, a = series(5, 1000), factors("private", 5, 1000)
    order = [3, 0, 4, 1, 2]
    assert (scan(a[order], b[order])[0] == scan(a, b)[0][order]).all()


def test_ten_million_points_at_the_longest_memory_do_not_drift(recurrence):
    # A constant input is the hardest: every rounding goes the same way.
    h, last = scan(0.9999, np.full(10_000_000, 0.7, np.float32))
    limit = float(np.float32(0.7)) / (1 - 0.9999)
    np.testing.assert_allclose(h[-3_000_000:], limit, rtol=1e-6)
    assert last == pytest.approx(limit, rel=1e-6)


@pytest.mark.parametrize(
    "laid",
    [
        lambda b: np.asfortranarray(b),
        lambda b: np.repeat(b, 2, axis=1)[:, ::2],
        lambda b: b[::-1][::-1],
        lambda b: torch.from_numpy(b.T.copy()).T,
        lambda b: torch.from_numpy(b),
        lambda b: torch.from_numpy(b).requires_grad_(),
    ],
    ids=["columns", "every second", "turned", "turned tensor", "tensor", "with grad"],
)
@pytest.mark.parametrize("kind", ["number", "private"])
def test_input_of_any_strides_is_read_and_left_as_it_was(series, laid, kind):
    b, a = series(3, 500), factors(kind, 3, 500)
    given = laid(b)
    h, last = scan(a, given)
    assert type(h) is type(last) is (torch.Tensor if torch.is_tensor(given) else np.ndarray)
    assert (np.asarray(given.detach() if torch.is_tensor(given) else given) == b).all()
    np.testing.assert_allclose(np.asarray(h), scan(a, b)[0], rtol=1e-15)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("length", [1, 2, 3, 300])
def test_torch_on_a_device_runs_the_same_and_leaves_its_input_too(
    monkeypatch, series, length, reverse
):
    # An accelerator without Triton; here the host's memory is hidden from the engine.
    b, a = series(1, length), factors("private", 1, length)
    expected, last = scan(a, b, reverse=reverse)
    monkeypatch.setattr(arrays, "on_host", lambda array: False)
    monkeypatch.setattr(arrays, "real", lambda values, name, **_: torch.as_tensor(values))
    given = torch.from_numpy(b.copy())
    h, end = scan(torch.from_numpy(a), given, reverse=reverse)
    np.testing.assert_allclose(h.numpy(), expected, rtol=1e-13)
    np.testing.assert_allclose(end.numpy(), last, rtol=1e-13)
    assert (given.numpy() == b).all()


@pytest.mark.parametrize("length", [8, 2000, 300_000])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_spoils_nothing_before_it(length, bad):
    b = np.ones(length)
    b[length // 2] = bad
    h, _ = scan(0.5, b)
    expected, _ = scan(np.full(length, 0.5), b)
    np.testing.assert_array_equal(np.isfinite(h), np.arange(length) < length // 2)
    np.testing.assert_allclose(h[: length // 2], expected[: length // 2], rtol=1e-13)


def test_a_state_too_large_for_the_dtype_is_carried_all_the_same():
    h, _ = scan(0.5, np.ones(300, np.float32), initial=1e39)
    np.testing.assert_allclose(h[1:4], [2.5e38, 1.25e38, 6.25e37], rtol=1e-6)


def test_a_single_tensor_goes_on_from_its_own_state():
    h, last = scan(0.5, torch.ones(8))
    assert last.shape == ()
    assert scan(0.5, torch.ones(8), initial=last)[0][0] == 0.5 * h[-1] + 1


def test_no_series_give_no_series():
    h, last = scan(0.5, np.zeros((0, 5)))
    assert (h.shape, last.shape) == ((0, 5), (0,))


def test_leading_axes_are_so_many_series(series):
    b = series(6, 40).reshape(2, 3, 40)
    a = factors("private", 6, 40).reshape(2, 3, 40)
    h, last = scan(a, b)
    flat, ends = scan(a.reshape(6, 40), b.reshape(6, 40))
    assert (h == flat.reshape(2, 3, 40)).all()
    assert (last == ends.reshape(2, 3)).all()
    single, end = scan(0.5, b[0, 0])
    assert (single.shape, np.shape(end)) == ((40,), ())


def test_a_result_may_go_into_memory_that_is_there(series):
    b = torch.from_numpy(series(3, 400))
    out = torch.empty_like(b)
    h, _ = scan(0.9, b, out=out)
    assert h is out
    assert (out == scan(0.9, b)[0]).all()


@pytest.mark.parametrize(
    "out",
    [
        np.empty((3, 5)),
        np.empty((3, 4), np.float32),
        np.empty((4, 3)).T,
        torch.empty(3, 4, dtype=torch.float64),
    ],
    ids=["shape", "dtype", "strides", "library"],
)
def test_memory_that_does_not_fit_is_refused_in_words(out):
    with pytest.raises(ValueError, match=r"out must be contiguous and as the values are: ndarray"):
        scan(0.9, np.zeros((3, 4)), out=out)


def test_the_input_is_no_place_for_the_result():
    b = np.zeros((3, 4))
    with pytest.raises(ValueError, match="out shares memory with the values"):
        scan(0.9, b, out=b)


def test_half_precision_is_worked_with_in_float32():
    h, _ = scan(0.5, torch.tensor([1.0, 4.0], dtype=torch.bfloat16))
    assert h.dtype == torch.float32
    assert h.tolist() == [1.0, 4.5]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: scan(0.5, np.zeros((3, 0))), ValueError, r"T >= 1, got \(3, 0\)"),
        (lambda: scan(0.5, 1.0), ValueError, r"T >= 1, got \(\)"),
        (lambda: scan(0.5, np.arange(3)), TypeError, "floating point, got dtype int64"),
        (lambda: scan(0.5, torch.arange(3)), TypeError, "got dtype torch.int64"),
        (lambda: scan(0.5, np.zeros(3, complex)), TypeError, "got dtype complex128"),
        (
            lambda: scan(np.zeros(4), np.zeros(3)),
            ValueError,
            r"factor must be a number.*\(4,",
        ),
        (
            lambda: scan(0.5, np.zeros((2, 3)), initial=np.zeros(3)),
            ValueError,
            r"initial must be .*\(2,\), got \(3,\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_the_old_public_name_still_works_and_says_that_it_goes():
    with pytest.warns(DeprecationWarning, match=r"rlviz\.smooth\.scan goes with the next release"):
        old = rlviz.smooth.scan
    assert old is scan
