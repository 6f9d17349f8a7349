"""What is claimed of a series: read off its segments, rarely false, mostly found."""

import dataclasses
import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rlviz.report.statistics.analysis import Analysis, Dip, analyse
from rlviz.report.statistics.segments import Segment

from .conftest import parl, told_of


def story(*parts, certain=True):
    """An analysis with segments (kind, x, y at the end, pace), from (0, 8.0) on."""
    segments, x, y = [], 0.0, 8.0
    for kind, x_end, y_end, pace in parts:
        segments.append(Segment(kind, x, x_end, y, y_end, pace, certain, 0.1, 0.1, 5.0))
        x, y = x_end, y_end
    return Analysis(200, 0.0, segments=tuple(segments))


def test_claims_are_read_off_the_segments():
    found = story(
        ("level", 1.0, 8.1, ""),
        ("falls", 2.0, 7.0, ""),
        ("rises", 4.0, 8.0, "slowly"),
        ("rises", 5.0, 13.0, "steeply"),
    )
    assert found.trend == 1
    assert found.dip == Dip(2.0, 7.0, pytest.approx(1.1))
    assert found.acceleration == 4.0
    assert found.plateaus == (found.segments[0],)


def test_a_fall_that_is_not_made_up_for_is_no_dip():
    collapse = story(("falls", 1.0, 2.0, ""), ("rises", 3.0, 4.0, ""))
    assert collapse.dip is None
    assert collapse.trend == -1
    assert story(("falls", 1.0, 2.0, ""), ("rises", 3.0, 5.5, "")).dip is not None
    assert story(("falls", 1.0, 2.0, "")).dip is None
    in_two = story(("falls", 1.0, 5.0, ""), ("level", 2.0, 5.1, ""), ("rises", 3.0, 8.0, ""))
    assert in_two.dip == Dip(1.0, 5.0, 3.0)


def test_a_later_dip_is_one_if_the_first_fall_is_the_deep_one():
    found = story(("rises", 1.0, 9.0, ""), ("falls", 2.0, 8.5, ""), ("rises", 3.0, 12.0, ""))
    assert found.dip == Dip(2.0, 8.5, 0.5)


def test_steep_is_twice_what_all_before_was_and_a_jump_is_no_acceleration():
    slow = ("rises", 4.0, 9.0, "")
    assert story(slow, ("rises", 5.0, 9.6, "")).acceleration == 4.0
    assert story(slow, ("rises", 5.0, 9.4, "")).acceleration is None
    assert story(slow, ("rises", 4.1, 12.0, "jump")).acceleration is None
    assert story(("rises", 4.0, 12.0, "ever faster")).acceleration is None


def test_where_it_ends_as_it_began_there_is_no_trend():
    assert story(("rises", 1.0, 9.0, ""), ("falls", 2.0, 8.1, "")).trend == 0
    assert story(("rises", 1.0, 9.0, ""), ("falls", 2.0, 8.3, "")).trend == 1


def test_of_what_is_uncertain_nothing_is_claimed():
    found = story(("level", 5.0, 9.0, ""), certain=False)
    assert (found.trend, found.dip, found.acceleration, found.plateaus) == (0, None, None, ())
    assert not found.is_certain


def test_the_parts_of_a_run_are_found_where_they_are_and_with_their_sizes():
    x, y = parl(np.random.default_rng(2))
    found, _ = told_of(1e20 + 4e22 * x, y)
    assert found.points == 300
    assert found.trend == 1
    assert not found.drift
    assert found.noise_correlation < 0.2
    assert (found.dip.place - 1e20) / 4e22 == pytest.approx(0.12, abs=0.04)
    assert found.dip.depth == pytest.approx(0.6, abs=0.2)
    assert (found.acceleration - 1e20) / 4e22 == pytest.approx(0.75, abs=0.03)
    assert found.scatter.first == pytest.approx(0.2, rel=0.15)
    assert not found.scatter.grows


def test_a_hockey_stick_bends_and_does_not_turn():
    x = np.linspace(0, 1, 200)
    noise = 0.01 * np.random.default_rng(0).standard_normal(200)
    found, _ = told_of(x, 8 + 20 * np.maximum(x - 0.7, 0) + noise)
    assert found.dip is None
    assert all(part.kind != "falls" for part in found.segments)
    assert found.acceleration == pytest.approx(0.7, abs=0.03)


def test_a_v_turns_at_its_tip():
    x = np.linspace(0, 1, 200)
    noise = 0.01 * np.random.default_rng(0).standard_normal(200)
    found, _ = told_of(x, 8 - 2 * np.minimum(x, 0.4) + 10 * np.maximum(x - 0.4, 0) + noise)
    assert [part.kind for part in found.segments] == ["falls", "rises"]
    assert found.dip.place == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize("shape", [parl, lambda rng: (np.arange(200.0), rng.standard_normal(200))])
