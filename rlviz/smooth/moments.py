"""Moments of masses on a line under a Laplace kernel, around every point, for many lines at once.

``M_k(i) = Σ_j m_j·exp(−|u_j − u_i|)·(u_j − u_i)^k``, u in bandwidths. Let d be the distance to the
point before and e = exp(−d). The moments of the points on the left obey
``S_k' = e·Σ_j C(k,j)·d^(k−j)·S_j``: for every k this is the scalar recurrence
``h_t = e_t·h_{t−1} + b_t``, whose input b comes from the lower orders. The right side mirrors it.
All terms are positive, so nothing cancels.

With an `Echo` a weight also falls by a factor rho for every point between; the recurrence is the
same, with ``e = exp(−d)·rho``.

This module keeps moments divided by k!, which need no binomials: ``s_k' = e·Σ_r d^r/r!·s_{k−r}``.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array
from rlviz.smooth.blocks import Recurrence, pack

_OUT_OF_REACH = 800.0
"""From this many bandwidths on, a weight is exactly 0, and powers of the distance would only
overflow."""


@dataclass(frozen=True, slots=True)
class Echo:
    """How the noise of one point continues in the next points.

    Attributes:
        rho: in [0, 1), (..., 1).
        rank: how many points there are up to each point, (..., T); grows by 0 or 1 at a time.
    """

    rho: Array
    rank: Array

    def between(self, earlier: Array, later: Array) -> Array:
        """The share of the noise that remains from one rank to another, (...)."""
        return self.rho ** (later - earlier)


@dataclass(frozen=True, slots=True)
class MomentStretch:
    """A part of the lines, as `blocks.pack` lays it: (B, ..., n)."""

    where: slice
    masses: list[Array]
    moments: list[list[Array]]
    """The orders 0 … K for each of the masses."""


def sweep(
    u: Array,
    masses: Sequence[Array],
    orders: Sequence[int],
    *,
    length: int,
    echoes: Sequence[Echo | None] | None = None,
) -> Iterator[MomentStretch]:
    """Moments around every point, one stretch of the lines after the other.

    Args:
        u: positions in bandwidths, never decreasing, (..., T).
        masses: one or more, (..., T); 0 where a point is missing. Leading axes broadcast.
        orders: highest k for each of the masses.
        length: points of a stretch; only one stretch is held in memory at a time.
        echoes: the additional decay of the weights, for each of the masses; by default none.
    """
    points = u.shape[-1]
    echoes = echoes or [None] * len(masses)
    parts = [slice(at, min(at + length, points)) for at in range(0, points, length)]
    left = [
        _nothing(u, mass, order, echo)
        for mass, order, echo in zip(masses, orders, echoes, strict=True)
    ]
    right = _from_the_right(u, masses, orders, echoes, parts)
    for part in parts:
        line = _Line(u, part)
        packed = [pack(mass[..., part]) for mass in masses]
        found = []
        beyond = right.pop()
        for i, (mass, order, echo) in enumerate(zip(packed, orders, echoes, strict=True)):
            forward, backward = line.directions(echo)
            ahead, left[i] = forward.moments(mass, left[i], order)
            behind, _ = backward.moments(mass, beyond[i], order)
            found.append(_both_sides(ahead, behind, mass))
        yield MomentStretch(part, packed, found)


def _both_sides(before: list[Array], after: list[Array], mass: Array) -> list[Array]:
    """Moments over all points from the moments of both sides, which both include the point
    itself."""
    after[0] += before[0]
    after[0] -= mass
    for k in range(1, len(after)):
        if k % 2:  # points before have negative distances
            after[k] -= before[k]
        else:
            after[k] += before[k]
        if k > 1:
            after[k] *= math.factorial(k)
    return after


class _Line:
    """The factors of both directions in one stretch."""

    def __init__(self, u: Array, part: slice) -> None:
        self._part = part
        xp = arrays.namespace(u)
        distance = xp.clip(_steps(u, part), None, _OUT_OF_REACH)
        self._forward = _Direction(pack(distance[..., :-1]), reverse=False)
        self._backward = _Direction(pack(distance[..., 1:]), reverse=True)

    def directions(self, echo: Echo | None) -> tuple["_Direction", "_Direction"]:
        if echo is None:
            return self._forward, self._backward
        steps = _steps(echo.rank, self._part)
        left = arrays.namespace(steps).where(steps > 0, echo.rho, 1.0)
        return self._forward.fading(left[..., :-1]), self._backward.fading(left[..., 1:])


def _steps(position: Array, part: slice) -> Array:
    """The distances from each point of a stretch to the next, and into and out of it: one more than
    points."""
    start, stop = part.start, part.stop
    steps = arrays.empty((*position.shape[:-1], stop - start + 1), position)
    inner = position[..., start:stop]
    steps[..., 1:-1] = inner[..., 1:] - inner[..., :-1]
    steps[..., 0] = position[..., start] - position[..., start - 1] if start else 0.0
    after = stop < position.shape[-1]
    steps[..., -1] = position[..., stop] - position[..., stop - 1] if after else 0.0
    return steps


class _Direction:
    """The recurrences of one direction, with the distances to the previous neighbor in it."""

    def __init__(self, distance: Array, *, reverse: bool, decay: Array | None = None) -> None:
        xp = arrays.namespace(distance)
        self._reverse = reverse
        decay = xp.exp(-distance) if decay is None else decay
        self._shape = _broadcast(decay, distance)
        self._recurrence = Recurrence(decay, reverse=reverse)
        self._distance, self._steps = distance, [decay]

    def fading(self, left: Array) -> "_Direction":
        """The same distances, with decays multiplied by `left`, (..., T)."""
        decay = self._steps[0] * pack(left, fill=1.0)
        return _Direction(self._distance, reverse=self._reverse, decay=decay)

    def _step(self, r: int) -> Array:
        """``e·d^r/r!``"""
        while len(self._steps) <= r:
            self._steps.append(self._steps[-1] * self._distance / len(self._steps))
        return self._steps[r]

    def moments(
        self, mass: Array, initial: list[Array], order: int
    ) -> tuple[list[Array], list[Array]]:
        """Orders 0 … `order` around every point, and around the last one alone."""
        found: list[Array] = []
        entering: list[Array] = []
        final: list[Array] = []
        for k in range(order + 1):
            inputs = arrays.empty(_broadcast(mass, self._shape), self._distance)
            if k == 0:
                inputs[...] = mass
            else:
                self._fill(inputs, found, entering)
            before, last = self._recurrence.run(inputs, initial[k])
            found.append(inputs)
            entering.append(before)
            final.append(last)
        return found, final

    def _fill(self, inputs: Array, lower: list[Array], entering: list[Array]) -> None:
        """Write the recurrence's input of the next order, place by place: the contribution of the
        lower orders around the previous point once they are seen from one step further."""
        previous = entering
        for place in self._recurrence.places:
            row = inputs[place]
            row[...] = self._step(len(lower))[place] * previous[0]
            for r in range(1, len(lower)):
                arrays.add_product(row, self._step(r)[place], previous[-r])
            previous = [moment[place] for moment in lower]


def _broadcast(a: Any, b: Any) -> tuple[int, ...]:
    """The common shape of arrays, or of shapes, with the same number of axes."""
    a, b = getattr(a, "shape", a), getattr(b, "shape", b)
    return tuple(max(m, n) for m, n in zip(a, b, strict=True))


def _nothing(u: Array, mass: Array, order: int, echo: Echo | None) -> list[Array]:
    shape = _broadcast(u[..., 0], mass[..., 0])
    if echo is not None:
        shape = _broadcast(shape, echo.rho[..., 0])
    empty = arrays.empty(shape, u)
    empty[...] = 0.0
    return [empty] * (order + 1)


def _from_the_right(
    u: Array,
    masses: Sequence[Array],
    orders: Sequence[int],
    echoes: Sequence[Echo | None],
    parts: list[slice],
) -> list[list[list[Array]]]:
    """For each stretch, last first, the moments of all points beyond it, around the nearest of
    them."""
    beyond = [
        _nothing(u, mass, order, echo)
        for mass, order, echo in zip(masses, orders, echoes, strict=True)
    ]
    found = [beyond]
    for part in parts[:0:-1]:
        start, stop = part.start, part.stop
        near = u[..., start]
        after = stop < u.shape[-1]
        step = u[..., stop] - near if after else None
        terms = _powers(u[..., part] - near[..., None], max(orders))
        reached = []
        for moments, mass, echo in zip(beyond, masses, echoes, strict=True):
            moments = list(moments) if step is None else _moved(moments, step)
            weighed = mass[..., part]
            if echo is not None:
                first, rank = echo.rank[..., start : start + 1], echo.rank
                weighed = weighed * echo.between(first, rank[..., part])
                if after:
                    left = echo.between(first, rank[..., stop : stop + 1])[..., 0]
                    moments = [left * moment for moment in moments]
            for k in range(len(moments)):
                moments[k] = moments[k] + (terms[k] * weighed).sum(-1)
            reached.append(moments)
        beyond = reached
        found.append(beyond)
    return found


def _powers(distance: Array, order: int) -> list[Array]:
    """``exp(−d)·d^k/k!`` for k = 0 … order."""
    xp = arrays.namespace(distance)
    distance = xp.clip(distance, None, _OUT_OF_REACH)
    terms = [xp.exp(-distance)]
    for k in range(order):
        terms.append(terms[-1] * distance / (k + 1))
    return terms


def _moved(moments: list[Array], distance: Array) -> list[Array]:
    """The moments seen from further away."""
    terms = _powers(distance, len(moments) - 1)
    return [sum(terms[k - j] * moments[j] for j in range(k + 1)) for k in range(len(moments))]
