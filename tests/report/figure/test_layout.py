"""The figure: what DESIGN 4 says of it, and that nothing in it is cut off or covered.

Positions are those of the drawn artists, in pixels, not those that were asked for.
"""

import io
import itertools
import re
import xml.etree.ElementTree as ElementTree

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import FillBetweenPolyCollection, PathCollection
from matplotlib.text import Text
from PIL import Image

import rlviz

BLUE, RED = (0x1F, 0x77, 0xB4), (0xD6, 0x27, 0x28)
NARROW = 80  # dots per inch at which the figure is 800 pixels wide


def drawn(history, *, dpi=NARROW, **options):
    """The figure, drawn, so that every artist has its final place."""
    figure = rlviz.figure(history, **options)
    figure.set_dpi(dpi)
    FigureCanvasAgg(figure).draw()
    return figure


def box(artist):
    return artist.get_window_extent()


def dots_of(ax):
    (dots,) = (c for c in ax.collections if isinstance(c, PathCollection))
    return dots


def curve_of(ax):
    (curve,) = ax.lines
    return curve


def band_of(ax):
    (band,) = (c for c in ax.collections if isinstance(c, FillBetweenPolyCollection))
    return band


def tick_labels(axis):
    """The labels that are drawn: those of ticks within the frame."""
    low, high = sorted(axis.get_view_interval())
    margin = 1e-9 * (high - low)
    return [
        tick.label1
        for tick in axis.get_major_ticks()
        if low - margin <= tick.get_loc() <= high + margin and tick.label1.get_text()
    ]


def texts_of(figure):
    """All texts that are drawn."""
    ticks = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    of_ticks = [
        t for axis in ticks for tick in axis.get_major_ticks() for t in (tick.label1, tick.label2)
    ]
    others = [t for t in figure.findobj(Text) if t not in of_ticks]
    shown = [label for axis in ticks for label in tick_labels(axis)]
    return [t for t in others + shown if t.get_visible() and t.get_text().strip()]


def is_color(rgba, rgb):
    return tuple(np.round(np.array(rgba[:3]) * 255).astype(int)) == rgb


# --- to the letter ---------------------------------------------------------


@pytest.fixture(scope="module")
def parl_figure(parl):
    return drawn(parl)


@pytest.fixture(scope="module")
def panels(parl_figure):
    return parl_figure.axes


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


def test_accuracy_has_a_tick_each_5_percent_with_one_decimal(panels):
    expected = [f"{percent}.0%" for percent in range(30, 75, 5)]
    assert [label.get_text() for label in tick_labels(panels[0].yaxis)] == expected


def test_parallelism_has_a_tick_at_each_whole_number(panels):
    expected = [str(number) for number in range(7, 15)]
    assert [label.get_text() for label in tick_labels(panels[1].yaxis)] == expected


def test_the_legend_names_the_dots_and_then_the_curve(panels):
    for ax, name in zip(panels, ["Training Accuracy", "Average Parallelism"], strict=True):
        legend = ax.get_legend()
        assert [text.get_text() for text in legend.get_texts()] == [name, "Smoothed Curve"]
        dot, line = legend.legend_handles
        assert isinstance(dot, PathCollection)
        assert is_color(dot.get_facecolor()[0], BLUE)
        assert is_color(matplotlib.colors.to_rgba(line.get_color()), RED)


def test_every_step_is_a_blue_dot_at_its_flops(panels, parl_table):
    accuracy = np.divide(parl_table["correct"], parl_table["graded"])
    for ax, values in zip(panels, [accuracy, parl_table["parallelism"]], strict=True):
        x, y = dots_of(ax).get_offsets().T
        assert list(x) == [float(flops) for flops in parl_table["flops"]]
        assert list(y) == list(values)
        assert is_color(dots_of(ax).get_facecolor()[0], BLUE)


