"""What a person sees of the demo: the line while it trains, and what it ends with."""

import pytest

import rlviz
from rlviz.demo.show import progress_line, results
from rlviz.demo.train import Progress


def progress(step, elapsed_seconds):
    return Progress(
        step=step,
        steps=100,
        accuracy=0.375,
        average_parallelism=8.125,
        flops_total=12 * 10**9,
        elapsed_seconds=elapsed_seconds,
    )


@pytest.mark.parametrize(
    ("step", "elapsed", "left"),
    [(1, 9.0, "?"), (2, 10.0, "1:38"), (41, 29.0, "0:30"), (100, 60.0, "0:00")],
)
def test_the_time_left_goes_by_the_steps_after_the_first(step, elapsed, left):
    assert progress_line(progress(step, elapsed), first_step_seconds=9.0) == (
        f"step {step:>3}/100  accuracy 37.5%  avg parallelism 8.12  RL FLOPs 1.2e+10  left {left}"
    )


def test_it_ends_with_a_figure_and_a_summary_in_the_run(write_steps, tmp_path):
    write_steps([1, 2, 3])
    found = results(tmp_path / "run")
    assert found.figure == tmp_path / "run" / "figure.png"
    assert found.figure.read_bytes().startswith(b"\x89PNG")
    assert found.summary.read_text(encoding="utf-8") == found.markdown
    assert found.markdown == rlviz.summarise(rlviz.read(tmp_path / "run")).markdown()
