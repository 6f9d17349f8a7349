"""Whether a run says that its script closed it."""

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event, SessionLog

import rlviz
from rlviz import tfrecord
from rlviz.report.history.ending import was_closed


@pytest.mark.slow
def test_a_run_with_its_last_figure_behind_it_is_closed_too(logdir):
    viz = rlviz.Callback(logdir, figure_seconds=1e6)
    viz.on_step_end(1, correct=[1], flops=1, parallelism=[1.0])
    assert viz.close(timeout=300)
    assert was_closed(rlviz.read(logdir))


def test_the_end_of_a_session_in_tensorboards_own_words_is_one(in_batches, logdir):
    end = Event(wall_time=1.0, step=12, session_log=SessionLog(status=SessionLog.STOP))
    with in_batches.open("ab") as stream:
        stream.write(tfrecord.frame(end.SerializeToString()))
    assert was_closed(rlviz.read(logdir))


def test_a_session_that_wrote_on_after_its_end_has_not_ended(in_batches, logdir):
    end = Event(wall_time=1.0, step=12, session_log=SessionLog(status=SessionLog.STOP))
    later = Event(wall_time=2.0, step=13)
    with in_batches.open("ab") as stream:
        for event in (end, later):
            stream.write(tfrecord.frame(event.SerializeToString()))
    assert not was_closed(rlviz.read(logdir))


@pytest.mark.parametrize("behind", [b"", b"half a record", tfrecord.frame(b"\xff" * 9)])
def test_what_does_not_say_the_end_is_none(in_batches, logdir, behind):
    start = Event(wall_time=1.0, session_log=SessionLog(status=SessionLog.START))
    with in_batches.open("ab") as stream:
        stream.write(tfrecord.frame(start.SerializeToString()) + behind)
    assert not was_closed(rlviz.read(logdir))


def test_what_ends_is_the_last_session_and_not_one_before_it(logdir):
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1])
    history = rlviz.read(logdir)
    assert was_closed(history)
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        viz.on_step_end(2, correct=[1])
        assert viz.flush()
        assert not was_closed(rlviz.read(logdir))


def test_a_run_whose_file_is_gone_or_not_ours_says_nothing(in_batches, logdir):
    history = rlviz.read(logdir)
    in_batches.unlink()
    assert not was_closed(history)
    assert not was_closed(rlviz.History({"step": np.array([])}))
