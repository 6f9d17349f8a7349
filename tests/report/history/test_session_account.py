"""The account of each session: what it wrote, what of that stands, what is gone."""

import numpy as np

import rlviz
from rlviz.report.history.session_account import Gone, MissingRanks

LONG_AGO = 1.5e9  # the step that `write_batch` closes at LONG_AGO + step


def test_a_session_is_told_by_its_rows_and_its_header(write_batch, logdir):
    write_batch(range(1, 6), world_size=4)
    write_batch(range(6, 11), world_size=4, dropped=2)
    write_batch(range(8, 13), session=1, resumed_after=7)
    first, second = rlviz.read(logdir).sessions
    assert (first.number, first.claimed, first.rows, first.superseded) == (0, 0, 10, 3)
    assert (first.first_step, first.last_step, first.resumed_after) == (1, 10, None)
    assert (first.began, first.ended) == (LONG_AGO + 1, LONG_AGO + 10)
    assert (first.dropped, first.world_size) == (2, 4)
    assert (first.backwards, first.clock_back_seconds, first.gone) == (0, 0.0, ())
    assert (second.number, second.rows, second.superseded, second.resumed_after) == (1, 5, 0, 7)


def test_steps_and_clocks_that_go_back_are_measured_in_what_was_written_first(write_batch, logdir):
    wall = [LONG_AGO + second for second in (0, 10, 4, 5, 6)]
    write_batch([1, 2, 2, 1, 3], wall_time=wall)
    (session,) = rlviz.read(logdir).sessions
    assert (session.backwards, session.clock_back_seconds) == (2, 6.0)
    assert (session.rows, session.superseded) == (5, 2)


def test_rows_that_were_written_again_are_no_step_back(in_batches, rows_records):
    data = in_batches.read_bytes()
    start, _ = rows_records(data)[2]
    again = in_batches.with_name(in_batches.name.replace("rlviz-s0-0", "rlviz-s0-1"))
    again.write_bytes(data[start:])
    (session,) = rlviz.read(in_batches.parent).sessions
    assert (session.rows, session.superseded, session.backwards) == (18, 6, 0)
    assert session.gone == ()


def test_rows_that_were_written_again_count_once_whatever_the_files_are_called(
    in_batches, rows_records
):
    # Names follow the clock. Where it was set back, the file that was written later comes first.
    data = in_batches.read_bytes()
    start, _ = rows_records(data)[2]
    in_batches.with_name("events.out.tfevents.0.first.rlviz-s0-1").write_bytes(data[start:])
    run = rlviz.read(in_batches.parent)
    assert run.sessions[0].gone == ()
    assert run.sessions[0].backwards == 0
    assert list(run.step) == list(range(1, 13))


def test_a_hole_in_the_writers_count_is_told_with_the_steps_around_it(in_batches, rows_records):
    data = in_batches.read_bytes()
    records = rows_records(data)
    in_batches.write_bytes(
        data[: records[1][0]] + data[records[1][1] : records[3][0]] + data[records[3][1] :]
    )
    (session,) = rlviz.read(in_batches.parent).sessions
    assert session.gone == (Gone(3, 3, 7),)  # what is behind the last row can't be known
    assert rlviz.read(in_batches.parent).lost_rows == 3


def test_of_what_a_later_session_made_void_nothing_is_gone(in_batches, rows_records, write_batch):
    data = in_batches.read_bytes()
    start, end = rows_records(data)[2]
    in_batches.write_bytes(data[:start] + data[end:])
    assert rlviz.read(in_batches.parent).sessions[0].gone == (Gone(3, 6, 10),)
    write_batch(range(7, 9), session=1, resumed_after=6)
    assert rlviz.read(in_batches.parent).sessions[0].gone == ()


def test_stretches_without_ranks_are_those_of_the_steps_that_stand(write_batch, logdir):
    write_batch([1, 2], world_size=4)
    write_batch([3, 4], world_size=4, missing_ranks=(3, 1))
    write_batch([5, 6], world_size=4, missing_ranks=(1, 3))
    write_batch([7], world_size=4, missing_ranks=(2,))
    assert rlviz.read(logdir).missing_ranks == (
        MissingRanks((1, 3), 3, 4, 2),
        MissingRanks((1, 3), 5, 6, 2),
        MissingRanks((2,), 7, 7, 1),
    )
    write_batch([4, 5], session=1, world_size=4, resumed_after=3)
    assert rlviz.read(logdir).missing_ranks == (MissingRanks((1, 3), 3, 3, 1),)


def test_a_session_that_tells_no_times_began_at_none(write_batch, logdir):
    write_batch([1, 2], wall_time=[np.nan, np.nan])
    (session,) = rlviz.read(logdir).sessions
    assert np.isnan([session.began, session.ended]).all()
    assert session.clock_back_seconds == 0.0
