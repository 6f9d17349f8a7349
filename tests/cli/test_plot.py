"""`rlviz plot`: the figure, its axes and its forecast."""

import numpy as np
import pytest
from PIL import Image

import rlviz


@pytest.mark.quick(2)
@pytest.mark.parametrize("suffix", ["png", "svg", "pdf", "PNG"])
def test_plot_draws_the_figure_and_says_where(run_cli, parl_logdir, tmp_path, suffix):
    output = tmp_path / f"figure.{suffix}"
    assert run_cli("plot", parl_logdir, "-o", output) == (0, f"{output}\n", "")
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix.lower()]
    assert output.read_bytes().startswith(start)


def test_plot_and_export_write_into_the_run_by_default(run_cli, write_steps, tmp_path):
    write_steps([1, 2])
    run = tmp_path / "run"
    assert run_cli("plot", run) == (0, f"{run / 'figure.png'}\n", "")
    with Image.open(run / "figure.png") as picture:
        assert picture.size == (1500, 630)
    assert run_cli("export", run) == (0, f"{run / 'table.csv'}\n", "")
    assert len((run / "table.csv").read_text().splitlines()) == 3
    assert len(rlviz.read(run)) == 2  # what stands there now is no hindrance


@pytest.mark.slow
@pytest.mark.parametrize("x", ["step", "wall_time"])
def test_plot_takes_another_axis(run_cli, parl_logdir, tmp_path, x):
    usual, other = tmp_path / "usual.png", tmp_path / "other.png"
    assert run_cli("plot", parl_logdir, "-o", usual)[0] == 0
    assert run_cli("plot", parl_logdir, "--x", x, "-o", other)[0] == 0
    assert usual.read_bytes() != other.read_bytes()


@pytest.mark.slow
def test_plot_names_the_axis_in_its_titles_and_refuses_one_that_is_not_there(
    run_cli, write_steps, parl_logdir, tmp_path
):
    usual, other = tmp_path / "usual.png", tmp_path / "other.png"
    assert run_cli("plot", parl_logdir, "-o", usual)[0] == 0
    assert run_cli("plot", parl_logdir, "--titles", "axis", "-o", other)[0] == 0
    assert usual.read_bytes() != other.read_bytes()
    with rlviz.Callback(tmp_path / "bare", figure_seconds=None) as viz:
        for step in range(1, 4):
            viz.on_step_end(step, correct=[1, 0])
    code, _, err = run_cli("plot", tmp_path / "bare", "--x", "flops")
    assert code == 2
    assert "has no RL FLOPs. Draw it over another axis" in err
    assert run_cli("plot", tmp_path / "bare", "-o", other)[0] == 0


@pytest.mark.slow
def test_plot_takes_metrics_styles_and_a_forecast(assert_one_sentence, run_cli, two_runs, tmp_path):
    output = tmp_path / "paper.pdf"
    arguments = ("--metrics", "accuracy", "--style", "paper", "--log-x", "--forecast")
    code, _, err = run_cli("plot", two_runs / "slow0", "-o", output, *arguments)
    assert (code, err) == (0, "")
    assert output.read_bytes().startswith(b"%PDF")
    seeds = f"a={two_runs / 'slow0'},{two_runs / 'slow1'}"
    _, _, err = run_cli("plot", seeds, "-o", output, "--forecast")
    assert err == "rlviz: no forecast of a: it is a group of seeds.\n"
    assert_one_sentence(run_cli("plot", two_runs / "slow0", "--metrics", "rouge"), "rouge")


@pytest.mark.slow
def test_plot_draws_a_forecast_where_the_data_show_a_ceiling(run_cli, tmp_path):
    rng = np.random.default_rng(0)
    with rlviz.Callback(tmp_path / "saturating", figure_seconds=None) as viz:
        for step in range(1, 301):
            accuracy = 0.3 + 0.4 / (1 + (60 / step) ** 2) + 0.01 * rng.standard_normal()
            viz.on_step_end(step, accuracy=accuracy, graded=512, flops=10**20)
    drawn = {}
    for option in ([], ["--forecast"]):
        output = tmp_path / "figure.svg"
        metrics = ("--metrics", "accuracy")
        code, _, err = run_cli("plot", tmp_path / "saturating", *metrics, "-o", output, *option)
        assert (code, err) == (0, "")
        drawn[bool(option)] = output.read_text()
    assert "stroke-dasharray" in drawn[True]
    assert "stroke-dasharray" not in drawn[False]


@pytest.mark.slow
def test_plot_draws_the_return_of_a_log_that_has_no_accuracy(run_cli, tmp_path):
    log, run = tmp_path / "log.csv", tmp_path / "run"
    log.write_text("step,episode_return\n" + "".join(f"{n},{10 * n}\n" for n in range(1, 31)))
    assert run_cli("import", log, "-o", run)[0] == 0
    assert run_cli("plot", run, "-o", tmp_path / "usual.png")[0] == 0
    assert run_cli("plot", run, "--metrics", "return", "-o", tmp_path / "asked.png")[0] == 0
    assert (tmp_path / "usual.png").read_bytes() == (tmp_path / "asked.png").read_bytes()


def test_plot_draws_what_an_author_chooses(run_cli, two_runs, tmp_path):
    output = tmp_path / "column.png"
    code, out, err = run_cli(
        *("plot", f"a={two_runs / 'slow0'}", f"b={two_runs / 'fast0'}", "-o", output),
        *("--metrics", "accuracy", "--style", "paper", "--width", "3.3", "--height", "2"),
        *("--no-title", "--no-caption", "--no-dots", "--colors", "navy", "#ff0000"),
        *("--xlim", "1:", "--ylim", "accuracy=0.01:0.9", "--log-y", "--smooth", "0.5"),
    )
    assert (code, out, err) == (0, f"{output}\n", "")
    with Image.open(output) as picture:
        assert picture.size == (990, 600)
        colors = {color for _, color in picture.convert("RGB").getcolors(1 << 20)}
    assert {(0, 0, 128), (255, 0, 0)} <= colors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--ylim", "0.3"], "--ylim must be LOW:HIGH, such as 0.3:0.7, got '0.3'"),
        (["--ylim", "accuracy=0:1", "0:2"], "--ylim 0:2 names no metric"),
        (["--xlim", "a:b"], "--xlim must be LOW:HIGH"),
        (["--width", "400"], "width must be from 1 to 40 inches, got 400.0"),
        (["--colors", "nope"], "'nope' is no color"),
        (["--ylim", "accuracy=30:70"], "shows nothing of 'accuracy', whose values go from 0."),
        (["--xlim", ":3"], "xlim :3 shows nothing of the runs, which go from "),
    ],
)
def test_plot_refuses_what_it_can_not_draw(
    assert_one_sentence, run_cli, two_runs, tmp_path, arguments, words
):
    code, _, err = run_cli("plot", two_runs / "slow0", "-o", tmp_path / "a.png", *arguments)
    assert code != 0
    assert words in err


def test_limits_below_zero_are_no_options(run_cli, parl_logdir, tmp_path):
    output = tmp_path / "figure.png"
    given = ("plot", parl_logdir, "--ylim", "-1:20", "--xlim", "-1e20:", "-o", output)
    assert run_cli(*given) == (0, f"{output}\n", "")


def test_a_smoothing_that_is_none_is_refused_in_a_sentence(run_cli, parl_logdir):
    code, _, errors = run_cli("plot", parl_logdir, "--smooth", "abc")
    assert code == 2
    assert "it must be auto, none, or a weight in [0, 1), got 'abc'" in errors
