"""The straight pieces of a move: a continuous line that bends where one straight line misses it."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SURE = 4.0
"""The least |t| of every bend. It is high because each bend stands where it explains most."""
_MOST = 5
_SHORTEST = 4
_EVEN = 20
_RATES = (2.0, 3.0, 4.0, 6.0, 8.0)
"""Of exponential approaches, over the extent of a move."""
_AGAINST = 0.05
"""How far a piece may run against its move, as a share of the curve's range."""


class Line:
    """A continuous line with bends, fitted to a part of a series by generalized least squares.

    It starts with the bends that explain most, and loses those that earn least, see `simplified`.

    Attributes:
        bends: the bins at which it bends, rising, within the part.
        values: the line at each bin, (n,).

    Args:
        x, y: the part of the series, (n,), in shares of the axis and of the curve's range.
        deviation: the standard deviation of the noise at each bin, (n,).
        correlation: of the noise of a bin with that of the next.
        gap: the fewest bins of a piece, see `shortest`.
        sign: of the move.
    """

    def __init__(
        self, x: Floats, y: Floats, deviation: Floats, correlation: float, gap: int, sign: float
    ) -> None:
        self.x, self.sign, self.count, self._gap = x, sign, len(y), gap
        self._deviation, self._correlation = deviation, correlation
        places = np.arange(gap, len(y) - gap)
        self._places = places
        self._line = np.column_stack([np.ones_like(x), x])
        self._hinges = np.maximum(x[:, None] - x[places], 0.0)
        line, hinges, series = (
            whitened(part, deviation, correlation)
            for part in (self._line, self._hinges, y[:, None])
        )
        self._basis, self._triangle = np.linalg.qr(line)
        self._series, self._white = series[:, 0], hinges
        left = hinges - self._basis @ (self._basis.T @ hinges)
        rest = self._series - self._basis @ (self._basis.T @ self._series)
        self._gram, self._shared, self._power = left.T @ left, left.T @ rest, float(rest @ rest)
        self._kept: list[int] = []
        for _ in range(min(_MOST, len(y) // gap - 1)):
            if (best := self._best_beside(self._kept)) is None:
                break
            self._kept = self._moved([*self._kept, best])

    @property
    def bends(self) -> list[int]:
        return [int(self._places[k]) for k in self._kept]

    @property
    def values(self) -> Floats:
        return self._fitted(self._kept)

    @property
    def left(self) -> float:
        """The sum of squares that it leaves, in units of the noise."""
        return self._power - self._explained(self._kept)

    def beside(self, shape: Floats) -> tuple[float, Floats]:
        """A straight line plus a multiple of a shape, (n,) -> what it leaves, and its values."""
        white = whitened(shape[:, None], self._deviation, self._correlation)[:, 0]
        own = white - self._basis @ (self._basis.T @ white)
        size, shared = float(own @ own), float(own @ self._series)
        if not size > 0:
            return self._power, self._fitted([])
        change = shared / size
        line = np.linalg.solve(self._triangle, self._basis.T @ (self._series - change * white))
        return self._power - change * shared, self._line @ line + change * shape

    def simplified(self, split: float) -> None:
        """Drop the bends one by one that noise explains, that change the line by less than `split`,
        or beside which a piece runs against the move."""
        while self._kept:
            sizes = self._sizes(self._kept)
            t = np.abs(self._slopes(self._kept)[1])
            worth = np.minimum(t / SURE, sizes / split)
            weakest = int(worth.argmin())
            if worth[weakest] >= 1:
                if not (against := self._against()):
                    return
                weakest = min(against, key=lambda k: float(worth[k]))
            self._kept = self._moved(self._kept[:weakest] + self._kept[weakest + 1 :])

    def _against(self) -> list[int]:
        """Bends, by their number, beside a piece that runs against the move."""
        knots = [0, *self.bends, self.count - 1]
        runs = self.sign * np.diff(self.values[knots]) < -_AGAINST
        beside = {k for piece in np.flatnonzero(runs).tolist() for k in (piece - 1, piece)}
        return sorted(k for k in beside if 0 <= k < len(self._kept))

    def _sizes(self, kept: list[int]) -> Floats:
        """How far the line moves without each bend."""
        whole = self._fitted(kept)
        others = [kept[:k] + kept[k + 1 :] for k in range(len(kept))]
        return np.array([np.abs(whole - self._fitted(rest)).max() for rest in others])

    def _slopes(self, kept: list[int]) -> tuple[Floats, Floats]:
        """The changes of the slope at the bends, and their t."""
        inverse = np.linalg.inv(self._gram[np.ix_(kept, kept)])
        change = inverse @ self._shared[kept]
        return change, change / np.sqrt(np.maximum(inverse.diagonal(), 1e-300))

    def _explained(self, kept: list[int]) -> float:
        return float(self._slopes(kept)[0] @ self._shared[kept]) if kept else 0.0

    def _fitted(self, kept: list[int]) -> Floats:
        change = self._slopes(kept)[0] if kept else np.zeros(0)
        rest = self._series - self._white[:, kept] @ change
        line = np.linalg.solve(self._triangle, self._basis.T @ rest)
        return np.asarray(self._line @ line + self._hinges[:, kept] @ change)

    def _moved(self, kept: list[int]) -> list[int]:
        """Each bend moved in turn to its best place beside the others, twice."""
        kept = sorted(kept)
        for _ in range(2):
            before = kept
            for k in range(len(kept)):
                others = kept[:k] + kept[k + 1 :]
                best = self._best_beside(others)
                kept = sorted([*others, kept[k] if best is None else best])
            if kept == before:
                break
        return kept

    def _best_beside(self, others: list[int]) -> int | None:
        """The bend that explains most beside others and keeps its distance from them."""
        free = np.ones(len(self._places), bool)
        for other in others:
            free[max(0, other - self._gap + 1) : other + self._gap] = False
        if not free.any():
            return None
        gram, shared = self._gram, self._shared
        own, size = shared, gram.diagonal()
        if others:
            across = np.linalg.solve(gram[np.ix_(others, others)], gram[others])
            own = shared - shared[others] @ across
            size = size - (gram[others] * across).sum(0)
        usable = free & (size > 1e-9 * gram.diagonal().max())
        if not usable.any():
            return None
        gain = np.where(usable, own**2 / np.where(usable, size, 1.0), -1.0)
        return int(gain.argmax())


def curved(line: Line, worth: int) -> str:
    """How a move that bends goes if a curve without bends explains it as well: "ever faster",
    "ever slower", or "" if none does.

    A parabola may do either; an exponential approach, which is wider, only goes ever slower. BIC
    compares.

    Args:
        worth: how many parameters a bend counts as: two, its place and its slope, or fewer if the
            line is preferred.
    """
    n, x = line.count, line.x
    price = math.log(n)
    best, pace = line.left + worth * price * len(line.bends), ""
    at = (x - x[0]) / (x[-1] - x[0])
    shapes = [(at**2, price), *((np.exp(-rate * at), 2 * price) for rate in _RATES)]
    for shape, cost in shapes:
        left, values = line.beside(shape)
        steps = line.sign * np.diff(values)
        against = np.minimum(steps, 0.0).sum() < -_AGAINST
        faster = steps[-1] > steps[0]
        if left + cost < best and not against and (cost == price or not faster):
            best, pace = left + cost, "ever faster" if faster else "ever slower"
    return pace


def shortest(bins: int) -> int:
    """The fewest bins of a piece."""
    return max(_SHORTEST, bins // _EVEN)


def whitened(columns: Floats, deviation: Floats, correlation: float) -> Floats:
    """Columns, (n, k), transformed so that AR(1) noise of these deviations, (n,), becomes
    independent noise of size 1."""
    scaled = columns / deviation[:, None]
    white: Floats = scaled.copy()
    white[1:] = (scaled[1:] - correlation * scaled[:-1]) / np.sqrt(1 - correlation**2)
    return white
