"""The figure: what DESIGN 4 says of it, and that nothing in it is cut off or covered.

Positions are those of the drawn artists, in pixels, not those that were asked for.
"""

import itertools

import matplotlib
import numpy as np
import pytest

import rlviz

from .conftest import (
    box,
    curve_of,
    dots_of,
    drawn,
    run_of,
    texts_of,
    tick_labels,
)

# --- to the letter ---------------------------------------------------------


def test_two_panels_stand_side_by_side(panels):
    left, right = (box(ax) for ax in panels)
    assert left.x1 < right.x0
    assert (left.y0, left.y1) == (right.y0, right.y1)
    assert left.width == pytest.approx(right.width, rel=0.05)


def test_the_titles_are_those_of_the_design(panels):
    titles = [ax.get_title() for ax in panels]
    assert titles == ["Training Accuracy vs Steps", "Average parallelism vs Steps"]


def test_both_panels_stand_over_one_axis_of_compute(panels):
    assert [ax.get_xlabel() for ax in panels] == ["RL flops", "RL flops"]
    assert panels[0].get_xlim() == panels[1].get_xlim()


def test_the_values_are_named_on_the_left(panels):
    labels = [ax.get_ylabel() for ax in panels]
    assert labels == ["Training Accuracy", "Average Parallelism"]


# --- nothing cut off, nothing covered --------------------------------------


def assert_well_laid_out(figure):
    paper = figure.bbox
    places = {text: box(text) for text in texts_of(figure)}
    for text, place in places.items():
        assert paper.x0 <= place.x0, text
        assert place.x1 <= paper.x1, text
        assert paper.y0 <= place.y0, text
        assert place.y1 <= paper.y1, text
        assert text.get_fontsize() * figure.dpi / 72 >= 8, f"{text} is under 8 pixels high"
    for (one, at), (other, there) in itertools.combinations(places.items(), 2):
        assert not at.padded(-0.5).overlaps(there.padded(-0.5)), (one, other)
    for ax in figure.axes:
        if ax.get_legend():
            assert_legend_covers_nothing(ax)
            assert_dots_stand_in_the_frame(ax)
            assert_ticks_make_sense(ax)


def assert_legend_covers_nothing(ax):
    frame, legend = box(ax), box(ax.get_legend())
    if legend.y0 >= frame.y1:  # above the panel, where no corner is free
        return
    assert frame.x0 <= legend.x0
    assert legend.x1 <= frame.x1
    assert legend.width <= 0.6 * frame.width
    assert legend.y1 <= frame.y1
    assert legend.y0 >= frame.y0
    assert legend.height <= 0.5 * frame.height
    (dots,) = dots_of(ax)
    radius = np.sqrt(dots.get_sizes()[0]) / 2 * ax.figure.dpi / 72
    around = legend.padded(radius)
    assert not around.count_contains(ax.transData.transform(dots.get_offsets()))
    if len(dots.get_offsets()) == 1:
        assert not ax.lines  # a line through one point draws nothing
        return
    curve = curve_of(ax).get_xydata()
    end = curve[curve[:, 0] >= curve[-1, 0] - 0.1 * (curve[-1, 0] - curve[0, 0])]
    assert not legend.count_contains(ax.transData.transform(end))


def assert_dots_stand_in_the_frame(ax):
    (dots,) = dots_of(ax)
    places = ax.transData.transform(dots.get_offsets())
    assert box(ax).padded(0.01).count_contains(places) == len(places)


def assert_ticks_make_sense(ax):
    labels = [label.get_text() for label in tick_labels(ax.yaxis)]
    assert 2 <= len(labels) <= 14
    if labels[0].endswith("%"):
        assert ax.get_ylim()[1] <= 1
        shares = [float(label.removesuffix("%")) for label in labels]
        assert min(shares) >= 0
        assert max(shares) <= 100
        assert all(share % 5 == 0 for share in shares)
    else:
        assert all(label.isdigit() for label in labels)
        assert len(set(labels)) == len(labels)
    assert len(tick_labels(ax.xaxis)) >= 2


N = 120
T = np.linspace(0, 1, N)
RANDOM = np.random.default_rng(5)
NOISE = RANDOM.normal(size=N)
FLOPS = 1e20 * np.cumsum(0.5 + RANDOM.random(N))
GAP = np.where((T > 0.3) & (T < 0.5), np.nan, 0)


