"""`rlviz watch`: TensorBoard on some runs, in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

import rlviz
from rlviz.cli import main


@pytest.fixture
def watch(tmp_path):
    """Starts the command; ends what is still running."""
    started = []

    def start(*arguments, **environment):
        folder = tmp_path / "temporary"
        folder.mkdir(exist_ok=True)
        package_root = str(Path(rlviz.__file__).resolve().parent.parent)
        process = subprocess.Popen(
            [sys.executable, "-m", "rlviz", "watch", *map(str, arguments)],
            env={
                **os.environ,
                "PYTHONSAFEPATH": "1",
                "PYTHONPATH": package_root,
                "TMPDIR": str(folder),
                **environment,
            },
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


def address(process):
    line = process.stdout.readline()
    assert line.startswith("http://"), process.stderr.read()
    assert line.endswith("/#rlviz\n")
    return line.removesuffix("#rlviz\n")


def runs_at(url, count):
    deadline = time.monotonic() + 300
    while True:
        with urllib.request.urlopen(f"{url}data/plugin/rlviz/runs") as answer:
            found = json.load(answer)["runs"]
        if len(found) == count:
            return {run["name"]: run["steps"] for run in found}
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def ended(process, number=signal.SIGINT):
    process.send_signal(number)
    assert process.wait(20) == 0
    return process.stderr.read()


@pytest.mark.slow
def test_a_directory_of_runs_is_watched_until_ctrl_c(watch, write_steps, tmp_path):
    write_steps([1, 2], logdir=tmp_path / "runs" / "a")
    write_steps([1, 2, 3], logdir=tmp_path / "runs" / "deep" / "b")
    process = watch(tmp_path / "runs", "--port", 0, "--no-browser")
    url = address(process)
    assert runs_at(url, 2) == {"a": 2, "deep/b": 3}
    with urllib.request.urlopen(url) as page:
        assert b"TensorBoard" in page.read()
    write_steps([1], logdir=tmp_path / "runs" / "late")
    assert runs_at(url, 3)["late"] == 1
    assert "Traceback" not in ended(process)


@pytest.mark.slow
def test_no_path_is_served_to_whoever_speaks_to_the_socket(watch, write_steps, tmp_path):
    """As a browser would never ask, but a program may."""
    write_steps([1], logdir=tmp_path / "run")
    (tmp_path / "run" / "secret.txt").write_text("hidden")
    process = watch(tmp_path / "run", "--port", 0, "--no-browser")
    port = int(address(process).rstrip("/").rpartition(":")[2])
    up = ["../" * 8, "..%2f" * 8, "%2e%2e/" * 8, "..\\" * 8, "/", "//", "static/../", "%00/../" * 8]
    targets = ["etc/passwd", "loader.py", f"{tmp_path}/run/secret.txt", "secret.txt"]
    for path in [start + target for start in up for target in targets]:
        with socket.create_connection(("localhost", port), timeout=10) as connection:
            line = f"GET /data/plugin/rlviz/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            connection.sendall(line.encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), (path, answer[:80])
        assert not any(secret in answer for secret in (b"root:", b"TBLoader", b"hidden"))
    ended(process)


@pytest.mark.slow
def test_several_runs_are_watched_under_their_names_and_nothing_is_left(
    watch, write_steps, tmp_path
):
    for name in ("a", "b", "other"):
        write_steps([1, 2], logdir=tmp_path / "runs" / name)
    process = watch(tmp_path / "runs" / "a", f"wide={tmp_path}/runs/b", "--port", 0, "--no-browser")
    url = address(process)
    assert runs_at(url, 2) == {"a": 2, "wide": 2}
    write_steps([3], logdir=tmp_path / "runs" / "a")
    deadline = time.monotonic() + 300
    while runs_at(url, 2) != {"a": 3, "wide": 2}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    ended(process, signal.SIGTERM)
    assert not list((tmp_path / "temporary").glob("rlviz-watch-*"))


@pytest.mark.slow
def test_a_single_run_has_its_own_name_and_the_browser_is_opened_on_the_page(
    watch, write_steps, tmp_path
):
    write_steps([1, 2], logdir=tmp_path / "swarm-7b")
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{opened}"\n')
    browser.chmod(0o755)
    process = watch(tmp_path / "swarm-7b", "--port", 0, BROWSER=f'"{browser}" %s')
    url = address(process)
    assert runs_at(url, 1) == {"swarm-7b": 2}
    deadline = time.monotonic() + 300
    while not (opened.exists() and opened.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert opened.read_text() == f"{url}#rlviz\n"
    ended(process)


@pytest.mark.slow
def test_a_port_that_is_taken_is_a_sentence(watch, write_steps, tmp_path):
    write_steps([1], logdir=tmp_path / "run")
    first = watch(tmp_path / "run", "--port", 0, "--no-browser")
    port = address(first).rstrip("/").rpartition(":")[2]
    second = watch(tmp_path / "run", "--port", port, "--no-browser")
    assert second.wait(30) == 2
    words = second.stderr.read()
    assert f"could not bind to port {port}" in words
    assert "Traceback" not in words
    ended(first)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "there is no directory nowhere"),
        (["a=nowhere"], "there is no directory nowhere"),
        (["{0}", "{0}"], "two runs are called 'run'. Give them names: NAME="),
        (["x/y={0}"], "gives no name to a run"),
        (["..={0}"], "gives no name to a run"),
        (["={0}"], "names no run. Write RUN, NAME=RUN"),
    ],
)
def test_what_is_no_run_is_said(tmp_path, capsys, arguments, words):
    (tmp_path / "run").mkdir()
    given = [argument.format(tmp_path / "run") for argument in arguments]
    assert main(["watch", *given, "--no-browser"]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_has_to_be_one(tmp_path, capsys, port):
    with pytest.raises(SystemExit) as ended:
        main(["watch", str(tmp_path), f"--port={port}"])
    assert ended.value.code == 2
    assert "--port" in capsys.readouterr().err


def test_the_page_alone_shows_runs_as_they_come_and_ends_with_a_signal(
    watch, tmp_path, write_steps
):
    write_steps([1, 2], logdir=tmp_path / "runs" / "a")
    process = watch(tmp_path / "runs", "--standalone", "--port", 0, "--no-browser")
    url = process.stdout.readline().strip()
    write_steps([1, 2, 3], logdir=tmp_path / "runs" / "b")
    deadline = time.monotonic() + 300
    found = {}
    while found != {"a": 2, "b": 3}:
        assert time.monotonic() < deadline, found
        with urllib.request.urlopen(f"{url}runs") as answer:
            found = {run["name"]: run["steps"] for run in json.load(answer)["runs"]}
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert process.stderr.read().strip() == ""
