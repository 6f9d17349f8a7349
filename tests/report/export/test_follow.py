"""The follower: each step as soon as it is on disk, and nothing read twice."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import rlviz
from rlviz import tfrecord
from rlviz.report.export import follow as follow_module
from rlviz.report.export.follow import Follower, follow
from rlviz.report.export.table_file import export

EACH_STEP = {"correct": [1, 0, 1], "flops": {"rollout": 10**22 + 1}, "parallelism": [3.0]}
PACKAGE_ROOT = str(Path(rlviz.__file__).resolve().parent.parent)


def new(follower, warn=None):
    """The rows that a follower has to hand out now."""
    return [json.loads(line) for part in follower.new_lines(warn) for line in part.splitlines()]


def steps(rows):
    return [row["step"] for row in rows]


def exported(logdir, tmp_path):
    path = tmp_path / "exported.jsonl"
    export(rlviz.read(logdir), path)
    return [json.loads(line) for line in path.read_text().splitlines()]


def what_stands(rows):
    """What the documentation of `follow` says to make of the lines."""
    standing, session = {}, 0
    for row in rows:
        if row["session"] > session:
            session = row["session"]
            standing = {step: old for step, old in standing.items() if step < row["step"]}
        standing[row["step"]] = row
    return [standing[step] for step in sorted(standing)]


def record(logdir, numbers, *, state=None, each=EACH_STEP):
    """A session of its own; returns its state after each step."""
    states = {}
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        if state is not None:
            viz.load_state_dict(state)
        for step in numbers:
            viz.on_step_end(step, **each)
            states[step] = viz.state_dict()
    return states


def events_of(logdir):
    return sorted(logdir.glob("*tfevents*"))


def records_of(file):
    """The framed records of an event file, in order."""
    data, start, found = file.read_bytes(), 0, []
    for item in tfrecord.scan(data):
        found.append(data[start : item.end])
        start = item.end
    return found


# --- one session -----------------------------------------------------------


def test_the_lines_of_a_finished_run_are_those_of_its_export(parl_logdir, tmp_path):
    stream = io.BytesIO()
    assert follow(parl_logdir, stream, until_idle=0) == 300
    export(rlviz.read(parl_logdir), tmp_path / "x.jsonl")
    assert stream.getvalue() == (tmp_path / "x.jsonl").read_bytes()


def test_each_look_hands_out_the_steps_that_came_since_the_last_one(tmp_path):
    logdir = tmp_path / "run"
    logdir.mkdir()
    follower = Follower(logdir)
    assert new(follower) == []
    rows = []
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        for first in (1, 4, 5):
            for step in range(first, first + 2):
                viz.on_step_end(step + 10 * first, **EACH_STEP, metrics={f"m{first}": 0.5})
            assert viz.flush(timeout=300)
            found = new(follower)
            assert steps(found) == [11 * first, 11 * first + 1]
            assert new(follower) == []
            rows += found
    assert new(follower) == []
    assert "metrics/m4" not in rows[1]  # a line has the columns that were known when it came
    assert rows[-1]["metrics/m4"] is None
    assert [row["flops/total"] for row in rows] == [n * (10**22 + 1) for n in range(1, 7)]
    assert rows == [
        {name: value for name, value in row.items() if name in mine}
        for row, mine in zip(exported(logdir, tmp_path), rows, strict=True)
    ]


def test_a_record_that_is_half_written_is_awaited(tmp_path):
    record(tmp_path / "whole", [1, 2, 3])
    (whole,) = events_of(tmp_path / "whole")
    data, logdir = whole.read_bytes(), tmp_path / "run"
    logdir.mkdir()
    follower, rows, warnings = Follower(logdir), [], []
    with (logdir / whole.name).open("ab", buffering=0) as stream:
        for start in range(0, len(data), 17):
            stream.write(data[start : start + 17])
            rows += new(follower, warnings.append)
    assert steps(rows) == [1, 2, 3]
    assert warnings == []


def test_damage_costs_the_steps_under_it_and_is_said_once(tmp_path):
    logdir = tmp_path / "run"
    logdir.mkdir()
    with rlviz.Callback(tmp_path / "whole", figure_seconds=None) as viz:
        for step in (1, 2, 3):
            viz.on_step_end(step, **EACH_STEP)
            assert viz.flush(timeout=300)
    (whole,) = events_of(tmp_path / "whole")
    records = records_of(whole)
    with_rows = [i for i, found in enumerate(records) if b"rlviz/rows/" in found]
    assert len(with_rows) == 3
    spoiled = bytearray(records[with_rows[1]])
    spoiled[40] ^= 255
    records[with_rows[1]] = bytes(spoiled)
    follower, warnings = Follower(logdir), []
    (logdir / whole.name).write_bytes(b"".join(records[: with_rows[1] + 1]))
    assert steps(new(follower, warnings.append)) == [1]
    assert warnings == []  # it may be in the middle of being written
    (logdir / whole.name).write_bytes(b"".join(records))
    assert steps(new(follower, warnings.append)) == [3]
    assert new(follower, warnings.append) == []
    (said,) = warnings
    assert "can't be read (the content of a record is damaged)" in said
    assert "rlviz doctor" in said


def test_rows_of_a_newer_format_are_said_and_not_taken_for_nothing(tmp_path):
    record(tmp_path, [1])
    (file,) = events_of(tmp_path)
    payloads = [item.payload for item in tfrecord.scan(file.read_bytes())]
    newer = [tfrecord.frame(p.replace(b'"version":1', b'"version":9')) for p in payloads]
    file.write_bytes(b"".join(newer))
    warnings = []
    assert new(Follower(tmp_path), warnings.append) == []
    assert "Upgrade rlviz to read this run." in warnings[0]


def test_files_of_other_programs_and_new_files_of_the_run_are_no_trouble(tmp_path):
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    follower = Follower(tmp_path)
    EventFileWriter(str(tmp_path)).close()
    assert new(follower) == []
    record(tmp_path, [1, 2])
    (mine,) = (file for file in events_of(tmp_path) if "rlviz" in file.name)
    first, *others = records_of(mine)
    assert steps(new(follower)) == [1, 2]
    # A writer that isn't sure that its rows are on the disk writes them again, in a new file.
    (tmp_path / mine.name.replace("rlviz-s0-0", "rlviz-s0-1")).write_bytes(first + b"".join(others))
    assert new(follower) == []


def test_a_file_that_is_copied_there_once_more_brings_no_step_twice(tmp_path):
    record(tmp_path / "whole", [1, 2])
    (whole,) = events_of(tmp_path / "whole")
    logdir = tmp_path / "copy"
    logdir.mkdir()
    follower, data = Follower(logdir), whole.read_bytes()
    for length in (len(data), 0, len(data) // 2, len(data)):
        (logdir / whole.name).write_bytes(data[:length])
        found = steps(new(follower))
        assert found == ([1, 2] if length == len(data) and not (logdir / "seen").exists() else [])
        (logdir / "seen").touch()


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="needs Linux's count of bytes read")
def test_what_was_read_is_not_read_again(tmp_path):
    def bytes_read():
        return int(Path("/proc/self/io").read_text().split()[1])

    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        for step in range(1, 3001):
            viz.on_step_end(step, **EACH_STEP)
    size = sum(file.stat().st_size for file in events_of(tmp_path))
    assert size > 500_000
    follower = Follower(tmp_path)
    assert len(new(follower)) == 3000
    (file,) = events_of(tmp_path)
    before = bytes_read()
    for _ in range(50):
        with file.open("ab") as stream:
            stream.write(tfrecord.frame(b"nothing of ours"))
        assert new(follower) == []
    assert bytes_read() - before < 50_000
    with file.open("ab") as stream:
        stream.write(tfrecord.frame(bytes(400_000))[:300_000])
    for _ in range(50):  # what is awaited is not read again until there is more of it
        assert new(follower) == []
    assert bytes_read() - before < 400_000


# --- several sessions ------------------------------------------------------


def test_a_resumed_session_follows_and_its_lines_say_what_they_replace(tmp_path):
    logdir = tmp_path / "run"
    logdir.mkdir()
    follower, rows = Follower(logdir), []
    states = record(logdir, range(1, 11))
    rows += new(follower)
    record(logdir, range(8, 13), state=states[7])
    rows += new(follower)
    assert steps(rows) == [*range(1, 11), *range(8, 13)]
    assert [row["session"] for row in rows] == [0] * 10 + [1] * 5
    assert what_stands(rows) == exported(logdir, tmp_path)


def test_a_session_without_a_state_counts_its_flops_on_from_the_steps_before_it(tmp_path):
    logdir = tmp_path / "run"
    logdir.mkdir()
    follower, rows = Follower(logdir), []
    for first in (1, 6, 4):
        with rlviz.Callback(logdir, figure_seconds=None) as viz:
            for step in range(first, first + 5):
                viz.on_step_end(step, **EACH_STEP)
                assert viz.flush(timeout=300)
                rows += new(follower)
            saved = viz.state_dict()
    record(logdir, [9, 10], state=saved)  # goes on from a state that knows nothing of what is added
    rows += new(follower)
    assert what_stands(rows) == exported(logdir, tmp_path)
    assert rows[-1]["flops/total"] == (3 + 5 + 2) * (10**22 + 1)


def test_what_is_void_when_the_follower_begins_is_not_written(tmp_path):
    states = record(tmp_path / "run", range(1, 11))
    record(tmp_path / "run", range(8, 10), state=states[7])
    rows = new(Follower(tmp_path / "run"))
    assert steps(rows) == list(range(1, 10))
    assert rows == exported(tmp_path / "run", tmp_path)


def test_rows_of_an_older_session_that_appear_late_come_only_if_they_stand(tmp_path):
    states = record(tmp_path / "run", range(1, 11))
    record(tmp_path / "run", range(8, 10), state=states[7])
    old, recent = events_of(tmp_path / "run")
    logdir = tmp_path / "late"
    logdir.mkdir()
    follower = Follower(logdir)
    shutil.copy(recent, logdir)
    assert steps(new(follower)) == [8, 9]
    shutil.copy(old, logdir)
    assert steps(new(follower)) == list(range(1, 8))


def test_rows_that_an_older_session_goes_on_to_write_come_only_if_they_stand(tmp_path):
    logdir, late = tmp_path / "run", tmp_path / "late"
    late.mkdir()
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        for step in range(1, 11):
            viz.on_step_end(step, **EACH_STEP)
            assert viz.flush(timeout=300)
            if step == 7:
                state = viz.state_dict()
    (old,) = events_of(logdir)
    record(logdir, range(9, 12), state=state)  # step 8 has no row any more
    _, recent = events_of(logdir)
    records = records_of(old)
    with_rows = [i for i, found in enumerate(records) if b"rlviz/rows/" in found]
    follower, rows = Follower(late), []
    (late / old.name).write_bytes(b"".join(records[: with_rows[4]]))
    rows += new(follower)
    shutil.copy(recent, late)
    rows += new(follower)
    shutil.copy(old, late)
    rows += new(follower)
    assert steps(rows) == [1, 2, 3, 4, 9, 10, 11, 5, 6, 7]


def test_two_writers_at_once_are_told_apart_as_in_the_export(tmp_path):
    logdir = tmp_path / "run"
    with (
        rlviz.Callback(logdir, figure_seconds=None) as one,
        rlviz.Callback(logdir, figure_seconds=None) as other,
    ):
        follower, rows = None, []
        for step in (1, 2, 3):
            for viz in (one, other):
                viz.on_step_end(step, **EACH_STEP)
                assert viz.flush(timeout=300)
            follower = follower or Follower(logdir)
            rows += new(follower)
    assert steps(rows) == [1, 2, 3]
    assert [row["session"] for row in rows] == [1, 1, 1]
    assert rows == exported(logdir, tmp_path)


def test_steps_that_a_loop_goes_back_to_come_again(tmp_path):
    logdir = tmp_path / "run"
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        viz.on_step_end(1, **EACH_STEP)
        viz.on_step_end(2, **EACH_STEP)
        assert viz.flush(timeout=300)
        follower = Follower(logdir)
        rows = new(follower)
        viz.on_step_end(2, **EACH_STEP)
        viz.on_step_end(3, **EACH_STEP)
        assert viz.flush(timeout=300)
        rows += new(follower)
    assert steps(rows) == [1, 2, 2, 3]
    assert what_stands(rows) == exported(logdir, tmp_path)


def test_what_a_loop_that_goes_back_seems_to_make_void_comes_again(tmp_path):
    logdir = tmp_path / "run"
    states = record(logdir, range(1, 11))
    follower = Follower(logdir)
    rows = new(follower)
    record(logdir, [11, 3, 11], state=states[10])
    rows += new(follower)
    assert steps(rows) == [*range(1, 11), 3, 11, *range(4, 11)]
    assert what_stands(rows) == exported(logdir, tmp_path)
    assert new(follower) == []


def test_a_file_that_comes_late_changes_the_flops_of_those_that_go_on_from_it(tmp_path):
    logdir, late = tmp_path / "run", tmp_path / "late"
    late.mkdir()
    record(logdir, [1, 2, 3])
    record(logdir, [4, 5])  # without a state: counts on from the rows before it
    old, recent = events_of(logdir)
    follower = Follower(late)
    shutil.copy(recent, late)
    rows = new(follower)
    assert [row["flops/total"] for row in rows] == [n * (10**22 + 1) for n in (1, 2)]
    shutil.copy(old, late)
    rows += new(follower)
    assert steps(rows) == [4, 5, 1, 2, 3, 4, 5]
    assert what_stands(rows) == exported(logdir, tmp_path)


def test_rows_without_a_step_have_no_lines(write_batch, logdir):
    write_batch([np.nan, np.nan])
    follower = Follower(logdir)
    assert new(follower) == []
    write_batch([3])
    assert steps(new(follower)) == [3]


# --- a real run, and the loop ----------------------------------------------

TRAINING = """
import sys, time
import rlviz