def bump(center):
    return np.exp(-(((T - center) / 0.07) ** 2))


SHAPES = {
    "rising": (FLOPS, 0.3 + 0.4 * T + 0.03 * NOISE, 7 + 5 * T + 0.4 * NOISE),
    "falling": (FLOPS, 0.7 - 0.4 * T + 0.03 * NOISE, 14 - 6 * T + 0.4 * NOISE),
    "constant": (FLOPS, np.full(N, 0.5), np.full(N, 8.0)),
    "all wrong, nothing parallel": (FLOPS, np.zeros(N), np.ones(N)),
    "all correct": (FLOPS, np.ones(N), np.full(N, 1.02)),
    "nearly constant": (FLOPS, 0.5 + 0.002 * NOISE, 1.5 + 0.01 * NOISE),
    "early peak": (FLOPS, 0.3 + 0.6 * bump(0.1), 4 + 9 * bump(0.1)),
    "peak in the middle": (FLOPS, 0.3 + 0.6 * bump(0.5), 4 + 9 * bump(0.5)),
    "peak beside the legend": (FLOPS, 0.3 + 0.6 * bump(0.6), 4 + 9 * bump(0.6)),
    "dip": (FLOPS, 0.8 - 0.5 * bump(0.5), 14 - 9 * bump(0.5)),
    "early saturation": (FLOPS, 0.95 * (1 - np.exp(-T / 0.05)), 1 + 10 * (1 - np.exp(-T / 0.05))),
    "late rise": (FLOPS, 0.3 + 0.3 * T**20, 8 + 60 * np.maximum(T - 0.9, 0)),
    "from 0 to 100 %": (FLOPS, T, 1 + 399 * T),
    "from 100 % to 0": (FLOPS, 1 - T, 400 - 399 * T),
    "0 or 1": (FLOPS, (RANDOM.random(N) < T) * 1.0, np.where(RANDOM.random(N) < T, 16.0, 1.0)),
    "gaps": (FLOPS, 0.3 + 0.4 * T + GAP, 7 + 5 * T + GAP),
    "halves": (FLOPS, np.where(T < 0.6, np.nan, T), np.where(T > 0.4, np.nan, 5 + 3 * T)),
    "an outlier": (FLOPS, 0.3 + 0.4 * T, np.where(np.arange(N) == 20, 200, 7 + 5 * T)),
    "thousands of agents": (1e26 + 1e23 * np.arange(N), 0.3 + 0.4 * T, 1000 + 50_000 * T),
    "few flops": (1 + np.arange(N), 0.3 + 0.4 * T, 7 + 5 * T),
    "one point": (np.array([1e21]), np.array([0.25]), np.array([3.5])),
    "two points": (np.array([1e21, 2e21]), np.array([0.25, 0.75]), np.array([3.5, 9.0])),
    "three points": (np.array([1e21, 2e21, 4e21]), np.array([0.2, 0.5, 0.4]), np.array([3, 5, 4])),
    "5,000 points": (
        np.linspace(1e19, 5e22, 5000),
        np.clip(np.linspace(0.3, 0.6, 5000) + 0.05 * RANDOM.normal(size=5000), 0, 1),
        7 + 3 * np.linspace(0, 1, 5000) ** 6 + 0.8 * np.abs(RANDOM.normal(size=5000)),
    ),
    "no flops": (None, 0.3 + 0.4 * T, 7 + 5 * T),
    "no accuracy": (FLOPS, None, 7 + 5 * T),
    "no parallelism": (FLOPS, 0.3 + 0.4 * T, None),
    "nothing but flops": (FLOPS, None, None),
    "no step": (np.array([1e21]), np.array([np.nan]), np.array([np.nan])),
}


@pytest.fixture(params=SHAPES)
def shape(request, history_of):
    flops, accuracy, parallelism = SHAPES[request.param]
    return history_of(flops=flops, accuracy=accuracy, parallelism=parallelism)


@pytest.mark.quick(3)
def test_nothing_is_cut_off_or_covered_at_any_shape_of_run(shape):
    assert_well_laid_out(drawn(shape))


