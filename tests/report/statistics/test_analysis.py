"""What is claimed of a curve: rarely what is not so, mostly what is."""

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rlviz.report.statistics.analysis import Analysis, analyse
from rlviz.smooth.bins import averaged_ties

from .conftest import parl


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[3] / "benchmarks" / "claims.py"
    spec = importlib.util.spec_from_file_location("claims", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["claims"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["claims"]


MOST_FALSE = {50: 0.15, 200: 0.10, 1000: 0.05}
"""How often a random walk may be taken for something, by its steps."""


def check(benchmark, found, slack):
    """What of the targets was missed, with `slack` for so few seeds."""
    name, steps, claims = found["scenario"], found["steps"], found["claims"]
    most = MOST_FALSE[steps] if name == "random walk" else 0.05
    missed = [
        f"{name}, {steps} steps: {claim} claimed in {share:.1%}"
        for claim, share in claims.items()
        if not benchmark.is_true(name, claim) and share > most + slack
    ]
    if name == "parl" and steps >= 200:
        least = {"trend": 0.97, "acceleration": 0.97, "scatter": 0.95}
        least["dip"] = 0.8 if steps == 200 else 0.9
        missed += [
            f"{name}, {steps} steps: {claim} found in {claims[claim]:.1%}"
            for claim, rate in least.items()
            if claims[claim] < rate - slack
        ]
        if found["bend within 3 %"] < 0.9:
            missed.append(f"{name}, {steps} steps: the bend near in {found['bend within 3 %']:.1%}")
    return missed


@pytest.mark.parametrize("steps", [50, 200, 1000])
def test_claims_are_rarely_false_and_mostly_found(benchmark, steps):
    missed = []
    for name in benchmark.SCENARIOS:
        runs = [benchmark.one(name, steps, seed) for seed in range(50)]
        missed += check(benchmark, benchmark.rates(name, steps, runs), slack=0.07)
    assert missed == []


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("steps", [50, 200, 1000])
def test_claims_are_rarely_false_and_mostly_found_in_two_thousand_runs(benchmark, steps):
    done = subprocess.run(
        [sys.executable, benchmark.__file__, "--json", "--seeds", "2000", "--steps", str(steps)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rates = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rates) == len(benchmark.SCENARIOS)
    # Half a percent is chance: the standard error of 5 % in 2,000 runs.
    assert [missed for found in rates for missed in check(benchmark, found, slack=0.005)] == []


def test_the_parts_of_a_run_are_found_where_they_are_and_with_their_sizes():
    x, y = parl(np.random.default_rng(2))
    found = analyse(1e20 + 4e22 * x, y)
    assert found.points == 300
    assert found.direction == 1
    assert found.noise.is_stationary
    assert found.dip.at == pytest.approx(0.12, abs=0.04)
    assert found.dip.depth == pytest.approx(0.6, abs=2.5 * found.dip.depth_error)
    assert found.acceleration.at == pytest.approx(0.75, abs=0.03)
    low, high = found.acceleration.interval
    assert low <= 0.75 <= high
    assert found.acceleration.after == pytest.approx(4.8 / 0.25, rel=0.1)
    assert 0.25 < found.plateau.start < found.plateau.end < 0.8
    assert found.plateau.level == pytest.approx(8.6, abs=0.3)
    assert found.scatter.first == pytest.approx(0.2, rel=0.15)
    assert not found.scatter.grows


def test_a_fall_is_found_as_a_rise_is():
    x, y = parl(np.random.default_rng(1))
    found = analyse(x, -y)
    assert found.direction == -1
    assert found.acceleration.after < 0
    assert found.dip is None  # upside down it is none


def test_a_curve_is_not_called_level_where_it_is_called_steep():
    x = np.linspace(0, 1, 500)
    dip_and_rise = (
        7.9 - np.exp(-(((x - 0.36) / 0.12) ** 2)) + 7.6 / (1 + np.exp(-(x - 0.53) / 0.04))
    )
    claimed = 0
    for seed in range(20):
        noise = (0.1 + 0.3 * (x > 0.5)) * np.random.default_rng(seed).standard_normal(500)
        found = analyse(x, dip_and_rise + noise)
        claimed += found.plateau is not None
        if found.plateau and found.acceleration:
            assert found.acceleration.at > found.plateau.end - 0.1, seed
    assert claimed >= 10  # most have a level end, and no bend


def test_uneven_positions_and_gaps_change_little():
    rng = np.random.default_rng(2)
    x = np.sort(rng.uniform(0, 1, 400)) ** 2
    y = np.interp(x, [0, 0.12, 0.30, 0.75, 1], [8.3, 7.7, 8.4, 8.9, 13.7])
    y += 0.2 * rng.standard_normal(400)
    y[rng.uniform(size=400) < 0.1] = math.nan
    x[5] = math.nan
    found = analyse(x, y)
    assert found.acceleration.at == pytest.approx(0.75, abs=0.04)
    assert found.dip.at == pytest.approx(0.12, abs=0.05)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.arange(19.0), np.arange(19.0)),
        (np.arange(30.0), np.full(30, math.nan)),
        (np.zeros(30), np.arange(30.0)),
        (np.arange(30.0), np.full(30, 0.5)),
        (np.empty(0), np.empty(0)),
    ],
    ids=["few", "missing", "one place", "one value", "none"],
)
def test_of_too_little_nothing_is_claimed(x, y):
    assert analyse(x, y) == Analysis(int(np.isfinite(y).sum()))


def test_the_same_data_give_the_same_answer_in_any_unit():
    x, y = parl(np.random.default_rng(3))
    once, again = analyse(x, y), analyse(x, y)
    assert once == again
    scaled = analyse(4e22 * x + 1e21, 100 * y)
    assert scaled.acceleration.at == pytest.approx(once.acceleration.at)
    assert scaled.acceleration.p == pytest.approx(once.acceleration.p)
    assert scaled.trend.p == pytest.approx(once.trend.p, rel=1e-6)
    assert scaled.dip.depth == pytest.approx(100 * once.dip.depth)


def test_steps_at_one_place_are_one_point():
    x = np.repeat(np.arange(100.0), 2)
    rng = np.random.default_rng(9)
    y = np.maximum(x - 70, 0) + rng.standard_normal(200)
    found = analyse(x, y)
    assert found.points == 200
    assert found.acceleration.at == pytest.approx(70 / 99, abs=0.05)
    assert len(averaged_ties(x, y)[0]) == 100


@pytest.mark.parametrize("unit", [1e-310, 1e300])
def test_values_at_the_end_of_what_floats_hold_are_left_alone(unit):
    found = analyse(np.arange(60.0), unit * np.arange(60.0))
    assert found == Analysis(60)


def test_series_without_noise_give_no_warning_and_no_false_shape():
    x = np.arange(60.0)
    assert analyse(x, x).direction == 1
    assert analyse(x, (x > 30) * 1.0).acceleration is None
    assert analyse(x, (x == 5) * 1.0).dip is None
    assert analyse(x, np.where(x % 2, 1.0, -1.0)).direction == 0
