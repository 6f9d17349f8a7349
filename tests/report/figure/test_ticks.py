"""Tick labels stand apart at any range of values and any size of the figure, measured as drawn."""

import itertools
import warnings

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import rlviz
from rlviz.report.figure.ticks import Powers, power_of_ten
from rlviz.report.series.axis import LARGEST

from .conftest import N, T, texts_of, tick_labels

RANDOM = np.random.default_rng(7)
NOISE = RANDOM.normal(size=N)

VALUES = {
    "share": 0.3 + 0.4 * T,
    "tiny": 3e-12 * (1 + T),
    "near the smallest": 1e-300 * T,
    "huge": 1e23 * (1 + T),
    "near the largest": LARGEST * (1 - 2 * T),
    "negative": -5e5 + 3e5 * T,
    "around zero": NOISE,
    "a billion and a bit": 1e9 + 1 + T,
    "a billion and a few": 1e9 + 300 * T,
    "a difference in the last digits": 1 + 1e-14 * T,
    "dates": 1.79e9 + 86400 * T,
    "five digits": 16000 + 48000 * T,
    "constant": np.full(N, -21.0),
    "constant with many digits": np.full(N, 1234.56789),
    "zero": np.zeros(N),
    "constant but for rounding": 0.1 + 1e-17 * NOISE,
    "two values": np.where(T < 0.5, 1.0, 4096.0),
    "gaps": np.where(T < 0.4, np.nan, T),
    "one value": np.where(T[10] == T, 7.25, np.nan),
    "long numbers": 123456.789 + 0.01 * T,
}
STEPS = {
    "few": np.arange(1.0, N + 1),
    "five digits": np.linspace(100, 62_500, N).round(),
    "six digits": np.linspace(1, 999_999, N).round(),
    "a billion and a few": 1e9 + np.arange(1.0, N + 1),
    "millions": np.linspace(2e6, 2.4e9, N).round(),
    "two steps": np.array([1.0, 2.0]),
    "one step": np.array([1_234_567.0]),
    "one large step": np.array([9_007_199_254_740_000.0]),
}
SPENT = {
    "nothing but offsets": 1e23 + 1e17 * T,
    "1e23": 1e23 * (0.01 + T),
    "few": 1 + np.arange(N),
    "beyond exact": 1e26 + 1e13 * T,
}
SIZES = {
    "as it is": {},
    "800 pixels": {"size": (8, 3.4)},
    "400 pixels": {"size": (4, 3), "metrics": ["y"]},
    "low": {"size": (9, 2.2)},
    "a column": {"style": "paper"},
}


def drawn(run, *, size=None, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = rlviz.figure(run, **{"metrics": ["y", "loss"], **options})
        if size:
            figure.set_size_inches(size)
        figure.set_dpi(100)
        FigureCanvasAgg(figure).draw()
    return figure


def assert_labels_stand_apart(figure):
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            labels = tick_labels(axis)
            above_another = axis is ax.xaxis and not ax.get_xlabel()  # they share its labels
            assert labels or above_another, f"{axis} has no tick label"
            assert len({label.get_text() for label in labels}) == len(labels)
            boxes = [(label.get_text(), label.get_window_extent()) for label in labels]
            for (one, at), (other, there) in itertools.combinations(boxes, 2):
                assert not at.padded(0.5).overlaps(there.padded(0.5)), (one, other)
    labels = {t for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for t in tick_labels(axis)}
    others = [text for text in texts_of(figure) if text not in labels]
    for label, other in itertools.product(labels, others):
        assert not label.get_window_extent().overlaps(other.get_window_extent()), (label, other)


def run_of(values, steps=None, flops=None):
    steps = np.arange(1.0, len(values) + 1) if steps is None else steps
    columns = {"step": steps, "metrics/y": values, "metrics/loss": np.cos(np.arange(len(values)))}
    if flops is not None:
        columns["flops/total"] = flops
    return rlviz.History(columns, "runs/x")


@pytest.mark.quick(1)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", VALUES)
def test_labels_of_any_values_stand_apart_at_any_size(name, size):
    figure = drawn(run_of(VALUES[name]), **SIZES[size])
    assert_labels_stand_apart(figure)
    low, high = figure.axes[0].get_ylim()
    known = VALUES[name][np.isfinite(VALUES[name])]
    assert low <= known.min() <= known.max() <= high


@pytest.mark.quick(1)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", STEPS)
def test_labels_of_any_steps_stand_apart_at_any_size(name, size):
    steps = STEPS[name]
    assert_labels_stand_apart(drawn(run_of(NOISE[: len(steps)], steps), **SIZES[size]))


@pytest.mark.quick(1)
@pytest.mark.parametrize("log_x", [False, True])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SPENT)
def test_labels_of_any_flops_stand_apart_at_any_size(name, size, log_x):
    figure = drawn(run_of(NOISE, flops=SPENT[name]), log_x=log_x, **SIZES[size])
    assert_labels_stand_apart(figure)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0005, r"$5 \times 10^{-4}$"),
        (0.001, "0.001"),
        (20.0, "20"),
        (9999.0, "9999"),
        (1e4, "$10^{4}$"),
        (1.5e21, r"$1.5 \times 10^{21}$"),
    ],
)
def test_large_and_small_numbers_are_powers_of_ten(value, text):
    assert power_of_ten(value) == text


def test_powers_of_ten_have_the_digits_that_tell_them_apart():
    assert Powers().format_ticks([1e26, 1.00001e26]) == ["$10^{26}$", r"$1.00001 \times 10^{26}$"]