@pytest.mark.quick(1)
@pytest.mark.parametrize("dpi", [80, 150, 300])
def test_nothing_is_cut_off_or_covered_at_any_resolution(parl, dpi):
    assert_well_laid_out(drawn(parl, dpi=dpi))


@pytest.mark.quick(1)
@pytest.mark.parametrize("x", ["step", "wall_time"])
@pytest.mark.parametrize("name", ["rising", "one point", "three points"])
def test_nothing_is_cut_off_or_covered_over_the_other_axes(history_of, name, x):
    flops, accuracy, parallelism = SHAPES[name]
    assert_well_laid_out(
        drawn(history_of(flops=flops, accuracy=accuracy, parallelism=parallelism), x=x)
    )


def with_metrics(run, **metrics):
    run.columns.update({f"metrics/{name}": np.asarray(of) for name, of in metrics.items()})
    return run


@pytest.mark.quick(3)
@pytest.mark.parametrize(
    ("recorded", "metrics", "drawn_are"),
    [
        ({}, {"loss": 2 - T, "return": 9 * T}, ["return", "loss"]),
        ({}, {"loss": 2 - T, "kl": T**2, "train/reward": T}, ["train/reward", "loss"]),
        ({}, {"tokens": T, "loss": T}, ["loss"]),
        ({}, {"loss": np.nan * T, "kl": T}, ["kl"]),
        ({"accuracy": T / 2}, {"loss": 2 - T, "return": T**2}, ["Training Accuracy", "return"]),
        ({"accuracy": T / 2}, {"loss": 2 - T, "return": T}, ["Training Accuracy", "loss"]),
        ({"parallelism": 2 + T}, {"loss": T}, ["Average Parallelism", "loss"]),
        ({"accuracy": np.nan * T}, {"return": T}, ["return"]),
        (
            {"accuracy": T / 2, "parallelism": 2 + T},
            {"return": T},
            ["Training Accuracy", "Average Parallelism"],
        ),
    ],
)
def test_metrics_are_drawn_in_the_place_of_what_was_not_recorded_a_return_first(
    history_of, recorded, metrics, drawn_are
):
    figure = rlviz.figure(with_metrics(history_of(flops=FLOPS, **recorded), **metrics))
    assert [ax.get_ylabel() for ax in figure.axes] == drawn_are


# --- the axis --------------------------------------------------------------


def x_labels(figure):
    return {ax.get_xlabel() for ax in figure.axes}


def test_a_run_without_flops_is_drawn_over_its_steps(history_of):
    figure = drawn(history_of(accuracy=0.3 + 0.4 * T))
    assert x_labels(figure) == {"Training step"}
    caption = figure.get_supxlabel().replace("\n", " ")
    assert caption.endswith("band: ± 2 standard errors")


def test_a_run_whose_flops_start_again_is_drawn_over_its_steps(write_steps, tmp_path):
    state = write_steps(range(1, 31))
    write_steps(range(31, 61), state={**state, "flops": {}})
    figure = drawn(rlviz.read(tmp_path / "run"))
    assert x_labels(figure) == {"Training step"}
    assert list(dots_of(figure.axes[0])[0].get_offsets()[:, 0]) == list(range(1, 61))


def test_an_axis_that_is_named_has_to_be_there(history_of):
    with pytest.raises(ValueError, match=r"has no RL FLOPs\. Draw it over another axis: 'step'"):
        rlviz.figure(history_of(accuracy=[0.1, 0.2, 0.3]), x="flops")


@pytest.mark.parametrize("x", [None, "flops"])
def test_a_run_without_flops_among_others_is_left_out_and_named(history_of, x):
    with_it = history_of(flops=[1e20, 2e20, 3e20], accuracy=[0.1, 0.2, 0.3])
    without = history_of(accuracy=[0.4, 0.5, 0.6])
    runs = {"a": [with_it, without], "b": with_it, "c": without, "d": [without, without]}
    figure = rlviz.figure(runs, x=x)
    assert [ax.get_xlabel() for ax in figure.axes] == ["RL flops"] * 2
    caption = figure.get_supxlabel().replace("\n", " ")
    assert caption.endswith("; left out, without RL FLOPs to draw over: a, c, d (2 seeds)")
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["a", "b"]
    assert "left out" not in rlviz.figure(runs, x="step").get_supxlabel()


