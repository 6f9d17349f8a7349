"""Triton kernels of the recurrence, which read the data once and write the result once.

Every element is a triple (p, n, d) under one associative operation. Where factors multiply, p is
their product, n the recurrence of the inputs and d that of the weights. For an average along x, p
is the place of the last finite point in units of tau, -inf for none, and exp(p1 − p2) is the factor
between two of them: a gap is the operation's identity. All three are float64 at every dtype: a
power of 0.9999 in float32 is wrong by 3e-4 after 10,000 points, and the kernels wait for memory,
not for arithmetic.

T and the distances between rows come divided by GRAIN. Where that is 4, the compiler knows that
rows begin and end at multiples of four points, and moves 16 bytes a thread at once.

Source: D. Merrill, M. Garland, Single-pass Parallel Prefix Scan with Decoupled Look-back, NVIDIA
technical report NVR-2016-002 (2016).
"""

import triton
import triton.language as tl

CONSTANT = 0
VARYING = 1
ALONG_X = 2
"""The kinds of factors: one number, a factor for every point, or the distances of an x."""

_VARYING, _ALONG_X = tl.constexpr(VARYING), tl.constexpr(ALONG_X)
_CONSTANT = tl.constexpr(CONSTANT)
_PART, _WHOLE = tl.constexpr(1), tl.constexpr(2)
"""What a chunk has published: its own total, or the total with all chunks before it; 0 is nothing
yet."""


@triton.jit
def _multiplied(p1, n1, d1, p2, n2, d2):
    return p1 * p2, p2 * n1 + n2, p2 * d1 + d2


@triton.jit
def _moved(p1, n1, d1, p2, n2, d2):
    factor = tl.where(p2 == float("-inf"), 1.0, tl.exp(tl.minimum(p1 - p2, 0.0)))
    return tl.maximum(p1, p2), factor * n1 + n2, factor * d1 + d2


@triton.jit
def _join(p1, n1, d1, p2, n2, d2, MODE: tl.constexpr):
    if MODE == _ALONG_X:
        return _moved(p1, n1, d1, p2, n2, d2)
    else:
        return _multiplied(p1, n1, d1, p2, n2, d2)


@triton.jit
def _elements(
    y_ptr, a_ptr, row, t, mask, T, y_row, y_step, a_row, a_step, factor,
    MODE: tl.constexpr, AVERAGE: tl.constexpr, REVERSE: tl.constexpr,
):  # fmt: skip
    """Triples of the points, with the identity beyond the end, and which points are known."""
    at = T - 1 - t if REVERSE else t
    y = tl.load(y_ptr + row * y_row + at * y_step, mask=mask, other=0.0)
    known = mask
    if AVERAGE:
        known = mask & (tl.abs(y) < float("inf"))  # false for NaN
    if MODE == _CONSTANT:
        p = tl.where(known, factor, 1.0).to(tl.float64)
    else:
        a = tl.load(a_ptr + row * a_row + at * a_step, mask=mask, other=0.0).to(tl.float64)
        if MODE == _VARYING:
            p = tl.where(known, a, 1.0)
        else:
            p = tl.where(known, a / factor, float("-inf"))
    n = tl.where(known, y, 0.0).to(tl.float64)
    return p, n, known.to(tl.float64), known


@triton.jit
def _last(values, axis: tl.constexpr):
    """The last element along an axis."""
    size: tl.constexpr = values.shape[axis]
    index = tl.arange(0, size)
    if axis == 1:
        index = index[None, :]
    return tl.sum(tl.where(index == size - 1, values, 0.0), axis)


@triton.jit
def _store(
    out_ptr, row, t, mask, T, o_row, n, d, known, AVERAGE: tl.constexpr, REVERSE: tl.constexpr
):
    at = T - 1 - t if REVERSE else t
    if AVERAGE:
        n = tl.where(known, n / d, float("nan"))
    tl.store(out_ptr + row * o_row + at, n.to(out_ptr.dtype.element_ty), mask=mask)


