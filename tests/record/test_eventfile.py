"""How bytes reach the disk, also when the disk refuses."""

import errno
import os
import subprocess
import sys
import textwrap

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from rlviz import schema, tfrecord
from rlviz.record.eventfile import EventFile
from rlviz.record.system import System


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
    EventFile(tmp_path / "run").close()
    assert not (tmp_path / "run").exists()


def test_batches_are_appended_to_one_file(tmp_path):
    file = EventFile(tmp_path / "run")
    file.append(scalar(1) + scalar(2))
    file.append(scalar(3))
    file.close()
    assert steps_in(tmp_path / "run") == [[1, 2, 3]]


def test_a_batch_is_readable_as_soon_as_append_returns(tmp_path):
    file = EventFile(tmp_path)
    file.append(scalar(1))
    assert steps_in(tmp_path) == [[1]]
    file.close()


def test_two_writers_of_the_same_second_never_share_a_file(tmp_path):
    files = [EventFile(tmp_path, clock=lambda: 1.0) for _ in range(20)]
    for number, file in enumerate(files):
        file.append(scalar(number))
        file.close()
    assert sorted(step for (step,) in steps_in(tmp_path)) == list(range(20))


def test_later_sessions_sort_behind_earlier_ones_of_the_same_second(tmp_path):
    for session in range(12):
        file = EventFile(tmp_path, clock=lambda: 1.0)
        assert file.open() == session
        file.append(scalar(session))
        file.close()
    assert steps_in(tmp_path) == [[session] for session in range(12)]


def session_of_the_next(directory, **options):
    file = EventFile(directory, **options)
    session = file.open()
    file.append(scalar(1))
    file.close()
    return session


def test_the_session_number_grows_with_what_is_in_the_directory(tmp_path):
    tmp_path.joinpath("events.out.tfevents.123.host").touch()  # somebody else's
    assert [session_of_the_next(tmp_path) for _ in range(3)] == [0, 1, 2]


def test_the_number_is_that_of_the_first_file_and_not_of_when_the_script_began(tmp_path):
    early = EventFile(tmp_path)  # what it resumes is mounted there later, say
    assert [session_of_the_next(tmp_path) for _ in range(2)] == [0, 1]
    assert early.open() == 2
    early.append(scalar(1))
    session_of_the_next(tmp_path)
    early._size = early._segment_bytes
    assert early.open() == 2  # its second file
    early.close()


class Unlistable(System):
    broken = True

    def names(self, path):
        if self.broken:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().names(path)


def test_without_a_list_of_the_directory_nothing_is_begun_that_would_be_void(tmp_path):
    session_of_the_next(tmp_path)
    calls = Unlistable()
    file = EventFile(tmp_path, calls=calls)
    for attempt in (file.open, lambda: file.append(scalar(1))):
        with pytest.raises(OSError, match="Too many open files"):
            attempt()
    assert len(list(tmp_path.iterdir())) == 1
    calls.broken = False
    assert file.open() == 1
    file.close()


@pytest.mark.parametrize(
    "name",
    [
        f"events.out.tfevents.1789000000.000000.000000.host.1.ab.rlviz-s{number}-0"
        for number in (10**6, 2**31, 2**53, 10**40)
    ]
    + [f"events.out.tfevents.{10**60}.000000.000000.host.1.ab.rlviz-s0-0"]
    + ["events.out.tfevents.1789000000.000000.000000.host.1.ab.rlviz-s٣-0"],
)
def test_a_number_that_no_session_has_is_not_gone_on_from(tmp_path, name):
    tmp_path.joinpath(name).touch()
    assert session_of_the_next(tmp_path) == 0
    assert session_of_the_next(tmp_path) == 1


def test_after_the_largest_number_sessions_share_it(tmp_path):
    tmp_path.joinpath(schema.file_name(1789000000, 999_998, 0, "host.1.ab")).touch()
    assert [session_of_the_next(tmp_path) for _ in range(3)] == [999_999] * 3
    known = [schema.FileName.of(path.name) for path in tmp_path.iterdir()]
    assert sorted(file.session for file in known) == [999_998, *[999_999] * 3]


def test_files_are_counted_anew_in_a_directory_that_takes_the_place_of_the_first(tmp_path):
    file = EventFile(tmp_path / "run")
    file.append(scalar(1))
    (tmp_path / "run").rename(tmp_path / "hidden")  # by a mount, say
    (tmp_path / "run").mkdir()
    session_of_the_next(tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="deleted or moved away"):
        file.append(scalar(2))
    assert file.open() == 0  # as its batches say
    file.append(scalar(2))
    file.close()
    names = [schema.FileName.of(path.name) for path in (tmp_path / "run").iterdir()]
    assert [(known.session, known.number) for known in names] == [(0, 0), (0, 0)]


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
        file = EventFile(Path(sys.argv[1]))
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
        EventFile(tmp_path / "file" / "run").append(scalar(1))


def test_no_descriptor_is_left_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for number in range(50):
        file = EventFile(tmp_path / str(number))
        file.append(scalar(1))
        file.close()
    assert len(os.listdir("/proc/self/fd")) == before
