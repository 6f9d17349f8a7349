"""The summary: values that are right, text that can be read, and nothing that was not measured."""

import dataclasses
import json
import re
from itertools import pairwise

import numpy as np
import pytest

import rlviz

from .conftest import assert_strict_json, with_group, with_metrics

# The text rounds to 0.1 % and 0.01; the values behind it are those of the reference to 1e-8.
TOLERANCE = 1e-8


def test_under_twenty_points_there_are_values_and_no_errors(history_of):
    rough = np.tile([0.25, 0.75], 10)
    few, enough = (
        rlviz.summarise(history_of(accuracy=rough[:n], flops=np.arange(1.0, n + 1)))
        for n in (19, 20)
    )
    start = few.claims[0].values["start"]
    assert (start.value, start.error) == (0.25, None)
    assert "±" not in few.markdown()
    assert few.segments == {"accuracy": (), "average_parallelism": ()}
    assert enough.claims[0].values["start"].error > 0
    assert "±" in enough.claims[0].sentence


def test_a_point_so_far_off_that_nothing_smooths_it_has_a_value_without_an_error(history_of):
    flops = np.append(np.arange(1.0, 40.0), 1e9)
    summary = rlviz.summarise(history_of(parallelism=np.tile([2.5, 7.5], 20), flops=flops))
    values = summary.claims[0].values
    assert values["start"].error > 0
    assert values["end"].value == pytest.approx(7.5)
    assert values["end"].error is None
    assert_strict_json(summary.to_dict())


def test_a_point_that_stands_alone_is_as_unsure_as_its_own_answers_make_it(history_of):
    flops = np.append(np.arange(1.0, 40.0), 1e9)
    summary = rlviz.summarise(history_of(accuracy=np.tile([0.25, 0.75], 20), flops=flops))
    end = summary.claims[0].values["end"]
    # Two standard errors of a share of 1,024 answers: 2·√(0.75·0.25 / 1024).
    assert end.error == pytest.approx(0.02706, rel=1e-3)


def test_points_are_counted_where_something_was_recorded(history_of):
    sparse = np.full(100, np.nan)
    sparse[::10] = 0.5
    claim = rlviz.summarise(history_of(accuracy=sparse)).claims[0]
    assert claim.sentence == (
        "Training accuracy has only 10 values, too few to tell a change from chance: 50.0 % at "
        "step 1 is the first, 50.0 % at step 91 the last."
    )


@pytest.mark.quick(1)
@pytest.mark.parametrize("index", [0, 1])
def test_the_values_are_those_of_a_local_quadratic_fit_done_by_brute_force(
    parl, parl_table, reference_curve, index
):
    x = np.array(parl_table["flops"], dtype=np.float64)
    accuracy = np.divide(parl_table["correct"], parl_table["graded"])
    y = [accuracy, np.array(parl_table["parallelism"])][index]
    curve = reference_curve(x, y, rlviz.smooth.local_polynomial(y, x=x).bandwidth)
    values = rlviz.summarise(parl).claims[index].values
    for when, at in {"start": x[0], "middle": (x[0] + x[-1]) / 2, "end": x[-1]}.items():
        assert values[when].value == pytest.approx(np.interp(at, x, curve), rel=TOLERANCE)


def test_the_run_of_parl_shape_is_told_with_its_uncertainty(parl):
    accuracy, parallelism, forecast = rlviz.summarise(parl).claims
    # What the data was drawn to: accuracy from 35–37 % to 62–66 %, parallelism from about 8.3 to
    # 13–14 with growing scatter.
    assert 0.35 < accuracy.values["start"].value < 0.375
    assert 0.62 < accuracy.values["end"].value < 0.66
    assert 8.1 < parallelism.values["start"].value < 8.5
    assert 13 < parallelism.values["end"].value < 14.5
    assert re.fullmatch(
        r"Training accuracy rose from 3\d\.\d ± 0\.\d % to 6\d\.\d ± 0\.\d %\.", accuracy.sentence
    )
    # In what order: a dip, a slow rise to a level, a rise that is ever steeper.
    assert re.match(
        r"Average parallelism fell from 8\.\d\d ± 0\.\d\d to 7\.\d\d ± 0\.\d\d at 1\d % of the "
        r"compute \(\d\.\d\de21 RL FLOPs\)",
        parallelism.sentence,
    )
    assert "to 14.28 ± 0.51 at the end. Single steps scattered" in parallelism.sentence
    claims = [claim.partition(": ")[2] for claim, _ in parallelism.findings]
    assert claims[:2] == ["trend", "dip"]
    assert claims[-2:] == ["acceleration", "growing scatter"]
    text = rlviz.summarise(parl).markdown()
    assert re.match(
        r"With (twice|1\.\d times) the compute the training accuracy would be \d\d\.\d %",
        forecast.sentence,
    )
    assert "The ceiling of the training accuracy: curves without a ceiling fit the data" in text
    assert "Whether accuracy and parallelism depend on each other" in text


