"""Plain numbers of a run, and what of it was lost, in sentences."""

import dataclasses
import re

import pytest

import rlviz
from rlviz import tfrecord
from rlviz.report.history.run_account import account_of
from rlviz.report.history.session_account import MissingRanks, Session
from rlviz.report.summary.facts import facts, notes

from .conftest import notes_of


def test_evaluation_is_not_in_the_total(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.on_step_end(flops={"rollout": 3 * 10**15, "update": 10**15, "evaluation": 2 * 10**15})
    summary = rlviz.summarise(rlviz.read(tmp_path))
    assert summary.facts["flops"]["total"] == 4 * 10**15
    lines = summary.markdown().splitlines()
    assert "| rollout | 3.00e15 | 75.0 % |" in lines
    assert "| update | 1.00e15 | 25.0 % |" in lines
    assert "| evaluation | 2.00e15 | not in the total |" in lines
    assert "| **total** | 4.00e15 | |" in lines


def test_a_run_without_flops_is_said_to_have_none(write_steps, tmp_path):
    write_steps(range(1, 4), correct=[1, 0])
    assert notes_of(tmp_path / "run") == (
        "no RL FLOPs were recorded, so the axis is training steps.",
    )
    text = rlviz.summarise(rlviz.read(tmp_path / "run")).markdown()
    assert "**Note:** no RL FLOPs were recorded" in text
    assert "RL FLOPs." not in text.splitlines()[2]


@pytest.mark.parametrize(("again", "told"), [(1, "1 step was"), (3, "3 steps were")])
def test_steps_that_were_done_again_are_counted(write_steps, tmp_path, again, told):
    state = write_steps([1, 2, 3])
    lost = range(4, 4 + again)
    write_steps(lost, state=state)
    write_steps(lost, state=state)
    assert notes_of(tmp_path / "run")[0] == (f"{told} recorded again; the latest stand.")


def test_steps_that_a_loop_records_again_without_a_new_callback_are_told_as_they_are(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        for step in (*range(1, 11), *range(1, 6)):
            viz.on_step_end(step, correct=[1, 0], flops={"rollout": 90, "update": 10})
    summary = rlviz.summarise(rlviz.read(tmp_path))
    assert summary.notes == (
        "the count of RL FLOPs falls along the steps, so the axis is training steps.",
        "5 steps were recorded again; the latest stand.",
    )
    assert (summary.facts["steps"], summary.facts["sessions"]) == (10, 1)
    assert summary.facts["flops"] == {"rollout": 1350, "update": 150, "total": 1500}


def test_a_clock_that_was_set_back_stands_still(small):
    small.columns["wall_time"][:] = [1000, 1030, 900]
    summary = rlviz.summarise(small)
    assert summary.facts["wall_seconds"] == 30
    assert summary.markdown().splitlines()[2].startswith("3 training steps in 30.0 s, 4.00e21 RL")


@pytest.mark.parametrize(("lost", "told"), [([4], "step 4 has"), ([4, 5, 6], "steps 4 to 6 have")])
def test_steps_that_a_kill_kept_off_the_disk_are_named(write_steps, tmp_path, lost, told):
    state = write_steps([1, 2, 3])
    state = write_steps(lost, state=state, logdir=tmp_path / "elsewhere")
    write_steps([7, 8], state=state)
    (note,) = notes_of(tmp_path / "run")
    assert note == (
        f"{told} no rows here although the run went on after step {lost[-1]}: lost before they "
        "were written (the run was killed), or recorded elsewhere; RL FLOPs are counted on from "
        "the checkpoint."
    )


def test_flops_that_start_again_are_said_to(write_steps, tmp_path):
    state = write_steps(range(1, 31))
    write_steps(range(31, 61), state={**state, "flops": {}})
    note, *_ = notes_of(tmp_path / "run")
    assert note == ("the count of RL FLOPs falls along the steps, so the axis is training steps.")


def test_flops_that_a_crash_lost_are_said_with_their_share(write_steps, tmp_path):
    state = write_steps(range(1, 7))
    write_steps(range(7, 9), state=state)
    write_steps(range(7, 9), state=state)
    notes = notes_of(tmp_path / "run")
    assert notes[-1] == (
        "2.20e15 RL FLOPs (20.0 % of all that was spent) went into steps that restarts lost; the "
        "curves don't count them."
    )


def test_damage_is_counted_and_its_reason_given(write_steps, tmp_path):
    write_steps([1, 2, 3])
    (file,) = (tmp_path / "run").glob("*tfevents*")
    with file.open("ab") as stream:
        stream.write(tfrecord.frame(b"lost")[:-1])
    (note,) = notes_of(tmp_path / "run")
    assert note == (
        "19 bytes in 1 file could not be read (incomplete record at the end); "
        "whether they held steps behind the last one that is here can't be told."
    )


def damaged(logdir, batch):
    """A run of 12 steps, flushed 3 at a time, of which the rows of one batch are spoiled."""
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        for step in range(1, 13):
            viz.on_step_end(step, correct=[1, 0], flops=10, parallelism=[2.0])
            assert step % 3 or viz.flush()
    (file,) = logdir.glob("*tfevents*")
    data = bytearray(file.read_bytes())
    records = [r for r in tfrecord.scan(bytes(data)) if b"rlviz/rows" in r.payload]
    data[records[batch].end - 20] ^= 0xFF
    file.write_bytes(data)
    return rlviz.read(logdir)


def test_rows_that_a_damaged_run_lost_are_counted_and_named(tmp_path):
    run = damaged(tmp_path / "run", batch=1)
    assert (len(run), run.lost_rows) == (9, 3)
    summary = rlviz.summarise(run)
    assert summary.facts["lost_rows"] == 3
    lost, unread = summary.notes
    assert lost == (
        "3 steps that were written are missing here: steps 4 to 6. `rlviz doctor` says what to do."
    )
    assert re.fullmatch(r"\d+ bytes in 1 file could not be read \(.*\)\.", unread)


def test_rows_at_the_end_of_a_damaged_run_can_not_be_counted(tmp_path):
    run = damaged(tmp_path / "run", batch=3)
    assert (len(run), run.lost_rows) == (9, 0)
    (note,) = rlviz.summarise(run).notes
    assert note.endswith(
        "; whether they held steps behind the last one that is here can't be told."
    )


def test_a_sound_run_has_lost_no_row(parl):
    assert (parl.lost_rows, rlviz.summarise(parl).facts["lost_rows"]) == (0, 0)


def test_steps_that_were_given_up_and_ranks_that_are_missing_are_said(small):
    session = Session(
        number=0, claimed=0, rows=3, superseded=0, first_step=1, last_step=3, resumed_after=None,
        began=1000.0, ended=1125.0, dropped=2, world_size=8, backwards=0, clock_back_seconds=0.0,
        gone=(), causes=(("disk", 1), ("loop", 1)),
    )  # fmt: skip
    lacking = (MissingRanks((3,), 1, 1, 1), MissingRanks((3, 4), 3, 3, 1))
    run = dataclasses.replace(small, sessions=(session,), missing_ranks=lacking)
    assert rlviz.summarise(run).notes == (
        "2 steps were given up: 1 because the disk was full, refused them or was too slow, "
        "1 because the loop closed steps faster than they could be written.",
        "2 steps lack the share of ranks 3 to 4; `rlviz doctor` says which steps.",
    )


def test_seconds_and_what_a_second_brought_are_counted_after_the_first_step(small):
    found = facts(small, account_of(small))
    assert found["wall_seconds"] == 125
    assert found["flops_per_second"] == 2e19  # 4e21 less the 1.5e21 of the first step, in 125 s
    assert (found["steps"], found["first_step"], found["last_step"]) == (3, 1, 3)
    del small.columns["wall_time"]
    unknown = facts(small, account_of(small))
    assert (unknown["wall_seconds"], unknown["flops_per_second"]) == (0, None)


def test_of_a_run_that_lost_nothing_there_is_nothing_to_note(small):
    assert notes(small, account_of(small)) == ()
