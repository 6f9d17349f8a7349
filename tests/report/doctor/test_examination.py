"""The doctor: what became of a run on disk, in words, with what to do about it."""

import json
import os
import random
import shutil
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

import rlviz
from rlviz import schema, tfrecord
from rlviz.record import events
from rlviz.report.doctor.examination import examine

COLUMNS = ("step", "session", "wall_time", "correct", "graded", "parallelism_sum",
           "parallelism_count", "flops/total", "flops_remainder/total")  # fmt: skip
LONG_AGO = 1.5e9  # 2017-07-14 02:40:00 UTC


def kinds(diagnosis):
    return [finding.kind for finding in diagnosis.findings]


def only(diagnosis):
    """The one finding; what it says and its advice."""
    (finding,) = diagnosis.findings
    return finding


def files_of(logdir):
    return sorted(logdir.glob("*tfevents*"))


def rows_records(data):
    """(start, end) of the records in an event file that hold rows."""
    start, found = 0, []
    for record in tfrecord.scan(data):
        if b"rlviz/rows/" in record.payload:
            found.append((start, record.end))
        start = record.end
    return found


@pytest.fixture
def logdir(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def in_batches(logdir):
    """A run of four batches of three steps each; its file."""
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        for step in range(1, 13):
            viz.on_step_end(step, correct=[1, 0], flops=10, parallelism=[2.0])
            assert step % 3 or viz.flush()
    (file,) = files_of(logdir)
    return file


@pytest.fixture
def write_batch(logdir):
    """Appends a batch to the file of a session, as the writer would; times count from LONG_AGO."""
    written = {}

    def write(steps, *, session=0, name=None, flops=100, wall_time=None, **header):
        content = schema.RowsHeader(session, COLUMNS, **{"writer": f"w{session}", **header})
        key = (session, content.writer)
        wall = [LONG_AGO + step for step in steps] if wall_time is None else wall_time
        table = np.array(
            [[step, session, at, 1, 2, 4, 2, flops * step, 0]
             for step, at in zip(steps, wall, strict=True)]
        )  # fmt: skip
        event = events.rows(LONG_AGO, content, 0, table, rows_before=written.get(key, 0))
        written[key] = written.get(key, 0) + len(steps)
        logdir.mkdir(exist_ok=True)
        name = name or f"events.out.tfevents.0.{content.writer}.rlviz-s{session}-0"
        with (logdir / name).open("ab") as stream:
            stream.write(tfrecord.frame(event.SerializeToString()))

    return write


# --- a sound run -----------------------------------------------------------


def test_a_sound_run_is_told_in_few_words(parl_logdir, parl):
    last = parl.wall_time.max()
    diagnosis = examine(parl_logdir, now=last + 7200)
    assert diagnosis.is_sound
    assert diagnosis.verdict == f"{parl_logdir}: sound — 300 steps in 1 session, nothing lost."
    size = sum(file.stat().st_size for file in files_of(parl_logdir))
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(last))
    flops = f"{parl.exact_flops()[-1]:.2e}".replace("e+", "e")
    verdict, nothing, first, second, third = diagnosis.text().splitlines()
    assert (verdict, nothing) == (diagnosis.verdict, "")
    assert first.startswith(f"Steps 1 to 300, {flops} RL FLOPs")
    assert second == f"Last step 2 h 0 min ago, {when}; its script closed it."
    assert third == f"1 event file, {size / 1000:.1f} kB."


def test_the_facts_are_plain_numbers(parl_logdir, parl):
    diagnosis = examine(parl_logdir, now=parl.wall_time.max() + 7200)
    data = json.loads(json.dumps(diagnosis.to_dict(), allow_nan=False))
    assert data["state"] == "sound"
    assert data["findings"] == []
    facts = data["facts"]
    assert (facts["steps"], facts["first_step"], facts["last_step"]) == (300, 1, 300)
    assert facts["flops"] == parl.exact_flops()[-1]
    assert facts["seconds_since_last"] == pytest.approx(7200)
    (session,) = facts["sessions"]
    assert (session["rows"], session["superseded"], session["resumed_after"]) == (300, 0, None)
    assert (facts["files"], facts["dropped"], facts["world_size"]) == (1, 0, 1)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.5, "just now, 2017-07-14 02:45:00 UTC; it may still be running."),
        (50, "50.0 s ago, 2017-07-14 02:45:00 UTC; it may still be running."),
        (200, "3 min 20 s ago, 2017-07-14 02:45:00 UTC; it may still be running."),
        (400, "6 min 40 s ago, 2017-07-14 02:45:00 UTC."),
        (200_000, "2 days ago, 2017-07-14 02:45:00 UTC."),
    ],
)
def test_a_run_whose_next_step_may_still_come_may_be_running(write_batch, logdir, seconds, told):
    write_batch([1, 2, 3], wall_time=[LONG_AGO + 100, LONG_AGO + 200, LONG_AGO + 300])  # 100 s each
    assert f"\nLast step {told}\n" in examine(logdir, now=LONG_AGO + 300 + seconds).text()


