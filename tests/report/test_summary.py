"""The summary: values that are right, text that can be read, and nothing that was not measured."""

import dataclasses
import json
import math
import re

import numpy as np
import pytest

import rlviz
from rlviz import tfrecord
from rlviz.report.account import MissingRanks, Session

# The text rounds to 0.1 % and 0.01; the values behind it are those of the reference to 1e-8.
TOLERANCE = 1e-8


@pytest.fixture
def small():
    """Three steps whose every number can be worked out by hand."""
    return rlviz.History(
        {
            "step": np.array([1.0, 2.0, 3.0]),
            "session": np.zeros(3),
            "wall_time": np.array([1000.0, 1030.0, 1125.0]),
            "correct": np.array([1.0, 0.0, 3.0]),
            "graded": np.array([4.0, 0.0, 4.0]),  # nothing was graded in the second step
            "parallelism_sum": np.array([4.0, 9.0, 11.0]),
            "parallelism_count": np.array([2.0, 3.0, 2.0]),
            "flops/rollout": np.array([1e21, 2e21, 3e21]),
            "flops_remainder/rollout": np.zeros(3),
            "flops/evaluation": np.array([np.nan, 5e20, 5e20]),
            "flops_remainder/evaluation": np.array([np.nan, 0, 0]),
            "flops/update": np.array([5e20, 5e20, 1e21]),
            "flops_remainder/update": np.zeros(3),
            "flops/total": np.array([1.5e21, 2.5e21, 4e21]),
            "flops_remainder/total": np.array([0.0, 0.0, 1.0]),
        },
        logdir="runs/small",
    )


def test_a_small_run_is_summed_up_to_the_letter(small):
    text = rlviz.summarise(small).markdown()
    assert text.startswith(
        """\
# Run small

3 training steps in 2 min 5 s, 4.00e21 RL FLOPs. Training accuracy went from 25.0 % to 75.0 %. \
Average parallelism went from 2.00 to 5.50.

| | start | middle | end |
|---|---:|---:|---:|
| Training accuracy | 25.0 % | 25.0 % | 75.0 % |
| Average parallelism | 2.00 | 3.00 | 5.50 |

| phase | RL FLOPs | share |
|---|---:|---:|
| rollout | 3.00e21 | 75.0 % |
| evaluation | 5.00e20 | not in the total |
| update | 1.00e21 | 25.0 % |
| **total** | 4.00e21 | |

*Training accuracy: correct / graded answers of a step."""
    )
    assert text.endswith("*\n")
    assert "**Note:**" not in text


def test_the_same_summary_is_there_as_plain_data(small):
    summary = rlviz.summarise(small).to_dict()
    assert summary["title"] == "Run small"
    assert summary["facts"] == {
        "steps": 3,
        "first_step": 1,
        "last_step": 3,
        "sessions": 1,
        "wall_seconds": 125.0,
        "flops": {
            "rollout": 3 * 10**21,
            "evaluation": 5 * 10**20,
            "update": 10**21,
            "total": 4 * 10**21 + 1,
        },
    }
    accuracy, parallelism = summary["claims"]
    assert accuracy == {
        "name": "accuracy",
        "sentence": "Training accuracy went from 25.0 % to 75.0 %.",
        "values": {
            "start": {"value": 0.25, "standard_error": None},
            "middle": {"value": 0.25, "standard_error": None},  # of two, the first is as near
            "end": {"value": 0.75, "standard_error": None},
        },
    }
    assert [v["value"] for v in parallelism["values"].values()] == [2.0, 3.0, 5.5]
    assert summary["notes"] == []


def assert_strict_json(data):
    assert json.loads(json.dumps(data, allow_nan=False)) == data


