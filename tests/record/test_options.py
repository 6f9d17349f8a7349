"""The options of a callback: what they become, and what is said of wrong ones."""

import math
import os
import threading

import pytest

from rlviz.record import options


def test_numbers_come_back_as_floats_and_no_figures_stay_none(tmp_path):
    assert options.check({"lr": 1}, 0, 2, None) == (0.0, 2.0, None)
    assert options.check(None, 0.9, 1.0, 60) == (0.9, 1.0, 60.0)
    assert options.run_directory(str(tmp_path)) == tmp_path


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ((None, 1.0, 1.0, None), ValueError, r"ema must be in \[0, 1\), got 1.0"),
        ((None, -0.1, 1.0, None), ValueError, "got -0.1"),
        ((None, "0.9", 1.0, None), TypeError, "ema must be one number, got '0.9'"),
        (([1], 0.9, 1.0, None), TypeError, "config must be a mapping .*, got list"),
        ((None, 0.9, 0, None), ValueError, "flush_seconds must be > 0"),
        ((None, 0.9, math.nan, None), ValueError, "got nan"),
        ((None, 0.9, 1.0, math.inf), ValueError, "figure_seconds must be > 0 and at most"),
    ],
)
def test_what_can_not_be_meant_is_refused_in_words(given, error, words):
    with pytest.raises(error, match=words):
        options.check(*given)


def test_a_directory_that_is_a_file_or_no_path_is_refused_in_words(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ValueError, match=r"is a file\. Name another one"):
        options.run_directory(file)
    with pytest.raises(ValueError, match="logdir holds a NUL, which no path can"):
        options.run_directory("runs/\0")
    for wrong in ("", 3, None, b"runs", os.fsencode(tmp_path)):
        with pytest.raises(TypeError, match="logdir must be the path of a run directory"):
            options.run_directory(wrong)


def test_a_timeout_is_what_the_system_can_wait_for():
    assert options.waiting_time(None) == options.waiting_time(math.inf) == threading.TIMEOUT_MAX
    assert (options.waiting_time(-3), options.waiting_time(2)) == (0.0, 2.0)
    with pytest.raises(ValueError, match="got NaN"):
        options.waiting_time(math.nan)
    with pytest.raises(TypeError, match="timeout must be one number"):
        options.waiting_time("1 s")