def test_the_same_run_gives_the_same_bytes(parl_logdir):
    one, other = (rlviz.summarise(rlviz.read(parl_logdir)) for _ in range(2))
    assert one.markdown() == other.markdown()
    assert json.dumps(one.to_dict()) == json.dumps(other.to_dict())


def test_the_name_of_the_run_is_its_directory(parl):
    assert rlviz.summarise(parl).markdown().startswith("# Run parl-shape\n\n300 training steps in ")


# --- groups ----------------------------------------------------------------


def test_each_task_family_has_a_row_below_the_accuracy(small):
    with_group(small, "math", [1, 0, 2], [2, 0, 2])
    with_group(small, "code_1|2", [0, 0, 1], [2, 0, 2])
    with_group(small, "never", [0, 0, 0], [0, 0, 0])
    summary = rlviz.summarise(small)
    text = summary.markdown()
    table = text[text.index("| Training accuracy") :].splitlines()[:4]
    assert table == [
        "| Training accuracy | 25.0 % | 25.0 % | 75.0 % |",
        "| Accuracy of math | 50.0 % | 50.0 % | 100.0 % |",
        "| Accuracy of code_1\\|2 | 0.0 % | 0.0 % | 50.0 % |",
        "| Average parallelism | 2.00 | 3.00 | 5.50 |",
    ]
    assert summary.to_dict()["groups"]["math"]["end"] == {
        "value": 1.0,
        **dict.fromkeys(("standard_error", "low", "high")),
    }
    assert list(summary.groups) == ["math", "code_1|2"]
    assert_strict_json(summary.to_dict())


def test_a_task_family_has_errors_where_the_accuracy_has(parl):
    run = rlviz.History({**parl.columns}, parl.logdir)
    with_group(run, "math", run.columns["correct"], run.columns["graded"])
    summary = rlviz.summarise(run)
    assert summary.groups["math"] == summary.claims[0].values
    assert summary.groups["math"]["end"].error > 0


# --- metrics in place of what was not recorded ------------------------------


def test_where_there_is_no_accuracy_the_summary_tells_of_what_the_figure_shows():
    summary = with_metrics(loss=[2.0, 1.5, 1.25], **{"return": [-21.0, 3.0, 187.5]})
    few = "has only 3 values, too few to tell a change from chance"
    assert [claim.sentence for claim in summary.claims] == [
        f"Return {few}: -21 at step 1 is the first, 187.5 at step 3 the last.",
        f"Loss {few}: 2 at step 1 is the first, 1.25 at step 3 the last.",
    ]
    assert summary.not_concluded == (
        "Training accuracy was not recorded.",
        "Average parallelism was not recorded.",
    )
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
        summary = rlviz.summarise(rlviz.History(columns))
        parts = [(p.kind, p.pace, p.x_end) for p in summary.segments["return"]]
        return parts, [claim for claim, _ in summary.claims[0].findings], summary.claims[0].sentence

    *expected, sentence = told(parl.parallelism)
    assert len(expected[0]) >= 3, expected
    assert re.match(r"Return fell from 8\.[23]\d ± 0\.\d\d to 7\.", sentence), sentence
    for unit in (1e-6, 1e9):
        *scaled, sentence = told(unit * (parl.parallelism - 5))
        assert scaled == expected
        assert re.search(r"fell from 3\.\d+e[+-]\d\d ± \d\.\de[+-]\d\d to", sentence), sentence


