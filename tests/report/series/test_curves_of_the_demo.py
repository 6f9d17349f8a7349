"""The curve through the built-in demo, as commit 10037ca ran it: what the eye sees is on it.

`tests/data/demo_seeds_of_10037ca.npz` holds the rows of `rlviz demo --seed 0` to `9` at that
commit, 500 steps each, so that a later change of the demo does not touch them: "<seed>/<column>".
"""

from pathlib import Path

import numpy as np
import pytest

import rlviz
from rlviz.report.series.axis import choose
from rlviz.report.series.curves import curve_of
from rlviz.report.series.measures import measure

ROWS = np.load(Path(__file__).parents[2] / "data" / "demo_seeds_of_10037ca.npz")


def curve(seed, metric):
    prefix = f"{seed}/"
    columns = {n.removeprefix(prefix): ROWS[n] for n in ROWS.files if n.startswith(prefix)}
    run = rlviz.History(columns)
    return run, curve_of(run, measure(metric, [run]), choose("flops", [run]))


@pytest.mark.parametrize(
    ("seed", "lowest", "share"),
    [(0, 6.9, 0.39), (5, 6.65, 0.31), (6, 7.2, 0.41), (7, 6.5, 0.30)],  # read off the figures
)
def test_the_dip_of_parallelism_is_as_deep_as_it_looks_and_where_it_looks(seed, lowest, share):
    run, found = curve(seed, "average_parallelism")
    at = int(found.y.argmin())
    assert found.y[at] == pytest.approx(lowest, abs=0.12)
    where = (found.x[at] - run.flops[0]) / np.ptp(run.flops)
    assert where == pytest.approx(share, abs=0.025)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("metric", ["accuracy", "average_parallelism"])
def test_its_noise_does_not_last_and_its_bandwidth_follows_it(seed, metric):
    _, found = curve(seed, metric)
    assert 0 <= found.noise_correlation < 0.15
    if metric == "average_parallelism":  # a steep rise, then noise that is twenty times as large
        rise, end = np.percentile(found.bandwidth, [5, 95])
        assert end > 2 * rise


@pytest.mark.parametrize("seed", range(10))
def test_the_binomial_noise_of_accuracy_is_most_of_what_scatters_and_agrees_with_it(seed):
    run, found = curve(seed, "accuracy")
    known = measure("accuracy", [run]).variance(run)
    seen = np.mean((run.accuracy - found.values_at(run.flops)[0]) ** 2)
    assert 0.6 < known.mean() / seen < 1.1
