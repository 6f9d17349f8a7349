"""The line under a figure: it says of each curve how it was made, in the words of the axis."""

import re

import numpy as np
import pytest

import rlviz
from rlviz.report.series.axis import choose
from rlviz.report.series.curves import smoothed
from rlviz.report.series.points import finite

from .conftest import N, T, assert_well_laid_out, dots_of, drawn, run_of


def test_on_a_logarithmic_axis_the_smoother_works_in_decades_and_0_is_left_out():
    run = run_of()
    run.columns["flops/total"][0] = 0
    figure = drawn(run, log_x=True)
    assert len(dots_of(figure.axes[0])[0].get_offsets()) == N - 1
    axis = choose("flops", [run], log=True)
    x, y = finite(axis.positions(run), run.accuracy)
    shares = 100 * smoothed(axis, x, y).bandwidth / np.log10(x[-1] / x[0])
    least, most = (f"{end:.0f}" if end > 9.95 else f"{end:.2g}" for end in np.sort(shares)[[0, -1]])
    caption = figure.get_supxlabel().replace("\n", " ")
    assert f"bandwidth {least} – {most} % (accuracy)" in caption


def test_the_caption_names_the_smoother_its_bandwidths_and_the_band(parl_figure):
    caption = parl_figure.get_supxlabel().replace("\n", " ")
    assert caption.startswith("Smoothed curve: local quadratic, bandwidth ")
    assert " of the axis; noise correlation " in caption
    assert caption.endswith("; band: ± 2 standard errors; RL FLOPs: convention not said")


def test_the_bandwidth_is_a_share_of_the_axis_as_it_lies_on_the_paper(history_of):
    noise = 0.02 * np.random.default_rng(0).standard_normal(N)
    run = history_of(flops=1e20 * 10 ** (3 * T), accuracy=0.5 + 0.3 * np.sin(12 * T) + noise)
    captions = [rlviz.figure(run, log_x=True, x=x).get_supxlabel() for x in ("flops", "step")]
    for caption in captions:
        ((least, most),) = re.findall(
            r"bandwidth (?:([\d.]+) – )?([\d.]+) % \(accuracy\) of the axis", caption
        )
        assert 0.5 < float(least or most) <= float(most) < 100
        assert "e+" not in caption


def test_a_bandwidth_wider_than_the_axis_is_said_to_be_that(history_of):
    noise = 0.05 * np.random.default_rng(1).standard_normal(N)
    run = history_of(flops=np.arange(1.0, N + 1), accuracy=0.5 + noise)
    assert "bandwidth over 100 % (accuracy) of the axis" in rlviz.figure(run).get_supxlabel()


def test_points_that_are_only_joined_are_not_called_smoothed_by_a_bandwidth(history_of):
    three = {"flops": [1e21, 2e21, 4e21], "accuracy": [0.2, 0.5, 0.4], "parallelism": [3, 5, 4]}
    figure = drawn(history_of(**{name: np.array(values) for name, values in three.items()}))
    assert figure.get_supxlabel() == "RL FLOPs: convention not said"


def test_the_caption_names_the_convention_of_the_flops_and_the_runs_that_differ(tmp_path):
    runs = {}
    for name, convention in (("one", "6N"), ("two", "6N"), ("other", "exact")):
        with rlviz.Callback(tmp_path / name, figure_seconds=None, convention=convention) as viz:
            for step in range(1, 4):
                viz.on_step_end(step, correct=[1, 0], flops={"update": 10**20})
        runs[name] = rlviz.read(tmp_path / name)

    def captioned(names, **options):
        shown = rlviz.figure({name: runs[name] for name in names}, **options)
        return shown.get_supxlabel().replace("\n", " ")

    assert captioned(["one", "two"]).endswith("RL FLOPs: convention 6N")
    assert captioned(["one", "other"]).endswith(
        "RL FLOPs: different conventions, 6N (one) and exact (other)"
    )
    assert "convention" not in captioned(["one", "other"], x="step")


def test_a_value_far_from_all_others_flattens_no_panel_and_is_counted():
    kl = 0.02 + 0.05 * T + 0.001 * np.sin(40 * T)
    kl[20] = 1e9
    figure = drawn(run_of(kl=kl, length=900 + 100 * T), metrics=["kl", "length"])
    low, high = figure.axes[0].get_ylim()
    assert low >= 0
    assert high < 0.1
    assert len(dots_of(figure.axes[0])[0].get_offsets()) == N - 1
    words = figure.get_supxlabel().replace("\n", " ")
    assert f"1 of {N} values outside the scale, it is 1e+09 (kl)" in words
    assert words.count("outside") == 1
    assert_well_laid_out(figure)


@pytest.mark.slow
@pytest.mark.parametrize("spent", [0, 10**15])
def test_a_run_whose_axis_does_not_grow_has_its_figure(tmp_path, spent):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        for step in range(1, 31):
            viz.on_step_end(step, correct=[1, 0], flops={"update": spent if step == 1 else 0})
    drawing = rlviz.figure(rlviz.read(tmp_path), x="flops")
    assert "bandwidth" not in drawing.get_supxlabel()
    assert drawing.png(dpi=40)


@pytest.mark.slow
def test_the_band_around_a_moving_average_of_seeds_is_named():
    seeds = [run_of(seed=seed) for seed in range(2)]
    said = "curves: moving averages of the steps, weight 0.9"
    band = "; band: of a mean of seeds their 95 % interval"
    assert said + band in drawn({"g": seeds}, smooth=0.9).get_supxlabel().replace("\n", " ")
    assert "band" not in drawn(seeds[0], smooth=0.9).get_supxlabel()


@pytest.mark.slow
def test_on_a_logarithmic_scale_the_curve_is_said_to_be_that_of_the_values():
    run = run_of()
    words = "on a logarithmic scale the curve of the values themselves (accuracy)"
    figure = drawn(run, log_y=["accuracy"])
    assert words in figure.get_supxlabel().replace("\n", " ")
    line = figure.axes[0].lines[0].get_xydata()
    np.testing.assert_array_equal(line, drawn(run).axes[0].lines[0].get_xydata())
    assert "logarithmic" not in drawn(run, log_y=["accuracy"], smooth="none").get_supxlabel()


@pytest.mark.parametrize("far", [1e308, -1.7e308])
def test_values_whose_squares_are_no_numbers_are_left_out_and_counted(far):
    loss = np.where(np.arange(N) % 3 == 0, far, 1.0 + T)
    figure = drawn(run_of(loss=loss), metrics=["loss"])
    (dots,) = dots_of(figure.axes[0])
    assert len(dots.get_offsets()) == np.count_nonzero(loss < 3) - np.count_nonzero(loss < 0)
    assert f"{N // 3} values beyond 1e+150 left out (loss)" in figure.get_supxlabel()
    assert figure.axes[0].get_ylim()[1] < 3
