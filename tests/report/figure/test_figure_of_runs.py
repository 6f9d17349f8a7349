"""The figure of several runs, of any metrics, over any axis; and its layout at runs of any shape.

Positions are those of the drawn artists, in pixels.
"""

import itertools
import re
import time

import numpy as np
import pytest
from matplotlib.text import Text

import rlviz

from .conftest import (
    THREE,
    Law,
    N,
    T,
    assert_well_laid_out,
    dots_of,
    drawn,
    names_in,
    run_of,
    saved,
)

# --- several runs ----------------------------------------------------------


def test_several_runs_are_laid_over_each_other_and_named_above_the_panels():
    figure = drawn(THREE)
    (legend,) = figure.legends
    assert names_in(legend) == ["base", "wide", "long"]
    for ax in figure.axes:
        assert [len(dots_of(ax)), len(ax.lines)] == [3, 3]
        assert ax.get_legend() is None
        assert legend.get_window_extent().y0 > ax.title.get_window_extent().y1


def test_each_run_has_one_color_for_dots_curve_and_legend_and_no_two_the_same():
    figure = drawn(THREE)
    colors = [line.get_color() for line in figure.legends[0].get_lines()]
    assert len(set(colors)) == 3
    for ax in figure.axes:
        assert [line.get_color() for line in ax.lines] == colors


def brightness(color):
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return np.array([red, green, blue])


def test_neighboring_colors_can_be_told_apart_without_red_or_green():
    # What is left to an eye without long (protan) or middle (deutan) cones, after Viénot, Brettel
    # and Mollon, Color Research and Application 24 (1999), on linear light.
    protan = np.array([[0.112, 0.888, 0], [0.112, 0.888, 0], [0.004, -0.004, 1]])
    deutan = np.array([[0.292, 0.708, 0], [0.292, 0.708, 0], [-0.022, 0.022, 1]])
    figure = drawn([run_of(seed=i, name=f"runs/{i}") for i in range(7)], metrics="accuracy")
    colors = [line.get_color() for line in figure.legends[0].get_lines()]
    for eye in (protan, deutan):
        seen = [eye @ brightness(color) ** 2.2 for color in colors]
        assert all(np.abs(a - b).max() > 0.07 for a, b in itertools.combinations(seen, 2))


