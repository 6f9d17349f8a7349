"""Sequence lengths of a ragged batch, and exact sums over them as Python integers."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Lengths: TypeAlias = NDArray[np.int64]
Attention: TypeAlias = Literal["causal", "causal_half", "full", "none"]

ATTENTIONS: tuple[str, ...] = get_args(Attention)
_INT64 = 2**63 - 1


def read_attention(attention: str) -> None:
    """Check how core attention is to count.

    Raises:
        ValueError: there is no such convention.
    """
    if attention not in ATTENTIONS:
        raise ValueError(f"attention must be one of {', '.join(ATTENTIONS)}, got {attention!r}.")


def read_lengths(name: str, values: ArrayLike) -> Lengths:
    """Read sequence lengths: whole numbers >= 0, from a scalar, list, array or CPU tensor.

    Raises:
        TypeError: the values are not numbers, or on a device that numpy cannot read.
        ValueError: a length is negative, fractional or not finite, or a mask came instead.

    Example:
        >>> read_lengths("lengths", [[3, 5], [2, 2]])
        array([3, 5, 2, 2])
    """
    try:
        array: NDArray[Any] = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{name} must be whole numbers, got {type(values).__name__} that numpy cannot read "
            f"({error}). Use tensor.cpu(), or give one number per sequence."
        ) from error
    if array.size == 0:
        return np.zeros(0, dtype=np.int64)
    if array.dtype.kind == "b":
        raise ValueError(f"{name} must be one number per sequence, got a mask. Use mask.sum(-1).")
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be whole numbers, got values of dtype {array.dtype}.")
    whole = (array >= 0) & (array <= _INT64)
    if array.dtype.kind == "f":
        whole &= (array == np.floor(array)) & (array < 2.0**63)  # <= rounds the limit up to 2^63
    if not whole.all():
        raise ValueError(
            f"{name} must be whole numbers >= 0, got {array[~whole].ravel()[0].item()!r}. "
            "Give the real length of each sequence in tokens, without padding."
        )
    return array.astype(np.int64).ravel()


def total(lengths: Lengths) -> int:
    """Sum of the lengths.

    Example:
        >>> total(np.array([2**62, 2**62]))  # beyond int64
        9223372036854775808
    """
    return _sum(lengths) if lengths.size else 0


def attended_twice(
    lengths: Lengths, window: int | None, attention: str, cached: Lengths | None = None
) -> int:
    """Twice the number of (query, key) pairs that one layer's attention scores, over a batch.

    Per sequence of S tokens, with window w (S when there is none): `causal` Σ_t min(t, w), which is
    S(S+1)/2 for S <= w; `causal_half` its half square, S²/2, and S·w - w²/2 beyond the window;
    `full` S·min(S, w); `none` 0. Twice, so that the half squares stay whole.

    S tokens that come in one pass after c `cached` ones add what c + S tokens score beyond what c
    do, and with `full` S·min(c + S, w), for the mask of their own square is all that is wasted.

    Example:
        >>> attended_twice(np.array([3]), None, "causal")  # 2 * (1 + 2 + 3)
        12
        >>> attended_twice(np.array([5]), 2, "causal")  # 2 * (1 + 2 + 2 + 2 + 2)
        18
        >>> attended_twice(np.array([2]), None, "causal", np.array([3]))  # 2 * (4 + 5)
        18
    """
    if attention == "none" or not lengths.size:
        return 0
    if cached is not None:
        reached = cached + lengths
        if attention == "full":
            keys = reached if window is None else np.minimum(reached, window)
            return 2 * _sum_of_products(lengths, keys)
        before = attended_twice(cached, window, attention)
        return attended_twice(reached, window, attention) - before
    short, beyond = lengths, lengths[:0]
    if window is not None:
        inside = lengths <= window
        short, beyond = lengths[inside], lengths[~inside]
    w = window or 0
    square, tokens, far, count = _sum_of_squares(short), total(short), total(beyond), beyond.size
    if attention == "full":
        return 2 * square + 2 * w * far
    half = square + 2 * w * far - count * w * w
    return half + tokens + count * w if attention == "causal" else half


def compressed_twice(
    lengths: Lengths,
    size: int,
    most: int | None,
    attention: str,
    cached: Lengths | None = None,
) -> int:
    """Twice the pairs of queries and compressed entries, each of which stands for `size` tokens.

    Token t reaches the entries that are complete, ⌊t/m⌋ for m tokens each, or the `most` best ones
    of them. Per sequence of S tokens: `causal` Σ_t min(⌊t/m⌋, k); `full` S·min(⌊S/m⌋, k);
    `causal_half` half of that, as far as all are reached.

    Example:
        >>> compressed_twice(np.array([7]), 3, None, "causal")  # 2 * (0 + 0 + 1 + 1 + 1 + 2 + 2)
        14
        >>> compressed_twice(np.array([7]), 3, 1, "full")
        14
    """
    if attention == "none" or not lengths.size:
        return 0
    if attention == "full":
        reached = lengths if cached is None else cached + lengths
        entries = reached // size
        return 2 * _sum_of_products(lengths, entries if most is None else entries.clip(max=most))
    if cached is not None:
        before = compressed_twice(cached, size, most, attention)
        return compressed_twice(cached + lengths, size, most, attention) - before
    near, far = lengths, 0
    if most is not None:
        near = lengths.clip(max=most * size)
        far = 2 * most * (total(lengths) - total(near))
    entries = near // size
    product = _sum_of_products(near, entries)
    if attention == "causal_half":
        return product + far
    own = size * (_sum_of_squares(entries) + total(entries)) - 2 * total(entries)
    return 2 * product - own + far


def _sum(values: Lengths) -> int:
    if int(values.max()) * values.size <= _INT64:
        return int(values.sum())
    return sum(values.tolist())


def _sum_of_squares(values: Lengths) -> int:
    return _sum_of_products(values, values)


def _sum_of_products(values: Lengths, others: Lengths) -> int:
    if not values.size:
        return 0
    most = int(values.max())
    if most * (most if others is values else int(others.max())) * values.size <= _INT64:
        return int(np.dot(values, others))
    return sum(a * b for a, b in zip(values.tolist(), others.tolist(), strict=True))
