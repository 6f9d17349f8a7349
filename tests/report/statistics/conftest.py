"""A curve as that of PARL: a dip, a plateau and a steep rise."""

import numpy as np


def parl(rng, steps=300, noise=0.2):
    x = np.linspace(0, 1, steps)
    shape = np.interp(x, [0, 0.12, 0.30, 0.75, 1], [8.3, 7.7, 8.4, 8.9, 13.7])
    return x, shape + noise * rng.standard_normal(steps)
