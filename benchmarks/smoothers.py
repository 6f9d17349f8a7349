"""How well curves are smoothed: error, bias at the end, wiggles, and what the band really covers.

Seven truths under six kinds of noise, of one standard deviation, at four lengths; then irregular x
and gaps. "One bandwidth" is the curve without its two refinements: one bandwidth for the whole run,
chosen as if noise were new at every step.

Then the run of the figure's shape beside other smoothers: a level of 8 that rises to 14 in the last
tenth of the axis, noise that grows from 0.4 to 1.2, 400 points at irregular x (exponential steps).
Peers with a parameter get it from a grid, the best for the RMSE over all replicates: better than a
user, who does not know the truth, could choose.

    python benchmarks/smoothers.py [--share 1.0] [--lengths 60 240 1000 10000]
"""

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_smoothing_spline
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter, savgol_filter

import rlviz.smooth

Floats = NDArray[np.float64]
POINTS = 400

TRUTHS: dict[str, Callable[[Floats], Floats]] = {
    "hockey stick": lambda x: 60 * np.maximum(x - 0.9, 0),
    "flat": lambda x: 0 * x,
    "line": lambda x: 3 * x,
    "sine": lambda x: 3 * np.sin(9 * x),
    "sigmoid": lambda x: 5 / (1 + np.exp((0.5 - x) / 0.06)),
    "step": lambda x: 3.0 * (x > 0.5),
    "dip": lambda x: 2 * x - 1.5 * np.exp(-(((x - 0.35) / 0.2) ** 2)),
}
NOISES = ("independent", "AR .3", "AR .5", "AR .8", "heteroscedastic", "t3")
REPLICATES = {60: 300, 240: 200, 1000: 100, 10_000: 12}


def noise_of(kind: str, x: Floats, random: np.random.Generator) -> Floats:
    """Of variance 1 (on average, where it is heteroscedastic)."""
    fresh = random.normal(size=x.shape)
    if kind == "heteroscedastic":
        deviation = 0.25 + 1.5 * x
        return np.asarray(fresh * deviation / np.sqrt(np.mean(deviation**2)))
    if kind == "t3":
        return np.asarray(random.standard_t(3, x.shape) / math.sqrt(3))
    if kind == "independent":
        return fresh
    rho = float(kind.removeprefix("AR "))
    fresh[:, 1:] *= math.sqrt(1 - rho**2)
    return np.asarray(lfilter([1.0], [1.0, -rho], fresh, axis=-1))


@dataclass(frozen=True, slots=True)
class Quality:
    """Of the curves of one truth under one noise, in standard deviations of it."""

    rmse: float
    end_bias: float
    covered: float
    covered_late: float
    wiggles: float

    @classmethod
    def of(cls, got: Any, x: Floats, truth: Floats) -> "Quality":
        known = np.isfinite(got.curve)
        off = np.where(known, got.curve - truth, 0.0)
        inside = known & (got.low <= truth) & (truth <= got.high)
        late = known & (x > 0.9)
        last = x.shape[-1] - 1 - known[:, ::-1].argmax(-1)
        wiggles = [
            turns(curve[seen]) - turns(true[seen])
            for curve, true, seen in zip(got.curve, truth, known, strict=True)
        ]
        return cls(
            rmse=float(np.sqrt((off**2).sum(-1) / known.sum(-1)).mean()),
            end_bias=float(off[np.arange(len(off)), last].mean()),
            covered=float(inside.sum() / known.sum()),
            covered_late=float((inside & late).sum() / late.sum()),
            wiggles=float(np.maximum(wiggles, 0).mean()),
        )


def turns(curve: Floats) -> int:
    """How often a curve turns up or down."""
    steps = np.diff(curve)
    rising = steps[np.abs(steps) > 1e-12 * np.ptp(curve)] > 0
    return int((rising[1:] != rising[:-1]).sum())


