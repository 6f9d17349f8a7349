"""Jumps: clean steps of a series, as after a restart or with new data."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz.report.statistics.noise import noise_of
from rlviz.report.statistics.pieces import whitened

Floats = NDArray[np.float64]

_MOST = 4
_SILENT = 1e-6
"""The least deviation of the noise, as a share of the extent of the values."""
_NEAR = 4
"""Bins on either side whose means differ at a candidate."""
_STANDS_OUT = 4.0
_SURE = 5.0
"""The least |t| of a jump's height."""
_NARROW = 0.03
"""A jump takes at most this share of the axis, or three bins."""
_WORSE = 6.6
"""How much worse (in −2·log likelihood) every wider ramp fits: the 99 % quantile of chi² with one
degree of freedom."""
_STAYS = 0.7
"""The medians of the five bins on both sides differ by this share of the height; an outlier's do
not."""
_WIDTHS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
_CENTERS = np.arange(-2.0, 2.01, 0.25)


@dataclass(frozen=True, slots=True)
class Jump:
    """A clean step.

    Attributes:
        after: the first bin after it.
        height: signed, in the unit of the series.
    """

    after: int
    height: float


def jumps_of(y: Floats, least: float) -> tuple[list[Jump], Floats]:
    """The jumps of a series, (n,), in order, and the series without them.

    Args:
        least: the smallest height, > 0.
    """
    level, found = y, []
    for _ in range(_MOST):
        jump = _largest(level, least)
        if jump is None:
            break
        found.append(jump)
        level = level - jump.height * (np.arange(len(y)) >= jump.after)
    return sorted(found, key=lambda jump: jump.after), level


def _largest(y: Floats, least: float) -> Jump | None:
    size = np.abs(_differences(y, _NEAR))
    after = int(size.argmax()) + 2
    scatter = 1.4826 * float(np.median(np.abs(np.diff(y)))) / math.sqrt(2)
    if size[after - 2] < max(least, _STANDS_OUT * scatter * math.sqrt(2 / _NEAR)):
        return None
    closer = np.abs(_differences(y, 2))[max(0, after - 3) : after]
    if closer.max() < _STAYS * size[after - 2]:  # a slope, over which less happens in less time
        return None
    step = float(np.median(y[after : after + 5]) - np.median(y[max(0, after - 5) : after]))
    if abs(step) < least:
        return None
    rest = y - step * (np.arange(len(y)) >= after)
    noise = noise_of(rest, _SILENT * float(np.ptp(y)))
    height = _height(y, after, np.sqrt(noise.variance), noise.correlation)
    if height is None or abs(height) < least or abs(step) < _STAYS * abs(height):
        return None
    return Jump(after, height)


def _differences(y: Floats, near: int) -> Floats:
    """Means of the `near` bins after a place minus means of those before, for places 2 … n − 2."""
    sums = np.concatenate([[0.0], np.cumsum(y - y.mean())])
    at = np.arange(2, len(y) - 1)
    before, after = np.minimum(at, near), np.minimum(len(y) - at, near)
    return np.asarray(
        (sums[at + after] - sums[at]) / after - (sums[at] - sums[at - before]) / before
    )


def _height(y: Floats, after: int, deviation: Floats, correlation: float) -> float | None:
    """The height of a jump if a narrow ramp explains the series around it surely better than every
    wide one; the line may bend there."""
    near = max(10, len(y) // 10)
    index = np.arange(max(0, after - near), min(len(y), after + near))
    widths = np.array([width for width in _WIDTHS if width <= len(index)])
    center = (after - 0.5 + _CENTERS)[:, None, None]
    steps = np.clip((index - center) / widths[:, None] + 0.5, 0.0, 1.0)  # (centers, widths, bins)
    bends = np.broadcast_to(np.maximum(index - center, 0.0), steps.shape)
    line = np.broadcast_to(
        np.stack([np.ones(len(index)), index - float(after)]), (*steps.shape[:2], 2, len(index))
    )
    design = np.concatenate([line, bends[:, :, None], steps[:, :, None]], 2)
    shape = design.shape
    columns = design.reshape(-1, len(index)).T
    white = whitened(columns, deviation[index], correlation).T.reshape(shape).swapaxes(2, 3)
    series = whitened(y[index, None], deviation[index], correlation)[:, 0]
    basis, triangle = np.linalg.qr(white)
    along = series @ basis  # (centers, widths, 4)
    left = series @ series - (along**2).sum(-1)
    narrow = widths <= max(3.0, _NARROW * len(y))
    if narrow.all():
        return None
    if left[:, ~narrow].min() - left[:, narrow].min() < _WORSE:
        return None
    best = np.unravel_index(np.where(narrow, left, np.inf).argmin(), left.shape)
    last = along[best][-1]  # the part of the step that nothing else explains
    size = triangle[best][-1, -1]
    if abs(last) < _SURE or size == 0:
        return None
    return float(last / size)
