"""TensorBoard on some runs: which it reads, our page in it, and in a process of its own."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from rlviz.dashboard.launch import logdir_of, plugins, serving
from rlviz.dashboard.loader import Loader


def answer_of(url):
    """What a server answers, which takes its time to start."""
    deadline = time.monotonic() + 300
    while True:
        try:
            with urllib.request.urlopen(url, timeout=300) as answer:
                return json.load(answer)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.mark.slow
def test_it_serves_our_page_while_something_else_goes_on_and_ends_with_it(write_steps, tmp_path):
    write_steps([1, 2])
    with serving(tmp_path) as url:
        assert "rlviz" in answer_of(f"{url}data/plugins_listing")
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=2)


@pytest.mark.slow
def test_ctrl_c_here_does_not_end_it(tmp_path):
    code = f"""
import os, signal, time
from pathlib import Path
from rlviz.dashboard.launch import logdir_of, plugins, serving
from rlviz.dashboard.loader import Loader
signal.signal(signal.SIGINT, signal.default_int_handler)
with serving(Path({str(tmp_path)!r})) as url:
    try:
        os.killpg(0, signal.SIGINT)
        time.sleep(10)
    except KeyboardInterrupt:
        print(url, flush=True)
        input()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        url = process.stdout.readline().strip()
        assert "rlviz" in answer_of(f"{url}data/plugins_listing")
    finally:
        process.communicate("\n", timeout=300)


def test_a_directory_above_runs_is_read_where_it_is(tmp_path, write_steps):
    write_steps([1], logdir=tmp_path / "a")
    with logdir_of({"runs": tmp_path}) as logdir:
        assert logdir == tmp_path


def test_runs_are_linked_under_their_names_as_long_as_they_are_read(tmp_path, write_steps):
    for name in ("a", "b"):
        write_steps([1], logdir=tmp_path / name)
    for runs in ({"only": tmp_path / "a"}, {"base": tmp_path / "a", "wide": tmp_path / "b"}):
        with logdir_of(runs) as logdir:
            assert {path.name: path.resolve() for path in logdir.iterdir()} == runs
        assert not logdir.exists()
    assert list((tmp_path / "a").iterdir())  # a link went, not what it led to


def test_the_page_is_among_tensorboards_plugins_once():
    assert plugins().count(Loader) == 1