def test_a_run_can_be_examined_while_it_is_written(logdir):
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1], flops=1, parallelism=[1.0])
        assert viz.flush()
        diagnosis = examine(logdir)
    assert diagnosis.is_sound
    assert diagnosis.facts["may_be_running"]


@pytest.mark.parametrize("error", [None, KeyError])
@pytest.mark.parametrize("config", [None, {"lr": 1}])
def test_a_run_that_was_closed_is_not_running(logdir, error, config):
    with suppress(KeyError), rlviz.Callback(logdir, figure_seconds=None, config=config) as viz:
        viz.on_step_end(1, correct=[1], flops=1, parallelism=[1.0])
        assert viz.flush()
        running = examine(logdir)
        if error:
            raise error
    closed = examine(logdir)
    assert (running.facts["closed"], running.facts["may_be_running"]) == (False, True)
    assert (closed.facts["closed"], closed.facts["may_be_running"]) == (True, False)
    assert "; it may still be running." in running.text()
    assert "; its script closed it." in closed.text()


def test_a_run_with_its_last_figure_behind_it_is_closed_too(logdir):
    with rlviz.Callback(logdir, figure_seconds=1e6) as viz:
        viz.on_step_end(1, correct=[1], flops=1, parallelism=[1.0])
    assert examine(logdir).facts["closed"]


def test_a_run_that_was_resumed_after_it_was_closed_may_be_running(logdir):
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1], flops=1, parallelism=[1.0])
        state = viz.state_dict()
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        viz.load_state_dict(state)
        viz.on_step_end(2, correct=[1], flops=1, parallelism=[1.0])
        assert viz.flush()
        assert examine(logdir).facts["may_be_running"]
    assert examine(logdir).facts["closed"]


def test_the_end_of_a_session_in_tensorboards_own_words_is_one(in_batches, logdir):
    end = Event(wall_time=1.0, step=12, session_log=SessionLog(status=SessionLog.STOP))
    with in_batches.open("ab") as stream:
        stream.write(tfrecord.frame(end.SerializeToString()))
    assert examine(logdir).facts["closed"]


def test_a_session_that_wrote_on_after_its_end_has_not_ended(in_batches, logdir):
    end = Event(wall_time=1.0, step=12, session_log=SessionLog(status=SessionLog.STOP))
    later = Event(wall_time=2.0, step=13)
    with in_batches.open("ab") as stream:
        for event in (end, later):
            stream.write(tfrecord.frame(event.SerializeToString()))
    assert not examine(logdir).facts["closed"]


@pytest.mark.parametrize("behind", [b"", b"half a record", tfrecord.frame(b"\xff" * 9)])
def test_what_does_not_say_the_end_is_none(in_batches, logdir, behind):
    start = Event(wall_time=1.0, session_log=SessionLog(status=SessionLog.START))
    with in_batches.open("ab") as stream:
        stream.write(tfrecord.frame(start.SerializeToString()) + behind)
    assert not examine(logdir).facts["closed"]


# --- sessions --------------------------------------------------------------


def test_sessions_are_listed_with_what_they_wrote_and_what_was_superseded(write_steps, logdir):
    state = write_steps(range(1, 7))
    write_steps(range(7, 11), state=state)
    write_steps(range(7, 16), state=state)
    diagnosis = examine(logdir)
    assert diagnosis.is_sound
    assert "sound — 15 steps in 3 sessions, nothing lost." in diagnosis.verdict
    flat = " ".join(diagnosis.text().split())
    assert " UTC: steps 1 to 6, no state loaded session 1, " in flat
    assert " UTC: steps 7 to 10, resumed after step 6, 4 rows superseded session 2, " in flat
    assert flat.endswith(" UTC: steps 7 to 15, resumed after step 6")
    assert "4.40e15 RL FLOPs more (21.1 % of all) went into steps that restarts lost." in flat
    told = [
        (s["first_step"], s["last_step"], s["rows"], s["superseded"], s["resumed_after"])
        for s in diagnosis.facts["sessions"]
    ]
    assert told == [(1, 6, 6, 0, None), (7, 10, 4, 4, 6), (7, 15, 9, 0, 6)]


