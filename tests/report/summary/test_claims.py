"""The summary: values that are right, text that can be read, and nothing that was not measured."""

import dataclasses
import itertools
import json
import math
import re

import numpy as np
import pytest

import rlviz
from rlviz import tfrecord
from rlviz.report.history.session_account import MissingRanks, Session

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

3 training steps in 2 min 5 s, 4.00e21 RL FLOPs (2.00e19 a second). Training accuracy went \
from 25.0 % to 75.0 %. \
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

**Not concluded:**

- Training accuracy: 2 points are too few to tell a change from chance.
- Average parallelism: 3 points are too few to tell a change from chance.

*Training accuracy: correct / graded answers of a step."""
    )
    assert text.endswith("*\n")
    assert "**Note:**" not in text


def test_a_summary_is_printed_as_its_sentences_and_named_in_a_line(small):
    run = dataclasses.replace(small, superseded=1)
    summary = rlviz.summarise(run)
    assert str(summary) == (
        "Run small:\n"
        "Training accuracy went from 25.0 % to 75.0 %.\n"
        "Average parallelism went from 2.00 to 5.50.\n"
        "Note: 1 step was recorded again; the latest stand."
    )
    assert repr(summary) == "<Summary 'Run small', 3 steps, 2 claims, 1 note>"


def test_the_same_summary_is_there_as_plain_data(small):
    summary = rlviz.summarise(small).to_dict()
    assert summary["title"] == "Run small"
    assert summary["facts"] == {
        "steps": 3,
        "first_step": 1,
        "last_step": 3,
        "sessions": 1,
        "lost_rows": 0,
        "wall_seconds": 125.0,
        "flops": {
            "rollout": 3 * 10**21,
            "evaluation": 5 * 10**20,
            "update": 10**21,
            "total": 4 * 10**21 + 1,
        },
        "seconds": {},
        "mfu": {},
        "flops_per_second": 2e19,  # the first step's own time is unknown: 2.5e21 in 125 s
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
        "findings": [],
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
    few_x, few_y = (np.array([part.mean() for part in blocks(values)]) for values in (x, y))
    best = math.inf, None
    for tau in np.geomspace(2 * np.median(np.diff(few_x)), 2 * (few_x[-1] - few_x[0]), 24):
        rows = kernel_rows(few_x, tau)
        leverage = np.diag(rows)
        if leverage.max() <= 0.98:
            best = min(best, (np.mean(((few_y - rows @ few_y) / (1 - leverage)) ** 2), tau))
    curve = kernel_rows(x, 0.7 * best[1]) @ y
    middle = np.argmin(np.abs(x - (x[0] + x[-1]) / 2))
    values = rlviz.summarise(parl).claims[index].values
    for when, at in {"start": 0, "middle": middle, "end": 299}.items():
        assert values[when].value == pytest.approx(curve[at], rel=TOLERANCE)


def blocks(values):
    """40 stretches of nearly equal count."""
    edges = np.linspace(0, len(values), 41).astype(int)
    return [values[i:j] for i, j in itertools.pairwise(edges)]


def test_the_run_of_parl_shape_is_told_with_its_uncertainty(parl):
    accuracy, parallelism = rlviz.summarise(parl).claims
    # What the data was drawn to: accuracy from 35–37 % to 62–66 %, parallelism from about 8.3 to
    # 13–14 with growing scatter.
    assert 0.35 < accuracy.values["start"].value < 0.375
    assert 0.62 < accuracy.values["end"].value < 0.66
    assert 8.1 < parallelism.values["start"].value < 8.5
    assert 13 < parallelism.values["end"].value < 14.5
    assert re.fullmatch(
        r"Training accuracy rose from 3\d\.\d ± 0\.\d % to 6\d\.\d ± 0\.\d %\.", accuracy.sentence
    )
    assert re.fullmatch(
        r"Average parallelism first fell from 8\.\d\d ± 0\.\d\d to 7\.\d\d ± 0\.\d\d "
        r"\(at 1\d % of the compute\), then rose to stay near 8\.\d\d ± 0\.\d\d from \d\d to "
        r"\d\d % of the compute, and from 3\.[0-5]\de22 RL FLOPs on rose steeply to 13\.\d\d ± "
        r"0\.\d\d, its scatter growing from 0\.\d\d to 0\.\d\d\.",
        parallelism.sentence,
    )
    assert [claim for claim, _ in parallelism.findings] == [
        f"Average parallelism: {claim}"
        for claim in ("trend", "initial dip", "plateau", "acceleration", "growing scatter")
    ]
    text = rlviz.summarise(parl).markdown()
    assert "no ceiling and no forecast is given" in text
    assert "Whether accuracy and parallelism depend on each other" in text


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


# --- groups ----------------------------------------------------------------


def with_group(run, name, correct, graded):
    run.columns[f"correct/{name}"] = np.array(correct, float)
    run.columns[f"graded/{name}"] = np.array(graded, float)
    return run


def test_each_task_family_has_a_row_below_the_accuracy(small):
    with_group(small, "math", [1, 0, 2], [2, 0, 2])
    with_group(small, "code_1|2", [0, 0, 1], [2, 0, 2])
    with_group(small, "never", [0, 0, 0], [0, 0, 0])
    summary = rlviz.summarise(small)
    table = summary.markdown().splitlines()[4:10]
    assert table[2:] == [
        "| Training accuracy | 25.0 % | 25.0 % | 75.0 % |",
        "| Accuracy, math | 50.0 % | 50.0 % | 100.0 % |",
        "| Accuracy, code_1\\|2 | 0.0 % | 0.0 % | 50.0 % |",
        "| Average parallelism | 2.00 | 3.00 | 5.50 |",
    ]
    assert summary.to_dict()["groups"]["math"]["end"] == {"value": 1.0, "standard_error": None}
    assert list(summary.groups) == ["math", "code_1|2"]
    assert_strict_json(summary.to_dict())


def test_a_task_family_has_errors_where_the_accuracy_has(parl):
    run = rlviz.History({**parl.columns}, parl.logdir)
    with_group(run, "math", run.columns["correct"], run.columns["graded"])
    summary = rlviz.summarise(run)
    assert summary.groups["math"] == summary.claims[0].values
    assert summary.groups["math"]["end"].standard_error > 0


# --- metrics in place of what was not recorded ------------------------------


def with_metrics(**metrics):
    """Three steps without graded answers and without agents."""
    metrics = {f"metrics/{name}": np.array(values) for name, values in metrics.items()}
    columns = {"step": np.array([1.0, 2.0, 3.0]), "wall_time": np.zeros(3), **metrics}
    return rlviz.summarise(rlviz.History(columns, logdir="runs/m"))


def test_where_there_is_no_accuracy_the_summary_tells_of_what_the_figure_shows():
    summary = with_metrics(loss=[2.0, 1.5, 1.25], **{"return": [-21.0, 3.0, 187.5]})
    assert [claim.sentence for claim in summary.claims] == [
        "Return went from -21 to 187.5.",
        "Loss went from 2 to 1.25.",
        "Training accuracy was not recorded.",
        "Average parallelism was not recorded.",
    ]
    table = summary.markdown().splitlines()
    assert "| Return | -21 | 3 | 187.5 |" in table
    assert "| Loss | 2 | 1.5 | 1.25 |" in table
    assert [claim["name"] for claim in summary.to_dict()["claims"][:2]] == ["return", "loss"]


def test_a_metric_is_left_to_the_figure_where_accuracy_and_parallelism_were_recorded(small):
    small.columns["metrics/loss"] = np.array([2.0, 1.5, 1.25])
    run = rlviz.History(small.columns, small.logdir)
    assert [c.name for c in rlviz.summarise(run).claims] == ["accuracy", "average_parallelism"]


def test_a_metric_is_tested_in_any_unit(parl):
    def told(values):
        columns = {"step": parl.columns["step"], "metrics/return": values}
        (claim, *_) = rlviz.summarise(rlviz.History(columns)).claims
        return [re.sub("by .*", "", finding) for _, finding in claim.findings], claim.sentence

    findings, sentence = told(parl.parallelism)
    assert len(findings) >= 4, findings
    assert sentence.startswith("Return first fell from 8.31")
    for unit in (1e-6, 1e9):
        scaled, sentence = told(unit * (parl.parallelism - 5))
        assert [f.rpartition(", p")[2] for f in scaled] == [
            f.rpartition(", p")[2] for f in findings
        ]
        assert re.search(r"first fell from 3\.\d+e[+-]\d\d ± \d\.\de[+-]\d\d to", sentence), (
            sentence
        )


def test_a_level_that_the_end_is_not_at_is_told_with_the_end(history_of):
    x = np.linspace(0, 1, 300)
    curve = 0.3 + 0.4 * np.minimum(x / 0.4, 1) - 0.3 * np.maximum(x - 0.9, 0)
    noise = 0.005 * np.random.default_rng(0).standard_normal(300)
    number = r"\d\d\.\d+ ± \d\.\d+ %"
    told = said(history_of, curve + noise)
    assert re.search(rf"stayed near {number} from \d\d % of the compute on, at last {number}", told)
    level, end = (float(n) for n in re.findall(r"(\d\d\.\d+) ±", told)[1:])
    assert level > 69 > 68 > end


def test_the_name_of_a_metric_is_no_markdown():
    summary = with_metrics(**{"a|b*c* <i>": [1.0, 2.0, 3.0]})
    assert summary.claims[0].sentence == "a|b*c* <i> went from 1 to 3."
    assert "a\\|b\\*c\\* \\<i\\> went from 1 to 3." in summary.markdown()
    assert "| a\\|b\\*c\\* \\<i\\> | 1 | 2 | 3 |" in summary.markdown()
    assert "a|b*c* &lt;i&gt; went from" in summary.html()


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
        gone=(),
    )  # fmt: skip
    lacking = (MissingRanks((3,), 1, 1, 1), MissingRanks((3, 4), 3, 3, 1))
    run = dataclasses.replace(small, sessions=(session,), missing_ranks=lacking)
    assert rlviz.summarise(run).notes == (
        "2 steps were given up, because the disk did not take them.",
        "2 steps lack the share of ranks 3 to 4; `rlviz doctor` says which steps.",
    )


def run_of(history_of, accuracy, **columns):
    return history_of(accuracy=accuracy, flops=np.arange(1.0, len(accuracy) + 1) * 1e20, **columns)


def said(history_of, accuracy):
    return rlviz.summarise(run_of(history_of, accuracy)).claims[0].sentence


def test_each_kind_of_curve_is_told_in_words_of_its_own(history_of):
    rng = np.random.default_rng(1)
    x, noise = np.linspace(0, 1, 200), 0.01 * rng.standard_normal(200)
    number = r"\d\d\.\d ± \d\.\d %"
    place = r"\d\d % of the compute"
    told = {
        "rose": (0.3 + 0.3 * x, rf"rose from {number} to {number}"),
        "fell": (0.6 - 0.3 * x, rf"fell from {number} to {number}"),
        "flat": (
            0.5 + 0 * x,
            rf"went from {number} to {number}, which is no trend \(p = 0\.\d\d\)",
        ),
        "bend": (
            0.3 + 1.2 * np.maximum(x - 0.7, 0),
            rf"stayed near {number} until {place} and from 1\.[34]\de22 RL FLOPs on rose steeply "
            rf"to {number}",
        ),
        "saturating": (
            np.interp(x, [0, 0.5, 1], [0.3, 0.6, 0.6]),
            rf"rose from {number} and stayed near {number} from {place} on",
        ),
        "dip": (
            np.interp(x, [0, 0.3, 1], [0.5, 0.3, 0.7]),
            rf"first fell from {number} to {number} \(at {place}\) and then rose to {number}",
        ),
    }
    for kind, (curve, pattern) in told.items():
        sentence = said(history_of, curve + noise)
        assert re.fullmatch(rf"Training accuracy {pattern}\.", sentence), (kind, sentence)


def test_a_random_walk_is_told_to_be_one_perhaps(history_of):
    walk = 0.5 + 0.01 * np.random.default_rng(2).standard_normal(200).cumsum()
    summary = rlviz.summarise(run_of(history_of, walk))
    assert "random drift cannot be excluded" in summary.claims[0].sentence
    assert summary.claims[0].findings == ()
    assert "A random walk of the same roughness can't be excluded" in summary.markdown()


def test_a_ceiling_is_given_where_the_data_show_one(history_of):
    compute = np.linspace(0.1, 10, 400)
    curve = 0.3 + 0.4 / (1 + compute**-1.9)
    noise = 0.01 * np.random.default_rng(3).standard_normal(400)
    run = history_of(accuracy=curve + noise, flops=compute * 1e22)
    (told,) = (c.sentence for c in rlviz.summarise(run).claims if c.name == "forecast")
    pattern = (
        r"At twice the compute it would be (69|70)\.\d ± \d\.\d %, under a ceiling of 7\d\.\d %.*"
    )
    assert re.fullmatch(pattern, told)


def test_seconds_and_mfu_of_phases_stand_beside_their_flops(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None, device=1e15) as viz:
        for _ in range(3):
            viz.on_step_end(flops={"update": 10**15, "rollout": 10**14}, seconds={"update": 4.0})
    text = rlviz.summarise(rlviz.read(tmp_path)).markdown()
    assert "| phase | RL FLOPs | share | time | MFU |" in text
    assert "| update | 3.00e15 | 90.9 % | 12.0 s | 25.0 % |" in text
    assert "| rollout | 3.00e14 | 9.1 % | | |" in text


def test_the_page_has_tables_and_nothing_of_a_name_is_markup(small):
    nasty = dataclasses.replace(small, logdir="runs/<script>alert(1)<|script>*b* [x](y)|z")
    summary = rlviz.summarise(nasty)
    page = summary.html(figure_svg="<?xml version='1.0'?><svg><g/></svg>")
    assert "<script" not in page
    assert "<em>b</em>" not in page
    assert "<a " not in page
    assert page.count("<table>") == 2
    assert page.index("<svg><g/></svg>") < page.index("<h1>")
    assert "Run &lt;script" in page


def test_the_words_never_say_another_direction_than_the_numbers(history_of):
    x = np.linspace(0, 1, 300)
    noise = 0.01 * np.random.default_rng(4).standard_normal(300)
    curve = np.interp(x, [0, 0.08, 1], [0.25, 0.45, 0.33])  # up at once, then slowly down
    sentence = said(history_of, curve + noise)
    start, end = (float(n) for n in re.findall(r"(\d\d\.\d) ± \d\.\d %", sentence)[::2][:2])
    assert start < 33
    assert end > start
    assert "fell from" not in sentence.split(";")[0]
    assert re.search(
        r"a straight line through all steps shows a fall \(p .*\), so it turned", sentence
    )


def test_a_path_is_no_run(small):
    with pytest.raises(TypeError, match=r"takes a run, got str\. Read it first"):
        rlviz.summarise("runs/small")
