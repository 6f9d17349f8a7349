"""Rows go to the file in pieces of at most a megabyte, each counted as soon as it is written."""

import errno
import os
from collections import deque

import pytest

import rlviz
from rlviz.record.account import Account
from rlviz.record.assembly import Assembly
from rlviz.record.encoding import Encoder
from rlviz.record.eventfile import EventFile
from rlviz.record.late import LateSums
from rlviz.record.pieces import Pieces
from rlviz.record.ranks import FirstRank
from rlviz.record.recorder import Recorder
from rlviz.record.rows import RowBuilder
from rlviz.record.system import System


class Small(System):
    """A disk on which so many bytes have room; what does not fit is written as far as it does."""

    def __init__(self, room=10**12):
        self.room = room
        self.sizes = []

    def write(self, fd, data):
        self.sizes.append(len(data))
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = super().write(fd, data[: self.room])
        self.room -= taken
        return taken

    def truncate(self, fd, size):
        self.room += os.fstat(fd).st_size - size
        super().truncate(fd, size)


class Run:
    def __init__(self, logdir, calls, steps, metrics=2, name="metric"):
        queue = deque()
        self.account = Account()
        recorder = Recorder(queue, self.account, on_error=pytest.fail)
        late = LateSums()
        ranks = FirstRank(None, pytest.fail, late)
        builder = RowBuilder(ema_weight=0.5, on_error=pytest.fail)
        self.assembly = Assembly(queue, builder, ranks, self.account, late)
        self.file = EventFile(logdir, calls=calls)
        self.pieces = Pieces(self.assembly, self.file, Encoder(1), self.account)
        for step in range(1, steps + 1):
            names = (f"{name}{n}{step if name == 'odd' else ''}" for n in range(metrics))
            recorder.record(0.5, 4, 10**18, 8.5, None)
            recorder.end_step(step, dict.fromkeys(names, 0.5))
        while self.assembly.build(512):
            pass


@pytest.mark.quick(1)
@pytest.mark.parametrize(
    ("steps", "metrics", "name"),
    [
        (9000, 2, "metric"),
        (300, 300, "a/rather/long/name/of/a/metric"),
        (400, 40, "odd"),
        (5, 9000, "m"),
    ],
)
def test_no_write_has_more_than_a_megabyte_and_none_is_much_smaller_than_need_be(
    tmp_path, steps, metrics, name
):
    calls = Small()
    run = Run(tmp_path, calls, steps, metrics, name)
    run.pieces.write_all(extras_alone=False)
    assert run.account.counts == (steps, steps, 0, 0)
    assert max(calls.sizes) <= 1_000_000
    assert sum(calls.sizes) > 1_000_000
    assert len(calls.sizes) <= 5 + 3 * sum(calls.sizes) / 1_000_000
    run.file.close()
    assert list(rlviz.read(tmp_path).step) == list(range(1, steps + 1))


def test_what_there_is_room_for_is_written_and_counted_and_nothing_of_what_is_not(tmp_path):
    calls = Small(room=1_500_000)
    run = Run(tmp_path, calls, 9000)
    with pytest.raises(OSError, match=r"short write|No space"):
        run.pieces.write_all(extras_alone=False)
    logged, written, dropped, queued = run.account.counts
    assert (logged, dropped, written + queued) == (9000, 0, 9000)
    assert calls.room < 2000  # bytes: less than a step needs
    found = rlviz.read(tmp_path)
    assert list(found.step) == list(range(1, written + 1))
    assert found.damage == ()
    tries = len(calls.sizes)
    with pytest.raises(OSError, match=r"short write|No space"):
        run.pieces.write_all(extras_alone=False)
    assert len(calls.sizes) <= tries + 3  # it does not try all sizes again
    calls.room = 10**9
    run.pieces.write_all(extras_alone=False)
    assert run.account.counts == (9000, 9000, 0, 0)
    run.file.close()
    assert list(rlviz.read(tmp_path).step) == list(range(1, 9001))


@pytest.mark.parametrize("where", ["before the write", "after the write", "after the check"])
def test_whatever_is_thrown_while_a_piece_is_written_it_counts_once(tmp_path, where):
    class Thrown(BaseException):
        pass

    class Throwing(Small):
        thrown = False

        def once(self):
            if not self.thrown:
                self.thrown = True
                raise Thrown

        def write(self, fd, data):
            if where == "before the write" and len(data) > 100:
                self.once()
            taken = super().write(fd, data)
            if where == "after the write" and len(data) > 100:
                self.once()
            return taken

        def is_at(self, fd, path):
            found = super().is_at(fd, path)
            if where == "after the check":
                self.once()
            return found

    run = Run(tmp_path, Throwing(), 100)
    with pytest.raises(Thrown):
        run.pieces.write_all(extras_alone=False)
    assert run.account.counts == (100, 0, 0, 100)
    run.pieces.write_all(extras_alone=False)
    assert run.account.counts == (100, 100, 0, 0)
    run.file.close()
    found = rlviz.read(tmp_path)
    assert list(found.step) == list(range(1, 101))
    assert sum(session.superseded for session in found.sessions) == 0


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_a_disk_that_takes_longer_than_all_the_rest_is_slow(tmp_path, seconds):
    class Slow(Small):
        now = 0.0

        def write(self, fd, data):
            self.now += seconds
            return super().write(fd, data)

    calls = Slow()
    run = Run(tmp_path, calls, 13_000)
    run.pieces._clock = lambda: calls.now
    run.pieces._since = 0.0
    run.pieces.write_all(extras_alone=False)
    assert sum(calls.sizes) > 4_000_000
    assert run.account.disk_is_slow == (seconds > 0)
