"""The reader: every step once, whatever became of the files and the sessions."""

import json
import math
import shutil
import struct
import sys
import threading

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.summary.writer.record_writer import RecordWriter

import rlviz
from rlviz import tfrecord
from rlviz.accuracy import Accuracy


def events_of(logdir):
    return sorted(logdir.glob("*tfevents*"))


def write_rows(file, columns, rows, *, session=0, resumed_after=None, header=None, shape=None):
    """Append a batch of rows to an event file, with TensorBoard's protos and writer."""
    content = header or {
        "version": 1,
        "session": session,
        "resumed_after": resumed_after,
        "columns": columns,
    }
    value = Summary.Value(tag=f"rlviz/rows/s{session}")
    value.metadata.plugin_data.content = (
        content if isinstance(content, bytes) else json.dumps(content).encode()
    )
    for size in shape or (len(rows), len(columns)):
        value.tensor.tensor_shape.dim.add(size=size)
    flat = [number for row in rows for number in row]
    value.tensor.tensor_content = struct.pack(f"<{len(flat)}d", *flat)
    with file.open("ab") as stream:
        RecordWriter(stream).write(Event(summary=Summary(value=[value])).SerializeToString())


def rows_records(data):
    """(start, end) of the records in an event file that hold rows."""
    start, found = 0, []
    for record in tfrecord.scan(data):
        if b"rlviz/rows/" in record.payload:
            found.append((start, record.end))
        start = record.end
    return found


# --- one session -----------------------------------------------------------


def test_a_run_is_named_in_a_line(parl, tmp_path):
    assert repr(parl) == (
        f"<History {parl.logdir!r}, 300 steps (1 to 300), RL FLOPs, accuracy, parallelism>"
    )
    columns = {"step": np.array([4.0]), "metrics/loss": np.array([1.0])}
    assert repr(rlviz.History(columns)) == "<History '', 1 step (4 to 4), 1 metric>"
    assert str(rlviz.History({"step": np.array([])}, "runs/a")) == "<History 'runs/a', 0 steps>"


