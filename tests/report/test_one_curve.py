"""What a metric is at a place is one number, with one uncertainty, wherever it is shown."""

import csv
import io

import numpy as np
import pytest

import rlviz
from rlviz.dashboard.lines import AUTO, visible, whole
from rlviz.dashboard.series import points, view
from rlviz.report.series.axis import choose
from rlviz.report.series.curves import curve_of
from rlviz.report.series.forecast import Outlook
from rlviz.report.series.measures import measure

RANDOM = np.random.default_rng(16)


def noise(length, rho=0.0):
    made = RANDOM.standard_normal(length)
    for i in range(1, length):
        made[i] = rho * made[i - 1] + np.sqrt(1 - rho**2) * made[i]
    return made


def run(steps, shape, *, rho=0.0, graded=256, gaps=0.0, uneven=False, late=1.0):
    share = np.linspace(0, 1, steps)
    flops = 1e21 * (np.sort(RANDOM.uniform(size=steps)) if uneven else share + 1 / steps)
    sd = 0.03 * np.where(share > 0.7, late, 1.0)
    accuracy = np.clip(0.2 + 0.6 * shape(share) + sd * noise(steps, rho), 0, 1)
    ratio = 8 + 6 * shape(share) + 0.3 * noise(steps, rho)
    columns = {
        "step": np.arange(1.0, steps + 1),
        "correct": np.round(accuracy * graded),
        "graded": np.full(steps, float(graded)),
        "parallelism_sum": 4 * ratio,
        "parallelism_count": np.full(steps, 4.0),
        "flops/total": flops,
        "flops/rollout": 0.7 * flops,
        "flops/update": 0.3 * flops,
    }
    for name in ("correct", "parallelism_sum"):
        columns[name][RANDOM.uniform(size=steps) < gaps] = np.nan
    return rlviz.History(columns, logdir=f"runs/{steps}")


def rising(share):
    return share


def levelling(share):
    return 1 - np.exp(-4 * share)


def hockey(share):
    return np.maximum(share - 0.7, 0) / 0.3


def dip(share):
    return np.interp(share, [0, 0.15, 0.35, 0.7, 1], [0.2, 0.0, 0.2, 0.3, 1])


def sigmoid(share):
    return 1 / (1 + np.exp(-12 * (share - 0.5)))


RUNS = {
    "short": run(40, rising),
    "usual": run(300, levelling),
    "lasting": run(300, sigmoid, rho=0.6),
    "late": run(300, hockey, late=4.0),
    "dip": run(500, dip),
    "gaps": run(400, sigmoid, gaps=0.2),
    "uneven": run(240, dip, uneven=True),
    "few answers": run(200, levelling, graded=8),
    "flat": run(250, np.zeros_like),
    "long": run(5_000, sigmoid),
    "very long": run(30_000, dip, rho=0.3),
    "jump": run(300, lambda share: (share > 0.5).astype(float)),
}
EVERYTHING = (-np.inf, np.inf)
METRICS = ("accuracy", "average_parallelism")
SHARES = (0.0, 0.5, 1.0, 0.17, 0.42, 0.83)
"""Start, middle and end, and three other places of the axis."""


@pytest.fixture(params=RUNS)
def history(request):
    return RUNS[request.param]


def places(history):
    flops = history.flops[np.isfinite(history.accuracy) & np.isfinite(history.parallelism)]
    return flops[0] + np.array(SHARES) * (flops[-1] - flops[0])


def expected(history, metric, at):
    what = measure(metric, [history])
    return curve_of(history, what, choose("flops", [history])).at(at)


@pytest.mark.quick(2)
def test_the_figure_draws_it(history):
    axes = rlviz.figure(history).axes
    for ax, metric in zip(axes, METRICS, strict=True):
        line = next(one for one in ax.lines if one.get_label() == "Smoothed Curve")
        band = ax.collections[-1].get_paths()[0].vertices
        for at in places(history):
            value = expected(history, metric, at)
            assert np.interp(at, *line.get_data()) == pytest.approx(value.value, rel=1e-12)
        curve = curve_of(history, measure(metric, [history]), choose("flops", [history]))
        assert np.nanmax(band[:, 1]) == pytest.approx(np.nanmax(curve.high), rel=1e-12)
        assert np.nanmin(band[:, 1]) == pytest.approx(np.nanmin(curve.low), rel=1e-12)


