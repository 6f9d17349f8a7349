"""The sequence of segments: without gaps, and each true of the curve."""

from itertools import pairwise

import numpy as np
import pytest

from rlviz import schema
from rlviz.report.series.axis import XAxis
from rlviz.report.series.curves import mean_of, smoothed
from rlviz.report.statistics import analyse

from .conftest import STEPS, lasting, parl, told_of


def check(found, curve, x):
    """What is promised of every sequence."""
    segments = found.segments
    assert segments[0].x_start == x[0]
    assert segments[-1].x_end == x[-1]
    assert all(a.x_end == b.x_start for a, b in pairwise(segments))
    extent = np.ptp(curve.values_at(x)[0])
    for part in segments:
        assert part.x_start < part.x_end
        for place, value, error in (
            (part.x_start, part.y_start, part.y_start_error),
            (part.x_end, part.y_end, part.y_end_error),
        ):
            assert value == curve.at(place).value
            assert error == curve.at(place).error
        change = part.y_end - part.y_start
        if part.kind == "level":
            assert abs(change) < 0.1 * extent or not part.certain
            assert part.pace in ("", "constant")
        else:
            assert part.certain
            assert change > 0 if part.kind == "rises" else change < 0
    if not any(part.certain for part in segments):
        assert [(part.kind, part.pace) for part in segments] == [("level", "")]
    assert len(segments) <= 9


def drawn(seed):
    """A series of any kind: knots anywhere, steps, noise that varies and lasts, gaps, ties."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(20, 400))
    x = np.sort(rng.uniform(0, 1, count)) ** rng.choice([1, 2])
    if rng.random() < 0.2:
        x = np.round(x, 2)
    x = np.linspace(0, 1, count) if len(np.unique(x)) < 20 else x
    knots = np.sort(rng.uniform(0, 1, int(rng.integers(1, 6))))
    curve = np.interp(x, [0, *knots, 1], rng.standard_normal(len(knots) + 2))
    curve = curve + (rng.random() < 0.3) * rng.standard_normal() * (x > rng.random())
    size = rng.choice([0.01, 0.1, 0.3, 1.0]) * np.interp(x, [0, 1], rng.uniform(0.2, 2, 2))
    y = curve + size * lasting(rng, count, rng.choice([0.0, 0.5, 0.9]))
    y[rng.random(count) < rng.choice([0.0, 0.1])] = np.nan
    return x, y * 10.0 ** rng.integers(-20, 20)


@pytest.mark.quick(1)
@pytest.mark.parametrize("part", range(4))
def test_every_sequence_keeps_its_promises(part):
    told = 0
    for seed in range(40 * part, 40 * part + 40):
        x, y = drawn(seed)
        found, curve = told_of(x, y)
        known = np.isfinite(y)
        if len(np.unique(x[known])) < 20:
            assert found.segments == ()
            continue
        check(found, curve, x[known])
        told += len(found.segments) > 1
    assert told > 10


@pytest.mark.parametrize("seed", [2887, 3669])
def test_a_level_part_whose_ends_leave_the_bins_is_not_certain(seed):
    x, y = drawn(seed)
    found, curve = told_of(x, y)
    check(found, curve, x[np.isfinite(y)])
    assert any(part.kind == "level" and not part.certain for part in found.segments)


@pytest.mark.soak
def test_every_sequence_of_five_thousand_keeps_its_promises():
    for seed in range(1000, 6000):
        x, y = drawn(seed)
        found, curve = told_of(x, y)
        if found.segments:
            check(found, curve, x[np.isfinite(y)])


def test_it_tells_the_story_of_the_figure():
    x, y = parl(np.random.default_rng(2))
    found, curve = told_of(x, y)
    check(found, curve, x)
    assert [part.kind for part in found.segments][:2] == ["falls", "rises"]
    assert found.segments[0].x_end == pytest.approx(0.12, abs=0.04)
    last = found.segments[-1]
    assert (last.kind, last.pace) == ("rises", "steeply")
    assert last.x_start == pytest.approx(0.75, abs=0.03)


def test_a_mean_over_seeds_and_a_logarithmic_axis_are_told_too():
    series = [parl(np.random.default_rng(seed)) for seed in range(3)]
    x = series[0][0]
    curve = mean_of(STEPS, [smoothed(STEPS, x, y) for _, y in series])
    found = analyse(curve, x, np.mean([y for _, y in series], axis=0))
    check(found, curve, x)
    assert found.dip is not None
    log = XAxis(schema.AXES["flops"], log=True)
    x = 10.0 ** np.linspace(18, 22, 300)
    y = np.abs(np.log10(x) - 20) + 0.05 * np.random.default_rng(0).standard_normal(300)
    found, curve = told_of(x, y, log)
    check(found, curve, x)
    assert [part.kind for part in found.segments] == ["falls", "rises"]
    assert np.log10(found.segments[0].x_end) == pytest.approx(20, abs=0.1)


def test_a_turn_of_a_long_series_is_where_its_curve_is_extreme():
    x = np.linspace(0, 1, 1500)
    y = np.abs(x - 0.4) + 0.05 * np.random.default_rng(0).standard_normal(1500)
    found, curve = told_of(x, y)
    turn = found.segments[0]
    assert turn.y_end == curve.y.min()
    assert turn.x_end == curve.x[curve.y.argmin()]
