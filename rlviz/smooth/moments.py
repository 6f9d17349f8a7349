"""Moments of masses on a line under a Laplace kernel, around every point, for many lines at once.

``M_k(i) = Σ_j m_j·exp(−|u_j − u_i|)·(u_j − u_i)^k``, u in bandwidths. What lies left of a point
obeys, with d the distance to the point before and e = exp(−d), ``S_k' = e·Σ_j C(k,j)·d^(k−j)·S_j``:
for every k the scalar recurrence ``h_t = e_t·h_{t−1} + b_t`` whose input b comes from the orders
below. The right side is its mirror. All terms are positive, so nothing cancels.

Divided by k!, as it is kept here, a moment needs no binomials:
``s_k' = e·Σ_r d^r/r!·s_{k−r}``.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array
from rlviz.smooth.blocks import Recurrence, pack

_OUT_OF_REACH = 800.0
"""From this many bandwidths on a weight is exactly 0, and a distance's powers only overflow."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the lines, as `blocks.pack` lays it: (B, ..., n)."""

    where: slice
    masses: list[Array]
    moments: list[list[Array]]
    """For each of the masses the orders 0 … K."""


def sweep(
    u: Array, masses: Sequence[Array], orders: Sequence[int], *, length: int
) -> Iterator[Stretch]:
    """Moments around every point, one stretch of the lines after the other.

    Args:
        u: positions in bandwidths, never decreasing, (..., T).
        masses: one or more, (..., T); 0 where a point is missing. Leading axes broadcast.
        orders: highest k for each of the masses.
        length: points of a stretch; what a stretch needs is held in memory at a time.
    """
    points = u.shape[-1]
    parts = [slice(at, min(at + length, points)) for at in range(0, points, length)]
    left = [_nothing(u, mass, order) for mass, order in zip(masses, orders, strict=True)]
    right = _from_the_right(u, masses, orders, parts)
    for part in parts:
        line = _Line(u, part)
        packed = [pack(mass[..., part]) for mass in masses]
        found = []
        beyond = right.pop()
        for i, (mass, order) in enumerate(zip(packed, orders, strict=True)):
            ahead, left[i] = line.forward.moments(mass, left[i], order)
            behind, _ = line.backward.moments(mass, beyond[i], order)
            found.append(_both_sides(ahead, behind, mass))
        yield Stretch(part, packed, found)


def _both_sides(before: list[Array], after: list[Array], mass: Array) -> list[Array]:
    """Moments of all from those of either side, in which the own point stands twice."""
    after[0] += before[0]
    after[0] -= mass
    for k in range(1, len(after)):
        if k % 2:  # what lies before has negative distances
            after[k] -= before[k]
        else:
            after[k] += before[k]
        if k > 1:
            after[k] *= math.factorial(k)
    return after


class _Line:
    """The factors of both directions in one stretch."""

    def __init__(self, u: Array, part: slice) -> None:
        start, stop = part.start, part.stop
        xp = arrays.namespace(u)
        distance = arrays.empty((*u.shape[:-1], stop - start + 1), u)
        distance[..., 1:-1] = u[..., start + 1 : stop] - u[..., start : stop - 1]
        distance[..., 0] = u[..., start] - u[..., start - 1] if start else 0.0
        distance[..., -1] = u[..., stop] - u[..., stop - 1] if stop < u.shape[-1] else 0.0
        distance = xp.clip(distance, None, _OUT_OF_REACH)
        self.forward = _Direction(pack(distance[..., :-1]), reverse=False)
        self.backward = _Direction(pack(distance[..., 1:]), reverse=True)


class _Direction:
    """The recurrences of one direction: distances to the neighbor that comes before in it."""

    def __init__(self, distance: Array, *, reverse: bool) -> None:
        xp = arrays.namespace(distance)
        self._reverse = reverse
        decay = xp.exp(-distance)
        self._recurrence = Recurrence(decay, reverse=reverse)
        self._distance, self._steps = distance, [decay]

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
            inputs = arrays.empty(_broadcast(mass, self._distance), self._distance)
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
        """The recurrence's input of the next order, place by place: what the lower ones, seen from
        the point before, add when they are seen from one step further."""
        previous = entering
        for place in self._recurrence.places:
            row = inputs[place]
            row[...] = self._step(len(lower))[place] * previous[0]
            for r in range(1, len(lower)):
                arrays.add_product(row, self._step(r)[place], previous[-r])
            previous = [moment[place] for moment in lower]


def _broadcast(a: Array, b: Array) -> tuple[int, ...]:
    return tuple(max(m, n) for m, n in zip(a.shape, b.shape, strict=True))


def _nothing(u: Array, mass: Array, order: int) -> list[Array]:
    shape = _broadcast(u[..., 0], mass[..., 0])
    empty = arrays.empty(shape, u)
    empty[...] = 0.0
    return [empty] * (order + 1)


def _from_the_right(
    u: Array, masses: Sequence[Array], orders: Sequence[int], parts: list[slice]
) -> list[list[list[Array]]]:
    """For each stretch, last first, the moments of all that lies beyond it, around its last
    neighbor there."""
    beyond = [_nothing(u, mass, order) for mass, order in zip(masses, orders, strict=True)]
    found = [beyond]
    for part in parts[:0:-1]:
        near = u[..., part.start]
        if part.stop < u.shape[-1]:
            step = u[..., part.stop] - near
            beyond = [_moved(moments, step) for moments in beyond]
        else:
            beyond = [list(moments) for moments in beyond]
        terms = _powers(u[..., part] - near[..., None], max(orders))
        for moments, mass in zip(beyond, masses, strict=True):
            for k in range(len(moments)):
                moments[k] = moments[k] + (terms[k] * mass[..., part]).sum(-1)
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
    """Moments seen from further away."""
    terms = _powers(distance, len(moments) - 1)
    return [sum(terms[k - j] * moments[j] for j in range(k + 1)) for k in range(len(moments))]