def test_of_many_sessions_the_last_are_listed(write_batch, logdir):
    for session in range(30):
        after = 10 * session
        write_batch(range(after + 1, after + 11), session=session, resumed_after=after or None)
    text = examine(logdir).text()
    assert "  23 earlier sessions, then\n  session 23, " in text
    assert "session 22," not in text
    assert len(text.splitlines()) < 25


def test_steps_between_the_rows_and_the_checkpoint_are_a_loss(write_steps, logdir, tmp_path):
    state = write_steps([1, 2, 3])
    state = write_steps([4, 5, 6], state=state, logdir=tmp_path / "elsewhere")
    write_steps([7, 8], state=state)
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert (diagnosis.state, finding.kind) == ("losses", "missing")
    assert not diagnosis.is_sound
    assert finding.what.startswith("steps 4 to 6 have no rows, though the run went on")
    assert "call flush()" in finding.advice
    assert "usable, with losses — 5 steps in 2 sessions; 1 problem." in diagnosis.verdict
    assert diagnosis.facts["missing"] == [[4, 6]]


def test_a_session_without_a_state_over_an_older_one_is_noted(write_steps, logdir):
    write_steps(range(1, 11))
    write_steps(range(1, 5))
    diagnosis = examine(logdir)
    assert diagnosis.is_sound
    assert "nothing lost; 1 note." in diagnosis.verdict
    finding = only(diagnosis)
    assert finding.kind == "restart"
    assert finding.what == (
        "session 1 loaded no state and recorded from step 1 on, over what session 0 had recorded "
        "up to step 10."
    )
    assert "load_state_dict()" in finding.advice


def test_a_session_without_a_state_that_goes_on_is_nothing_to_note(write_steps, logdir):
    write_steps(range(1, 11))
    write_steps(range(11, 21))
    assert kinds(examine(logdir)) == []


# --- two writers -----------------------------------------------------------


def test_two_callbacks_in_one_directory_at_once_are_told_apart_and_said(logdir):
    ranks = [rlviz.Callback(logdir, figure_seconds=None) for _ in range(2)]
    for step in range(1, 11):
        for viz in ranks:
            viz.on_step_end(step, correct=[1], flops=1, parallelism=[1.0])
    assert all(viz.close() for viz in ranks)
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert (diagnosis.state, finding.kind) == ("losses", "two_writers")
    assert finding.what == (
        "2 processes wrote into this directory at once, all of them as session 0. For each step "
        "the row of one of them stands; 10 rows of the others are left out."
    )
    assert "process_group=" in finding.advice
    assert "rank 0 only" in finding.advice


def test_sessions_that_overlap_in_time_are_two_writers_too(write_batch, logdir):
    write_batch(range(1, 101))
    write_batch(range(1, 21), session=1, wall_time=LONG_AGO + 50 + np.arange(20))
    finding = next(f for f in examine(logdir).findings if f.kind == "two_writers")
    assert finding.what.startswith("sessions 0 and 1 were written at the same time, for 50.0 s")


def test_a_session_resumed_while_another_still_writes_is_a_second_writer(write_batch, logdir):
    write_batch(range(1, 101))
    write_batch(range(21, 31), session=1, resumed_after=20, wall_time=LONG_AGO + 50 + np.arange(10))
    assert kinds(examine(logdir)) == ["two_writers"]


def test_two_writers_of_one_session_are_said_once_however_long_they_wrote(write_batch, logdir):
    write_batch(range(1, 101), writer="a")
    write_batch(range(1, 101), writer="b")
    assert kinds(examine(logdir)) == ["two_writers"]


def test_sessions_of_machines_whose_clocks_differ_a_little_do_not_overlap(write_batch, logdir):
    write_batch(range(1, 101))
    write_batch(range(101, 121), session=1, wall_time=LONG_AGO + 96 + np.arange(20))
    assert kinds(examine(logdir)) == []


# --- dropped steps and missing ranks ---------------------------------------


def test_steps_that_were_given_up_are_counted_and_found_by_their_numbers(write_batch, logdir):
    write_batch(range(1, 11))
    write_batch(range(14, 31), dropped=3)
    write_batch(range(31, 41), dropped=3)
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert (diagnosis.state, finding.kind) == ("losses", "dropped")
    assert finding.what == (
        "3 steps of session 0 were given up (by their numbers, steps 11 to 13): the disk was "
        "full, or did not answer for too long."
    )
    assert finding.advice.startswith("Make room on the disk")
    assert diagnosis.facts["dropped"] == 3


