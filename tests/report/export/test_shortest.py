"""The shortest decimals of many numbers at once are those of `repr`."""

import numpy as np
import pytest

from rlviz.report.export import decimals, shortest

RANDOM = np.random.default_rng(6)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(RANDOM.normal(0.5, 0.1, 50_000), id="shares"),
        pytest.param(RANDOM.normal(10, 0.1, 50_000), id="zeros behind the point"),
        pytest.param(1.7e9 + RANDOM.uniform(0, 1e6, 50_000), id="times"),
        pytest.param(-(10.0 ** RANDOM.uniform(-4, 15, 50_000)), id="all sizes, negative"),
        pytest.param(
            RANDOM.integers(10**15, 10**16, 50_000) / 10.0 ** RANDOM.integers(1, 19, 50_000),
            id="16 digits",
        ),
        pytest.param(np.round(RANDOM.uniform(0, 100, 50_000), 3), id="few digits"),
        pytest.param(
            np.nextafter(np.round(10.0 ** RANDOM.uniform(-4, 15, 20_000), 2), 0),
            id="beside",
        ),
    ],
)
def test_the_shortest_decimals_of_most_numbers_are_found_at_once(values):
    found = shortest.decimals(values)
    assert len(found.at) > 0.6 * len(values)
    texts = decimals.written(found.form + " ", found.columns, len(found.at)).split()
    assert texts == list(map(repr, values[found.at].tolist()))