@pytest.mark.parametrize("x", ["flops", "step"])
def test_titles_can_name_the_axis_everywhere(history_of, x):
    run = history_of(flops=[1e20, 2e20, 3e20], accuracy=[0.1, 0.2, 0.3])
    name = {"flops": "RL FLOPs", "step": "Steps"}[x]
    titles = [ax.get_title() for ax in rlviz.figure(run, x=x, titles="axis").axes]
    assert titles == [f"Training Accuracy vs {name}", f"Average Parallelism vs {name}"]
    with pytest.raises(ValueError, match="titles must be 'published' or 'axis', got 'none'"):
        rlviz.figure(run, titles="none")


@pytest.mark.parametrize(("first", "left"), [(0.0, 0.0), (1.0, 0.0), (-4.0, -4.0), (100.0, 97.0)])
def test_no_axis_begins_before_what_there_can_be(first, left):
    steps = first + np.linspace(0, 100, 30)
    run = rlviz.History({"step": steps, "metrics/loss": 1 + steps})
    low, high = rlviz.figure(run, x="step", metrics=["loss"]).axes[0].get_xlim()
    assert (low, high) == pytest.approx((left, first + 103))


def test_wall_time_is_hours_since_the_first_step(history_of):
    figure = drawn(history_of(flops=FLOPS, accuracy=T), x="wall_time")  # a step each 30 s
    x = dots_of(figure.axes[0])[0].get_offsets()[:, 0]
    np.testing.assert_allclose(x, np.arange(N) * 30 / 3600, atol=1e-9)
    assert x_labels(figure) == {"Wall time (hours)"}


def test_a_clock_that_was_set_back_stands_still(history_of):
    run = history_of(accuracy=T)
    run.columns["wall_time"][100:] -= 86_400
    x = dots_of(drawn(run, x="wall_time").axes[0])[0].get_offsets()[:, 0]
    assert x[100] == x[99]
    assert (np.diff(x) >= 0).all()
    assert x[-1] == pytest.approx((N - 2) * 30 / 3600)


@pytest.mark.parametrize("x", ["epochs", ""])
def test_an_unknown_axis_is_refused_in_words(parl, x):
    expected = f"x must be one of 'flops', 'step', 'wall_time', 'tokens', got {x!r}."
    with pytest.raises(ValueError, match=expected):
        rlviz.figure(parl, x=x)


# --- the house -------------------------------------------------------------

DRAW = """
import sys, rlviz
rlviz.figure(rlviz.read(sys.argv[1])).savefig(sys.argv[2])
assert "matplotlib.pyplot" not in sys.modules
assert "torch" not in sys.modules
"""


def test_drawing_loads_neither_pyplot_nor_torch(parl_logdir, tmp_path, run_python):
    of_matplotlib_3_8 = "ignore:Forward defined here:UserWarning"  # its grammar's, in pyparsing
    warn = ("-W", "error", "-W", of_matplotlib_3_8)
    ended = run_python(*warn, "-c", DRAW, str(parl_logdir), str(tmp_path / "f.png"))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "f.png").stat().st_size > 10_000


def test_the_settings_of_a_user_are_left_as_they_are(parl):
    before = dict(matplotlib.rcParams)
    drawn(parl)
    assert dict(matplotlib.rcParams) == before


def test_the_fonts_are_the_same_whatever_a_user_has_set(parl):
    with matplotlib.rc_context({"font.size": 30, "font.family": "monospace"}):
        figure = drawn(parl)
    labels = {(t.get_fontsize(), t.get_fontname()) for t in texts_of(figure)}
    assert {size for size, _ in labels} == {8.0, 11.0, 12.0, 13.0}
    assert {name for _, name in labels} == {"DejaVu Sans"}


@pytest.mark.quick(1)
@pytest.mark.parametrize("width", [3.3, 5.0, 6.4])
@pytest.mark.parametrize("style", ["default", "paper"])
def test_no_word_of_a_narrow_figure_is_cut(width, style):
    figure = drawn(run_of(), width=width, style=style)
    for text in texts_of(figure):
        assert 0 <= box(text).x0 < box(text).x1 <= figure.bbox.x1, text
    said = [ax.get_title() for ax in figure.axes] + [ax.get_ylabel() for ax in figure.axes]
    assert "Average parallelism vs Steps" in said
    assert not any("…" in words for words in said)
