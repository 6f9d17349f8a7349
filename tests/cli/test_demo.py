"""`rlviz demo` as a newcomer types it."""

import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

import rlviz
from rlviz.demo.train import train

TIMEOUT = 300


@pytest.fixture
def demo(tmp_path):
    """Starts the command; ends what is still running afterwards."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "rlviz", "demo", "--logdir", str(tmp_path / "run"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_it_trains_and_says_where_everything_is(demo, tmp_path):
    process = demo("--steps", "3", "--seed", "1")
    output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, errors
    run = tmp_path / "run"
    assert "step 3/3  accuracy" in output
    assert re.search(r"avg parallelism \d+\.\d\d  RL FLOPs \d\.\de\+\d\d  left 0:00", output)
    assert "3 training steps" in output
    for label, what in {
        "figure": run / "figure.png",
        "summary": run / "summary.md",
        "TensorBoard": f"tensorboard --logdir {run}",
    }.items():
        assert re.search(rf"{label}: +{re.escape(str(what))}\n", output)
    assert (run / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert (run / "summary.md").read_text() in output
    history = rlviz.read(run)
    assert list(history.step) == [1, 2, 3]
    phases = ("rollout", "rollout_subagents", "update")
    assert set(history.phases) == set(phases)
    assert history.exact_flops() == [
        sum(spent) for spent in zip(*(history.exact_flops(phase) for phase in phases), strict=True)
    ]


@pytest.mark.slow
def test_ctrl_c_ends_it_cleanly_with_what_there_is(demo, tmp_path):
    process = demo("--steps", "100000")
    for line in process.stdout:
        if line.startswith("step"):
            break
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "Interrupted: what is there is kept." in output
    steps = len(rlviz.read(tmp_path / "run"))
    assert steps >= 1
    assert f"{steps} training step" in output
    assert (tmp_path / "run" / "figure.png").exists()


@pytest.mark.slow
def test_open_serves_tensorboard_until_ctrl_c(demo):
    process = demo("--steps", "2", "--open")
    url = re.search(r"http://localhost:\d+/", process.stdout.readline())[0]
    for line in process.stdout:
        if line.startswith("Ctrl-C"):
            break
    assert "rlviz/accuracy" in fetch_when_ready(url + "data/plugin/scalars/tags")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=2)


def fetch_when_ready(url):
    """The page once it speaks of a run: TensorBoard starts and reloads in its own time."""
    deadline = time.monotonic() + TIMEOUT
    page = ""
    while time.monotonic() < deadline and "rlviz" not in page:
        time.sleep(0.5)
        try:
            with urllib.request.urlopen(url, timeout=300) as answer:
                page = answer.read().decode()
        except OSError:  # it does not listen yet, or breaks off
            continue
    return page


@pytest.mark.parametrize("steps", ["0", "-3", "many"])
def test_steps_that_are_no_count_are_refused(demo, steps):
    process = demo("--steps", steps)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 2
    assert "--steps" in errors
    assert "Traceback" not in errors


@pytest.mark.quick(1)
@pytest.mark.parametrize("more", [(), ("--open",)])
def test_a_directory_with_a_run_is_refused_before_anything_starts(run_cli, tmp_path, more):
    train(tmp_path, steps=2, figure_seconds=None)
    before = sorted(tmp_path.iterdir())
    code, output, errors = run_cli("demo", "--steps", "1", "--logdir", tmp_path, *more)
    assert (code, output) == (2, "")
    assert errors == f"rlviz: {tmp_path} already holds a run. Name another directory.\n"
    assert sorted(tmp_path.iterdir()) == before
    assert list(rlviz.read(tmp_path).step) == [1, 2]