def test_the_red_curve_is_the_local_quadratic_fit_with_its_band(
    panels, parl, parl_figure, kernel_rows
):
    caption = parl_figure.get_supxlabel()
    for ax, name in zip(panels, ["accuracy", "parallelism"], strict=True):
        x, y = (np.asarray(v) for v in dots_of(ax).get_offsets().T)
        smoothed = rlviz.smooth.local_polynomial(y, x=x)
        # Between two bandwidths of the grid, 24 of them, the curves through them are joined.
        grid = np.geomspace(2 * np.median(np.diff(x)), 2 * np.ptp(x), 24)
        curves = np.array([kernel_rows(x, tau) @ y for tau in grid])
        places = np.log(smoothed.bandwidth / grid[0]) / np.log(grid[1] / grid[0])
        curve = [np.interp(place, range(24), curves[:, i]) for i, place in enumerate(places)]
        assert is_color(matplotlib.colors.to_rgba(curve_of(ax).get_color()), RED)
        assert list(curve_of(ax).get_xdata()) == list(x)
        np.testing.assert_allclose(curve_of(ax).get_ydata(), curve, rtol=1e-8)
        band = band_of(ax).get_paths()[0].vertices[:, 1]
        assert band.max() == pytest.approx(smoothed.high.max(), rel=1e-8)
        assert band.min() == pytest.approx(smoothed.low.min(), rel=1e-8)
        assert is_color(band_of(ax).get_facecolor()[0], RED)
        shares = 100 * smoothed.bandwidth / np.ptp(parl.flops)
        least, most = (
            "over 100 %" if s > 100 else f"{s:.{0 if s > 9.95 else 1}f} %"
            for s in (shares.min(), shares.max())
        )
        ends = least if least == most else f"{least} – {most}"
        if most != "over 100 %":
            ends = ends.replace(" % –", " –")
        assert f"{ends} ({name})" in caption.replace("\n", " ")
        assert f"{smoothed.noise_correlation:.2f} ({name})" in caption.replace("\n", " ")


def test_the_caption_names_the_smoother_its_bandwidths_and_the_band(parl_figure):
    caption = parl_figure.get_supxlabel().replace("\n", " ")
    assert caption.startswith("Smoothed curve: local quadratic, leave-one-out bandwidth")
    assert " of the axis, noise correlation " in caption
    assert caption.endswith("; band: ± 2 SE with this bandwidth and with half of it")


def test_the_bandwidth_is_a_share_of_the_axis_as_it_lies_on_the_paper(history_of):
    run = history_of(flops=1e20 * 10 ** (3 * T), accuracy=0.3 + 0.3 * T + 0.01 * np.sin(40 * T))
    captions = [rlviz.figure(run, log_x=True, x=x).get_supxlabel() for x in ("flops", "step")]
    for caption in captions:
        ((least, most),) = re.findall(
            r"bandwidth (?:([\d.]+)(?: %)? – )?(?:over )?([\d.]+) % \(accuracy\) of the\s+axis",
            caption,
        )
        assert 0.5 < float(least or most) <= float(most) <= 100
        assert "e+" not in caption


def test_a_bandwidth_wider_than_the_axis_is_said_to_be_that(history_of):
    noise = 0.05 * np.random.default_rng(1).standard_normal(N)
    run = history_of(flops=np.arange(1.0, N + 1), accuracy=0.5 + noise)
    assert "bandwidth over 100 % (accuracy) of the axis" in rlviz.figure(run).get_supxlabel()


def test_grid_lines_stand_at_the_major_ticks_behind_the_dots(panels):
    for ax in panels:
        for axis in (ax.xaxis, ax.yaxis):
            assert all(tick.gridline.get_visible() for tick in axis.get_major_ticks())
            assert not any(tick.gridline.get_visible() for tick in axis.get_minor_ticks())
        assert ax.get_axisbelow()


