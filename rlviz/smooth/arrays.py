"""One interface to operations that NumPy arrays and torch tensors spell differently.

The engines of this package are written once, with the names that both libraries share; `xp` in them
is either module. Tensors in host memory are viewed as NumPy arrays, which share their memory and
cost less per operation; torch computes only on accelerators.
"""

import functools
import importlib.util
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

Array = Any
"""A `numpy.ndarray` or a `torch.Tensor`; the name alone does not justify importing torch."""


def is_tensor(values: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(values, torch.Tensor)


def namespace(array: Array) -> Any:
    """The module that computes with this array: numpy or torch."""
    return sys.modules["torch"] if is_tensor(array) else np


def on_host(array: Array) -> bool:
    return not is_tensor(array) or array.device.type == "cpu"


def real(values: Any, name: str, *, whole: bool = False) -> Array:
    """Values as an array of float32 or float64; an array that already is one is not copied.

    Args:
        values: an array, a tensor on any device, or a sequence of numbers.
        name: the name that the caller gives them, for the error message.
        whole: also take arrays of whole numbers, as float64 (a step counter can be an x).

    Returns:
        A NumPy array for everything in host memory, else a tensor on its device. Half precision
        becomes float32.

    Raises:
        TypeError: they are not real numbers, or whole numbers in an array without `whole`.
    """
    if is_tensor(values):
        return _real_tensor(values.detach(), name, whole)
    array = np.asarray(values)
    if array.dtype.kind in "iu" and (whole or not isinstance(values, np.ndarray)):
        return array.astype(np.float64)
    if array.dtype.kind != "f":
        raise _wrong_kind(name, array.dtype)
    if array.dtype.itemsize == 2:
        return array.astype(np.float32)
    return array if array.dtype.itemsize <= 8 else array.astype(np.float64)


def _real_tensor(tensor: Array, name: str, whole: bool) -> Array:
    torch = namespace(tensor)
    is_whole = not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)
    if is_whole and whole:
        tensor = tensor.double()
    elif not tensor.is_floating_point():
        raise _wrong_kind(name, tensor.dtype)
    elif tensor.dtype not in (torch.float32, torch.float64):
        tensor = tensor.float()
    return tensor.numpy() if tensor.device.type == "cpu" else tensor


def _wrong_kind(name: str, dtype: object) -> TypeError:
    return TypeError(
        f"{name} must be real numbers in floating point, got dtype {dtype}. "
        "Convert them first, for example with .astype(float) or .double()."
    )


def like(result: Array, values: Any) -> Array:
    """A result in the library of the given values: a host tensor gives a tensor back."""
    if is_tensor(values) and not is_tensor(result):
        array = np.asarray(result)
        return sys.modules["torch"].from_numpy(np.require(array, requirements="C"))
    return result


def to(array: Array, other: Array) -> Array:
    """The array in the library and on the device of another array."""
    if not is_tensor(other):
        return array.cpu().numpy() if is_tensor(array) else array
    torch = namespace(other)
    return torch.as_tensor(array, device=other.device)


def empty(shape: tuple[int, ...], other: Array, *, double: bool = False) -> Array:
    """An array to be filled, with the library, the device and (unless `double`) the dtype of
    another."""
    if is_tensor(other):
        torch = namespace(other)
        dtype = torch.float64 if double else other.dtype
        return torch.empty(shape, dtype=dtype, device=other.device)
    return np.empty(shape, np.float64 if double else other.dtype)


def double(array: Array) -> Array:
    """The array as float64; a float64 array is not copied."""
    return array.double() if is_tensor(array) else array.astype(np.float64, copy=False)


def whole(array: Array) -> Array:
    """The array as int64, truncated."""
    return array.long() if is_tensor(array) else array.astype(np.int64)


def changes(array: Array) -> Array:
    """A mask of where a number differs from the one before it in its row; True at the start of a
    row."""
    found = array != array
    found[..., 0] = True
    found[..., 1:] = array[..., 1:] != array[..., :-1]
    return found


def add_product(total: Array, a: Array, b: Array) -> None:
    """``total += a · b`` in place."""
    if is_tensor(total):
        total.addcmul_(a, b)
    else:
        total += a * b


