"""The recurrence on a GPU: it chooses and launches the kernel.

With many rows, each program walks along some of them and keeps its state in registers. Few long
rows are cut into chunks, one for each program, chained with decoupled look-back: a chunk publishes
its own total, gathers from the chunks before it until one has published the total up to there, and
then publishes its total up to its end. Nothing here waits for the device.
"""

import functools
import math
from typing import Any

import torch
import triton

from rlviz.smooth.averages import SeriesBatch
from rlviz.smooth.kernels import ALONG_X, CONSTANT, VARYING, chain, walk

_POINTS = 1024
"""How many points a program of four warps holds in registers at a time."""


def scan(factor: Any, inputs: Any, state: Any, out: Any, *, reverse: bool) -> None:
    """`rlviz.smooth.recurrence.scan` for rows (R, T): writes h to `out` and changes the state,
    (R,) float64.

    Args:
        factor: a number, or a tensor (1, T) or (R, T).
    """
    one, unused = torch.ones_like(state), torch.zeros_like(state)
    options = {"AVERAGE": False, "REVERSE": reverse}
    if isinstance(factor, float):
        _launch(inputs, out, inputs, factor, (one, state, unused), MODE=CONSTANT, **options)
    else:
        _launch(inputs, out, factor, 1.0, (one, state, unused), MODE=VARYING, **options)


def ema(batch: SeriesBatch) -> None:
    """`rlviz.smooth.averages.run` on a device."""
    options = {"AVERAGE": True, "REVERSE": False}
    if batch.weight is not None:
        state = (torch.ones_like(batch.num), batch.num, batch.den)
        _launch(batch.y, batch.out, batch.y, batch.weight, state, MODE=CONSTANT, **options)
        return
    assert batch.x is not None
    assert batch.tau is not None
    place = batch.x / batch.tau
    state = (place, batch.num, batch.den)
    _launch(batch.y, batch.out, batch.at, batch.tau, state, MODE=ALONG_X, **options)
    batch.x.copy_(place * batch.tau)


def _launch(
    y: Any, out: Any, a: Any, number: float, state: tuple[Any, ...], **options: Any
) -> None:
    """Run the kernel for this shape.

    Args:
        y: (R, T). out: (R, T).
        a: factors or x, (1, T) or (R, T); anything where the factor is a number.
        number: the factor, or the unit of x.
        state: p, n and d before the first point, (R,) each, changed in place.
    """
    rows, length = y.shape
    y_row, a_row, o_row = y.stride(0), a.stride(0) if len(a) > 1 else 0, out.stride(0)
    grain = _grain(length, y_row, a_row, o_row)
    strides = (y_row // grain, y.stride(1), a_row // grain, a.stride(1), o_row // grain)
    options["GRAIN"] = grain
    # A plain number would reach the kernel in float32.
    scale = torch.full((1,), number, dtype=torch.float64, device=y.device)
    block = min(_POINTS, triton.next_power_of_2(length))
    with torch.cuda.device_of(y):  # type: ignore[no-untyped-call]  # torch leaves it untyped
        if rows >= _enough_rows(y.device) or length <= 2 * _POINTS:
            together = max(1, _POINTS // block)
            walk[(triton.cdiv(rows, together),)](
                y, out, a, *state, rows, length // grain, *strides, scale,
                ROWS=together, BLOCK=block, **options,
            )  # fmt: skip
        else:
            chunks = triton.cdiv(length, _POINTS)
            slots = 1 + rows * chunks
            said = torch.zeros(slots, dtype=torch.int32, device=y.device)
            values = torch.empty(slots * 6, dtype=torch.float64, device=y.device)
            chain[(rows * chunks,)](
                y, out, a, *state, said, values, rows, length // grain, chunks, *strides, scale,
                BLOCK=_POINTS, **options,
            )  # fmt: skip


def _grain(*lengths: int) -> int:
    """By what lengths are divided for the kernels: 4, 2 or 1.

    Triton sees by itself whether a number is a multiple of 16, and takes those beyond 31 bits for
    what they are; the product with the grain would not be.
    """
    return math.gcd(4, *lengths) if max(lengths) < 2**31 else 1


@functools.cache
def _enough_rows(device: torch.device) -> int:
    """How many rows keep all multiprocessors busy with one program per row."""
    if device.type != "cuda":
        return 256
    return 4 * torch.cuda.get_device_properties(device).multi_processor_count
