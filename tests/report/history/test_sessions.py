"""The merge of sessions: every step once, and its FLOPs, whatever was done again."""

import shutil

import numpy as np
import pytest

import rlviz


def events_of(logdir):
    return sorted(logdir.glob("*tfevents*"))


EACH = 10**15 + 10**14  # what `write_steps` spends in a step

HEADER = {"version": 1, "session": 0, "resumed_after": None, "columns": ["step", "session"]}

SECOND = {**HEADER, "session": 1}


def test_a_resumed_session_stands_after_the_step_that_it_resumed_from(write_steps, tmp_path):
    state = write_steps(range(1, 7))
    write_steps(range(7, 11), state=state)  # these steps are lost by a crash …
    write_steps(range(7, 16), state=state)  # … and done again from the checkpoint
    run = rlviz.read(tmp_path / "run")
    assert list(run.step) == list(range(1, 16))
    assert list(run.session) == [0] * 6 + [2] * 9
    assert run.exact_flops() == [EACH * step for step in range(1, 16)]  # as if never interrupted
    assert run.superseded == 4
    assert run.has_compute_axis


def test_what_came_after_the_checkpoint_is_void_even_before_it_is_done_again(write_steps, tmp_path):
    state = write_steps(range(1, 7))
    write_steps(range(7, 11), state=state)
    write_steps([7], state=state)
    run = rlviz.read(tmp_path / "run")
    assert list(run.step) == list(range(1, 8))
    assert list(run.session) == [0] * 6 + [2]


def test_a_session_that_skips_steps_after_its_checkpoint_leaves_no_old_ones_between(
    write_steps, tmp_path
):
    state = write_steps(range(1, 7))
    write_steps(range(7, 11), state=state)
    write_steps([9, 12], state=state)
    assert list(rlviz.read(tmp_path / "run").step) == [1, 2, 3, 4, 5, 6, 9, 12]


def test_a_run_from_scratch_over_an_old_one_replaces_it_all(write_steps, tmp_path):
    write_steps(range(1, 11))
    write_steps(range(1, 5))
    run = rlviz.read(tmp_path / "run")
    assert list(run.step) == [1, 2, 3, 4]
    assert list(run.session) == [1] * 4
    assert run.exact_flops() == [EACH, 2 * EACH, 3 * EACH, 4 * EACH]
    assert run.superseded == 10


def test_of_three_sessions_each_step_is_of_the_last_that_reached_it(write_steps, tmp_path):
    at_3 = write_steps([1, 2, 3])
    at_6 = write_steps([4, 5, 6], state=at_3)
    write_steps([7, 8, 9], state=at_6)
    write_steps([4, 5], state=at_3)
    run = rlviz.read(tmp_path / "run")
    assert list(run.step) == [1, 2, 3, 4, 5]
    assert list(run.session) == [0, 0, 0, 3, 3]
    assert run.exact_flops() == [EACH * step for step in range(1, 6)]
    assert run.superseded == 6


def test_a_session_that_recorded_nothing_leaves_no_trace(write_steps, tmp_path):
    state = write_steps([1, 2, 3])
    write_steps([], state=state)
    write_steps([], state=None)
    assert list(rlviz.read(tmp_path / "run").step) == [1, 2, 3]


