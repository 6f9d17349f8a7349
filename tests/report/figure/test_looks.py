"""What an author chooses of a figure is what is drawn, and what can't be drawn is refused."""

import re
import zlib

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb

import rlviz
from rlviz.report.compare.run_curves import contenders_of
from rlviz.report.figure.looks import Looks
from rlviz.report.series.groups import groups_of
from rlviz.report.series.measures import measure


@pytest.fixture(scope="module")
def runs(history_of):
    """Six runs of 60 steps: parallelism falls, and one value of it is 0."""

    def one(seed):
        random = np.random.default_rng(seed)
        step = np.arange(60.0)
        parallelism = 8.0 - step / 20 + random.normal(0, 0.1, 60)
        parallelism[5] = 0.0
        accuracy = 0.3 + step / 200 + random.normal(0, 0.01, 60)
        return history_of(accuracy=accuracy, parallelism=parallelism, flops=1e20 * (1 + step))

    return [one(seed) for seed in range(6)]


def dots_of(ax):
    return [points.get_offsets().data for points in ax.collections if len(points.get_offsets()) > 1]


def test_without_titles_and_caption_a_figure_has_no_words_but_those_of_its_axes(runs):
    whole = rlviz.figure(runs[0])
    assert whole.axes[0].get_title()
    assert whole.get_supxlabel()
    bare = rlviz.figure(runs[0], title=False, caption=False)
    assert [ax.get_title() for ax in bare.axes] == ["", ""]
    assert bare.get_supxlabel() == ""
    assert bare.axes[0].get_ylabel() == "Training Accuracy"


@pytest.mark.quick(2)
@pytest.mark.parametrize("style", ["default", "paper"])
@pytest.mark.parametrize("metrics", [["accuracy"], None])
def test_a_figure_has_the_size_that_was_asked_for(runs, style, metrics):
    drawing = rlviz.figure(runs, style=style, metrics=metrics, width=3.3, height=2.5)
    assert tuple(drawing.get_size_inches()) == (3.3, 2.5)
    assert rlviz.figure(runs[0], width=5).get_figwidth() == 5


def test_limits_hold_to_the_digit_and_nothing_is_drawn_beyond_them(runs):
    drawing = rlviz.figure(
        runs[0], xlim=(1.05e21, None), ylim={"accuracy": (0.35, 0.5), "parallelism": (None, 7.0)}
    )
    left, right = drawing.axes
    assert left.get_xlim()[0] == right.get_xlim()[0] == 1.05e21
    assert left.get_xlim()[1] > 60e20
    assert left.get_ylim() == (0.35, 0.5)
    assert right.get_ylim()[1] == 7.0
    for ax, (low, high) in ((left, (0.35, 0.5)), (right, (-np.inf, 7.0))):
        (dots,) = dots_of(ax)
        assert len(dots)
        assert (dots[:, 0] >= 1.05e21).all()
        assert (dots[:, 1] >= low).all()
        assert (dots[:, 1] <= high).all()
    assert rlviz.figure(runs[0], ylim=(0, 10)).axes[0].get_ylim() == (0, 10)


def test_a_part_of_the_axis_shows_the_curve_of_the_whole_run(runs):
    whole = rlviz.figure(runs[0]).axes[0].lines[0].get_xydata()
    part = rlviz.figure(runs[0], xlim=(2e21, 3e21)).axes[0].lines[0].get_xydata()
    np.testing.assert_array_equal(part, whole)


def test_a_logarithmic_y_leaves_out_what_is_not_above_0_and_says_how_much(runs):
    drawing = rlviz.figure(runs[0], log_y=["average_parallelism"])
    left, right = drawing.axes
    assert (left.get_yscale(), right.get_yscale()) == ("linear", "log")
    (dots,) = dots_of(right)
    assert len(dots) == 59
    assert "1 value at 0 or below left out (parallelism)" in drawing.get_supxlabel()
    assert right.get_ylim()[0] > 1
    both = rlviz.figure(runs[0], log_y=True)
    assert [ax.get_yscale() for ax in both.axes] == ["log", "log"]
    both.png(dpi=50)


def test_a_logarithmic_y_of_nothing_above_0_is_refused(history_of):
    run = history_of(accuracy=np.zeros(20), flops=np.arange(1.0, 21))
    with pytest.raises(ValueError, match="accuracy has no value above 0, which a logarithmic axis"):
        rlviz.figure(run, metrics=["accuracy"], log_y=True)


