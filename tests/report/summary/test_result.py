"""A summary as text, as a page and as plain data."""

import dataclasses

import numpy as np
import pytest

import rlviz
from rlviz.report.series.curves import Value
from rlviz.report.summary.result import Claim, Summary

from .conftest import assert_strict_json, with_metrics


def test_a_small_run_is_summed_up_to_the_letter(small):
    text = rlviz.summarise(small).markdown()
    assert text.startswith(
        """\
# Run small

3 training steps in 2 min 5 s, 4.00e21 RL FLOPs, on average 2.00e19 FLOP/s.

Training accuracy has only 2 values, too few to tell a change from chance: 25.0 % at step 1 is \
the first, 75.0 % at step 3 the last.

Average parallelism has only 3 values, too few to tell a change from chance: 2.00 at step 1 is \
the first, 5.50 at step 3 the last.

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

## How to read this

- Training accuracy: correct / graded answers of a step.
- Average parallelism: mean over a step's episodes of work / span.
- RL FLOPs: cumulative, one multiply-add counts 2; convention not said; shares of the \
compute are shares of them.
"""
    )
    assert "**Note:**" not in text


def test_a_summary_is_printed_as_its_sentences_and_named_in_a_line(small):
    run = dataclasses.replace(small, superseded=1)
    summary = rlviz.summarise(run)
    assert str(summary) == (
        "Run small:\n"
        "Training accuracy has only 2 values, too few to tell a change from chance: 25.0 % at step "
        "1 is the first, 75.0 % at step 3 the last.\n"
        "Average parallelism has only 3 values, too few to tell a change from chance: 2.00 at step "
        "1 is the first, 5.50 at step 3 the last.\n"
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
        "steps_apart": 1,
        "of_rows_alone": False,
        "wall_seconds": 125.0,
        "paused_seconds": 0.0,
        "flops": {
            "rollout": 3 * 10**21,
            "evaluation": 5 * 10**20,
            "update": 10**21,
            "total": 4 * 10**21 + 1,
        },
        "conventions": [""],
        "parallelism_units": [],
        "seconds": {},
        "mfu": {},
        "flops_per_second": 2e19,  # the first step's own time is unknown: 2.5e21 in 125 s
    }
    accuracy, parallelism = summary["claims"]
    nothing = dict.fromkeys(("standard_error", "low", "high"))  # of so few points
    assert accuracy == {
        "name": "accuracy",
        "sentence": "Training accuracy has only 2 values, too few to tell a change from chance: "
        "25.0 % at step 1 is the first, 75.0 % at step 3 the last.",
        "values": {
            "start": {"value": 0.25, **nothing},
            "middle": {"value": 0.25, **nothing},  # the nearer of the two
            "end": {"value": 0.75, **nothing},
        },
        "findings": [],
    }
    assert [v["value"] for v in parallelism["values"].values()] == [2.0, 3.0, 5.5]
    assert summary["notes"] == []
    assert summary["segments"] == {"accuracy": [], "average_parallelism": []}
    assert summary["statistics"] == []


@pytest.mark.parametrize("columns", [["accuracy"], ["parallelism"], ["accuracy", "flops"], []])
@pytest.mark.parametrize("steps", [1, 2, 19, 20, 40])
def test_the_plain_data_is_json_without_nan_for_any_run(history_of, columns, steps):
    ramp = np.linspace(0.2, 0.6, steps)
    ramp[steps // 2] = np.nan
    run = history_of(**{"flops": np.full(steps, np.nan), **dict.fromkeys(columns, ramp)})
    summary = rlviz.summarise(run)
    assert_strict_json(summary.to_dict())
    assert "nan" not in summary.markdown().lower()


def test_flops_without_phases_have_a_total_and_no_table(write_steps, tmp_path):
    write_steps([1], flops=123)
    text = rlviz.summarise(rlviz.read(tmp_path / "run")).markdown()
    assert "1 training step, 123 RL FLOPs.\n\n**Not known:**\n\n- Training accuracy was" in text
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


def test_the_name_of_a_metric_is_no_markdown():
    summary = with_metrics(**{"a|b*c* <i>": [1.0, 2.0, 3.0]})
    assert summary.claims[0].sentence.startswith("a|b*c* <i> has only 3 values")
    assert "a\\|b\\*c\\* \\<i\\> has only 3 values" in summary.markdown()
    assert "| a\\|b\\*c\\* \\<i\\> | 1 | 2 | 3 |" in summary.markdown()
    assert "a|b*c* &lt;i&gt; has only 3 values" in summary.html()


def test_seconds_and_mfu_of_phases_stand_beside_their_flops(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None, device=1e15) as viz:
        for _ in range(3):
            viz.on_step_end(flops={"update": 10**15, "rollout": 10**14}, seconds={"update": 4.0})
    text = rlviz.summarise(rlviz.read(tmp_path)).markdown()
    assert "| phase | RL FLOPs | share | time | MFU |" in text
    assert "| update | 3.00e15 | 90.9 % | 12.0 s | 25.0 % |" in text
    assert "| rollout | 3.00e14 | 9.1 % | | |" in text


def test_discarded_rollouts_and_those_in_flight_are_told(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.on_step_end(flops=50 * 10**12)
        viz.on_step_end(settled={"rollout": 30 * 10**12}, flops={"update": 50 * 10**12})
        viz.on_step_end(settled={"rollout_discarded": 10 * 10**12})
    text = rlviz.summarise(rlviz.read(tmp_path)).markdown()
    assert "| rollout_discarded | 1.00e13 | 10.0 % |" in text
    assert "| *without a phase* | 1.00e13 | 10.0 % |\n| **total** | 1.00e14 | |" in text
    assert "Of the RL FLOPs of rollouts 25.0 % went into ones that no update used." in text


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


def test_of_a_value_the_plain_data_hold_its_band_and_a_quarter_of_that_as_standard_error():
    claim = Claim(
        "loss", "Loss", "Loss fell.", {"end": Value(1.0, 0.5, 1.5)}, (("trend", "falls"),)
    )
    (plain,) = Summary("Run a", (claim,), {}, ()).to_dict()["claims"]
    assert plain["values"] == {
        "end": {"value": 1.0, "standard_error": 0.25, "low": 0.5, "high": 1.5}
    }
    assert plain["findings"] == [["trend", "falls"]]