def test_the_curve_stands_before_the_dots(panels):
    for ax in panels:
        assert curve_of(ax).get_zorder() > dots_of(ax).get_zorder()


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
    assert frame.x0 <= legend.x0
    assert legend.x1 <= frame.x0 + 0.6 * frame.width
    assert legend.y1 <= frame.y1
    assert legend.y0 >= frame.y0 + 0.5 * frame.height
    dots = dots_of(ax)
    radius = np.sqrt(dots.get_sizes()[0]) / 2 * ax.figure.dpi / 72
    around = legend.padded(radius)
    assert not around.count_contains(ax.transData.transform(dots.get_offsets()))
    curve = curve_of(ax).get_xydata()
    end = curve[curve[:, 0] >= curve[-1, 0] - 0.1 * (curve[-1, 0] - curve[0, 0])]
    assert not legend.count_contains(ax.transData.transform(end))


def assert_dots_stand_in_the_frame(ax):
    places = ax.transData.transform(dots_of(ax).get_offsets())
    assert box(ax).padded(0.01).count_contains(places) == len(places)


def assert_ticks_make_sense(ax):
    labels = [label.get_text() for label in tick_labels(ax.yaxis)]
    assert 2 <= len(labels) <= 14
    if labels[0].endswith("%"):
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


def test_nothing_is_cut_off_or_covered_at_any_shape_of_run(shape):
    assert_well_laid_out(drawn(shape))


@pytest.mark.parametrize("dpi", [NARROW, 150, 300])
def test_nothing_is_cut_off_or_covered_at_any_resolution(parl, dpi):
    assert_well_laid_out(drawn(parl, dpi=dpi))


@pytest.mark.parametrize("x", ["step", "wall_time"])
@pytest.mark.parametrize("name", ["rising", "one point", "three points"])
def test_nothing_is_cut_off_or_covered_over_the_other_axes(history_of, name, x):
    flops, accuracy, parallelism = SHAPES[name]
    assert_well_laid_out(
        drawn(history_of(flops=flops, accuracy=accuracy, parallelism=parallelism), x=x)
    )


def test_a_dot_on_the_frame_is_drawn_whole(history_of):
    figure = drawn(history_of(flops=FLOPS, accuracy=np.zeros(N), parallelism=np.ones(N)))
    picture = np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)
    left, frame = figure.axes[0], box(figure.axes[0])
    assert left.get_ylim()[0] == 0
    below = picture[-int(frame.y0) :, int(frame.x0) + 20 : int(frame.x1) - 20]
    bluish = (below[..., 2] - below[..., 0] > 60).any(axis=1)
    assert bluish[1:3].any()  # the lower halves of the dots, under the line of the frame


def test_what_was_not_recorded_is_said_in_its_panel(history_of):
    figure = drawn(history_of(flops=FLOPS))
    left, right = ([text.get_text() for text in ax.texts] for ax in figure.axes)
    assert left == ["no training accuracy recorded"]
    assert right == ["no average parallelism recorded"]
    assert figure.get_supxlabel() == ""


def with_metrics(run, **metrics):
    run.columns.update({f"metrics/{name}": np.asarray(of) for name, of in metrics.items()})
    return run