@pytest.mark.slow
def test_more_runs_than_colors_differ_in_their_dashes():
    figure = drawn([run_of(20, seed=i, name=f"runs/{i}") for i in range(9)], metrics="accuracy")
    looks = [(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines]
    assert len(set(looks)) == 9


def test_more_runs_than_can_be_told_apart_are_refused():
    with pytest.raises(ValueError, match="at most 28 runs can be told apart in a figure, got 29"):
        rlviz.figure([run_of(20)] * 29)


@pytest.mark.slow
def test_runs_are_named_by_as_much_of_their_paths_as_tells_them_apart():
    paths = ["a/lr1/run", "a/lr2/run"]
    assert names_in(drawn([run_of(name=p) for p in paths]).legends[0]) == ["lr1/run", "lr2/run"]
    assert names_in(drawn([run_of(), run_of()]).legends[0]) == ["x (1)", "x (2)"]


@pytest.mark.slow
def test_where_no_run_has_flops_all_are_drawn_over_their_steps():
    bare = [run_of(name="runs/y"), run_of(name="runs/z")]
    for run in bare:
        del run.columns["flops/total"]
    assert {ax.get_xlabel() for ax in drawn(bare).axes} == {"Training step"}
    figure = drawn([run_of(), *bare])
    assert {ax.get_xlabel() for ax in figure.axes} == {"RL flops"}
    assert "left out, without RL FLOPs to draw over: y, z" in figure.get_supxlabel()


def test_seeds_are_drawn_as_their_mean_with_a_band_over_them():
    figure = drawn({"ours": [run_of(seed=i) for i in range(4)], "base": run_of(seed=9)})
    assert names_in(figure.legends[0]) == ["ours (4 seeds)", "base"]
    ax = figure.axes[0]
    assert [len(line.get_xdata()) for line in ax.lines] == [500, N]
    assert [len(dots.get_offsets()) for dots in dots_of(ax)] == [4 * N, N]
    caption = figure.get_supxlabel().replace("\n", " ")
    assert "band: ± 2 standard errors, of a mean of seeds their 95 % interval; RL" in caption


# --- any metrics -----------------------------------------------------------


@pytest.mark.slow
def test_every_metric_has_a_panel_two_in_a_row():
    figure = drawn(run_of(loss=1 - T, kl=1e-5 * T), metrics=["accuracy", "math", "loss", "kl"])
    assert [ax.get_title() for ax in figure.axes] == [
        "Training Accuracy vs RL FLOPs",  # beside others not as published
        "Accuracy, math vs RL FLOPs",
        "loss vs RL FLOPs",
        "kl vs RL FLOPs",
    ]
    over_tokens = drawn(run_of(tokens=1 + T), x="tokens")
    assert [ax.get_title() for ax in over_tokens.axes] == [
        "Training Accuracy vs Tokens",
        "Average Parallelism vs Tokens",
    ]
    boxes = [ax.get_window_extent() for ax in figure.axes]
    assert boxes[0].y0 == pytest.approx(boxes[1].y0)
    assert boxes[1].y0 > boxes[2].y1
    math = figure.axes[1]
    assert list(dots_of(math)[0].get_offsets()[:, 1]) == list(run_of().group_accuracy("math"))
    assert math.yaxis.get_major_formatter()(0.5) == "50.0%"


def test_any_column_can_be_drawn_and_a_user_s_metric_comes_before_a_group():
    run = run_of(math=T)
    run.columns["mfu/update"] = T
    figure = drawn(run, metrics=["mfu/update", "math", "accuracy/math"])
    labels = [ax.get_ylabel() for ax in figure.axes]
    assert labels == ["mfu/update", "math", "Accuracy, math"]


def test_an_unknown_metric_is_refused_with_those_that_there_are():
    expected = "no run has a metric 'los'; there are .*'average_parallelism', 'accuracy/math', 'l"
    with pytest.raises(ValueError, match=expected):
        rlviz.figure(run_of(loss=T), metrics=["los"])
    with pytest.raises(ValueError, match="metrics is empty"):
        rlviz.figure(run_of(), metrics=[])


# --- any axis --------------------------------------------------------------


def test_tokens_of_steps_are_summed_up_and_a_step_without_any_is_left_out():
    tokens = np.full(N, 1e6)
    tokens[3] = np.nan
    x = dots_of(drawn(run_of(tokens=tokens), x="tokens").axes[0])[0].get_offsets()[:, 0]
    assert list(x[:5]) == [1e6, 2e6, 3e6, 4e6, 5e6]
    assert len(x) == N - 1


@pytest.mark.slow
def test_num_tokens_is_cumulative_already_and_tokens_goes_before_it():
    cumulative = 1e6 * np.arange(1, N + 1)
    for metrics in ({"num_tokens": cumulative}, {"num_tokens": T, "tokens": np.full(N, 1e6)}):
        figure = drawn(run_of(**metrics), x="tokens")
        assert list(dots_of(figure.axes[0])[0].get_offsets()[:, 0]) == list(cumulative)
        assert figure.axes[0].get_xlabel() == "Tokens"


def test_an_axis_that_a_run_does_not_have_is_refused_in_words():
    with pytest.raises(
        ValueError, match="'runs/x' has no tokens: it has neither a metric 'tokens'"
    ):
        rlviz.figure(run_of(), x="tokens")
    with pytest.raises(ValueError, match="tokens of the run 'runs/x' fall along its steps"):
        rlviz.figure(run_of(num_tokens=-T), x="tokens")
    bare = run_of()
    del bare.columns["wall_time"]
    with pytest.raises(ValueError, match=r"has no hours\. Draw it over another axis: 'flops', 'st"):
        rlviz.figure(bare, x="wall_time")


# --- the forecast ----------------------------------------------------------


@pytest.mark.slow
def test_forecasts_of_several_runs_go_by_their_names():
    figure = drawn(THREE, forecast={"wide": Law()})
    assert [line.get_color() for line in figure.axes[0].lines][1:3] == ["#D55E00"] * 2
    with pytest.raises(ValueError, match="one forecast for 3 runs: give a mapping of their names"):
        rlviz.figure(THREE, forecast=Law())
    with pytest.raises(ValueError, match=r"forecasts of \['x'\], but the runs are"):
        rlviz.figure(THREE, forecast={"x": Law()})


# --- styles and files ------------------------------------------------------


def test_the_paper_style_is_one_column_with_its_panels_one_above_the_other():
    figure = drawn(run_of(), style="paper")
    assert figure.get_figwidth() == 3.3
    upper, lower = figure.axes
    assert upper.get_window_extent().y0 > lower.get_window_extent().y1
    assert upper.get_xlim() == lower.get_xlim()
    sizes = {t.get_fontsize() for t in figure.findobj(Text) if t.get_text()}
    assert min(sizes) >= 6
    assert max(sizes) <= 8
    with pytest.raises(ValueError, match="style must be one of 'default', 'paper', got 'poster'"):
        rlviz.figure(run_of(), style="poster")


def test_a_run_without_steps_is_refused_in_words():
    with pytest.raises(ValueError, match="has no steps yet"):
        rlviz.figure(rlviz.History({"step": np.array([])}, "runs/new"))
    with pytest.raises(ValueError, match="histories is empty"):
        rlviz.figure([])


@pytest.mark.slow
def test_of_a_million_steps_some_dots_are_drawn_and_it_is_said_what_was_left_out(noted):
    run = run_of(1_000_000)
    rlviz.figure(run_of())  # what the first figure of a process costs more is not measured
    begin = time.thread_time()
    figure = rlviz.figure(run)
    png = saved(figure, "png")
    noted(f"a million steps are drawn in {time.thread_time() - begin:.1f} s")
    assert len(png) > 50_000
    caption = figure.get_supxlabel().replace("\n", " ")
    assert "through means of up to 500 steps" in caption
    assert re.search(r"\d\d,\d{3} of 1,000,000 dots drawn, those that others cover left", caption)
    assert len(saved(figure, "pdf")) < 3_000_000


# --- layout ----------------------------------------------------------------


SHAPES = (
    lambda t, r: 0.3 + 0.4 * t,
    lambda t, r: 0.8 - 0.6 * t,
    lambda t, r: np.full_like(t, 0.5),
    lambda t, r: np.zeros_like(t),
    lambda t, r: np.ones_like(t),
    lambda t, r: 0.95 * (1 - np.exp(-t / 0.05)),
    lambda t, r: 0.3 + 0.5 * np.exp(-(((t - r.random()) / 0.1) ** 2)),
    lambda t, r: 0.3 + 0.6 * t**20,
    lambda t, r: (r.random(len(t)) < t) * 1.0,
    lambda t, r: np.where(np.abs(t - 0.5) < 0.2, np.nan, 0.2 + 0.5 * t),
    lambda t, r: np.clip(np.cumsum(r.normal(size=len(t))) / 30 + 0.5, 0, 1),
)
NAMES = ("base", "a-run-with-a-name-that-is-longer-than-it-should-be-by-any-measure", "lr=3e-6 $β$")


def a_run(random, name):
    """One that looks like no other."""
    steps = int(random.choice([1, 2, 3, 7, 20, 60, 300, 3000]))
    t = np.linspace(0, 1, steps)
    noise = random.choice([0, 0.002, 0.05])
    accuracy = SHAPES[random.integers(len(SHAPES))](t, random) + noise * random.normal(size=steps)
    busy = SHAPES[random.integers(len(SHAPES))](t, random) + noise * random.normal(size=steps)
    run = run_of(steps, name=name)
    run.columns["correct"] = 1000 * np.clip(accuracy, 0, 1)
    run.columns["parallelism_sum"] = 64 * (1 + random.choice([1, 15, 300, 5e4]) * np.abs(busy))
    for key in ("correct", "parallelism_sum"):
        weight = {"correct": "graded", "parallelism_sum": "parallelism_count"}[key]
        run.columns[weight] = np.where(np.isnan(run.columns[key]), 0, run.columns[weight])
    size = 10.0 ** random.integers(-8, 9)
    run.columns["metrics/policy/loss"] = (
        random.choice([-1, 1]) * size * (busy + random.choice([0, 9]))
    )
    run.columns["metrics/tokens"] = 1e6 * (1 + random.random(steps))
    cost = 10.0 ** (random.choice([1, 4]) * random.normal(size=steps).clip(-1, 1))
    run.columns["flops/total"] = 10.0 ** random.integers(3, 26) * np.cumsum(cost)
    if random.random() < 0.1:
        del run.columns["flops/total"]
    return run


@pytest.mark.quick(1)
@pytest.mark.parametrize("seed", range(100))
def test_nothing_overlaps_at_runs_of_any_shape(seed):
    random = np.random.default_rng(seed)
    single = random.random() < 0.5
    groups = {}
    for name in random.permutation(NAMES)[: 1 if single else random.integers(2, 4)]:
        seeds = 1 if random.random() < 0.7 else 3
        groups[str(name)] = [a_run(random, str(name)) for _ in range(seeds)]
    metrics = (
        ["accuracy", "parallelism"],
        ["accuracy"],
        ["accuracy", "policy/loss", "parallelism"],
    )
    x = str(random.choice(["flops", "flops", "step", "tokens"]))
    figure = drawn(
        groups,
        x=None if x == "flops" else x,
        metrics=metrics[random.integers(3)],
        log_x=bool(random.random() < 0.3),
        style=str(random.choice(["default", "default", "paper"])),
        forecast=Law() if single and random.random() < 0.3 else None,
    )
    assert_well_laid_out(figure)