@pytest.mark.quick(2)
def test_the_page_sends_it(history):
    for metric in METRICS:
        found = points(history, metric, "flops", log=False)
        shown = visible(whole(history, found, AUTO), view(found, EVERYTHING, EVERYTHING, 600, 300))
        for at in places(history):
            value = expected(history, metric, at)
            there = [np.interp(at, shown.x, part) for part in (shown.y, shown.low, shown.high)]
            np.testing.assert_allclose(there, [value.value, value.low, value.high], rtol=1e-9)


@pytest.mark.quick(2)
def test_the_summary_and_its_table_tell_it(history):
    for claim in rlviz.summarise(history).claims:
        if claim.name not in METRICS:
            continue
        values = history.accuracy if claim.name == "accuracy" else history.parallelism
        flops = history.flops[np.isfinite(values)]
        first, last = flops[0], flops[-1]
        for when, at in (("start", first), ("middle", (first + last) / 2), ("end", last)):
            value = expected(history, claim.name, at)
            assert claim.values[when].value == pytest.approx(value.value, rel=1e-12)
            assert claim.values[when].error == pytest.approx((value.high - value.low) / 2)


@pytest.mark.quick(2)
def test_a_comparison_and_its_table_tell_it(history):
    other = RUNS["dip"] if history is not RUNS["dip"] else RUNS["usual"]
    for metric in METRICS:
        found = rlviz.compare({"a": history, "b": other}, metric=metric, resamples=100)
        assert len(found.at_compute) == 4
        for row in found.at_compute:
            for name, one in (("a", history), ("b", other)):
                value = expected(one, metric, row.flops)
                told = row.values[name]
                np.testing.assert_allclose(
                    [told.value, told.low, told.high], [value.value, value.low, value.high]
                )


@pytest.mark.quick(2)
def test_an_export_writes_it(history, tmp_path):
    rlviz.export(history, tmp_path / "table.csv", curves=True)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "table.csv").read_text())))
    assert len(rows) == len(history)
    for at in (
        0,
        len(rows) // 2,
        len(rows) - 1,
        len(rows) // 6,
        len(rows) // 3,
        len(rows) * 4 // 5,
    ):
        for metric in METRICS:
            value = expected(history, metric, history.flops[at])
            names = (f"curve/{metric}", f"curve_low/{metric}", f"curve_high/{metric}")
            told = [float(rows[at][name]) for name in names]
            np.testing.assert_allclose(told, [value.value, value.low, value.high], rtol=1e-12)


class Law:
    """A law that is beside the data."""

    identifiable = True

    def predict(self, flops):
        return np.full(len(flops), 0.9)

    def predict_interval(self, flops):
        return np.full(len(flops), 0.85), np.full(len(flops), 0.95)


@pytest.mark.quick(4)
def test_a_forecast_begins_at_it_and_comes_to_its_law(history):
    axis = choose("flops", [history])
    last = float(history.flops[np.isfinite(history.accuracy)][-1])
    start = expected(history, "accuracy", last)
    found = Outlook.beyond(last, axis, Law(), start)
    np.testing.assert_allclose(
        [found.y[0], found.low[0], found.high[0]], [start.value, start.low, start.high]
    )
    np.testing.assert_allclose([found.y[-1], found.low[-1], found.high[-1]], [0.9, 0.85, 0.95])
    line = next(
        one
        for one in rlviz.figure(history, metrics=["accuracy"], forecast=Law()).axes[0].lines
        if one.get_label() == "Forecast"
    )
    assert line.get_ydata()[0] == pytest.approx(start.value, rel=1e-12)
