"""What of a run is lost: two writers, steps given up, ranks and files that are missing."""

import numpy as np
import pytest

import rlviz
from rlviz.report.doctor.examination import examine

LONG_AGO = 1.5e9  # 2017-07-14 02:40:00 UTC


def kinds(diagnosis):
    return [finding.kind for finding in diagnosis.findings]


def only(diagnosis):
    """The one finding; what it says and its advice."""
    (finding,) = diagnosis.findings
    return finding


def files_of(logdir):
    return sorted(logdir.glob("*tfevents*"))


def test_steps_between_the_rows_and_the_checkpoint_are_a_loss(write_steps, logdir, tmp_path):
    state = write_steps([1, 2, 3])
    state = write_steps([4, 5, 6], state=state, logdir=tmp_path / "elsewhere")
    write_steps([7, 8], state=state)
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert (diagnosis.state, finding.kind) == ("losses", "missing")
    assert not diagnosis.is_sound
    assert finding.what.startswith("steps 4 to 6 have no rows, though the run went on")
    assert finding.what.endswith("counted on from the state that was loaded.")
    assert "load_state_dict()" in finding.advice
    assert "usable, with losses — 5 steps in 2 sessions; 1 problem." in diagnosis.verdict
    assert diagnosis.facts["missing"] == [[4, 6]]


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


def test_steps_that_were_given_up_are_counted_and_found_by_their_numbers(write_batch, logdir):
    write_batch(range(1, 11))
    write_batch(range(14, 31), dropped=3, causes=(("disk", 3),))
    write_batch(range(31, 41), dropped=3, causes=(("disk", 3),))
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert (diagnosis.state, finding.kind) == ("losses", "dropped")
    assert finding.what == (
        "3 steps of session 0 were given up (by their numbers, steps 11 to 13): the disk was "
        "full, refused them or was too slow."
    )
    assert finding.advice.startswith("Make room on the disk")
    assert diagnosis.facts["dropped"] == 3


@pytest.mark.parametrize(
    ("causes", "why", "advice"),
    [
        ({"loop": 3}, "the loop closed steps faster than they could be written", "every n-th step"),
        ({"size": 3}, "they brought more values than could be written in time", "fewer values"),
        ({"disk": 2, "closed": 1}, "2 because the disk was full, refused them or was too slow, 1 "
         "because they came after close()", "Make room on the disk"),
        ({"failure": 3}, "the writer failed", "The log of the script"),
        ({"ranks": 3}, "rank 0 could not be reached", "log of rank 0"),
        ({}, "the run does not say why", "The log of the script"),
        ({"of a later version": 3}, "the run does not say why", "The log of the script"),
    ],
)  # fmt: skip
def test_steps_that_were_given_up_name_their_cause_and_the_disk_only_when_it_is(
    write_batch, logdir, causes, why, advice
):
    write_batch(range(1, 11), dropped=3, causes=tuple(causes.items()))
    finding = only(examine(logdir))
    assert finding.what == f"3 steps of session 0 were given up: {why}."
    assert advice in finding.advice
    assert rlviz.read(logdir).causes_of_drops == causes


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
        "the share of these, up to the row that has it if it came late."
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


def test_a_session_number_that_was_made_up_takes_no_memory_to_tell(write_batch, logdir):
    write_batch([1, 2], session=1)
    write_batch([9, 10], session=2**53 - 1)
    finding = next(f for f in examine(logdir).findings if f.kind == "file_gone")
    assert finding.what.startswith(f"no file of sessions 2 to {2**53 - 2} is here, and what stands")
