"""The batched recurrence ``h_t = a_t·h_{t−1} + b_t``, the engine of every curve.

On a CPU it runs tile by tile and allocates only the result and the memory for one tile: matrix
products (`rlviz.smooth.constant`) for a constant a, blocks (`rlviz.smooth.blocks`) for an a that
varies. On a CUDA device a Triton kernel reads and writes the data once; without Triton, the same
blocks run there in torch.
"""

from typing import Any

import numpy as np

from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array
from rlviz.smooth.blocks import Recurrence, pack, unpack
from rlviz.smooth.constant import ConstantRecurrence


def scan(
    factor: Any, inputs: Any, *, initial: Any = None, reverse: bool = False, out: Any = None
) -> tuple[Array, Array]:
    """Run ``h_t = a_t·h_{t−1} + b_t`` along the last axis of a batch of series.

    Args:
        factor: a, either a number for all points, (T,) for all series, or the shape of inputs; in
            [-1, 1], because others soon overflow.
        inputs: b, (..., T), float32 or float64, of any strides; never changed.
        initial: h before the first point, a number or (...); by default 0.
        reverse: run from the last point to the first.
        out: an array or tensor like inputs for h; by default a new one.

    Returns:
        h, with the shape, dtype, library and device of inputs, and h at the last point of the run,
        (...), float64, to continue from. On a CPU, an a that varies is computed in float64 at any
        dtype.

    Raises:
        ValueError: shapes do not fit, or T is 0.
        TypeError: these are not real numbers.

    Example:
        >>> import numpy as np
        >>> h, last = scan(0.5, np.array([1.0, 4.0, 0.0]))
        >>> h, float(last)
        (array([1.  , 4.5 , 2.25]), 2.25)

    Source: G. Blelloch, Prefix Sums and Their Applications, CMU-CS-90-190 (1990), section 1.4.
    """
    b = arrays.real(inputs, "inputs")
    if not b.ndim or not b.shape[-1]:
        raise ValueError(f"inputs must have shape (..., T) with T >= 1, got {tuple(b.shape)}.")
    shape = tuple(b.shape)
    rows = b.reshape(-1, shape[-1])
    a = _factor(factor, b)
    state = arrays.empty(shape[:-1], b, double=True)
    state[...] = _initial(initial, shape[:-1], b)
    state = state.reshape(-1)
    result = arrays.output(out, inputs, b)
    h = result.reshape(-1, shape[-1])
    with np.errstate(all="ignore"):  # overflow gives inf, as in a loop
        if arrays.has_kernel(b):
            from rlviz.smooth import scan_triton

            scan_triton.scan(a, rows, state, h, reverse=reverse)
        elif isinstance(a, float) and not reverse and arrays.on_host(b):
            _constant(a, rows, state, h)
        else:
            _varying(a, rows, state, h, reverse=reverse)
    final = arrays.like(state.reshape(shape[:-1]), inputs)
    return arrays.like(result, inputs) if out is None else out, final


def _factor(factor: Any, b: Array) -> Any:
    """A number, or an array (1, T) or (R, T)."""
    if isinstance(factor, (int, float)):
        return float(factor)
    a = arrays.to(arrays.real(factor, "factor"), b)
    if a.ndim == 0:
        return float(a)
    if tuple(a.shape) not in (tuple(b.shape), (b.shape[-1],)):
        raise ValueError(
            f"factor must be a number, have the shape of inputs, {tuple(b.shape)}, or "
            f"({b.shape[-1]},) for all series, got {tuple(a.shape)}."
        )
    return a.reshape(-1, a.shape[-1])


def _initial(initial: Any, shape: tuple[int, ...], b: Array) -> Any:
    if initial is None:
        return 0.0
    given = initial if arrays.is_tensor(initial) else np.asarray(initial)
    start = arrays.to(arrays.real(given, "initial", whole=True), b)
    if tuple(start.shape) not in ((), shape):
        raise ValueError(
            "initial must be a number or have the shape of inputs without the last axis, "
            f"{shape}, got {tuple(start.shape)}."
        )
    return start


def _constant(factor: float, inputs: Array, state: Array, h: Array) -> None:
    products = ConstantRecurrence(factor, inputs.shape[-1], dtype=inputs.dtype)
    for rows, some in arrays.tiles(inputs, ConstantRecurrence.TILE):
        last = products.run(inputs[rows, some], state[rows], h[rows, some])
        if np.isnan(last).any():  # a product would spread NaN to the points before
            _varying(factor, inputs[rows, some], state[rows], h[rows, some], reverse=False)
        else:
            state[rows] = last


def _varying(factor: Any, inputs: Array, state: Array, h: Array, *, reverse: bool) -> None:
    if isinstance(factor, float):
        constant = arrays.empty((1, inputs.shape[-1]), inputs, double=True)
        constant[...] = factor
        factor = constant
    for rows, some in arrays.tiles(inputs, Recurrence.TILE, reverse=reverse):
        a = factor[rows if len(factor) > 1 else slice(None), some]
        packed = pack(arrays.double(inputs[rows, some]))
        recurrence = Recurrence(pack(arrays.double(a), fill=1.0), reverse=reverse)
        _, state[rows] = recurrence.run(packed, state[rows])
        h[rows, some] = unpack(packed, some.stop - some.start)
