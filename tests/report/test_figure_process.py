"""The process that draws for a running callback, asked as the callback asks it."""

import io
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

import rlviz


@contextmanager
def figure_process():
    package_root = str(Path(rlviz.__file__).resolve().parent.parent)
    warn = ("-W", "error", "-W", "ignore:Forward defined here:UserWarning")  # of matplotlib 3.8
    process = subprocess.Popen(
        [sys.executable, *warn, "-m", "rlviz.report.figure_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": package_root},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ask(process, logdir):
    process.stdin.write(json.dumps({"run": str(logdir)}).encode() + b"\n")
    process.stdin.flush()
    header = json.loads(process.stdout.readline())
    picture = process.stdout.read(header["figure_bytes"])
    return header, picture, process.stdout.read(header["summary_bytes"]).decode()


@pytest.fixture(scope="module")
def served(parl_logdir, tmp_path_factory):
    """One process, three requests: a run, a missing run, and a run that grew meanwhile."""
    growing = tmp_path_factory.mktemp("growing")
    missing = growing / "missing"
    answers = {}
    with figure_process() as process:
        answers["whole"] = ask(process, parl_logdir)
        answers["missing"] = ask(process, missing)
        with rlviz.Callback(growing, figure_seconds=None) as viz:
            viz.on_step_end(1, correct=[1])
            assert viz.flush()
            answers["one step"] = ask(process, growing)
            viz.on_step_end(2, correct=[0])
            assert viz.flush()
            answers["two steps"] = ask(process, growing)
        rest, errors = process.communicate(timeout=300)  # closes its input
        answers["end"] = (process.returncode, rest, errors)
    return answers


def test_it_answers_with_a_figure_and_a_summary(served, parl):
    header, picture, text = served["whole"]
    assert Image.open(io.BytesIO(picture)).size == (1000, 420)
    assert text == rlviz.summarise(parl).markdown()
    assert (header["step"], header["error"]) == (300, "")
    assert 0 < header["cpu_seconds"] < 60


def test_a_missing_run_is_an_error_in_words_and_not_its_end(served):
    header, picture, text = served["missing"]
    assert header["error"].startswith("FileNotFoundError: there is no run directory")
    assert (picture, text, header["step"]) == (b"", "", 0)


def test_each_answer_shows_the_run_as_it_stands(served):
    assert served["one step"][2].count("1 training step") == 1
    assert served["two steps"][2].count("2 training steps") == 1
    assert [served[name][0]["step"] for name in ("one step", "two steps")] == [1, 2]


def test_it_says_what_each_answer_cost(served):
    # The first one bears the imports; together they are no more than the process took.
    first, later = (served[name][0]["cpu_seconds"] for name in ("whole", "two steps"))
    assert 0 < later < first


def test_it_ends_with_its_input_and_says_nothing_else(served):
    assert served["end"] == (0, b"", b"")


@pytest.mark.slow
def test_it_ends_quietly_when_nobody_listens_any_more(parl_logdir):
    with figure_process() as process:
        process.stdout.close()
        process.stdin.write(json.dumps({"run": str(parl_logdir)}).encode() + b"\n")
        process.stdin.flush()
        assert process.wait(timeout=300) == 0
        assert process.stderr.read() == b""
        process.stdout = None  # else `communicate` wants to read it