def test_each_session_tells_of_its_own_dropped_steps(write_batch, logdir):
    write_batch(range(1, 11), dropped=1)
    write_batch(range(11, 21), session=1, resumed_after=10, dropped=2)
    told = [finding.what for finding in examine(logdir).findings]
    assert [what.partition(":")[0] for what in told] == [
        "1 step of session 0 was given up",
        "2 steps of session 1 were given up",
    ]
    assert rlviz.read(logdir).dropped == 3


def test_missing_ranks_are_named_with_their_steps(write_batch, logdir):
    write_batch(range(1, 11), world_size=8)
    write_batch(range(11, 16), world_size=8, missing_ranks=(3,))
    write_batch(range(16, 21), world_size=8, missing_ranks=(3,))
    write_batch(range(21, 31), world_size=8)
    write_batch([31], world_size=8, missing_ranks=(7, 3, 4, 5))
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert (diagnosis.state, finding.kind) == ("losses", "missing_ranks")
    assert finding.what == (
        "11 steps of 31 lack the share of some of the 8 ranks: rank 3 in steps 11 to 20; ranks 3 "
        "to 5 and 7 in step 31. Means are those of the other ranks, and RL FLOPs are too low by "
        "the share of these."
    )
    assert "logs of these ranks" in finding.advice
    assert "rows sum over 8 ranks" in diagnosis.text()
    assert diagnosis.facts["missing_ranks"][0] == {
        "ranks": (3,), "first_step": 11, "last_step": 20, "steps": 10
    }  # fmt: skip


def test_ranks_that_were_missing_in_steps_done_again_are_not_missed(write_batch, logdir):
    write_batch(range(1, 11), world_size=2)
    write_batch(range(11, 21), world_size=2, missing_ranks=(1,))
    later = LONG_AGO + 100 + np.arange(10)
    write_batch(range(11, 21), session=1, resumed_after=10, world_size=2, wall_time=later)
    assert rlviz.read(logdir).missing_ranks == ()
    assert kinds(examine(logdir)) == []


def test_a_run_of_all_its_ranks_is_sound(write_batch, logdir):
    write_batch(range(1, 11), world_size=4)
    diagnosis = examine(logdir)
    assert diagnosis.is_sound
    assert "rows sum over 4 ranks." in diagnosis.text()


def test_ranks_that_come_and_go_do_not_crowd_the_text(write_batch, logdir):
    for step in range(1, 101):
        write_batch([step], world_size=64, missing_ranks=(step % 10,) if step % 2 else ())
    assert len(rlviz.read(logdir).missing_ranks) == 50
    finding = only(examine(logdir))
    assert "rank 1 in steps 1, 11, 21 and 7 more such; rank 3 in" in finding.what
    assert "; rank 5 in steps 5, 15, 25 and 7 more such; and 2 sets of ranks more. " in finding.what


# --- damaged files ---------------------------------------------------------


def test_damage_in_the_middle_is_a_loss_with_the_steps_that_are_missing(in_batches, logdir):
    data = bytearray(in_batches.read_bytes())
    start, end = rows_records(data)[1]
    data[start + 40] ^= 1
    in_batches.write_bytes(data)
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert (diagnosis.state, finding.kind) == ("losses", "damaged")
    size = f"{end - start} bytes" if end - start < 1000 else f"{(end - start) / 1000:.1f} kB"
    assert finding.what == (
        f"{size} of {in_batches.name} are not what was written, at byte {start}: the content of a "
        "record is damaged. With it steps 4 to 6 are missing."
    )
    assert "TensorBoard shows nothing of the file behind the damage" in finding.advice
    (damage,) = diagnosis.facts["damage"]
    assert (damage["after_step"], damage["before_step"], damage["length"]) == (3, 7, end - start)


def test_damage_of_the_first_batch_counts_what_came_before_the_first_step(in_batches, logdir):
    data = bytearray(in_batches.read_bytes())
    data[rows_records(data)[0][0] + 40] ^= 1
    in_batches.write_bytes(data)
    assert "With it 3 steps before step 4 is missing" not in only(examine(logdir)).what
    assert only(examine(logdir)).what.endswith("With it 3 steps before step 4 are missing.")


