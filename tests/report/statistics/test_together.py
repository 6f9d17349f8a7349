"""Whether two curves move together beyond both changing."""

import numpy as np

from rlviz.report.statistics.together import together


def test_curves_that_both_rise_are_not_together_for_that():
    rng = np.random.default_rng(10)
    x = np.linspace(0, 1, 200)
    shared = rng.standard_normal(200)
    claimed = {0.0: 0, 1.0: 0}
    for part in claimed:
        for _ in range(50):
            first = 10 * x + shared + 0.5 * rng.standard_normal(200)
            second = 5 * x**2 + part * shared + 0.5 * rng.standard_normal(200)
            claimed[part] += together(x, first, second).is_claimed
    assert claimed[0.0] <= 5
    assert claimed[1.0] == 50