@triton.jit
def walk(
    y_ptr, out_ptr, a_ptr, p_ptr, n_ptr, d_ptr, R, T, y_row, y_step, a_row, a_step, o_row,
    factor_ptr,
    MODE: tl.constexpr, AVERAGE: tl.constexpr, REVERSE: tl.constexpr,
    GRAIN: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Each program walks along ROWS rows."""
    T, y_row, a_row, o_row = T * GRAIN, y_row * GRAIN, a_row * GRAIN, o_row * GRAIN
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS).to(tl.int64)
    there = row < R
    factor = tl.load(factor_ptr)
    p = tl.load(p_ptr + row, mask=there, other=0.0)
    n = tl.load(n_ptr + row, mask=there, other=0.0)
    d = tl.load(d_ptr + row, mask=there, other=0.0)
    for start in range(0, T, BLOCK):
        t = (start + tl.arange(0, BLOCK)).to(tl.int64)[None, :]
        mask = there[:, None] & (t < T)
        p2, n2, d2, known = _elements(
            y_ptr, a_ptr, row[:, None], t, mask, T, y_row, y_step, a_row, a_step, factor,
            MODE, AVERAGE, REVERSE,
        )  # fmt: skip
        if MODE == _ALONG_X:
            p2, n2, d2 = tl.associative_scan((p2, n2, d2), 1, _moved)
        else:
            p2, n2, d2 = tl.associative_scan((p2, n2, d2), 1, _multiplied)
        p2, n2, d2 = _join(p[:, None], n[:, None], d[:, None], p2, n2, d2, MODE)
        _store(out_ptr, row[:, None], t, mask, T, o_row, n2, d2, known, AVERAGE, REVERSE)
        p, n, d = tl.max(p2, 1) if MODE == _ALONG_X else _last(p2, 1), _last(n2, 1), _last(d2, 1)
    if MODE == _ALONG_X:
        tl.store(p_ptr + row, p, mask=there)
    tl.store(n_ptr + row, n, mask=there)
    tl.store(d_ptr + row, d, mask=there)


@triton.jit
def _say(said_ptr, values_ptr, slot, what: tl.constexpr, p, n, d):
    """Publish the total of a chunk: first the numbers, then the word that announces them."""
    base = values_ptr + (slot * 2 + (what - 1)) * 3
    tl.store(base, p)
    tl.store(base + 1, n)
    tl.store(base + 2, d)
    tl.debug_barrier()
    tl.atomic_xchg(said_ptr + slot, what, sem="release")


@triton.jit
def chain(
    y_ptr, out_ptr, a_ptr, p_ptr, n_ptr, d_ptr, said_ptr, values_ptr, R, T, chunks,
    y_row, y_step, a_row, a_step, o_row, factor_ptr,
    MODE: tl.constexpr, AVERAGE: tl.constexpr, REVERSE: tl.constexpr,
    GRAIN: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Each program takes the next chunk; the chunks before it are done or running, so it can
    wait."""
    T, y_row, a_row, o_row = T * GRAIN, y_row * GRAIN, a_row * GRAIN, o_row * GRAIN
    ticket = tl.atomic_add(said_ptr, 1).to(tl.int64)  # the first word counts; slots follow it
    row, chunk = ticket % R, ticket // R
    factor = tl.load(factor_ptr)
    t = chunk * BLOCK + tl.arange(0, BLOCK)
    mask = t < T
    p2, n2, d2, known = _elements(
        y_ptr, a_ptr, row, t, mask, T, y_row, y_step, a_row, a_step, factor,
        MODE, AVERAGE, REVERSE,
    )  # fmt: skip
    if MODE == _ALONG_X:
        p2, n2, d2 = tl.associative_scan((p2, n2, d2), 0, _moved)
    else:
        p2, n2, d2 = tl.associative_scan((p2, n2, d2), 0, _multiplied)
    own_p = tl.max(p2, 0) if MODE == _ALONG_X else _last(p2, 0)
    own_n, own_d = _last(n2, 0), _last(d2, 0)

    first_slot = 1 + row * chunks
    nothing = float("-inf") if MODE == _ALONG_X else 1.0
    p = tl.where(chunk == 0, tl.load(p_ptr + row), nothing)
    n = tl.where(chunk == 0, tl.load(n_ptr + row), 0.0)
    d = tl.where(chunk == 0, tl.load(d_ptr + row), 0.0)
    if chunk > 0:
        _say(said_ptr, values_ptr, first_slot + chunk, _PART, own_p, own_n, own_d)
    before = chunk - 1
    while before >= 0:
        said = tl.atomic_add(said_ptr + first_slot + before, 0, sem="acquire")
        while said == 0:
            said = tl.atomic_add(said_ptr + first_slot + before, 0, sem="acquire")
        base = values_ptr + ((first_slot + before) * 2 + (said - 1)) * 3
        p1 = tl.load(base, volatile=True)
        n1 = tl.load(base + 1, volatile=True)
        d1 = tl.load(base + 2, volatile=True)
        p, n, d = _join(p1, n1, d1, p, n, d, MODE)
        before = tl.where(said == _WHOLE, -1, before - 1)
    all_p, all_n, all_d = _join(p, n, d, own_p, own_n, own_d, MODE)
    _say(said_ptr, values_ptr, first_slot + chunk, _WHOLE, all_p, all_n, all_d)
    if chunk == chunks - 1:
        # The row's memory counts only for its first chunk, which this chunk has waited for.
        if MODE == _ALONG_X:
            tl.store(p_ptr + row, all_p)
        tl.store(n_ptr + row, all_n)
        tl.store(d_ptr + row, all_d)
    p2, n2, d2 = _join(p, n, d, p2, n2, d2, MODE)
    _store(out_ptr, row, t, mask, T, o_row, n2, d2, known, AVERAGE, REVERSE)