def test_damage_between_the_rows_costs_no_step(in_batches, logdir):
    data = bytearray(in_batches.read_bytes())
    data[rows_records(data)[1][1] + 20] ^= 1  # in the scalars behind the second batch
    in_batches.write_bytes(data)
    diagnosis = examine(logdir)
    assert diagnosis.state == "losses"
    assert only(diagnosis).what.endswith("No step is missing there.")


def test_damage_before_the_first_rows_costs_no_step(in_batches, logdir):
    data = bytearray(in_batches.read_bytes())
    data[20] ^= 1  # in the record that every event file begins with
    in_batches.write_bytes(data)
    assert only(examine(logdir)).what.endswith("No step is missing there.")


def test_steps_that_were_not_all_recorded_are_missed_by_their_count(write_batch, logdir):
    for first in (10, 40, 70):
        write_batch(range(first, first + 30, 10))
    (file,) = files_of(logdir)
    data = bytearray(file.read_bytes())
    data[rows_records(data)[1][0] + 40] ^= 1
    file.write_bytes(data)
    assert only(examine(logdir)).what.endswith(
        "With it 3 steps between steps 30 and 70 are missing."
    )


def test_damage_of_steps_that_a_later_session_did_again_costs_no_step(write_steps, logdir):
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        for step in range(1, 13):
            viz.on_step_end(step, correct=[1, 0], flops=10, parallelism=[2.0])
            if step == 3:
                state = viz.state_dict()
            assert step % 3 or viz.flush()
    (file,) = files_of(logdir)
    data = bytearray(file.read_bytes())
    data[rows_records(data)[2][0] + 40] ^= 1
    file.write_bytes(data)
    write_steps(range(4, 21), state=state)
    finding = only(examine(logdir))
    assert (finding.kind, finding.what.endswith("No step is missing there.")) == ("damaged", True)


def test_zeros_in_the_middle_of_a_file_are_no_kill(in_batches, logdir):
    data = bytearray(in_batches.read_bytes())
    start, end = rows_records(data)[1]
    data[start:end] = bytes(end - start)
    in_batches.write_bytes(data)
    diagnosis = examine(logdir)
    assert (diagnosis.state, kinds(diagnosis)) == ("losses", ["damaged"])
    assert only(diagnosis).what.endswith("With it steps 4 to 6 are missing.")


def test_rows_that_a_run_from_scratch_made_void_are_not_missed(in_batches, write_steps, logdir):
    data = in_batches.read_bytes()
    in_batches.write_bytes(data[rows_records(data)[1][0] :])
    assert kinds(examine(logdir)) == ["rows_gone"]
    write_steps(range(1, 21))
    assert kinds(examine(logdir)) == ["restart"]


def test_many_damaged_places_of_a_file_are_one_finding(in_batches, logdir):
    data = bytearray(in_batches.read_bytes())
    for start, _ in rows_records(data)[1:3]:
        data[start + 40] ^= 1
        data[start + 2] ^= 1
    in_batches.write_bytes(data)
    finding = only(examine(logdir))
    assert "are not what was written, in " in finding.what
    assert "steps 4 to 9 are missing" in finding.what or "6 steps" in finding.what


@pytest.mark.parametrize("tail", [bytes(4096), tfrecord.frame(b"lost")[:-1], b"\x07"])
def test_a_file_that_ends_in_half_a_record_is_what_a_kill_leaves(in_batches, logdir, tail):
    with in_batches.open("ab") as stream:
        stream.write(tail)
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert diagnosis.is_sound
    assert diagnosis.verdict.endswith("nothing lost but perhaps the last second; 1 note.")
    assert finding.kind == "cut"
    assert f"of {in_batches.name} are no whole record" in finding.what or "is no" in finding.what
    assert "It costs at most the last second." in finding.advice


def test_noise_at_the_end_of_a_file_is_no_kill(in_batches, logdir):
    with in_batches.open("ab") as stream:
        stream.write(b"x" * 300)
    diagnosis = examine(logdir)
    assert (diagnosis.state, kinds(diagnosis)) == ("losses", ["damaged"])
    assert "Whether it held steps can't be told" in only(diagnosis).what


def test_a_batch_that_was_cut_and_written_again_costs_no_step(in_batches, logdir):
    data = in_batches.read_bytes()
    start, end = rows_records(data)[2]
    header = in_batches.name
    in_batches.write_bytes(data[: end - 7])  # a short write ends the file …
    (logdir / header.replace("s0-0", "s0-1")).write_bytes(data[start:])  # … and the next has it
    diagnosis = examine(logdir)
    assert diagnosis.is_sound
    assert only(diagnosis).kind == "cut"
    assert only(diagnosis).what.endswith("No step is missing there.")