@pytest.mark.parametrize(
    ("recorded", "metrics", "drawn_are"),
    [
        ({}, {"loss": T, "return": 9 * T}, ["return", "loss"]),
        ({}, {"loss": T, "kl": T, "train/reward": T}, ["train/reward", "loss"]),
        ({}, {"tokens": T, "loss": T}, ["loss"]),
        ({}, {"loss": np.nan * T, "kl": T}, ["kl"]),
        ({"accuracy": T / 2}, {"loss": T, "return": T}, ["Training Accuracy", "return"]),
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


def test_points_that_are_only_joined_are_not_called_smoothed_by_a_bandwidth(history_of):
    flops, accuracy, parallelism = SHAPES["three points"]
    figure = drawn(history_of(flops=flops, accuracy=accuracy, parallelism=parallelism))
    assert figure.get_supxlabel() == ""


# --- the axis --------------------------------------------------------------


def x_labels(figure):
    return {ax.get_xlabel() for ax in figure.axes}


def test_a_run_without_flops_is_drawn_over_its_steps(history_of):
    figure = drawn(history_of(accuracy=0.3 + 0.4 * T))
    assert x_labels(figure) == {"Training step"}
    caption = figure.get_supxlabel().replace("\n", " ")
    assert caption.endswith("band: ± 2 SE with this bandwidth and with half of it")


def test_a_run_whose_flops_start_again_is_drawn_over_its_steps(write_steps, tmp_path):
    state = write_steps(range(1, 31))
    write_steps(range(31, 61), state={**state, "flops": {}})
    figure = drawn(rlviz.read(tmp_path / "run"))
    assert x_labels(figure) == {"Training step"}
    assert list(dots_of(figure.axes[0]).get_offsets()[:, 0]) == list(range(1, 61))


def test_steps_have_ticks_at_whole_numbers(history_of):
    figure = drawn(history_of(accuracy=np.array([0.2, 0.3, 0.4])), x="step")
    axis = figure.axes[0].xaxis
    low, high = axis.get_view_interval()
    assert [t for t in axis.get_majorticklocs() if low <= t <= high] == [1, 2, 3]


def test_wall_time_is_hours_since_the_first_step(history_of):
    figure = drawn(history_of(flops=FLOPS, accuracy=T), x="wall_time")  # a step each 30 s
    x = dots_of(figure.axes[0]).get_offsets()[:, 0]
    np.testing.assert_allclose(x, np.arange(N) * 30 / 3600, atol=1e-9)
    assert x_labels(figure) == {"Wall time (hours)"}


def test_a_clock_that_was_set_back_stands_still(history_of):
    run = history_of(accuracy=T)
    run.columns["wall_time"][100:] -= 86_400
    x = dots_of(drawn(run, x="wall_time").axes[0]).get_offsets()[:, 0]
    assert x[100] == x[99]
    assert (np.diff(x) >= 0).all()
    assert x[-1] == pytest.approx((N - 2) * 30 / 3600)


@pytest.mark.parametrize("x", ["epochs", "", None])
def test_an_unknown_axis_is_refused_in_words(parl, x):
    expected = f"x must be one of 'flops', 'step', 'wall_time', 'tokens', got {x!r}."
    with pytest.raises(ValueError, match=expected):
        rlviz.figure(parl, x=x)


# --- files -----------------------------------------------------------------


def saved(history, suffix, **options):
    stream = io.BytesIO()
    rlviz.figure(history).savefig(stream, format=suffix, **options)
    return stream.getvalue()


def test_a_png_has_1500_pixels_and_blue_and_red_on_white(parl):
    picture = Image.open(io.BytesIO(saved(parl, "png")))
    assert picture.size == (1500, 630)
    pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)
    assert (np.abs(pixels - RED).max(axis=1) < 12).mean() > 0.001
    assert (pixels[:, 2] - pixels[:, 0] > 80).mean() > 0.003
    assert (pixels == 255).all(axis=1).mean() > 0.7


def test_an_svg_is_sound_xml(parl):
    root = ElementTree.fromstring(saved(parl, "svg"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(root.findall(".//{http://www.w3.org/2000/svg}use")) >= 2 * 300


def test_a_pdf_is_one(parl):
    content = saved(parl, "pdf")
    assert content.startswith(b"%PDF")
    assert content.rstrip().endswith(b"%%EOF")


def test_a_vector_file_of_a_long_run_stays_small(history_of):
    steps = 6000
    curve = np.linspace(0.3, 0.6, steps)
    run = history_of(flops=np.arange(1.0, steps + 1), accuracy=curve, parallelism=7 + curve)
    assert len(saved(run, "svg")) < 2_000_000


# --- the house -------------------------------------------------------------

DRAW = """
import sys, rlviz
rlviz.figure(rlviz.read(sys.argv[1])).savefig(sys.argv[2])
assert "matplotlib.pyplot" not in sys.modules
assert "torch" not in sys.modules
"""


def test_drawing_loads_neither_pyplot_nor_torch(parl_logdir, tmp_path, run_python):
    ended = run_python("-W", "error", "-c", DRAW, str(parl_logdir), str(tmp_path / "f.png"))
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
