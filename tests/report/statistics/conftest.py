"""Series of known shape, and the curve through any series."""

import numpy as np

from rlviz import schema
from rlviz.report.series.axis import XAxis
from rlviz.report.series.curves import joined, smoothed
from rlviz.report.statistics import analyse

STEPS = XAxis(schema.AXES["step"])


def told_of(x, y, axis=STEPS):
    """What is told of a series, and the curve that it is told of."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    known = np.isfinite(x) & np.isfinite(y)
    kind = smoothed if np.ptp(y[known]) > 0 else joined
    curve = kind(axis, x[known], y[known])
    return analyse(curve, x, y), curve


def parl(rng, steps=300, noise=0.2):
    """A curve as that of PARL: a dip, a slow rise and a steep one."""
    x = np.linspace(0, 1, steps)
    shape = np.interp(x, [0, 0.12, 0.30, 0.75, 1], [8.3, 7.7, 8.4, 8.9, 13.7])
    return x, shape + noise * rng.standard_normal(steps)


def lasting(rng, count, correlation):
    """AR(1) noise of variance 1."""
    found = rng.standard_normal(count)
    for i in range(1, count):
        found[i] = correlation * found[i - 1] + np.sqrt(1 - correlation**2) * found[i]
    return found