def test_a_file_that_was_copied_in_part_lacks_the_steps_before_the_next(in_batches, logdir):
    data = in_batches.read_bytes()
    records = rows_records(data)
    in_batches.write_bytes(data[: records[1][1] - 7])
    rest = data[records[3][0] :]
    (logdir / in_batches.name.replace("s0-0", "s0-1")).write_bytes(rest)
    diagnosis = examine(logdir)
    assert diagnosis.state == "losses"
    assert only(diagnosis).what.endswith("With it steps 4 to 9 are missing.")


def test_a_file_that_was_deleted_is_missed_by_its_rows(in_batches, logdir):
    data = in_batches.read_bytes()
    records = rows_records(data)
    in_batches.write_bytes(data[: records[1][0]])
    (logdir / in_batches.name.replace("s0-0", "s0-2")).write_bytes(data[records[3][0] :])
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert (diagnosis.state, finding.kind) == ("losses", "rows_gone")
    assert finding.what == (
        "session 0 wrote more than is here: steps 4 to 9 are missing. A file was deleted, or not "
        "copied."
    )


def test_a_session_whose_only_file_is_gone_is_missed_by_its_number(write_steps, logdir):
    write_steps(range(1, 11))
    (first,) = files_of(logdir)
    write_steps(range(11, 21))
    first.unlink()
    finding = only(examine(logdir))
    assert finding.kind == "file_gone"
    assert finding.what.startswith("no file of session 0 is here, and what stands begins anew at")


def test_a_session_that_nothing_needs_is_not_missed(write_steps, logdir):
    write_steps(range(1, 11))
    (first,) = files_of(logdir)
    write_steps(range(1, 21))
    first.unlink()
    assert kinds(examine(logdir)) == []


def test_a_batch_that_was_written_twice_is_nothing_odd(in_batches, logdir):
    data = in_batches.read_bytes()
    start, _ = rows_records(data)[3]
    (logdir / in_batches.name.replace("s0-0", "s0-1")).write_bytes(data[start:])
    assert rlviz.read(logdir).sessions[0].backwards == 0
    assert kinds(examine(logdir)) == []


def test_files_named_by_a_clock_that_was_set_back_are_read_as_written(write_batch, logdir):
    write_batch([1, 2, 3], name="events.out.tfevents.9.x.rlviz-s0-0")
    write_batch([2, 4, 5], name="events.out.tfevents.1.x.rlviz-s0-1", flops=7)
    assert list(rlviz.read(logdir).flops) == [100, 14, 300, 28, 35]


def test_a_file_that_can_not_be_read_is_said_with_the_systems_reason(in_batches, logdir):
    (logdir / "events.out.tfevents.0.x.rlviz-s0-1").symlink_to("/proc/self/mem")
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert (diagnosis.state, finding.kind) == ("losses", "unreadable")
    assert "rlviz-s0-1: the file can't be read: " in finding.what
    assert "chmod" in finding.advice


def test_rows_of_a_newer_format_ask_for_an_upgrade(in_batches, write_batch, logdir):
    write_batch([13], version=schema.FORMAT_VERSION + 1, name=in_batches.name)
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert (diagnosis.state, finding.kind) == ("losses", "newer")
    assert f"format version {schema.FORMAT_VERSION + 1}, this rlviz reads up to" in finding.what
    assert finding.advice == "pip install --upgrade rlviz"


def test_intact_rows_that_make_no_sense_are_no_fault_of_the_disk(in_batches, logdir):
    with in_batches.open("ab") as stream:
        stream.write(tfrecord.frame(b"\xff rlviz/rows/s0"))
    finding = only(examine(logdir))
    assert finding.kind == "senseless"
    assert "1 intact record of" in finding.what
    assert "report it" in finding.advice


def test_a_run_of_which_nothing_can_be_read_is_unreadable(in_batches, logdir):
    in_batches.write_bytes(b"\x5a" * 5000)
    diagnosis = examine(logdir)
    assert (diagnosis.state, kinds(diagnosis)) == ("unreadable", ["damaged"])
    assert diagnosis.verdict.endswith("unreadable — not one of its steps can be read.")
    assert diagnosis.facts["steps"] == 0
    json.dumps(diagnosis.to_dict(), allow_nan=False)
    assert "PROBLEM" in diagnosis.text()


def test_a_run_that_is_all_of_a_newer_format_is_unreadable_and_says_why(write_batch, logdir):
    write_batch([1, 2], version=schema.FORMAT_VERSION + 1)
    assert only(examine(logdir)).kind == "newer"
    with pytest.raises(FileNotFoundError, match=r"no steps that can be read: .*Upgrade rlviz"):
        rlviz.read(logdir)


