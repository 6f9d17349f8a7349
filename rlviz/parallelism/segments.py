"""Flat arrays cut into segments by offsets: how batches of episodes are laid out and summed."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Number = TypeVar("Number", np.int64, np.float64)


def as_costs(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Read a flat array of finite costs >= 0.

    Raises:
        ValueError: the array is not one-dimensional, or a value is negative or not finite.

    Example:
        >>> as_costs("main_steps", [1, 2])
        array([1., 2.])
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}. Flatten it.")
    # One pass each over the extremes; NaN makes both comparisons False.
    if array.size and not (array.min() >= 0 and array.max() < np.inf):
        bad = int(np.flatnonzero(~((array >= 0) & (array < np.inf)))[0])
        raise ValueError(
            f"{name} must be finite and >= 0, got {array[bad].item()!r} at position {bad}."
        )
    return array


def check_offsets(name: str, values: ArrayLike, owner: str, size: int) -> NDArray[np.int64]:
    """Read offsets: whole numbers that start at 0, never fall, and end at `size`.

    Raises:
        ValueError: they do not; the message names `owner`, the array they cut.

    Example:
        >>> check_offsets("episode_offsets", [0, 2, 2], "start", 2)
        array([0, 2, 2])
    """
    offsets = np.asarray(values)
    ok = offsets.ndim == 1 and offsets.size > 0 and offsets.dtype.kind in "iu"
    if ok:
        offsets = offsets.astype(np.int64)
        ok = offsets[0] == 0 and offsets[-1] == size and not np.any(np.diff(offsets) < 0)
    if not ok:
        raise ValueError(
            f"{name} must be whole numbers that start at 0, never fall and end at {size}, the "
            f"length of {owner}; got {_short(offsets)}. For segments of given sizes use "
            "numpy.concatenate([[0], numpy.cumsum(sizes)])."
        )
    return offsets


def segment_sum(values: NDArray[Number], offsets: NDArray[np.int64]) -> NDArray[Number]:
    """Sum of each segment; an empty one gives 0.

    Example:
        >>> segment_sum(np.array([1.0, 2.0, 4.0]), np.array([0, 2, 2, 3]))
        array([3., 0., 4.])
    """
    return _reduce(np.add, values, offsets)


def segment_max(values: NDArray[Number], offsets: NDArray[np.int64]) -> NDArray[Number]:
    """Maximum of each segment; an empty one gives 0.

    Example:
        >>> segment_max(np.array([1.0, 2.0, 4.0]), np.array([0, 2, 2, 3]))
        array([2., 0., 4.])
    """
    return _reduce(np.maximum, values, offsets)


def segment_min(values: NDArray[Number], offsets: NDArray[np.int64]) -> NDArray[Number]:
    """Minimum of each segment; an empty one gives 0.

    Example:
        >>> segment_min(np.array([3.0, 2.0, 4.0]), np.array([0, 2, 2, 3]))
        array([2., 0., 4.])
    """
    return _reduce(np.minimum, values, offsets)


def _reduce(
    ufunc: np.ufunc, values: NDArray[Number], offsets: NDArray[np.int64]
) -> NDArray[Number]:
    starts = offsets[:-1]
    filled = offsets[1:] > starts
    out = np.zeros(starts.size, dtype=values.dtype)
    # reduceat returns values[i] for an empty segment, so it gets only the filled ones.
    if filled.any():
        out[filled] = ufunc.reduceat(values, starts[filled])
    return out


def _short(array: NDArray[np.generic]) -> str:
    return np.array2string(array, threshold=8, edgeitems=3)
