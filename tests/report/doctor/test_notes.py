"""What is odd about a run although nothing of it is lost."""

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

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


def test_a_session_without_a_state_over_an_older_one_is_noted(write_steps, logdir):
    write_steps(range(1, 11))
    write_steps(range(1, 5))
    diagnosis = examine(logdir)
    assert diagnosis.is_sound
    assert "RL FLOPs of steps that restarts gave up; 1 note." in diagnosis.verdict
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


def test_steps_that_go_back_within_a_session_are_noted(logdir):
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        for step in (*range(1, 11), *range(1, 6), 5):
            viz.on_step_end(step, correct=[1], parallelism=[1.0], metrics={"loss": step})
    finding = examine(logdir).findings[0]
    assert finding.kind == "order"
    assert "in session 0 the step went back, or was the same again, 2 times." in finding.what


def test_a_last_row_that_got_what_no_step_was_bound_to_is_named_and_no_step_went_back(logdir):
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        viz.sender(host="localhost").record(episode="never bound", correct=[True] * 8)
        for step in range(1, 4):
            viz.on_step_end(step, correct=[False] * 8)
    run = rlviz.read(logdir)
    assert run.accuracy[-1] == 0.5
    assert (run.sessions[0].backwards, run.sessions[0].superseded) == (0, 1)
    finding = examine(logdir).findings[0]
    assert finding.kind == "completion"
    assert finding.what.startswith("the last row of session 0 also has what came from senders")
    assert "record(episodes=[…])" in finding.advice


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


def test_answers_without_a_grade_are_counted_however_many_a_damaged_row_claims(logdir, write_table):
    columns = ("step", "session", "correct", "graded", "ungraded")
    write_table(columns, [[step, 0, 0, 0, 1.7e308] for step in (1, 2)])
    assert "no_accuracy" in kinds(examine(logdir, now=LONG_AGO))


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


def test_a_run_that_goes_on_by_another_convention_is_noted_with_the_sessions(logdir):
    for step, convention in ((1, "exact"), (2, "6N"), (3, None)):
        with rlviz.Callback(logdir, figure_seconds=None, convention=convention) as viz:
            viz.on_step_end(step, correct=[1], parallelism=[1.0], flops=10**20)
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert finding.kind == "conventions"
    assert finding.what == (
        "the count of RL FLOPs goes on by another convention: session 0 counts by exact, session 1 "
        "counts by 6N and session 2 does not say how it counts. Its axis is not one quantity."
    )
    assert "RL FLOPs (conventions exact, 6N and convention not said)" in " ".join(
        diagnosis.text().split()
    )


def test_what_a_session_counted_that_was_recorded_again_is_nothing_to_note(logdir):
    for convention in ("exact", "6N"):
        with rlviz.Callback(logdir, figure_seconds=None, convention=convention) as viz:
            viz.on_step_end(1, correct=[1], parallelism=[1.0], flops=10**20)
    assert "conventions" not in kinds(examine(logdir))
    assert rlviz.read(logdir).conventions == ("6N",)
