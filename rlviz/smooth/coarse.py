"""Coarse series: means of so few neighbors that a wide kernel can't tell them from the points.

A curve whose bandwidth spans thousands of points stays the same if it goes through means of a few
hundred of them. Sums keep the differences within each mean, so the residuals of a curve are known
as well.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array
from rlviz.smooth.series import Series


@dataclass(frozen=True, slots=True)
class Between:
    """The places of points between the knots of a line, for reading values there.

    Attributes:
        left, right: numbers of the knots on either side, (S | 1, T).
        share: the fraction of the way from the left knot to the right one, (S | 1, T).
    """

    left: Array
    right: Array
    share: Array

    @classmethod
    def of(cls, u: Array, knots: Array, nearest: Array, *, beyond: bool) -> "Between":
        """The places of points u, (S | 1, T), each known to lie next to the knot `nearest`. Past
        the outer knots the line goes straight on if `beyond`, else it stays level."""
        xp = arrays.namespace(u)
        last = nearest[:, -1:]
        own = arrays.take(knots, nearest)
        left = nearest - (arrays.whole(u < own))
        left = xp.clip(left, 0, None)
        left = xp.minimum(left, xp.clip(last - 1, 0, None))
        right = xp.minimum(left + 1, last)
        start = arrays.take(knots, left)
        width = arrays.take(knots, right) - start
        apart = width > 0
        share = xp.where(apart, (u - start) / xp.where(apart, width, 1.0), 0.0)
        return cls(left, right, share if beyond else xp.clip(share, 0.0, 1.0))

    def read(self, values: Array) -> Array:
        """Values at the points, (S, T), from values at the knots, (S, n)."""
        start = arrays.take(values, self.left)
        return start + self.share * (arrays.take(values, self.right) - start)

    def rows(self, some: Any) -> "Between":
        return self if len(self.left) == 1 else Between(*(part[some] for part in _parts(self)))


@dataclass(frozen=True, slots=True)
class Coarse:
    """Means of neighbors.

    Attributes:
        series: the means in place of the points, each with the mass and the sum of the values of
            its points; if a series has fewer means than others, its last ones have no mass.
        spread: Σ (y − mean)² within each, (S, n).
        along: Σ (y − mean)·(u − mean), (S, n).
        wide: Σ (u − mean)², (S | 1, n).
        rank: how many points there are up to the middle of each mean, (S | 1, n).
        block: the number of the block that each mean lies in, (S | 1, n).
        group: the number of the mean that each point belongs to, (S | 1, T).
        between: where the points lie between the means.
    """

    series: Series
    spread: Array
    along: Array
    wide: Array
    rank: Array
    block: Array
    group: Array
    between: Between

    @classmethod
    def of(cls, series: Series, block: Array, parts: int, width: Array) -> "Coarse":
        """Means over `parts` stretches of each block with equal counts; a stretch is cut again if
        it spans more than `width`, (S | 1,), in units of u."""
        xp = arrays.namespace(series.u)
        group = _groups(series, block, parts, width)
        count = int(group[:, -1].max()) + 1
        mass = arrays.sums(xp.broadcast_to(series.mass, _shape(series.mass, group)), group, count)
        weighed = series.u * series.mass
        held = xp.clip(mass, 1.0, None)
        u = arrays.sums(xp.broadcast_to(weighed, _shape(weighed, group)), group, count) / held
        u = arrays.running_maximum(u)  # points without mass
        y = arrays.sums(series.y, group, count)
        apart = (series.y - arrays.take(y / held, group)) * series.mass
        off = (series.u - arrays.take(u, group)) * series.mass
        rank = xp.cumsum(mass, -1) - mass / 2
        at = arrays.empty(tuple(group.shape), series.u)
        at[...] = xp.broadcast_to(block, tuple(group.shape))
        ones = at * 0 + 1.0
        blocks = arrays.sums(at, group, count) / xp.clip(arrays.sums(ones, group, count), 1.0, None)
        return cls(
            series=replace(series, u=u, y=y, mass=mass, known=mass > 0),
            spread=arrays.sums(apart * apart, group, count),
            along=arrays.sums(apart * off, group, count),
            wide=arrays.sums(off * off, group, count),
            rank=rank,
            block=arrays.whole(arrays.running_maximum(blocks) + 0.5),
            group=group,
            between=Between.of(series.u, u, group, beyond=True),
        )

    def rows(self, some: Any) -> "Coarse":
        """Some of the series: a slice, or their numbers."""
        own = len(self.series.y)
        if own == 1:
            return self
        parts: dict[str, Any] = {}
        for field in fields(self):
            part = getattr(self, field.name)
            if isinstance(part, (Series, Between)):
                parts[field.name] = part.rows(some)
            else:
                parts[field.name] = part[some] if len(part) == own else part
        return Coarse(**parts)

    def left(self, value: Array) -> Array:
        """Σ (y − curve)² within each mean, (G, S, n), for curves with these values at the means,
        (G, S, n), and straight between two means."""
        xp = arrays.namespace(value)
        slope = arrays.empty(tuple(value.shape), value)
        u = self.series.u
        slope[..., 1:-1] = _ratio(value[..., 2:] - value[..., :-2], u[..., 2:] - u[..., :-2])
        slope[..., 0] = _ratio(value[..., 1] - value[..., 0], u[..., 1] - u[..., 0])
        slope[..., -1] = _ratio(value[..., -1] - value[..., -2], u[..., -1] - u[..., -2])
        mass = self.series.mass
        off = self.series.y / xp.clip(mass, 1.0, None) - value
        return self.spread + slope * (slope * self.wide - 2 * self.along) + mass * off * off

    def spacing(self) -> Array:
        """The distance between neighboring points around each mean, in units of u, (S | 1, n)."""
        steps = arrays.empty(tuple(self.series.u.shape), self.series.u)
        u, rank = self.series.u, self.rank
        steps[..., 1:-1] = _ratio(u[..., 2:] - u[..., :-2], rank[..., 2:] - rank[..., :-2])
        steps[..., 0] = _ratio(u[..., 1] - u[..., 0], rank[..., 1] - rank[..., 0])
        steps[..., -1] = _ratio(u[..., -1] - u[..., -2], rank[..., -1] - rank[..., -2])
        return steps


def _parts(between: Between) -> tuple[Array, Array, Array]:
    return between.left, between.right, between.share


def _shape(array: Array, group: Array) -> tuple[int, int]:
    return max(len(array), len(group)), group.shape[-1]


def _ratio(rise: Array, run: Array) -> Array:
    xp = arrays.namespace(run)
    apart = run > 0
    return xp.where(apart, rise / xp.where(apart, run, 1.0), 0.0)


def _groups(series: Series, block: Array, parts: int, width: Array) -> Array:
    """The number of each point's mean, (S | 1, T)."""
    xp = arrays.namespace(series.u)
    rank = arrays.whole(xp.clip(xp.cumsum(series.mass, -1) - 1, 0.0, None))
    shape = tuple(max(a, b) for a, b in zip(rank.shape, series.u.shape, strict=True))
    starts = arrays.changes(block)
    first = arrays.running_maximum(xp.where(starts, rank, 0))
    per_block = (rank[..., -1:] + 1) / (block[..., -1:] + 1)  # points in a block
    piece = arrays.whole(xp.floor((rank - first + 0.5) * parts / per_block))
    cell = arrays.whole(xp.floor(series.u / width[..., None]))
    new = starts | arrays.changes(xp.clip(piece, None, parts - 1)) | arrays.changes(cell)
    return xp.cumsum(arrays.whole(xp.broadcast_to(new, shape)), -1) - 1
