"""How well curves are smoothed: error, bias at the end, and what the band really covers.

The run of the figure's shape: a level of 8 that rises to 14 in the last tenth of the axis, noise
that grows from 0.4 to 1.2, 400 points at irregular x (exponential steps), 200 replicates. Peers
with a parameter get it from a grid, the best for the RMSE over all replicates: better than a user,
who does not know the truth, could choose. Then the band's coverage on runs of other shapes.

    python benchmarks/smoothers.py [--replicates 200]
"""

import argparse
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_smoothing_spline
from scipy.ndimage import gaussian_filter1d
from scipy.signal import savgol_filter
from statsmodels.nonparametric.smoothers_lowess import lowess

import rlviz.smooth

Floats = NDArray[np.float64]
POINTS = 400


def hockey_stick(x: Floats) -> tuple[Floats, Floats]:
    return 8 + 60 * np.maximum(x - 0.9, 0), 0.4 + 0.8 * x


SHAPES: dict[str, Callable[[Floats], tuple[Floats, Floats]]] = {
    "hockey stick, growing noise": hockey_stick,
    "flat": lambda x: (5 + 0 * x, 1 + 0 * x),
    "line": lambda x: (3 * x, 1 + 0 * x),
    "sine": lambda x: (2 * np.sin(9 * x), 0.5 + 0 * x),
    "saturating": lambda x: (0.35 + 0.3 * (1 - np.exp(-4 * x)), 0.015 + 0 * x),
    "step": lambda x: (2.0 * (x > 0.5), 0.5 + 0 * x),
}


def replicates(shape: Any, count: int, *, correlation: float = 0.0) -> tuple[Floats, ...]:
    """x, truth and values, each (count, POINTS)."""
    random = np.random.default_rng(7)
    x = np.cumsum(random.exponential(size=(count, POINTS)), axis=1)
    x = (x - x[:, :1]) / (x[:, -1:] - x[:, :1])
    noise = random.normal(size=x.shape)
    for t in range(1, POINTS):  # AR(1) of variance 1
        fresh = math.sqrt(1 - correlation**2) * noise[:, t]
        noise[:, t] = correlation * noise[:, t - 1] + fresh
    truth, deviation = shape(x)
    return x, truth, truth + deviation * noise


def time_weighted(x: Floats, y: Floats, weight: float) -> Floats:
    """wandb's time-weighted EMA: the weight's exponent is the step of x in 1000ths of its range."""
    last, debias, out = 0.0, 0.0, np.empty_like(y)
    extent, smoothing = x[-1] - x[0], min(math.sqrt(weight), 0.999)
    previous = x[0]
    for t in range(len(y)):
        change = (x[t] - previous) / extent * 1000 if t else 0.0
        previous = x[t]
        factor = smoothing**change
        last = last * factor + y[t]
        debias = debias * factor + 1
        out[t] = last / debias
    return out


def peers() -> dict[str, tuple[Callable[..., Floats], tuple[float, ...]]]:
    def ema(x: Floats, y: Floats, weight: float) -> Floats:
        return np.asarray(rlviz.smooth.ema(y, weight=weight)[0])

    return {
        "TensorBoard EMA": (ema, (0.6, 0.7, 0.8, 0.85, 0.9, 0.95)),
        "TensorBoard EMA at 0.99": (ema, (0.99,)),
        "wandb time-weighted EMA": (time_weighted, (0.5, 0.8, 0.9, 0.95, 0.98, 0.99)),
        "LOWESS": (
            lambda x, y, share: lowess(y, x, frac=share, return_sorted=False),
            (0.04, 0.06, 0.08, 0.1, 0.15, 0.2),
        ),
        "Savitzky-Golay, degree 2": (
            lambda x, y, width: savgol_filter(y, int(width), 2),
            (21, 31, 41, 51, 71, 101),
        ),
        "Gaussian filter": (
            lambda x, y, width: gaussian_filter1d(y, width),
            (3, 5, 7, 10, 15, 20),
        ),
        # Its own choice by GCV fails on points this close ("the problem is ill-posed").
        "cubic smoothing spline (scipy)": (
            lambda x, y, lam: make_smoothing_spline(x * POINTS, y, lam=lam)(x * POINTS),
            (10.0, 100.0, 1e3, 1e4, 1e5),
        ),
    }


def quality(curves: Floats, truth: Floats) -> tuple[float, float]:
    """Mean RMSE of a replicate, and mean error at its last point."""
    rmse = np.sqrt(np.mean((curves - truth) ** 2, axis=1)).mean()
    return float(rmse), float((curves[:, -1] - truth[:, -1]).mean())


def measure_peers(count: int) -> None:
    x, truth, values = replicates(hockey_stick, count)
    print(
        f"hockey stick, {count} replicates of {POINTS} points; goal: RMSE <= 0.17, |bias| <= 0.12"
    )
    print(f"{'':34}{'parameter':>12}{'RMSE':>10}{'end bias':>10}")
    mine = rlviz.smooth.local_polynomial(values, x=x)
    rows = [("rlviz local quadratic", "leave-one-out", *quality(mine.curve, truth))]
    for name, (smooth, parameters) in peers().items():
        found = []
        for parameter in parameters:
            curves = np.array([smooth(*pair, parameter) for pair in zip(x, values, strict=True)])
            found.append((*quality(curves, truth), parameter))
        rmse, bias, parameter = min(found)
        rows.append((name, f"{parameter:g}" if len(parameters) > 1 else "", rmse, bias))
    for name, parameter, rmse, bias in rows:
        print(f"{name:32}{parameter:>14}{rmse:10.3f}{bias:10.3f}")


def measure_bands(count: int) -> None:
    print("\nshare of points at which the band covers the truth; goal: 93-97 %, last tenth >= 90 %")
    print(f"{'':32}{'all':>12}{'last tenth':>12}{'2 SE: all':>12}{'last tenth':>12}")
    for name, correlation in [
        *((name, 0.0) for name in SHAPES),
        ("hockey stick, growing noise", 0.5),
    ]:
        x, truth, values = replicates(SHAPES[name], count, correlation=correlation)
        got = rlviz.smooth.local_polynomial(values, x=x)
        late = x > 0.9
        inside = (got.low <= truth) & (truth <= got.high)
        plain = np.abs(got.curve - truth) <= 2 * got.standard_error
        label = name.split(",")[0] + f", AR(1) noise {correlation}" if correlation else name
        shares = (inside.mean(), inside[late].mean(), plain.mean(), plain[late].mean())
        cells = (f"{100 * share:10.1f} %" for share in shares)
        print(f"{label:32}" + "".join(cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=200)
    count = parser.parse_args().replicates
    measure_peers(count)
    measure_bands(count)


if __name__ == "__main__":
    main()