def test_without_dots_the_scale_is_that_of_curve_and_band(history_of):
    accuracy = 0.5 + np.random.default_rng(0).normal(0, 0.15, 200)
    run = history_of(accuracy=accuracy.clip(0, 1), flops=np.arange(1.0, 201))
    whole = rlviz.figure(run, metrics=["accuracy"]).axes[0].get_ylim()
    drawing = rlviz.figure(run, metrics=["accuracy"], dots=False)
    (ax,) = drawing.axes
    assert dots_of(ax) == []
    assert ax.get_ylim()[1] - ax.get_ylim()[0] < 0.9 * (whole[1] - whole[0])
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert ax.get_ylim()[0] <= band.min() < band.max() <= ax.get_ylim()[1]
    assert "dots" not in drawing.get_supxlabel()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["Smoothed Curve"]


def test_where_there_is_no_curve_the_steps_are_drawn_all_the_same(runs):
    drawing = rlviz.figure(runs[0], dots=False, smooth="none")
    assert len(dots_of(drawing.axes[0])) == 1
    assert len(drawing.axes[0].lines) == 0


def test_colors_are_given_in_the_order_of_the_runs_and_one_that_comes_again_is_dashed(runs):
    groups = {"a": runs[:2], "b": runs[2:4], "c": runs[4:]}
    ax = rlviz.figure(groups, colors=["navy", "#ff0000", "navy"]).axes[0]
    assert [to_rgb(line.get_color()) for line in ax.lines] == [
        to_rgb(color) for color in ("navy", "red", "navy")
    ]
    assert [line.get_linestyle() for line in ax.lines] == ["-", "-", "--"]
    legend = ax.figure.legends[0]
    assert [to_rgb(line.get_color()) for line in legend.get_lines()] == [
        to_rgb(color) for color in ("navy", "red", "navy")
    ]


def test_a_run_alone_takes_a_color_or_one_for_its_dots_and_one_for_its_curve(runs):
    for colors, expected in ((["navy"], ["navy", "navy"]), (["navy", "red"], ["navy", "red"])):
        ax = rlviz.figure(runs[0], colors=colors).axes[0]
        scatter = next(c for c in ax.collections if len(c.get_offsets()) > 1)
        found = [to_rgb(scatter.get_facecolor()[0][:3]), to_rgb(ax.lines[0].get_color())]
        assert found == [to_rgb(color) for color in expected]


@pytest.fixture
def without_flops(runs):
    run = runs[5]
    columns = {name: values for name, values in run.columns.items() if "flops" not in name}
    return rlviz.History(columns)


@pytest.mark.parametrize("style", ["default", "paper"])
def test_a_run_that_is_left_out_takes_its_color_with_it(runs, without_flops, style):
    named = {"a": runs[0], "silent": without_flops, "c": runs[1], "d": runs[2]}
    drawing = rlviz.figure(named, x="flops", colors=["navy", "red", "green", "red"], style=style)
    words = " ".join(drawing.get_supxlabel().split())
    assert "left out, without RL FLOPs to draw over: silent" in words
    expected = [to_rgb(color) for color in ("navy", "green", "red")]
    for lines in (drawing.axes[0].lines, drawing.legends[0].get_lines()):
        assert [to_rgb(line.get_color()) for line in lines] == expected
        assert [line.get_linestyle() for line in lines] == ["-", "-", "--"]  # as among all
    faces = [c.get_facecolor()[0][:3] for c in drawing.axes[0].collections if c.get_sizes().size]
    assert [tuple(face) for face in faces] == expected


@pytest.mark.parametrize("first", [True, False])
def test_a_run_that_is_drawn_alone_has_its_own_color_and_none_of_the_one_left_out(
    runs, without_flops, first
):
    pairs = [("a", runs[0]), ("silent", without_flops)]
    named = dict(pairs if first else pairs[::-1])
    (ax, *_) = rlviz.figure(named, x="flops", colors=["navy", "red"]).axes
    scatter = next(c for c in ax.collections if len(c.get_offsets()) > 1)
    expected = to_rgb("navy" if first else "red")
    assert to_rgb(scatter.get_facecolor()[0][:3]) == to_rgb(ax.lines[0].get_color()) == expected


def test_a_run_that_is_left_out_needs_a_color_too(runs, without_flops):
    named = {"a": runs[0], "silent": without_flops}
    with pytest.raises(ValueError, match="2 runs or groups need as many colors, got 1"):
        rlviz.figure(named, x="flops", colors=["navy"])


def test_a_moving_average_is_that_of_the_page_and_the_caption_says_so(runs):
    drawing = rlviz.figure(runs[0], smooth=0.8)
    average, _ = rlviz.smooth.ema(runs[0].accuracy, weight=0.8)
    np.testing.assert_array_equal(drawing.axes[0].lines[0].get_ydata(), average)
    words = drawing.get_supxlabel()
    assert "curves: moving averages of the steps, weight 0.8" in words
    assert "local quadratic" not in words


