"""How bytes reach the disk, also when the disk refuses."""

import os
import subprocess
import sys
import textwrap

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from rlviz import tfrecord
from rlviz.record.eventfile import EventFile, next_session


def scalar(step):
    return framed(Event(wall_time=step, step=step, summary=LOSS))


def framed(event):
    return tfrecord.frame(event.SerializeToString())


LOSS = Summary(value=[Summary.Value(tag="rlviz/loss", simple_value=0.5)])


def steps_in(directory):
    """Steps of all scalar events that TensorBoard's own reader finds, file by file."""
    return [
        [event.step for event in EventFileLoader(str(path)).Load() if event.summary.value]
        for path in sorted(directory.glob("*tfevents*"))
    ]


def test_nothing_is_created_before_there_is_something_to_write(tmp_path):
    EventFile(tmp_path / "run", session=0).close()
    assert not (tmp_path / "run").exists()


def test_batches_are_appended_to_one_file(tmp_path):
    file = EventFile(tmp_path / "run", session=0)
    file.append(scalar(1) + scalar(2))
    file.append(scalar(3))
    file.close()
    assert steps_in(tmp_path / "run") == [[1, 2, 3]]


def test_a_batch_is_readable_as_soon_as_append_returns(tmp_path):
    file = EventFile(tmp_path, session=0)
    file.append(scalar(1))
    assert steps_in(tmp_path) == [[1]]
    file.close()


def test_two_writers_of_the_same_second_never_share_a_file(tmp_path):
    files = [EventFile(tmp_path, session=0, clock=lambda: 1.0) for _ in range(20)]
    for number, file in enumerate(files):
        file.append(scalar(number))
        file.close()
    assert sorted(step for (step,) in steps_in(tmp_path)) == list(range(20))


def test_later_sessions_sort_behind_earlier_ones_of_the_same_second(tmp_path):
    for session in range(12):
        file = EventFile(tmp_path, session=session, clock=lambda: 1.0)
        file.append(scalar(session))
        file.close()
    assert steps_in(tmp_path) == [[session] for session in range(12)]


def test_the_session_number_grows_with_what_is_in_the_directory(tmp_path):
    assert next_session(tmp_path / "missing") == 0
    assert next_session(tmp_path) == 0
    (tmp_path / "events.out.tfevents.123.host").touch()  # somebody else's
    assert next_session(tmp_path) == 0
    for expected in (0, 1, 2):
        file = EventFile(tmp_path, session=next_session(tmp_path))
        file.append(scalar(expected))
        file.close()
    assert next_session(tmp_path) == 3


def test_a_full_disk_fails_the_batch_and_the_next_one_goes_into_a_new_file(tmp_path):
    # RLIMIT_FSIZE gives EFBIG after a short write: in a process of its own, it can't be raised.
    code = """
        import resource, signal, sys
        from pathlib import Path
        from rlviz.record.eventfile import EventFile
        from rlviz import tfrecord
        from rlviz.record import events

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        file = EventFile(Path(sys.argv[1]), session=0)
        framed = lambda event: tfrecord.frame(event.SerializeToString())
        big = framed(events.text(0.0, 1, "rlviz/config", "x" * 5000))
        file.append(framed(events.text(0.0, 1, "rlviz/config", "small")))
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
        try:
            file.append(big)
        except OSError as error:
            print("failed:", error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        file.append(framed(events.text(0.0, 2, "rlviz/config", "small")))
        file.close()
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "failed: short write: 1" in result.stdout
    assert steps_in(tmp_path) == [[1], [2]]


def test_a_directory_that_cannot_be_made_is_an_oserror(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        EventFile(tmp_path / "file" / "run", session=0).append(scalar(1))


def test_no_descriptor_is_left_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for number in range(50):
        file = EventFile(tmp_path / str(number), session=0)
        file.append(scalar(1))
        file.close()
    assert len(os.listdir("/proc/self/fd")) == before