def test_a_ceiling_is_given_where_the_data_show_one(history_of):
    compute = np.linspace(0.1, 10, 400)
    curve = 0.3 + 0.4 / (1 + compute**-1.9)
    noise = 0.01 * np.random.default_rng(3).standard_normal(400)
    run = history_of(accuracy=curve + noise, flops=compute * 1e22)
    (told,) = (c.sentence for c in rlviz.summarise(run).claims if c.name == "forecast")
    assert re.fullmatch(
        r"With twice the compute the training accuracy would be (69|70)\.\d % "
        r"\(95 %: 6\d\.\d to 7\d\.\d %\), under a ceiling of (69|70)\.\d % "
        r"\(69\.\d to 7\d\.\d %\)\.",
        told,
    )


# --- which metrics -----------------------------------------------------------


@pytest.fixture
def with_everything(parl):
    columns = {**parl.columns, "metrics/loss": np.linspace(2, 1, 300)}
    run = rlviz.History(columns, parl.logdir)
    return with_group(run, "math", run.columns["correct"], run.columns["graded"])


def test_any_metric_is_told_by_its_name(with_everything):
    summary = rlviz.summarise(with_everything, metrics=["loss", "math", "wall_time"])
    assert list(summary.segments) == ["loss", "accuracy/math", "wall_time"]
    loss, math, _ = (claim.sentence for claim in summary.claims)
    assert re.fullmatch(r"Loss fell from 2\.0000\d ± 0\.000\d\d to 0\.999\d ± 0\.001\d\.", loss), (
        loss
    )
    assert math.startswith("Accuracy of math rose from 36.8 ± 0.9 % to 63.9 ± 0.6 %")
    assert [claim.label for claim in summary.claims] == ["Loss", "Accuracy of math", "wall_time"]
    assert rlviz.summarise(with_everything, metrics="loss").segments.keys() == {"loss"}


def test_a_metric_is_told_once_whatever_its_names(with_everything):
    summary = rlviz.summarise(with_everything, metrics=["parallelism", "average_parallelism"])
    assert [claim.name for claim in summary.claims] == ["average_parallelism"]


def test_an_unknown_metric_is_an_error_that_names_the_known_ones(with_everything):
    with pytest.raises(ValueError, match=r"no run has a metric 'lost'; there are .*'loss'"):
        rlviz.summarise(with_everything, metrics=["lost"])
    with pytest.raises(ValueError, match="metrics is empty, expected at least one name"):
        rlviz.summarise(with_everything, metrics=[])


def test_what_concerns_two_metrics_is_told_only_of_these_two(with_everything):
    summary = rlviz.summarise(with_everything, metrics=["loss"])
    assert summary.not_concluded == ()
    assert len(summary.statistics) == 1


# --- segments ------------------------------------------------------------------


def test_the_segments_go_from_the_first_step_to_the_last_without_gaps(parl):
    summary = rlviz.summarise(parl)
    for parts in summary.segments.values():
        assert (parts[0].x_start, parts[-1].x_end) == (parl.flops[0], parl.flops[-1])
        for before, after in pairwise(parts):
            assert (before.x_end, before.y_end) == (after.x_start, after.y_start)
    plain = summary.to_dict()["segments"]["average_parallelism"]
    assert [part["kind"] for part in plain[:2]] == ["falls", "rises"]
    assert plain[0]["y_start"] == summary.claims[1].values["start"].value
    assert plain[0].keys() == {f.name for f in dataclasses.fields(rlviz.report.statistics.Segment)}


def test_values_at_few_places_are_not_told_as_a_story(history_of):
    places = np.repeat(np.arange(1.0, 11.0), 4) * 1e20
    claim = rlviz.summarise(history_of(accuracy=np.linspace(0, 1, 40), flops=places)).claims[0]
    assert claim.sentence.startswith(
        "Training accuracy has values at only 10 places of the axis, too few"
    )


def test_of_few_values_the_first_counts_though_its_place_on_the_axis_is_unknown(history_of):
    flops = np.append(np.nan, np.arange(1.0, 10.0))
    run = history_of(accuracy=np.linspace(0.2, 0.7, 10), flops=flops)
    (claim,) = rlviz.summarise(run).claims
    assert "20.0 % at step 1 is the first, 70.0 % at step 10 the last" in claim.sentence
    assert claim.values["start"].value == pytest.approx(0.2, abs=1e-3)


def test_a_path_is_no_run(small):
    with pytest.raises(TypeError, match=r"takes a run, got str\. Read it first"):
        rlviz.summarise("runs/small")