def test_the_same_data_give_the_same_answer_in_any_unit_and_upside_down(shape):
    x, y = shape(np.random.default_rng(3))
    once, _ = told_of(x, y)
    again, _ = told_of(x, y)
    assert once == again
    turned = {"rises": "falls", "falls": "rises", "level": "level"}
    for unit, shift in ((2.0**20, 0.0), (1e90, 0.0), (1e-90, 0.0), (1.0, 64.0), (-1.0, 0.0)):
        scaled, _ = told_of(x, unit * y + shift)
        for one, other in zip(once.segments, scaled.segments, strict=True):
            assert other.kind == (one.kind if unit > 0 else turned[one.kind])
            assert (other.pace, other.x_start, other.x_end, other.certain) == (
                (one.pace, one.x_start, one.x_end, one.certain)
            )
            assert other.y_end == pytest.approx(unit * one.y_end + shift, rel=1e-6)
    assert [part.kind for part in told_of(4e22 * x + 1e21, y)[0].segments] == [
        part.kind for part in once.segments
    ]


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.arange(19.0), np.arange(19.0)),
        (np.zeros(30), np.arange(30.0)),
        (np.repeat(np.arange(15.0), 2), np.arange(30.0)),
    ],
    ids=["few", "one place", "few places"],
)
def test_of_too_little_nothing_is_told(x, y):
    found, _ = told_of(x, y)
    assert repr(found) == repr(Analysis(len(y)))  # NaN is not equal to itself


def test_nor_of_nothing():
    _, curve = told_of(np.arange(30.0), np.arange(30.0))
    assert repr(analyse(curve, np.empty(0), np.empty(0))) == repr(Analysis(0))
    assert repr(analyse(curve, np.arange(30.0), np.full(30, math.nan))) == repr(Analysis(0))


def test_a_constant_is_told_as_one():
    found, _ = told_of(np.arange(30.0), np.full(30, 0.5))
    (part,) = found.segments
    assert (part.kind, part.pace, part.certain) == ("level", "constant", True)
    assert (part.x_start, part.x_end, part.y_start, part.y_end) == (0.0, 29.0, 0.5, 0.5)
    assert part.y_end_error is None
    assert found.trend == 0
    assert found.plateaus == ()


@pytest.mark.parametrize("unit", [1e-310, 1e300])
def test_values_at_the_end_of_what_floats_hold_are_left_alone(unit):
    _, curve = told_of(np.arange(60.0), np.arange(60.0))
    assert repr(analyse(curve, np.arange(60.0), unit * np.arange(60.0))) == repr(Analysis(60))


def test_series_without_noise_give_no_warning_and_no_false_shape():
    x = np.arange(60.0)
    kinds = {
        "rises": x,
        "jump": (x > 30) * 1.0,
        "outlier": (x == 5) * 1.0,
        "alternates": x % 2,
        "ever faster": x**2,
    }
    found = {name: told_of(x, y)[0] for name, y in kinds.items()}
    assert [part.pace for part in found["rises"].segments] == [""]
    assert [part.pace for part in found["jump"].segments] == ["", "jump", ""]
    assert [part.pace for part in found["ever faster"].segments] == ["ever faster"]
    for name in ("outlier", "alternates"):
        assert [part.certain for part in found[name].segments] == [False]
    assert all(one.dip is None for one in found.values())


def test_noise_as_long_as_a_walk_is_drift_and_nothing_is_certain():
    rng = np.random.default_rng(5)
    told = [told_of(np.arange(200.0), rng.standard_normal(200).cumsum())[0] for _ in range(12)]
    assert sum(found.drift for found in told) >= 10
    for found in told:
        if found.drift:
            assert dataclasses.astuple(found.segments[0])[:3] == ("level", 0.0, 199.0)
            assert not found.is_certain


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[3] / "benchmarks" / "claims.py"
    spec = importlib.util.spec_from_file_location("claims", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["claims"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["claims"]


GOALS = {
    "flat 0.0": {"trend": (0, 0.05), "turn": (0, 0.05)},
    "flat 0.5": {"trend": (0, 0.05), "turn": (0, 0.05)},
    "flat het 0.0": {"trend": (0, 0.05)},
    "walk 0.0": {"trend": (0, 0.05), "turn": (0, 0.05)},
    "line 0.3": {"trend": (0.99, 1), "turn": (0, 0.05)},
    "nodip 0.3": {"dip": (0, 0.05), "acceleration": (0.99, 1)},
    "target 0.3": {"dip": (0.95, 1), "acceleration": (0.99, 1), "scatter": (0.95, 1)},
    "sine 0.3": {"turn": (0.99, 1)},
}
"""The least and the most of a claim at 200 steps."""


def check(found, slack):
    """What of the goals was missed, with `slack` for so few seeds."""
    shares = found["claims"]
    return [
        f"{found['scenario']}: {claim} {shares[claim]:.1%}"
        for claim, (least, most) in GOALS[found["scenario"]].items()
        if not least - slack <= shares[claim] <= most + slack
    ]


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", GOALS)
def test_claims_are_rarely_false_and_mostly_found(benchmark, name):
    assert check(benchmark.rates("work", name, 200, range(40)), slack=0.1) == []


@pytest.mark.soak
def test_claims_are_rarely_false_and_mostly_found_in_a_thousand_runs(benchmark):
    command = [sys.executable, benchmark.__file__, "--json", "--seeds", "1000", "--steps", "200"]
    done = subprocess.run([*command, "--only", *GOALS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rates = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rates) == len(GOALS)
    # Up to 1.5 % is chance: two standard errors of 5 % in 1,000 runs.
    assert [missed for found in rates for missed in check(found, slack=0.015)] == []