def test_a_run_that_is_not_sound_says_so_in_its_line(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        for step in range(1, 10):
            viz.record(correct=[1, 0], group="math")
            viz.on_step_end(step, correct=[1], group="code", metrics={"kl": 0.1})
            assert step % 3 or viz.flush()
    (file,) = tmp_path.glob("*tfevents*")
    data = bytearray(file.read_bytes())
    rows = [r for r in tfrecord.scan(bytes(data)) if b"rlviz/rows/" in r.payload]
    data[rows[1].end - 20] ^= 0xFF
    file.write_bytes(data)
    assert repr(rlviz.read(tmp_path)) == (
        f"<History {str(tmp_path)!r}, 6 steps (1 to 9), accuracy, 2 groups, 1 metric, 3 rows lost, "
        "damaged>"
    )


def test_every_step_comes_back_with_what_was_recorded(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.record(correct=[1, 0, float("nan"), 1])
        viz.record(correct=[1, 1])
        viz.on_step_end(3, parallelism=[8.0, 7.0], flops={"rollout": 10**20}, metrics={"loss": 0.5})
        viz.on_step_end(5)
        viz.on_step_end(9, accuracy=0.25, graded=8, flops={"rollout": 2, "evaluation": 7})
    run = rlviz.read(tmp_path)
    nan = np.nan
    assert len(run) == 3
    assert list(run.step) == [3, 5, 9]
    assert list(run.session) == [0, 0, 0]
    np.testing.assert_array_equal(run.accuracy, [4 / 5, nan, 0.25])
    np.testing.assert_array_equal(run.parallelism, [7.5, nan, nan])
    np.testing.assert_array_equal(run.flops, [1e20, 1e20, 1e20])
    np.testing.assert_array_equal(run.columns["ungraded"], [1, 0, 0])
    np.testing.assert_array_equal(run.columns["metrics/loss"], [0.5, nan, nan])
    assert run.exact_flops() == [10**20, 10**20, 10**20 + 2]
    assert run.exact_flops("evaluation") == [None, None, 7]
    assert (run.phases, run.metrics) == (("rollout", "evaluation"), ("loss",))
    assert (np.diff(run.wall_time) >= 0).all()
    assert 1.7e9 < run.wall_time[0] < 1e11
    assert (run.damage, run.superseded, run.logdir) == ((), 0, str(tmp_path))


def test_the_run_of_parl_shape_comes_back_to_the_last_digit(parl, parl_table):
    assert parl.exact_flops() == parl.exact_flops("rollout") == parl_table["flops"]
    assert max(parl_table["flops"]) > 2**53
    assert list(parl.step) == parl_table["step"]
    assert list(parl.columns["correct"]) == parl_table["correct"]
    assert list(parl.columns["graded"]) == parl_table["graded"]
    assert list(parl.parallelism) == parl_table["parallelism"]


def test_flops_are_exact_beyond_the_integers_of_float64(tmp_path):
    spent = [10**26 + 1, 1, 2**53 + 1, 0, 3]
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        for count in spent:
            viz.on_step_end(flops=count)
    expected = [sum(spent[: n + 1]) for n in range(5)]
    run = rlviz.read(tmp_path)
    assert run.exact_flops() == expected
    assert list(run.flops) == [float(count) for count in expected]
    assert all(type(count) is int for count in run.exact_flops())


def test_a_phase_that_was_not_recorded_is_named_with_those_that_were(parl):
    with pytest.raises(KeyError, match=r"no FLOPs were recorded for 'update'.*\['rollout'\]"):
        parl.exact_flops("update")


def test_a_metric_that_begins_in_mid_run_is_unknown_before(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.on_step_end(1, metrics={"loss": 1.0})
        assert viz.flush()
        viz.on_step_end(2, metrics={"loss": 2.0, "kl": 0.5})
        assert viz.flush()
        viz.on_step_end(3, metrics={"kl": 0.25}, flops={"update": 6})
    run = rlviz.read(tmp_path)
    nan = np.nan
    np.testing.assert_array_equal(run.columns["metrics/loss"], [1, 2, nan])
    np.testing.assert_array_equal(run.columns["metrics/kl"], [nan, 0.5, 0.25])
    np.testing.assert_array_equal(run.flops, [nan, nan, 6])
    assert run.metrics == ("loss", "kl")


def test_a_run_without_flops_has_them_unknown(write_steps, tmp_path):
    write_steps([1, 2], correct=[1])
    run = rlviz.read(tmp_path / "run")
    assert np.isnan(run.flops).all()
    assert run.phases == ()
    assert not run.has_compute_axis


def test_a_table_for_pandas_has_the_derived_curves_and_the_steps_as_index(parl):
    frame = parl.to_pandas()
    assert frame.index.name == "step"
    assert list(frame.index) == list(range(1, 301))
    assert list(frame.columns[:3]) == ["session", "accuracy", "accuracy_low"]
    assert "step" not in frame
    assert frame["accuracy"].iloc[0] == 743 / 2048
    assert frame["flops/total"].iloc[-1] == parl.flops[-1]
    assert len(frame.columns) == len(set(frame.columns))


def test_without_pandas_it_is_said_what_to_install(parl, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"needs pandas: pip install rlviz\[pandas\]\."):
        parl.to_pandas()


# --- sessions --------------------------------------------------------------

EACH = 10**15 + 10**14  # what `write_steps` spends in a step


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
    write_steps([60])
    write_steps([1], state=write_steps([], logdir=tmp_path / "new"), logdir=tmp_path / "new")
    assert rlviz.read(tmp_path / "run").missing == rlviz.read(tmp_path / "new").missing == ()


@pytest.mark.parametrize("session", [0, 1])
def test_two_writers_of_one_session_number_do_not_mix_their_rows(tmp_path, session):
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


# --- damage ----------------------------------------------------------------


@pytest.fixture
def in_batches(tmp_path):
    """A run of four batches of three steps each."""
    with rlviz.Callback(tmp_path / "run", figure_seconds=None) as viz:
        for step in range(1, 13):
            viz.on_step_end(step, correct=[1, 0], flops=10)
            assert step % 3 or viz.flush()
    (file,) = events_of(tmp_path / "run")
    return file


def test_damage_in_the_middle_hides_only_its_batch(in_batches):
    data = bytearray(in_batches.read_bytes())
    start, end = rows_records(data)[1]
    data[start + 40] ^= 1
    in_batches.write_bytes(data)
    run = rlviz.read(in_batches.parent)
    assert list(run.step) == [1, 2, 3, 7, 8, 9, 10, 11, 12]
    (damage,) = run.damage
    assert (damage.file, damage.offset, damage.length) == (in_batches.name, start, end - start)
    assert damage.reason == "the content of a record is damaged"


def test_a_file_cut_off_anywhere_gives_the_batches_before_the_cut(in_batches):
    data = in_batches.read_bytes()
    records = rows_records(data)
    for size in range(records[0][1], len(data), 61):
        in_batches.write_bytes(data[:size])
        whole = sum(end <= size for _, end in records)
        run = rlviz.read(in_batches.parent)
        assert list(run.step) == list(range(1, 3 * whole + 1))
        assert len(run.damage) <= 1


def test_zeros_at_the_end_of_a_file_are_damage_and_hide_nothing(in_batches):
    with in_batches.open("ab") as stream:
        stream.write(bytes(4096))
    run = rlviz.read(in_batches.parent)
    assert list(run.step) == list(range(1, 13))
    assert [damage.length for damage in run.damage] == [4096]


HEADER = {"version": 1, "session": 0, "resumed_after": None, "columns": ["step", "session"]}
SECOND = {**HEADER, "session": 1}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"header": b"junk"}, "not a header of rlviz rows"),
        ({"header": {**HEADER, "version": 2}}, "Upgrade rlviz to read this run"),
        ({"header": {**HEADER, "session": float("inf")}}, "not a header of rlviz rows"),
        ({"header": {**HEADER, "columns": ["step", "x"]}}, "not a header of rlviz rows"),
        ({"header": {**HEADER, "columns": ["step", "session", "x"]}}, "under 3 columns"),
        ({"shape": (3, 2)}, "cannot reshape"),
        ({"shape": (4,)}, "under 2 columns"),
        ({"shape": (1, 2, 2)}, "under 2 columns"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_rows_that_make_no_sense_are_damage_and_hide_only_themselves(in_batches, bad, reason):
    write_rows(in_batches, ["step", "session"], [[90, 0], [91, 0]], **bad)
    write_rows(in_batches, ["step", "session"], [[13, 0]])
    run = rlviz.read(in_batches.parent)
    assert list(run.step) == list(range(1, 14))
    (damage,) = run.damage
    assert reason in damage.reason


def test_a_row_without_a_step_is_left_out(in_batches):
    write_rows(in_batches, ["step", "session"], [[np.nan, 0], [np.inf, 0], [13, 0]])
    run = rlviz.read(in_batches.parent)
    assert list(run.step) == list(range(1, 14))
    assert run.superseded == 0


def test_a_session_whose_first_row_has_no_step_begins_with_the_next(in_batches):
    write_rows(in_batches, ["step", "session"], [[np.nan, 1]], session=1, header=SECOND)
    write_rows(in_batches, ["step", "session"], [[np.nan, 1], [5, 1]], session=1, header=SECOND)
    assert list(rlviz.read(in_batches.parent).session) == [0, 0, 0, 0, 1]


def test_a_record_that_is_no_event_is_damage(in_batches):
    with in_batches.open("ab") as stream:
        RecordWriter(stream).write(b"\xff rlviz/rows/s0")
    run = rlviz.read(in_batches.parent)
    assert list(run.step) == list(range(1, 13))
    assert run.damage[0].reason.startswith("not an event")


# --- others in the directory ----------------------------------------------


def test_event_files_of_others_are_passed_over(write_steps, tmp_path):
    logdir = tmp_path / "run"
    write_steps([1, 2, 3])
    others = EventFileWriter(str(logdir))
    for step in range(100):
        scalar = Summary.Value(tag="rlviz/accuracy", simple_value=0.5)
        others.add_event(Event(step=step, summary=Summary(value=[scalar])))
    others.close()
    (logdir / "events.out.tfevents.0.empty").touch()
    (logdir / "events.out.tfevents.directory").mkdir()
    (logdir / "notes.txt").write_text("rlviz/rows/s0")
    run = rlviz.read(logdir)
    assert list(run.step) == [1, 2, 3]
    assert run.damage == ()
    assert len(events_of(logdir)) == 4


def test_an_event_file_that_is_noise_is_damage(write_steps, tmp_path):
    write_steps([1, 2, 3])
    (tmp_path / "run" / "events.out.tfevents.0.noise").write_bytes(b"x" * 1000)
    run = rlviz.read(tmp_path / "run")
    assert list(run.step) == [1, 2, 3]
    assert [(d.file, d.length) for d in run.damage] == [("events.out.tfevents.0.noise", 1000)]


def test_a_run_is_found_by_a_string_or_a_path(write_steps, tmp_path):
    write_steps([1])
    assert len(rlviz.read(str(tmp_path / "run"))) == len(rlviz.read(tmp_path / "run")) == 1


def test_a_directory_that_does_not_exist_is_said_to_be_missing(tmp_path):
    missing = tmp_path / "missing"
    with pytest.raises(FileNotFoundError, match=f"there is no run directory {missing}. Give the"):
        rlviz.read(missing)


@pytest.mark.parametrize("name", [None, "events.out.tfevents.0.empty"])
def test_a_directory_without_steps_says_so(tmp_path, name):
    if name is not None:
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match=r"holds no steps recorded by rlviz \(yet\)\.$"):
        rlviz.read(tmp_path)


def test_a_directory_above_runs_names_them(write_steps, tmp_path):
    write_steps([1], logdir=tmp_path / "group" / "b")
    write_steps([1], logdir=tmp_path / "group" / "a")
    expected = f"Runs below it: {tmp_path / 'group' / 'a'}, {tmp_path / 'group' / 'b'}."
    with pytest.raises(FileNotFoundError, match=expected):
        rlviz.read(tmp_path)


# --- while it is written ---------------------------------------------------


def test_a_run_can_be_read_at_any_time_while_it_is_written(tmp_path):
    stop = threading.Event()

    def train():
        with rlviz.Callback(tmp_path, flush_seconds=0.001, figure_seconds=None) as viz:
            step = 0
            while not stop.wait(0.0005):
                step += 1
                viz.on_step_end(step, correct=[1, 0], parallelism=[3.0], flops=10**16)
            assert viz.flush()

    training = threading.Thread(target=train)
    training.start()
    seen = [0]
    try:
        while len(seen) < 200:
            try:
                run = rlviz.read(tmp_path)
            except FileNotFoundError:  # nothing is written yet
                assert seen == [0]
                continue
            assert list(run.step) == list(range(1, len(run) + 1))
            assert run.exact_flops() == [10**16 * step for step in run.step.tolist()]
            seen.append(len(run))
    finally:
        stop.set()
        training.join()
    assert seen == sorted(seen)
    assert seen[-1] > seen[1]
    final = rlviz.read(tmp_path)
    assert list(final.step) == list(range(1, len(final) + 1))
    assert final.damage == ()


def test_the_interval_of_the_accuracy_is_wilsons(tmp_path):
    viz = rlviz.Callback(tmp_path, figure_seconds=None)
    viz.on_step_end(1, correct=[1] * 8 + [0] * 2)
    viz.on_step_end(2)
    viz.close()
    low, high = rlviz.read(tmp_path).accuracy_interval
    assert (low[0], high[0]) == Accuracy(8, 10).interval()
    assert math.isnan(low[1])
    assert math.isnan(high[1])
