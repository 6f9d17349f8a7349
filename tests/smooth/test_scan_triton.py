"""The recurrence on a GPU: its values in Triton's interpreter, at every way to launch a kernel.

On a machine with a CUDA device the same tests run on it, compiled, and races are looked for.
"""

import importlib
import os

import numpy as np
import pytest
import torch

if os.getenv("RLVIZ_REQUIRE_TRITON"):
    triton = importlib.import_module("triton")
else:  # Triton exists for Linux only
    triton = pytest.importorskip("triton")

from rlviz.smooth import averages, ema, scan_triton
from rlviz.smooth.recurrence import scan

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def version(package):
    return tuple(map(int, package.__version__.split(".")[:2]))


pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning"),  # interpreted 0/0
    # What raises where a thread waits says so of itself, once.
    pytest.mark.filterwarnings("ignore:Synchronization debug mode:UserWarning"),
    pytest.mark.skipif(
        DEVICE == "cpu" and version(triton) < (3, 3) and version(np) >= (2, 4),
        reason="the interpreter of triton 3.2 can't loop with numpy 2.4: an int of an array",
    ),
]

# The kernels count in float64 and round once, to the dtype of the data; relative to max |y|.
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}

# One block, several, and (over 2048, with few rows) a chain of chunks.
SHAPES = [(3, 1), (5, 2), (2, 3), (3, 127), (2, 1500), (2, 2500)]


def batch_of(y, *, weight=None, tau=None, x=None):
    y = torch.from_numpy(y).to(DEVICE)
    fresh = torch.zeros(len(y), dtype=torch.float64, device=DEVICE)
    return averages.SeriesBatch(
        y=y,
        out=torch.empty_like(y),
        weight=weight,
        tau=tau,
        at=None if x is None else torch.from_numpy(x).to(DEVICE),
        num=fresh.clone(),
        den=fresh.clone(),
        x=None if x is None else fresh - np.inf,
    )


def hold(got, expected, tolerance):
    got = got.cpu().double().numpy()
    assert (np.isnan(got) == np.isnan(expected)).all()
    np.testing.assert_allclose(got, expected, rtol=0, atol=8 * tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernel_averages_as_the_engine_on_the_host(series, shape, dtype):
    y = series(*shape, gaps=0.1).astype(np.float32 if dtype == torch.float32 else np.float64)
    for weight in (0.0, 0.9999):
        batch = batch_of(y, weight=weight)
        scan_triton.ema(batch)
        expected, state = ema(y, weight=weight)
        hold(batch.out, expected, TOLERANCE[dtype])
        np.testing.assert_allclose(batch.num.cpu(), state["num"], rtol=1e-6)
        np.testing.assert_allclose(batch.den.cpu(), state["den"], rtol=1e-11)


@pytest.mark.parametrize("shared", [True, False], ids=["shared x", "private x"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernel_averages_along_x_and_goes_on_from_its_state(series, shape, shared):
    y = series(*shape, gaps=0.1)
    x = 1e24 + np.cumsum(np.random.default_rng(1).random(shape), -1)[: 1 if shared else None] * 1e22
    expected, end = ema(y, x=x[0] if shared else x, tau=5e22)
    first = (shape[1] + 1) // 2
    batch = batch_of(y, tau=5e22, x=x)
    for part in (slice(0, first), slice(first, shape[1])):
        if y[:, part].size:
            scan_triton.ema(batch.part(slice(None), part))
    hold(batch.out, expected, TOLERANCE[torch.float64])
    np.testing.assert_allclose(batch.x.cpu(), end["x"], rtol=1e-15)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernel_runs_the_recurrence_with_any_factors_and_strides(series, shape, reverse):
    b = series(*shape)
    start = np.arange(1.0, shape[0] + 1)
    random = np.random.default_rng(2)
    for factor in (0.99, random.random((1, shape[1])), random.random(shape)):
        columns = torch.from_numpy(b.T.copy()).to(DEVICE).T  # not contiguous
        out = torch.empty(shape, dtype=torch.float64, device=DEVICE)
        state = torch.from_numpy(start.copy()).to(DEVICE)
        a = factor if isinstance(factor, float) else torch.from_numpy(factor).to(DEVICE)
        scan_triton.scan(a, columns, state, out, reverse=reverse)
        shared = not isinstance(factor, float) and len(factor) == 1
        expected, last = scan(factor[0] if shared else factor, b, initial=start, reverse=reverse)
        hold(out, expected, 1e-11)
        np.testing.assert_allclose(state.cpu(), last, rtol=1e-11)


gpu = pytest.mark.skipif(DEVICE != "cuda", reason="needs a CUDA device")


@gpu
@pytest.mark.parametrize("shape", [(1, 4_000_000), (7, 300_000), (5000, 700), (100_000, 100)])
def test_on_a_gpu_a_hundred_runs_give_the_same_bits_without_a_synchronization(shape):
    torch.manual_seed(0)
    y = torch.randn(shape, device="cuda")
    y[torch.rand(shape, device="cuda") < 0.01] = torch.nan
    first, _ = ema(y, weight=0.999)
    expected, _ = ema(y.cpu(), weight=0.999)
    hold(first, expected.double().numpy(), 1e-6)
    torch.cuda.set_sync_debug_mode("error")
    try:
        results = [ema(y, weight=0.999)[0] for _ in range(100)]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(torch.equal(first.nan_to_num(), other.nan_to_num()) for other in results)
