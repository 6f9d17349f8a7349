"""A batch of series made ready for fitting: checked, in float64, on one scale, with their gaps."""

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array


@dataclass(frozen=True, slots=True)
class Series:
    """A batch of series, made ready: x from 0 to 1, values around 0, gaps without mass.

    Attributes:
        u: (S, T), or (1, T) if all series share x; in a gap, u of the point before.
        y: (S, T); 0 in a gap.
        mass: 1, or 0 in a gap: (S, T), or (1, T) if no series has a gap.
        known: mass as a mask.
        offset: (S, 1), the amount subtracted from the values, in units of scale.
        scale: (S, 1), the unit of y and offset: the largest value.
        extent: (S,) or (1,), the unit of u.
        step: (S,) or (1,), median distance between neighbors at different u.
    """

    u: Array
    y: Array
    mass: Array
    known: Array
    offset: Array
    scale: Array
    extent: Array
    step: Array

    @classmethod
    def of(cls, values: Array, x: Array) -> "Series":
        """Prepare values (S, T) at x, (T,) or (S, T).

        Raises:
            ValueError: x decreases.
        """
        xp = arrays.namespace(values)
        values, x = arrays.double(values), arrays.double(x)
        x = x if x.ndim == 2 else x[None]
        known = xp.isfinite(values) & xp.isfinite(x)
        if bool(known.all()):
            known = known[:1]
        at = arrays.running_maximum(xp.where(known, x, -math.inf))
        if bool((known & (x < at)).any()):
            raise ValueError(
                "x must never decrease. Sort the points, or smooth each pass on its own."
            )
        first = xp.amin(xp.where(known, x, math.inf), -1)
        extent = at[..., -1] - first
        extent = xp.where(extent > 0, extent, 1.0)
        u = xp.clip((at - first[..., None]) / extent[..., None], 0.0, None)
        u = xp.where(xp.isfinite(u), u, 0.0)
        steps = u[..., 1:] - u[..., :-1]
        mass = arrays.double(known)
        filled = xp.where(known, values, 0.0)
        scale = xp.amax(xp.abs(filled), -1)[..., None]
        scale = xp.where(scale > 0, scale, 1.0)
        filled = filled / scale
        offset = (filled.sum(-1) / xp.clip(mass.sum(-1), 1.0, None))[..., None]
        y = xp.where(known, filled - offset, 0.0)
        return cls(u, y, mass, known, offset, scale, extent, _median_step(steps))

    def rows(self, some: Any) -> "Series":
        """Some of the series: a slice, or their numbers."""
        own = len(self.y)
        parts = (getattr(self, field.name) for field in fields(self))
        return Series(*(part[some] if len(part) == own else part for part in parts))

    def without_polynomial(self, degree: int) -> tuple["Series", Array]:
        """The series minus its least-squares polynomial, and that polynomial, (S, T). Fits of this
        degree reproduce any such polynomial, so only the effects of rounding and of means
        change."""
        xp = arrays.namespace(self.u)
        left, trend = self.y, xp.zeros_like(self.y)
        terms: list[Array] = []
        for power in range(degree + 1):
            term = self.u**power + 0.0 * self.mass
            for _ in range(2):  # a second time for what rounding left
                for other in terms:
                    term = term - _slope(other, term, self.mass) * other
            terms.append(term)
            for _ in range(2):
                part = _slope(term, left, self.mass) * term
                left, trend = left - part, trend + part
        return replace(self, y=xp.where(self.known, left, 0.0)), trend

    def halved(self, tau: Array) -> Array:
        """Half of each bandwidth, but at least two median steps (and at most the bandwidth)."""
        xp = arrays.namespace(tau)
        return xp.minimum(tau, xp.maximum(tau / 2, 2 * self.step))


def _slope(term: Array, y: Array, mass: Array) -> Array:
    """The least-squares coefficient of a term, (S, T), in y, (S, 1); 0 if the term vanishes."""
    xp = arrays.namespace(y)
    weighed = term * mass
    size = (weighed * term).sum(-1)
    there = size > _NOTHING * mass.sum(-1)
    return xp.where(there, (weighed * y).sum(-1) / xp.where(there, size, 1.0), 0.0)[..., None]


_NOTHING = 1e-20
"""Mean square that rounding gives a vanishing term; u is within 1."""


def _median_step(steps: Array) -> Array:
    """Median of the positive steps of each row; 1 if there are none."""
    xp = arrays.namespace(steps)
    if not steps.shape[-1]:
        return steps.sum(-1) + 1.0
    ordered = arrays.sorted_rows(xp.where(steps > 0, steps, math.inf))
    count = (steps > 0).sum(-1)
    lower, upper = xp.clip(count - 1, 0, None) // 2, count // 2
    upper = xp.clip(upper, None, steps.shape[-1] - 1)
    middle = (arrays.pick(ordered, lower) + arrays.pick(ordered, upper)) / 2
    return xp.where(count > 0, middle, 1.0)
