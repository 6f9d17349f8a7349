"""One way to ask NumPy arrays and torch tensors what they ask in two.

The engines of this package are written once, against the names that both libraries share; `xp` in
them is either module. Tensors in host memory are looked at as NumPy arrays, which share their
memory and cost less per operation; torch itself runs what lies on an accelerator.
"""

import functools
import importlib.util
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

Array = Any
"""A `numpy.ndarray` or a `torch.Tensor`; torch is not imported for the sake of a name."""


def is_tensor(values: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(values, torch.Tensor)


def namespace(array: Array) -> Any:
    """The module that computes with this array: numpy or torch."""
    return sys.modules["torch"] if is_tensor(array) else np


def on_host(array: Array) -> bool:
    return not is_tensor(array) or array.device.type == "cpu"


def real(values: Any, name: str, *, whole: bool = False) -> Array:
    """Values as an array of float32 or float64, without copying one that is.

    Args:
        values: an array, a tensor on any device, or a sequence of numbers.
        name: what the caller calls them, for the message.
        whole: take arrays of whole numbers too, as float64 (a step counter can be an x).

    Returns:
        A NumPy array for everything in host memory, else a tensor on its device. Half precision
        becomes float32.

    Raises:
        TypeError: they are not real numbers, or whole ones.
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
    """A result in the library of the values that were given: a host tensor gets a tensor back."""
    if is_tensor(values) and not is_tensor(result):
        array = np.asarray(result)
        return sys.modules["torch"].from_numpy(np.require(array, requirements="C"))
    return result


def to(array: Array, other: Array) -> Array:
    """The array in the library and on the device of another one."""
    if not is_tensor(other):
        return array.cpu().numpy() if is_tensor(array) else array
    torch = namespace(other)
    return torch.as_tensor(array, device=other.device)


def empty(shape: tuple[int, ...], other: Array, *, double: bool = False) -> Array:
    """An array to be filled, of another one's library, device and (unless `double`) dtype."""
    if is_tensor(other):
        torch = namespace(other)
        dtype = torch.float64 if double else other.dtype
        return torch.empty(shape, dtype=dtype, device=other.device)
    return np.empty(shape, np.float64 if double else other.dtype)


def double(array: Array) -> Array:
    """As float64, without copying one that is."""
    return array.double() if is_tensor(array) else array.astype(np.float64, copy=False)


def whole(array: Array) -> Array:
    """As int64, cut off."""
    return array.long() if is_tensor(array) else array.astype(np.int64)


def changes(array: Array) -> Array:
    """Where a row's number differs from the one before; so it does at its start: as a mask."""
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
    """Along the last axis."""
    if is_tensor(array):
        return array.cummax(-1).values
    return np.maximum.accumulate(array, axis=-1)


def sorted_rows(array: Array) -> Array:
    """Sorted along the last axis."""
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
    """Sums over groups of neighbors: array (..., S, T), the number of each point's group, never
    decreasing, (S | 1, T) -> (..., S, count)."""
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
    """Cut (R, T) into tiles of about `size` points on a CPU (more on a device): whole rows while
    they fit, else stretches of one row, in order."""
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
    """Where a result goes, as an array: `out`, or a new one like the values.

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
    """Whether it lies on a device that the Triton kernels run on."""
    return is_tensor(array) and array.device.type == "cuda" and _triton_is_there()
