"""The formula in the length of a sequence that gives the costs measured at some lengths.

A formula has to give all of them to the integer; there are more lengths than it has coefficients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import TypeAlias

Basis: TypeAlias = tuple[Callable[[int], int], ...]

_FEW = 64
CHUNK_SIZES = (16, 32, 64, 128, 256, 512)


@dataclass(frozen=True, slots=True, repr=False)
class Fit:
    """`constant + linear·S + square·S²`, and what chunks or entries of `size` tokens cost.

    Attributes:
        constant, linear, square: FLOPs per sequence, token and pair of tokens.
        size: tokens of a chunk; 0 if there are none.
        chunk: FLOPs of one chunk.
        between: FLOPs of each of the (c + 1)² pairs that the states around c chunks make.
        inside: FLOPs of a pair of tokens of the same chunk, where the last one is not padded.
        compressed: FLOPs of a pair of a token and an entry, which stands for `size` tokens.
        padded: whether the last chunk that isn't complete costs what a whole one does; else it
            costs nothing. An entry that isn't complete is none, whether it is computed or not.
    """

    constant: int = 0
    linear: int = 0
    square: int = 0
    size: int = 0
    chunk: int = 0
    between: int = 0
    inside: int = 0
    compressed: int = 0
    padded: bool = True

    def __repr__(self) -> str:
        said = {
            f.name: value for f in fields(self) if (value := getattr(self, f.name)) != f.default
        }
        return f"Fit({', '.join(f'{name}={value}' for name, value in said.items())})"

    @property
    def shifted(self) -> bool:
        """Whether the constant is what a few more tokens cost, which a model adds to a sequence.

        Example:
            >>> Fit(constant=9 * 4, linear=4).shifted, Fit(16, 8, 1).shifted, Fit(5, 4).shifted
            (True, True, False)
        """
        more = Fraction(self.linear, 2 * self.square) if self.square else None
        if more is None:
            more = Fraction(self.constant, self.linear) if self.linear else Fraction(0)
            return more.denominator == 1 and 0 < more <= _FEW
        return more.denominator == 1 and more <= _FEW and self.constant == self.square * more**2


def fit(
    values: Mapping[int, int], sizes: Sequence[int] = CHUNK_SIZES, entries: Sequence[int] = ()
) -> Fit | None:
    """The formula of these costs; None if they are none of those above.

    Args:
        values: length -> FLOPs, at least six lengths.
        sizes: the chunk sizes to try, where no polynomial fits.
        entries: the sizes to try of compressed entries.

    Example:
        >>> fit({s: 7 + 3 * s + 2 * s * s for s in range(1, 8)})
        Fit(constant=7, linear=3, square=2)
        >>> fit({s: 5 * s + 100 * -(-s // 16) for s in range(1, 60, 7)})
        Fit(linear=5, size=16, chunk=100)
        >>> fit({s: 2 * s * s + 2 * s * (s // 4) for s in range(1, 60, 7)}, entries=(4,))
        Fit(square=2, size=4, compressed=2)
        >>> fit({s: 2**s for s in range(1, 9)}) is None
        True
    """
    found = _solved((_one, _length, _square), values)
    if found is not None:
        return Fit(constant=found[0], linear=found[1], square=found[2])
    for size in entries:
        for count in (_complete(size), _chunks_of(size)):
            if (found := _solved((_square, _each(count)), values)) is not None:
                return Fit(square=found[0], size=size, compressed=found[1])
    for size in sizes:
        whole = _chunks_of(size)
        if (found := _solved((_length, whole), values)) is not None:
            return Fit(linear=found[0], size=size, chunk=found[1])
        if (found := _solved((_length, _pairs_in(size)), values)) is not None:
            return Fit(linear=found[0], size=size, inside=found[1])
        between = _pairs_of_states(whole)
        if (found := _solved((_length, whole, between), values)) is not None:
            return Fit(linear=found[0], size=size, chunk=found[1], between=found[2])
        if (found := _solved((_length, _complete(size)), values)) is not None:
            return Fit(linear=found[0], size=size, chunk=found[1], padded=False)
    return None


def _one(length: int) -> int:
    return 1


def _length(length: int) -> int:
    return length


def _square(length: int) -> int:
    return length * length


def _chunks_of(size: int) -> Callable[[int], int]:
    return lambda length: -(-length // size)


def _complete(size: int) -> Callable[[int], int]:
    return lambda length: length // size


def _each(count: Callable[[int], int]) -> Callable[[int], int]:
    return lambda length: length * count(length)


def _pairs_in(size: int) -> Callable[[int], int]:
    return lambda length: length // size * size**2 + (length % size) ** 2


def _pairs_of_states(chunks: Callable[[int], int]) -> Callable[[int], int]:
    return lambda length: (chunks(length) + 1) ** 2


def _solved(basis: Basis, values: Mapping[int, int]) -> tuple[int, ...] | None:
    """Whole coefficients >= 0 that give all values; None if there are none or several."""
    rows = [[Fraction(f(s)) for f in basis] + [Fraction(value)] for s, value in values.items()]
    width = len(basis)
    for column in range(width):
        pivot = next((k for k in range(column, len(rows)) if rows[k][column]), None)
        if pivot is None:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        top = [value / rows[column][column] for value in rows[column]]
        rows[column] = top
        for k, row in enumerate(rows):
            if k != column and (by := row[column]):
                rows[k] = [a - by * b for a, b in zip(row, top, strict=True)]
    if any(row[width] for row in rows[width:]):
        return None
    found = [row[width] for row in rows[:width]]
    if any(value < 0 or value.denominator != 1 for value in found):
        return None
    return tuple(map(int, found))