def test_groups_have_the_curve_and_the_band_that_compare_tells_of(runs):
    named = {"a": runs[:3], "b": runs[3:]}
    ax = rlviz.figure(named, metrics=["accuracy"], dots=False).axes[0]
    told = contenders_of(groups_of(named), measure("accuracy", runs), up=1.0)
    assert [contender.name for contender in told] == [line.get_label() for line in ax.lines]
    for contender, line, band in zip(told, ax.lines, ax.collections, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), contender.curve.y)
        edge = band.get_paths()[0].vertices[:, 1]
        assert (edge.min(), edge.max()) == (contender.curve.low.min(), contender.curve.high.max())


@pytest.mark.slow
def test_a_pdf_has_its_fonts_in_it_and_an_svg_needs_none(runs, tmp_path):
    drawing = rlviz.figure(runs[0], style="paper", width=3.3)
    drawing.savefig(tmp_path / "a.pdf")
    data = (tmp_path / "a.pdf").read_bytes()
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL)
    text = data + b"".join(_inflated(stream) for stream in streams)
    assert b"/FontFile2" in text  # TrueType, whole
    assert b"/Type3" not in text
    drawing.savefig(tmp_path / "a.svg")
    assert "<text" not in (tmp_path / "a.svg").read_text()


def _inflated(stream):
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width": 0.5}, "width must be from 1 to 40 inches, got 0.5"),
        ({"height": float("nan")}, "height must be from 1 to 40 inches, got nan"),
        ({"xlim": (2, 1)}, "xlim must be two finite numbers in order"),
        ({"ylim": {"accuracy": (0, float("inf"))}}, "ylim of 'accuracy' must be two finite"),
        ({"ylim": {"kl": (0, 1)}}, "no run has a metric 'kl'"),
        (
            {"log_y": ["step"]},
            "limits or scales of 'step', but the panels are 'accuracy', 'average",
        ),
        ({"log_y": True, "ylim": (0, 1)}, "ylim must be above 0 on a logarithmic axis"),
        ({"log_x": True, "xlim": (-1, 1e21)}, "xlim must be above 0 on a logarithmic axis"),
        ({"xlim": (1e30, None)}, "shows nothing of the runs"),
        ({"colors": ["nope"]}, "'nope' is no color"),
        ({"colors": []}, "1 run or groups need as many colors, got 0"),
        ({"smooth": 1.0}, "smooth must be 'auto', 'none', or the weight"),
    ],
)
def test_what_can_not_be_drawn_is_refused_in_words(runs, options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        rlviz.figure(runs[0], **options)


@pytest.mark.parametrize(
    "options", [{"width": "3"}, {"xlim": 3}, {"ylim": "01"}, {"colors": "red"}, {"log_y": "kl"}]
)
def test_what_is_of_another_kind_is_a_type_error(runs, options):
    with pytest.raises(TypeError, match=f"{next(iter(options))} must be"):
        rlviz.figure(runs[0], **options)


def test_the_usual_looks_change_nothing():
    assert Looks().checked(["accuracy"], 1) == Looks()
    assert Looks().is_log("accuracy") is False


@pytest.mark.slow
def test_what_stands_for_the_same_is_taken(runs):
    pandas = pytest.importorskip("pandas")
    usual = {"xlim": (1e21, 2e21), "colors": ["#ff0000", "#0000ff"], "log_y": True}
    wanted = rlviz.figure(runs[:2], **usual)
    same = {
        "xlim": [np.array([1e21, 2e21]), pandas.Series([1e21, 2e21]), [np.float32(1e21), 2e21]],
        "colors": [np.array(["red", "blue"]), np.array([[1, 0, 0], [0, 0, 1]]), ["r", "b"]],
        "log_y": [1, np.True_, ["accuracy", "parallelism"], np.array(["accuracy"])],
    }
    for option, values in same.items():
        for value in values:
            found = rlviz.figure(runs[:2], **usual | {option: value})
            assert found.axes[0].get_xlim() == pytest.approx(wanted.axes[0].get_xlim())
            assert found.axes[0].get_yscale() == "log"
            assert [to_rgb(line.get_color()) for line in found.axes[0].lines] == [
                to_rgb(line.get_color()) for line in wanted.axes[0].lines
            ]


def test_a_run_of_one_step_is_a_dot_where_dots_are_left_out(history_of):
    one = history_of(accuracy=np.array([0.4]), parallelism=np.array([3.0]), flops=np.array([1e20]))
    for ax in rlviz.figure(one, dots=False).axes:
        (points,) = (c for c in ax.collections if isinstance(c, PathCollection))
        assert len(points.get_offsets()) == 1
        assert "Smoothed Curve" not in [text.get_text() for text in ax.get_legend().get_texts()]
