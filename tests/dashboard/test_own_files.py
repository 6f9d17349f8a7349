"""Damage in a run's files, which TensorBoard hides, is said on the page."""

import os
import struct
import threading
import time

import pytest

import rlviz
from rlviz.dashboard.own_files import OwnFiles


def record(logdir):
    """300 steps in five batches."""
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        for step in range(1, 301):
            viz.on_step_end(step, correct=[1, 0], flops=10**20)
            if step % 60 == 0:
                assert viz.flush()


def event_file(logdir):
    (file,) = logdir.glob("*tfevents*")
    return file


def damaged(logdir, what="length"):
    """Change the length of a record behind the middle of the file, or some bytes within it."""
    file = event_file(logdir)
    data = bytearray(file.read_bytes())
    at = 0
    while at < 0.6 * len(data):
        (size,) = struct.unpack("<Q", data[at : at + 8])
        at += size + 16
    if what == "length":
        data[at : at + 8] = bytes(8)
    else:
        at = data.index(struct.pack("<d", 200.0))  # of the row of step 200
        data[at : at + 8] = struct.pack("<d", 200.5)
    file.write_bytes(data)


def age(logdir, seconds=60):
    old = time.time() - seconds
    for file in logdir.iterdir():
        os.utime(file, (old, old))


@pytest.mark.quick(1)
@pytest.mark.parametrize("loader", ["true", "false"], ids=["data server", "python loader"])
@pytest.mark.parametrize("what", ["length", "bytes"])
def test_a_run_whose_file_is_damaged_says_so_and_what_is_shown(open_board, tmp_path, loader, what):
    record(tmp_path / "damaged")
    record(tmp_path / "sound")
    damaged(tmp_path / "damaged", what)
    for name in ("damaged", "sound"):
        age(tmp_path / name)
    held = len(rlviz.read(tmp_path / "damaged"))
    board = open_board(tmp_path, loader)
    board.wait_for_the_end(["damaged", "sound"])
    board.wait_for(lambda: board.runs()["damaged"]["notes"])
    runs = board.runs()
    shown = runs["damaged"]["steps"]
    told = runs["damaged"]["notes"]
    if what == "bytes" and loader == "true":
        assert (shown, held) == (299, 240)  # 200.5 is no step
        words = "TensorBoard shows 299 steps, and 240 of them are as they were written: its data"
    else:
        assert shown < held
        words = f"TensorBoard shows {shown} of the {held} steps in this run's files: it stops at"
    assert any(note.startswith(words) for note in told), told
    assert any("are not what was written, at byte" in note for note in told)
    assert len(told) == len(set(told))
    assert runs["sound"]["notes"] == []
    files = OwnFiles(tmp_path)
    files.look(["sound"])
    assert files.notes("sound", 300) == []


@pytest.mark.quick(1)
@pytest.mark.parametrize("loader", ["true", "false"], ids=["data server", "python loader"])
def test_a_file_that_ends_in_the_middle_of_a_record_says_so(open_board, tmp_path, loader):
    record(tmp_path / "cut")
    file = event_file(tmp_path / "cut")
    size = file.stat().st_size
    os.truncate(file, int(0.8 * size))
    age(tmp_path / "cut")
    board = open_board(tmp_path, loader)
    board.wait_for_the_end(["cut"])
    board.wait_for(lambda: board.runs()["cut"]["notes"])
    run = board.runs()["cut"]
    assert run["steps"] < 300
    assert any("are no whole record" in note for note in run["notes"]), run["notes"]


def test_a_run_is_looked_at_once_in_each_state_and_not_while_it_is_written(tmp_path, monkeypatch):
    record(tmp_path / "run")
    damaged(tmp_path / "run")
    files, looked = OwnFiles(tmp_path), []
    read = rlviz.read
    monkeypatch.setattr(
        "rlviz.dashboard.own_files.read", lambda path: (looked.append(path), read(path))[1]
    )
    files.look(["run"])
    assert (files.notes("run", 10), looked) == ([], [])  # it was written a moment ago
    age(tmp_path / "run")
    files.look(["run"])
    files.look(["run"])
    assert len(looked) == 1
    assert files.notes("run", 10)[0].startswith("TensorBoard shows 10 of the ")
    assert not files.notes("run", 300)[0].startswith("TensorBoard shows")  # all are there by now
    age(tmp_path / "run", seconds=120)
    files.look(["run"])
    assert len(looked) == 2


class Slow:
    """Reading that begins at once and ends when it may."""

    def __init__(self, monkeypatch):
        self.may_end = threading.Event()
        self.threads = []
        read = rlviz.read

        def slowly(path):
            self.threads.append(threading.current_thread())
            assert self.may_end.wait(60)
            return read(path)

        monkeypatch.setattr("rlviz.dashboard.own_files.read", slowly)


@pytest.fixture
def slow(monkeypatch):
    found = Slow(monkeypatch)
    yield found
    found.may_end.set()


def test_no_listing_waits_for_a_look_and_the_next_one_tells_of_it(open_board, tmp_path, slow):
    for name in ("damaged", "sound"):
        record(tmp_path / name)
        damaged(tmp_path / name)
        age(tmp_path / name)
    began = time.monotonic()
    board = open_board(tmp_path, "false")
    board.wait_for(lambda: board.runs() and slow.threads)
    board.wait_for_the_end(["damaged", "sound"])
    runs = board.runs()
    assert time.monotonic() - began < 30  # the look takes longer
    assert runs["damaged"]["notes"] == runs["sound"]["notes"] == []
    assert board.series("damaged", "accuracy")[0]["total"] == runs["damaged"]["steps"]
    assert len(slow.threads) == 1  # however often the list was asked for
    assert slow.threads[0].daemon
    version = runs["damaged"]["version"]
    slow.may_end.set()
    board.wait_for(lambda: all(run["notes"] for run in board.runs().values()))
    assert board.runs()["damaged"]["version"] > version


def test_a_look_that_fails_is_logged_and_the_next_one_goes_on(tmp_path, monkeypatch, caplog):
    record(tmp_path / "run")
    damaged(tmp_path / "run")
    age(tmp_path / "run")
    files = OwnFiles(tmp_path)

    def soon(names):
        files.look_soon(names)
        for thread in threading.enumerate():
            if thread.name == "rlviz-own-files":
                thread.join(60)

    with monkeypatch.context() as patched:
        patched.setattr("rlviz.dashboard.own_files._stamp", lambda path: 1 / 0)
        soon(["run"])
    assert "rlviz could not look into the files of runs" in caplog.text
    soon(["nobody\0", "run"])  # no file system has the first
    assert files.notes("run", 10) != []


@pytest.mark.parametrize("name", ["../run", "/run", "a/../../run", "nothing"])
def test_only_directories_below_the_runs_are_looked_into(tmp_path, name):
    record(tmp_path / "run")
    damaged(tmp_path / "run")
    age(tmp_path / "run")
    files = OwnFiles(tmp_path / "below")
    files.look([name if name != "/run" else str(tmp_path / "run")])
    assert files.notes(name, 0) == []


def test_without_a_directory_on_this_machine_nothing_is_said():
    files = OwnFiles(None)
    files.look(["run"])
    assert files.notes("run", 0) == []