with rlviz.Callback(sys.argv[1], figure_seconds=None, flush_seconds=0.05) as viz:
    first, last = int(sys.argv[2]), int(sys.argv[3])
    for step in range(first, last + 1):
        viz.on_step_end(step, correct=[1, 0, 1], flops={"rollout": 10**22 + 1})
        assert viz.flush(timeout=300)
        print(step, time.monotonic(), flush=True)
        time.sleep(0.05)
"""

FOLLOWING = """
import sys
from rlviz.report.export.follow import follow

print("ready", file=sys.stderr, flush=True)
print("lines:", follow(sys.argv[1], sys.stdout.buffer), file=sys.stderr)
"""


def start(script, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={
            **os.environ,
            "PYTHONSAFEPATH": "1",
            "PYTHONPATH": PACKAGE_ROOT,
            "PYTHONUNBUFFERED": "",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_real_run_is_followed_from_its_first_step_to_ctrl_c(tmp_path, noted):
    logdir = tmp_path / "run"
    logdir.mkdir()
    arrived = {}

    def read():
        for line in following.stdout:
            row = json.loads(line)
            assert row["step"] not in arrived
            arrived[row["step"]] = (time.monotonic(), row)

    with start(FOLLOWING, logdir) as following:
        reader = threading.Thread(target=read)
        reader.start()
        assert following.stderr.readline() == "ready\n"
        on_disk = {}
        for first, last in ((1, 20), (21, 30)):  # the second one a session of its own
            with start(TRAINING, logdir, first, last) as training:
                for line in training.stdout:
                    step, when = line.split()
                    on_disk[int(step)] = float(when)
            assert training.returncode == 0
        deadline = time.monotonic() + 300
        while len(arrived) < 30 and time.monotonic() < deadline:
            time.sleep(0.05)
        following.send_signal(signal.SIGINT)
        try:
            following.wait(timeout=300)
        finally:
            following.kill()  # else a follower that goes on would keep the test for ever
        reader.join(timeout=60)
        assert following.stderr.read() == "lines: 30\n"
    assert following.returncode == 0
    assert list(arrived) == list(range(1, 31))
    late = {step: arrived[step][0] - when for step, when in on_disk.items()}
    noted(f"a run is followed within {max(late.values()):.2f} s (0.25 s between two looks)")
    assert [row for _, row in arrived.values()] == exported(logdir, tmp_path)


def test_it_ends_when_nothing_came_for_so_long(tmp_path):
    record(tmp_path, [1, 2])
    begin = time.monotonic()
    assert follow(tmp_path, io.BytesIO(), poll_seconds=0.01, until_idle=0.3) == 2
    assert time.monotonic() - begin >= 0.3


def test_a_reader_that_has_gone_ends_it_with_a_broken_pipe(tmp_path):
    record(tmp_path, [1, 2])
    out, into = os.pipe()
    os.close(out)
    with pytest.raises(BrokenPipeError), open(into, "wb", buffering=0) as stream:
        follow(tmp_path, stream, until_idle=0)


def test_a_directory_that_is_not_there_is_said_at_once(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"there is no run directory .*x \(yet\)\. Give the"
    ):
        follow(tmp_path / "x", io.BytesIO(), until_idle=0)


def test_a_file_is_told_from_a_directory(tmp_path):
    (tmp_path / "events.out.tfevents.1").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="is a file of a run, which is a directory"):
        follow(tmp_path / "events.out.tfevents.1", io.BytesIO(), until_idle=0)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({"poll_seconds": 0}, "poll_seconds must be above 0, got 0"),
        ({"poll_seconds": float("nan")}, "poll_seconds must be above 0, got nan"),
        ({"until_idle": -1}, "until_idle must be at least 0 seconds, got -1"),
    ],
)
def test_times_that_make_no_sense_are_refused(tmp_path, times, message):
    with pytest.raises(ValueError, match=message):
        follow(tmp_path, io.BytesIO(), **times)


def test_looks_that_all_take_long_are_further_apart(tmp_path, monkeypatch):
    class Clock:
        """Looks take 3, 0, 2 and 1 s of the processor; the fourth is the last."""

        def __init__(self):
            self.rests, self._at = [], iter(np.cumsum([0, 3, 0, 0, 0, 2, 0, 1]))

        def process_time(self):
            return float(next(self._at))

        def monotonic(self):
            return float(len(self.rests))

        def sleep(self, seconds):
            self.rests.append(seconds)

    clock = Clock()
    monkeypatch.setattr(follow_module, "time", clock)
    assert follow(tmp_path, io.BytesIO(), poll_seconds=0.25, until_idle=3) == 0
    assert clock.rests == [0.25, 0.25, 0.25]
    clock.__init__()
    clock._at = iter(np.cumsum([0, 3, 0, 2, 0, 1, 0, 4]))
    assert follow(tmp_path, io.BytesIO(), poll_seconds=0.25, until_idle=3) == 0
    assert clock.rests == [0.25, 18.0, 9.0]