@pytest.mark.parametrize("seed", range(150))
def test_whatever_the_disk_does_the_doctor_says_something(in_batches, logdir, seed):
    chance = random.Random(seed)
    data = bytearray(in_batches.read_bytes())
    for _ in range(chance.randrange(1, 5)):
        at, length = chance.randrange(len(data)), chance.randrange(1, 400)
        fault = chance.randrange(4)
        if fault == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif fault == 1:
            del data[at:]
        elif fault == 2:
            data[at : at + length] = bytes(length)
        else:
            data[at:at] = data[at : at + length]
        data = data or bytearray(b"\0")
    in_batches.write_bytes(data)
    with suppress(FileNotFoundError):  # cut off before the first step: nothing is known of a run
        diagnosis = examine(logdir)
        json.dumps(diagnosis.to_dict(), allow_nan=False)
        assert diagnosis.text().startswith(str(logdir))
        recorded = rlviz.read(logdir).step if diagnosis.facts["steps"] else []
        lost = set(range(1, 13)) - set(recorded)
        assert diagnosis.findings or not lost or lost == set(range(min(lost), 13))


# --- odd, but nothing lost -------------------------------------------------


def test_steps_that_go_back_within_a_session_are_noted(logdir):
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        for step in (*range(1, 11), *range(1, 6), 5):
            viz.on_step_end(step, correct=[1], parallelism=[1.0], metrics={"loss": step})
    finding = examine(logdir).findings[0]
    assert finding.kind == "order"
    assert "in session 0 the step went back, or was the same again, 2 times." in finding.what


def test_flops_that_fall_are_noted_with_the_step(write_steps, logdir):
    state = write_steps(range(1, 31))
    write_steps(range(31, 61), state={**state, "flops": {}})
    diagnosis = examine(logdir)
    assert diagnosis.is_sound
    assert only(diagnosis).what == (
        "the count of RL FLOPs falls at step 31, from 3.30e16 to 1.10e15: the curves are drawn "
        "over steps."
    )


@pytest.mark.parametrize(
    ("brings", "kind", "words"),
    [
        ({"correct": [1], "parallelism": [1.0]}, "no_flops", "no RL FLOPs were recorded"),
        ({"correct": [1], "parallelism": [1.0], "flops": 0}, "no_flops", "RL FLOPs stayed 0"),
        ({"parallelism": [1.0], "flops": 1}, "no_accuracy", "for any step: its curve is empty"),
        ({"correct": [np.nan, np.nan], "parallelism": [1.0], "flops": 1}, "no_accuracy",
         "(all 6 answers came without a grade)"),
        ({"correct": [1], "flops": 1}, "no_parallelism", "no average parallelism is known"),
        ({"correct": [1], "flops": 1, "parallelism": [1.0], "metrics": {"loss": np.nan}},
         "nan_metric", "1 metric is NaN in every step: 'loss'."),
    ],
)  # fmt: skip
def test_what_no_step_has_is_noted(write_steps, logdir, brings, kind, words):
    write_steps([1, 2, 3], **brings)
    diagnosis = examine(logdir)
    assert diagnosis.is_sound
    finding = only(diagnosis)
    assert finding.kind == kind
    assert words in finding.what
    assert finding.advice


def test_a_clock_that_went_back_is_noted(write_batch, logdir):
    write_batch([1, 2, 3], wall_time=[LONG_AGO, LONG_AGO + 86_400, LONG_AGO + 86_401])
    write_batch([4, 5], wall_time=[LONG_AGO + 2, LONG_AGO + 3])
    finding = only(examine(logdir, now=LONG_AGO + 86_402))
    assert finding.kind == "clock"
    assert finding.what == "the clock went back by 23 h 59 min during session 0."


def test_a_clock_that_went_back_between_sessions_is_no_second_writer(write_batch, logdir):
    write_batch(range(1, 11))
    write_batch(range(11, 21), session=1, resumed_after=10, wall_time=LONG_AGO - 80 + np.arange(10))
    finding = only(examine(logdir, now=LONG_AGO + 100))
    assert finding.kind == "clock"
    assert "session 1 begins 1 min 30 s before the end of session 0" in finding.what


def test_a_last_step_in_the_future_is_noted(write_batch, logdir):
    write_batch([1, 2, 3])
    assert "closed 1 h 40 min after now" in only(examine(logdir, now=LONG_AGO + 3 - 6000)).what
    assert kinds(examine(logdir, now=LONG_AGO)) == []