def cells(lengths: list[int], share: float) -> Iterator[tuple[str, str, Any]]:
    """Length, noise, and for each truth: x, truth, values, each (replicates, T)."""
    random = np.random.default_rng(11)

    def drawn(kind: str, x: Floats, gaps: bool) -> dict[str, tuple[Floats, Floats, Floats]]:
        found = {}
        for name, shape in TRUTHS.items():
            truth = shape(x)
            values = truth + noise_of(kind, x, random)
            if gaps:
                values[random.random(x.shape) < 0.1] = math.nan
                values[:, 100:125] = math.nan
            found[name] = (x, truth, values)
        return found

    for length in lengths:
        count = max(4, round(share * REPLICATES[length]))
        x = np.broadcast_to(np.linspace(0, 1, length), (count, length))
        for kind in NOISES:
            yield str(length), kind, drawn(kind, x, gaps=False)
        if length == 240:
            steps = np.cumsum(random.exponential(size=x.shape), -1)
            own = (steps - steps[:, :1]) / (steps[:, -1:] - steps[:, :1])
            for kind in ("independent", "AR .5"):
                yield "240, irregular x", kind, drawn(kind, own, gaps=False)
            for kind in ("independent", "AR .5"):
                yield "240, gaps", kind, drawn(kind, x, gaps=True)


def measure_curves(lengths: list[int], share: float) -> None:
    smooth = rlviz.smooth.local_polynomial
    contenders = (
        lambda y, x: smooth(y, x=x, local=False, noise_correlation=0.0),
        lambda y, x: smooth(y, x=x),
    )
    print("One bandwidth -> place by place. RMSE: geometric mean over the truths; coverage in %: ")
    print("mean over the truths (worst truth); the numbers in the noise's standard deviation.\n")
    print("| T | noise | RMSE | end bias | hockey's | covered | in the last tenth | wiggles |")
    print("|---|---|---|---|---|---|---|---|")
    by_truth: dict[str, list[str]] = {}
    for length, kind, drawn in cells(lengths, share):
        found: list[list[Quality]] = [[], []]
        for x, truth, values in drawn.values():
            for of, run in zip(found, contenders, strict=True):
                of.append(Quality.of(run(values, x), x, truth))
            old, new = (f"{of[-1].rmse:.3f}" for of in found)
            by_truth.setdefault(f"{length}, {kind}", []).append(f"{old} → {new}")
        columns = zip(*(summary(of) for of in found), strict=True)
        row = " | ".join(f"{old} → {new}" for old, new in columns)
        print(f"| {length} | {kind} | {row} |", flush=True)
    print("\nRMSE by truth\n")
    print(f"| T, noise | {' | '.join(TRUTHS)} |")
    print("|---" * (1 + len(TRUTHS)) + "|")
    for label, row_of in by_truth.items():
        print(f"| {label} | {' | '.join(row_of)} |")


def summary(found: list[Quality]) -> tuple[str, ...]:
    covered = [100 * of.covered for of in found]
    late = [100 * of.covered_late for of in found]
    return (
        f"{math.exp(np.mean([math.log(of.rmse) for of in found])):.3f}",
        f"{np.mean([abs(of.end_bias) for of in found]):.2f}",
        f"{found[0].end_bias:.2f}",
        f"{np.mean(covered):.1f} ({min(covered):.0f})",
        f"{np.mean(late):.1f} ({min(late):.0f})",
        f"{np.mean([of.wiggles for of in found]):.1f}",
    )


def replicates(count: int) -> tuple[Floats, Floats, Floats]:
    """The figure's shape: x, truth and values, each (count, POINTS)."""
    random = np.random.default_rng(7)
    x = np.cumsum(random.exponential(size=(count, POINTS)), axis=1)
    x = (x - x[:, :1]) / (x[:, -1:] - x[:, :1])
    truth = 8 + 60 * np.maximum(x - 0.9, 0)
    return x, truth, truth + (0.4 + 0.8 * x) * random.normal(size=x.shape)


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
    from statsmodels.nonparametric.smoothers_lowess import lowess

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
    x, truth, values = replicates(count)
    print(
        f"\nhockey stick, {count} replicates of {POINTS} points; goal: RMSE <= 0.17, |bias| <= 0.12"
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the replicates")
    parser.add_argument("--lengths", type=int, nargs="*", default=list(REPLICATES))
    parser.add_argument("--no-peers", action="store_true", help="leave other smoothers out")
    options = parser.parse_args()
    measure_curves(options.lengths, options.share)
    if options.no_peers:
        return
    measure_peers(max(10, round(200 * options.share)))


if __name__ == "__main__":
    main()