@pytest.mark.parametrize("columns", [["accuracy"], ["parallelism"], ["accuracy", "flops"], []])
@pytest.mark.parametrize("steps", [1, 2, 19, 20, 40])
def test_the_plain_data_is_json_without_nan_for_any_run(history_of, columns, steps):
    ramp = np.linspace(0.2, 0.6, steps)
    ramp[steps // 2] = np.nan
    run = history_of(**{"flops": np.full(steps, np.nan), **dict.fromkeys(columns, ramp)})
    summary = rlviz.summarise(run)
    assert_strict_json(summary.to_dict())
    assert "nan" not in summary.markdown().lower()


def test_under_twenty_points_there_are_values_and_no_errors(history_of):
    rough = np.tile([0.25, 0.75], 10)
    few, enough = (
        rlviz.summarise(history_of(accuracy=rough[:n], flops=np.arange(1.0, n + 1)))
        for n in (19, 20)
    )
    assert few.claims[0].values["start"] == rlviz.report.summary.Value(0.25)
    assert "±" not in few.markdown().split("*Training accuracy:")[0]
    assert enough.claims[0].values["start"].standard_error > 0
    assert "±" in enough.claims[0].sentence


def test_a_point_so_far_off_that_nothing_smooths_it_has_a_value_without_an_error(history_of):
    flops = np.append(np.arange(1.0, 40.0), 1e9)
    summary = rlviz.summarise(history_of(accuracy=np.tile([0.25, 0.75], 20), flops=flops))
    values = summary.claims[0].values
    assert values["start"].standard_error > 0
    assert values["end"].value == pytest.approx(0.75)
    assert values["end"].standard_error is None
    assert_strict_json(summary.to_dict())


def test_points_are_counted_where_something_was_recorded(history_of):
    sparse = np.full(100, np.nan)
    sparse[::10] = 0.5
    claim = rlviz.summarise(history_of(accuracy=sparse)).claims[0]
    assert claim.sentence == "Training accuracy went from 50.0 % to 50.0 %."


@pytest.mark.parametrize("index", [0, 1])
def test_the_values_are_those_of_a_local_quadratic_fit_done_by_brute_force(
    parl, parl_table, kernel_rows, index
):
    x = np.array(parl_table["flops"], dtype=np.float64)
    accuracy = np.divide(parl_table["correct"], parl_table["graded"])
    y = [accuracy, np.array(parl_table["parallelism"])][index]
    best = math.inf, None
    for tau in np.geomspace(2 * np.median(np.diff(x)), 2 * (x[-1] - x[0]), 24):
        rows = kernel_rows(x, tau)
        curve, leverage = rows @ y, np.diag(rows)
        if leverage.max() <= 0.98:
            residuals = (y - curve) / (1 - leverage)
            error = np.sqrt(rows**2 @ ((y - curve) ** 2 / (1 - leverage)))
            best = min(best, (np.mean(residuals**2), (curve, error)), key=lambda b: b[0])
    curve, error = best[1]
    middle = np.argmin(np.abs(x - (x[0] + x[-1]) / 2))
    values = rlviz.summarise(parl).claims[index].values
    for when, at in {"start": 0, "middle": middle, "end": 299}.items():
        assert values[when].value == pytest.approx(curve[at], rel=TOLERANCE)
        assert values[when].standard_error == pytest.approx(error[at], rel=1e-6)


def test_the_run_of_parl_shape_is_told_with_its_uncertainty(parl):
    accuracy, parallelism = rlviz.summarise(parl).claims
    # What the data was drawn to: accuracy from 35–37 % to 62–66 %, parallelism from about 8.3 to
    # 13–14 with growing scatter.
    assert 0.35 < accuracy.values["start"].value < 0.37
    assert 0.62 < accuracy.values["end"].value < 0.66
    assert 8.1 < parallelism.values["start"].value < 8.5
    assert 13 < parallelism.values["end"].value < 14.5
    assert re.fullmatch(
        r"Training accuracy went from 3\d\.\d ± 0\.\d % to 6\d\.\d ± 0\.\d %\.", accuracy.sentence
    )
    assert re.fullmatch(
        r"Average parallelism went from 8\.\d\d ± 0\.\d\d to 1\d\.\d\d ± 0\.\d\d\.",
        parallelism.sentence,
    )


def test_the_same_run_gives_the_same_bytes(parl_logdir):
    one, other = (rlviz.summarise(rlviz.read(parl_logdir)) for _ in range(2))
    assert one.markdown() == other.markdown()
    assert json.dumps(one.to_dict()) == json.dumps(other.to_dict())


def test_the_name_of_the_run_is_its_directory(parl):
    assert rlviz.summarise(parl).markdown().startswith("# Run parl-shape\n\n300 training steps in ")


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


def test_flops_without_phases_have_a_total_and_no_table(write_steps, tmp_path):
    write_steps([1], flops=123)
    text = rlviz.summarise(rlviz.read(tmp_path / "run")).markdown()
    assert "1 training step, 123 RL FLOPs. Training accuracy was not recorded." in text
    assert "| phase |" not in text
    assert "| | start |" not in text


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (5.25, "5.2 s"),
        (59.94, "59.9 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (9000, "2 h 30"),
    ],
)
def test_the_length_is_told_in_the_units_of_people(small, seconds, told):
    small.columns["wall_time"][:] = [0, 1, seconds]
    assert f"3 training steps in {told}" in rlviz.summarise(small).markdown()


# --- notes -----------------------------------------------------------------


def notes_of(logdir):
    return rlviz.summarise(rlviz.read(logdir)).notes


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
    assert summary.facts["wall_seconds"] == 0  # step 10 was closed before step 1 was


def test_a_clock_that_went_back_gives_no_length(small):
    small.columns["wall_time"][:] = [1000, 1030, 900]
    summary = rlviz.summarise(small)
    assert summary.facts["wall_seconds"] == 0
    assert summary.markdown().splitlines()[2].startswith("3 training steps, 4.00e21 RL FLOPs.")


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
        "what they held is missing here."
    )


def test_steps_that_were_given_up_and_ranks_that_are_missing_are_said(small):
    session = Session(
        number=0, claimed=0, rows=3, superseded=0, first_step=1, last_step=3, resumed_after=None,
        began=1000.0, ended=1125.0, dropped=2, world_size=8, backwards=0, clock_back_seconds=0.0,
        gone=(),
    )  # fmt: skip
    lacking = (MissingRanks((3,), 1, 1, 1), MissingRanks((3, 4), 3, 3, 1))
    run = dataclasses.replace(small, sessions=(session,), missing_ranks=lacking)
    assert rlviz.summarise(run).notes == (
        "2 steps were given up, because the disk did not take them.",
        "2 steps lack the share of ranks 3 to 4; `rlviz doctor` says which steps.",
    )