def test_a_step_logged_twice_in_a_session_is_the_later_one(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        for step, loss in [(1, 1.0), (2, 2.0), (2, 3.0), (1, 4.0)]:
            viz.on_step_end(step, metrics={"loss": loss})
    run = rlviz.read(tmp_path)
    assert list(run.step) == [1, 2]
    assert list(run.columns["metrics/loss"]) == [4.0, 3.0]


def test_a_session_without_a_state_counts_on_from_the_rows_that_stand(write_steps, tmp_path):
    write_steps(range(1, 31))
    write_steps(range(31, 61))
    write_steps(range(51, 56))  # again without a state: steps 51 to 60 are done again
    run = rlviz.read(tmp_path / "run")
    assert list(run.step) == list(range(1, 56))
    assert run.exact_flops() == [step * EACH for step in range(1, 56)]
    for phase in run.phases:
        each = run.exact_flops(phase)[0]
        assert run.exact_flops(phase) == [step * each for step in range(1, 56)]
    assert run.lost_flops == {0: 0, 1: 0, 2: 10 * EACH}


def test_a_run_started_over_counts_from_nothing(write_steps, tmp_path):
    write_steps(range(1, 11))
    write_steps(range(1, 4))
    run = rlviz.read(tmp_path / "run")
    assert run.exact_flops() == [EACH, 2 * EACH, 3 * EACH]
    assert run.lost_flops == {0: 0, 1: 10 * EACH}


def test_what_was_spent_includes_what_crashes_lost(write_steps, tmp_path):
    state = write_steps(range(1, 7))
    later = write_steps(range(7, 11), state=state)  # a crash loses steps 9 and 10 …
    assert later["step"] == 10
    state = write_steps(range(7, 9), state=state)  # … this one goes back to step 6 …
    write_steps(range(9, 12), state=state)  # … and this one goes on after step 8
    run = rlviz.read(tmp_path / "run")
    assert run.exact_flops() == [step * EACH for step in range(1, 12)]  # the lineage
    assert run.lost_flops == {0: 0, 1: 0, 2: 4 * EACH, 3: 4 * EACH}
    assert list(run.spent) == [float(s * EACH) for s in (1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15)]


def test_a_state_of_a_session_that_had_none_goes_on_with_its_flops(write_steps, tmp_path):
    write_steps(range(1, 11))
    state = write_steps(range(11, 21))  # its callback counts from 0, and so does its state
    state = write_steps(range(21, 31), state=state)
    write_steps(range(31, 41), state=state)
    run = rlviz.read(tmp_path / "run")
    assert run.exact_flops() == [step * EACH for step in range(1, 41)]
    assert run.exact_flops("update") == [step * 10**14 for step in range(1, 41)]
    assert run.lost_flops == {0: 0, 1: 0, 2: 0, 3: 0}
    assert run.has_compute_axis


def test_a_session_that_recorded_no_flops_takes_none_from_those_before_it(write_steps, tmp_path):
    write_steps(range(1, 11), flops=100)
    write_steps(range(11, 21), correct=[1])
    write_steps(range(21, 31), flops=100)
    run = rlviz.read(tmp_path / "run")
    assert run.exact_flops()[9:21] == [1000, *[None] * 10, 1100]
    assert run.exact_flops()[-1] == 2000
    assert run.has_compute_axis


def test_a_phase_that_pauses_for_a_session_goes_on_where_it_was(write_steps, tmp_path):
    write_steps(range(1, 11), flops={"rollout": 100, "evaluation": 7})
    write_steps(range(11, 21), flops={"rollout": 100})
    write_steps(range(21, 31), flops={"rollout": 100, "evaluation": 7})
    run = rlviz.read(tmp_path / "run")
    assert run.exact_flops("evaluation")[9:21] == [70, *[None] * 10, 77]
    assert run.exact_flops("evaluation")[-1] == 140
    assert run.exact_flops()[-1] == 3000


def test_what_was_spent_outlasts_a_session_that_recorded_no_flops(write_steps, tmp_path):
    at_50 = write_steps(range(1, 51), flops=1)
    write_steps(range(51, 101), state=at_50, flops=1)
    write_steps(range(51, 61), correct=[1])
    write_steps(range(51, 61), state=at_50, flops=1)
    run = rlviz.read(tmp_path / "run")
    assert (run.flops[-1], run.spent[-1]) == (60, 110)
    assert run.lost_flops == {0: 0, 1: 0, 2: 50, 3: 50}


def test_counts_that_float64_cannot_tell_apart_are_carried_on_exactly(write_steps, tmp_path):
    write_steps([1], flops=2**60)
    write_steps([2, 3], flops=1)
    write_steps([4], flops=1)
    run = rlviz.read(tmp_path / "run")
    assert run.exact_flops() == [2**60, 2**60 + 1, 2**60 + 2, 2**60 + 3]
    with rlviz.Callback(tmp_path / "one", figure_seconds=None) as viz:
        for step, count in enumerate([2**60, 1, 1], start=1):
            viz.on_step_end(step, flops=count)
    write_steps([1], flops=1, logdir=tmp_path / "one")
    assert rlviz.read(tmp_path / "one").lost_flops == {0: 0, 1: 2**60 + 2}


def test_a_loop_that_goes_back_in_a_session_keeps_what_others_recorded(write_steps, tmp_path):
    state = write_steps(range(1, 11))
    write_steps([11, 12, 3, 4], state=state)
    write_steps([13])
    run = rlviz.read(tmp_path / "run")
    assert list(run.step) == list(range(1, 14))
    assert list(run.session) == [0, 0, 1, 1, *[0] * 6, 1, 1, 2]
    assert run.exact_flops() == [n * EACH for n in (1, 2, 13, 14, 5, 6, 7, 8, 9, 10, 11, 12, 15)]
    assert run.superseded == 2
    assert run.lost_flops == {0: 0, 1: 0, 2: 0}
    assert not run.has_compute_axis


def test_steps_between_the_rows_on_disk_and_a_checkpoint_are_missing(write_steps, tmp_path):
    elsewhere = {"logdir": tmp_path / "elsewhere"}  # stands for rows that a kill lost
    at_10 = write_steps(range(1, 11), **elsewhere)
    at_20 = write_steps(range(11, 21), state=at_10)
    at_25 = write_steps(range(21, 26), state=at_20, **elsewhere)
    write_steps(range(26, 31), state=at_25)
    run = rlviz.read(tmp_path / "run")
    assert run.missing == ((1, 10), (21, 25))
    assert list(run.step) == [*range(11, 21), *range(26, 31)]
    assert run.exact_flops() == [step * EACH for step in run.step.tolist()]
    write_steps(range(21, 31), state=at_20)  # back to before the second stretch
    assert rlviz.read(tmp_path / "run").missing == ((1, 10),)
    write_steps(range(6, 31))  # without a state, into the first
    assert rlviz.read(tmp_path / "run").missing == ((1, 5),)


def test_a_second_kill_before_anything_was_written_makes_the_stretch_longer(write_steps, tmp_path):
    elsewhere = {"logdir": tmp_path / "elsewhere"}
    at_3 = write_steps([1, 2, 3])
    at_5 = write_steps([4, 5], state=at_3, **elsewhere)
    write_steps([6], state=at_5)
    at_7 = write_steps([6, 7], state=at_5, **elsewhere)
    at_8 = write_steps([8], state=at_7)
    assert rlviz.read(tmp_path / "run").missing == ((4, 5), (7, 7))
    write_steps([6], state=at_5)
    assert rlviz.read(tmp_path / "run").missing == ((4, 5),)
    write_steps([1], state=None)
    write_steps([9], state=at_8)
    assert rlviz.read(tmp_path / "run").missing == ((2, 8),)


def test_a_run_that_lost_nothing_misses_nothing(write_steps, tmp_path):
    state = write_steps([10, 20, 30])  # not every step was logged
    write_steps([40], state=state)
    write_steps([50])
    write_steps([1], state=write_steps([], logdir=tmp_path / "new"), logdir=tmp_path / "new")
    assert rlviz.read(tmp_path / "run").missing == rlviz.read(tmp_path / "new").missing == ()


@pytest.mark.parametrize("session", [0, 1])
def test_two_writers_of_one_session_number_do_not_mix_their_rows(tmp_path, session, write_rows):
    columns = ["step", "session", "flops/total", "flops_remainder/total"]
    for name, writer, each, steps in [("0.a", "x", 100, 10), ("0.b", "y", 7, 5), ("1", "x", 0, 1)]:
        number = session + 1 if name == "1" else session  # the next start has a number of its own
        header = {**HEADER, "session": number, "writer": writer, "columns": columns}
        rows = [[step, number, each * step, 0] for step in range(1, steps + 1)]
        file = tmp_path / f"events.out.tfevents.{name}"
        write_rows(file, columns, rows, session=number, header=header)
        if name == "0.b":
            run = rlviz.read(tmp_path)
            assert list(run.session) == [session + 1] * 5
            assert list(run.flops) == [7, 14, 21, 28, 35]
            assert run.superseded == 10
            assert run.lost_flops == {session: 0, session + 1: 1000}
    assert list(rlviz.read(tmp_path).session) == [session + 2]


def test_a_state_with_fewer_flops_than_there_were_leaves_no_axis_of_compute(write_steps, tmp_path):
    state = write_steps(range(1, 31))
    write_steps(range(31, 61), state={**state, "flops": {}})
    run = rlviz.read(tmp_path / "run")
    assert list(run.step) == list(range(1, 61))
    assert run.exact_flops()[29:31] == [30 * EACH, EACH]
    assert not run.has_compute_axis


def test_the_order_of_the_files_does_not_matter(write_steps, tmp_path):
    state = write_steps([1, 2, 3])
    write_steps([3, 4], state={**state, "step": 2})
    names = [file.name for file in events_of(tmp_path / "run")]
    turned = tmp_path / "turned"
    turned.mkdir()
    for name, other in zip(names, reversed(names), strict=True):
        shutil.copy(tmp_path / "run" / name, turned / f"{other}.copy")
    assert list(rlviz.read(turned).session) == list(rlviz.read(tmp_path / "run").session)
    assert list(rlviz.read(turned).session) == [0, 0, 1, 1]


def test_a_row_without_a_step_is_left_out(in_batches, write_rows):
    write_rows(in_batches, ["step", "session"], [[np.nan, 0], [np.inf, 0], [13, 0]])
    run = rlviz.read(in_batches.parent)
    assert list(run.step) == list(range(1, 14))
    assert run.superseded == 0


def test_a_session_whose_first_row_has_no_step_begins_with_the_next(in_batches, write_rows):
    write_rows(in_batches, ["step", "session"], [[np.nan, 1]], session=1, header=SECOND)
    write_rows(in_batches, ["step", "session"], [[np.nan, 1], [5, 1]], session=1, header=SECOND)
    assert list(rlviz.read(in_batches.parent).session) == [0, 0, 0, 0, 1]