def test_a_hole_that_nothing_explains_is_noted(write_batch, logdir):
    write_batch([*range(1, 11), *range(15, 31)])
    diagnosis = examine(logdir)
    assert diagnosis.is_sound
    assert only(diagnosis).what.startswith("steps 11 to 14 have no rows, among steps that else")


@pytest.mark.parametrize(
    "steps",
    [
        [3, 5, 9],
        [10, 20, 30, 40, 50],
        [1, 2, 4, 7, 8, 12],
        [1, 2, 4, 5, 7, 8, 10, 11],
        [*range(0, 100, 10), *range(100, 200)],
    ],
)
def test_a_loop_with_a_cadence_of_its_own_has_no_holes(write_batch, logdir, steps):
    write_batch(steps)
    assert kinds(examine(logdir)) == []


def test_event_files_of_others_are_noted_and_their_damage_does_not_matter(in_batches, logdir):
    others = EventFileWriter(str(logdir))
    others.add_event(Event(step=1, summary=Summary(value=[Summary.Value(tag="loss")])))
    others.close()
    (other,) = set(files_of(logdir)) - {in_batches}
    assert "1 event file here is not of rlviz, which passes over it" in only(examine(logdir)).what
    other.write_bytes(other.read_bytes()[:-3])
    diagnosis = examine(logdir)
    assert diagnosis.is_sound
    assert kinds(diagnosis) == ["foreign_damage", "foreign"]


# --- not a run -------------------------------------------------------------


def test_a_directory_that_is_no_run_is_said_so(tmp_path, in_batches):
    with pytest.raises(FileNotFoundError, match="there is no run directory"):
        examine(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match=r"holds no steps .* Runs below it: .*run\."):
        examine(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(in_batches, other / "events.out.tfevents.0.noise")
    (other / "events.out.tfevents.0.noise").write_bytes(b"x" * 1000)
    with pytest.raises(FileNotFoundError, match="holds no steps recorded by rlviz"):
        examine(other)


# --- how it is said --------------------------------------------------------


def test_lines_fit_a_terminal_of_80_columns_but_for_file_names(write_batch, logdir, monkeypatch):
    monkeypatch.chdir(logdir.parent)
    for session in range(4):
        write_batch(
            range(1, 101, 2), session=session, world_size=8, dropped=3, missing_ranks=(1, 5)
        )
    (file, *_) = files_of(logdir)
    file.write_bytes(file.read_bytes()[:-50])
    text = examine(Path("run")).text()
    assert all(len(line) <= 80 for line in text.splitlines() if "tfevents" not in line)
    paragraphs = text.split("\n\n")
    found = [part for part in paragraphs if part.startswith(("PROBLEM", "note:"))]
    assert len(found) == len(examine("run").findings)
    assert all(part.count("\n  → ") == 1 for part in found)


def test_a_run_that_tells_no_times_is_told_without_them(write_batch, logdir):
    write_batch([1, 2, 3], wall_time=[np.nan] * 3)
    diagnosis = examine(logdir)
    (session,) = json.loads(json.dumps(diagnosis.to_dict(), allow_nan=False))["facts"]["sessions"]
    assert session["began"] is session["ended"] is diagnosis.facts["last_written"] is None
    assert [line.split()[0] for line in diagnosis.text().splitlines()[2:]] == ["Steps", "1"]


def test_the_name_of_a_file_stays_whole_for_copying(write_batch, logdir):
    name = f"events.out.tfevents.0.{'long-host-' * 12}.rlviz-s0-0"
    write_batch([1, 2, 3], name=name)
    with (logdir / name).open("ab") as stream:
        stream.write(b"x" * 100)
    assert name in examine(logdir).text()


def test_problems_come_before_notes(write_batch, logdir):
    write_batch([1, 2, 3], flops=0, dropped=1)
    assert [finding.level for finding in examine(logdir).findings] == ["problem", "note"]


def test_no_name_from_a_run_commands_the_terminal(write_steps, logdir):
    write_steps([1, 2], metrics={"\x1b[31mred\x07": float("nan")})
    os.rename(files_of(logdir)[0], logdir / "events.out.tfevents.\x1b[2J.rlviz-s0-0")
    with (logdir / "events.out.tfevents.\x1b[2J.rlviz-s0-0").open("ab") as stream:
        stream.write(b"x" * 100)
    text = examine(logdir).text()
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "tfevents.?[2J.rlviz" in text