def running_maximum(array: Array) -> Array:
    """The running maximum along the last axis."""
    if is_tensor(array):
        return array.cummax(-1).values
    return np.maximum.accumulate(array, axis=-1)


def sorted_rows(array: Array) -> Array:
    """The array sorted along the last axis."""
    return array.sort(-1).values if is_tensor(array) else np.sort(array, axis=-1)


def pick(array: Array, index: Array) -> Array:
    """One element of each row: array (..., n), index (...) -> (...)."""
    if is_tensor(array):
        return array.take_along_dim(index[..., None], -1)[..., 0]
    return np.take_along_axis(array, index[..., None], -1)[..., 0]


def take(array: Array, index: Array) -> Array:
    """Elements of each row: array (..., S | 1, n), index (S | 1, m) -> (..., S, m)."""
    if len(index) == 1:
        return array[..., index[0]]
    if is_tensor(array):
        shape = (*array.shape[:-2], len(index))
        rows = array.expand(*shape, array.shape[-1])
        return rows.take_along_dim(index.expand(*shape, index.shape[-1]), -1)
    if array.ndim == 2 and len(array) == len(index):
        flat = index + array.shape[-1] * np.arange(len(index))[:, None]
        return array.reshape(-1).take(flat)
    rows = np.broadcast_to(array, (*array.shape[:-2], len(index), array.shape[-1]))
    return np.take_along_axis(rows, np.broadcast_to(index, (*rows.shape[:-1], index.shape[-1])), -1)


def sums(array: Array, group: Array, count: int) -> Array:
    """Sums over groups of neighbors: array (..., S, T); group, the number of each point's group,
    never decreasing, (S | 1, T) -> (..., S, count)."""
    total = empty((*array.shape[:-1], count), array)
    total[...] = 0.0
    if is_tensor(array):
        return total.scatter_add_(-1, group.expand(array.shape), array)
    if len(group) == 1:
        starts = np.flatnonzero(np.diff(group[0], prepend=-1))
        total[..., group[0, starts]] = np.add.reduceat(array, starts, axis=-1)
        return total
    rows = np.arange(array.size // array.shape[-1]).reshape(array.shape[:-1])
    flat = group + count * rows[..., None]
    found = np.bincount(flat.reshape(-1), array.reshape(-1), count * rows.size)
    total[...] = found.reshape(total.shape)
    return total


def tiles(array: Array, size: int, *, reverse: bool = False) -> Iterator[tuple[slice, slice]]:
    """Cut (R, T) into tiles of about `size` points on a CPU (more on a device): whole rows if they
    fit, else stretches of one row, in order."""
    rows, columns = array.shape
    if not on_host(array):
        size = _DEVICE_TILE
    width = min(columns, size)
    height = max(1, size // width)
    across = range(0, columns, width)
    for top in range(0, rows, height):
        for left in reversed(across) if reverse else across:
            yield slice(top, min(top + height, rows)), slice(left, min(left + width, columns))


_DEVICE_TILE = 1 << 24


def output(out: Any, values: Any, like: Array) -> Array:
    """The array for a result: `out`, or a new array like the values.

    Raises:
        ValueError: `out` differs from values in kind, shape or dtype, or shares their memory.
    """
    if out is None:
        return empty(tuple(like.shape), like)
    array = out.detach() if is_tensor(out) else out
    array = array.numpy() if is_tensor(array) and on_host(array) else array
    fits = (
        is_tensor(out) == is_tensor(values)
        and is_tensor(array) == is_tensor(like)
        and array.shape == like.shape
        and array.dtype == like.dtype
        and (array.is_contiguous() if is_tensor(array) else array.flags.c_contiguous)
    )
    if not fits:
        raise ValueError(
            f"out must be contiguous and as the values are: {type(values).__name__} of shape "
            f"{tuple(like.shape)} and dtype {like.dtype}."
        )
    if on_host(array) and np.may_share_memory(array, like):
        raise ValueError("out shares memory with the values, which are never changed. Copy first.")
    return array


@functools.cache
def _triton_is_there() -> bool:
    return importlib.util.find_spec("triton") is not None


def has_kernel(array: Array) -> bool:
    """Whether the array is on a device that the Triton kernels run on."""
    return is_tensor(array) and array.device.type == "cuda" and _triton_is_there()
