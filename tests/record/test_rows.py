"""What becomes of measurements: sums that merge, exact FLOPs, EMAs, one row a step."""

import math

import pytest
import torch

from rlviz.record.recorder import Measurement, StepEnd
from rlviz.record.rows import RowBuilder, Table
from rlviz.record.values import Deferred, answers, episodes, flops, metrics


def builder(**options):
    return RowBuilder(**{"session": 0, "ema_weight": 0.5, "on_error": pytest.fail, **options})


def step(number, *measurements):
    return [*measurements, StepEnd(number, wall_time=100.0 + number)]


def test_micro_batches_add_up_before_any_ratio_is_taken():
    (closed,) = builder().feed(
        step(
            1,
            Measurement(accuracy=answers([1, 0])),
            Measurement(accuracy=answers([1] * 90 + [0] * 10), parallelism=episodes([2.0])),
            Measurement(parallelism=episodes([4.0, 6.0])),
        )
    )
    assert closed.scalars["rlviz/accuracy"] == 91 / 102  # not (1/2 + 90/100)/2
    assert closed.scalars["rlviz/average_parallelism"] == 4.0
    assert (closed.row["correct"], closed.row["graded"]) == (91, 102)
    assert (closed.row["parallelism_sum"], closed.row["parallelism_count"]) == (12.0, 3)


def test_cumulative_flops_are_exact_far_beyond_float64():
    build = builder()
    for number in range(1, 1001):
        (closed,) = build.feed(step(number, Measurement(flops=flops({"rollout": 10**23 + 1}))))
    exact = 1000 * (10**23 + 1)
    row = closed.row
    assert int(row["flops/rollout"]) + int(row["flops_remainder/rollout"]) == exact
    assert int(row["flops/total"]) + int(row["flops_remainder/total"]) == exact
    assert build.state_dict()["flops"] == {"total": exact, "rollout": exact}


def test_evaluation_is_counted_but_never_in_the_total():
    (closed,) = builder().feed(step(1, Measurement(flops=flops({"update": 5, "evaluation": 7}))))
    assert closed.row["flops/total"] == 5
    assert closed.row["flops/evaluation"] == 7


def test_flops_without_a_phase_count_in_the_total_alone():
    (closed,) = builder().feed(
        step(1, Measurement(flops=flops(3)), Measurement(flops=flops({"update": 4})))
    )
    assert closed.row["flops/total"] == 7
    assert closed.row["flops/update"] == 4


def test_a_step_without_graded_answers_leaves_the_curve_unchanged():
    build = builder()
    first, gap, last = build.feed(
        step(1, Measurement(accuracy=answers([1, 1])))
        + step(2, Measurement(accuracy=answers([math.nan])))
        + step(3, Measurement(accuracy=answers([0, 0])))
    )
    assert first.scalars["rlviz/accuracy/ema"] == 1.0
    assert "rlviz/accuracy" not in gap.scalars
    assert "rlviz/accuracy/ema" not in gap.scalars
    assert math.isnan(gap.row["accuracy_ema"])
    assert gap.row["ungraded"] == 1
    assert last.scalars["rlviz/accuracy/ema"] == pytest.approx(1 / 3)  # (0.5·1 + 0)/(0.5 + 1)


def test_no_flops_are_unknown_and_not_zero():
    (closed,) = builder().feed(step(1, Measurement(accuracy=answers([1]))))
    assert not [name for name in closed.row if name.startswith("flops")]


def test_several_values_of_a_metric_in_a_step_are_averaged():
    (closed,) = builder().feed(
        step(
            1,
            Measurement(metrics=metrics({"loss": 1.0})),
            Measurement(metrics=metrics({"loss": 2.0})),
        )
    )
    assert closed.scalars["rlviz/loss"] == closed.row["metrics/loss"] == 1.5


def test_a_device_value_that_turns_out_wrong_is_reported_and_costs_only_itself():
    said = []
    wrong = Deferred(torch.tensor([0.5]), lambda _: answers([0.5]))
    (closed,) = builder(on_error=said.append).feed(
        step(1, Measurement(accuracy=wrong, metrics=metrics({"loss": 2.0})))
    )
    assert "must be 0, 1 or NaN, got 0.5" in str(said[0])
    assert closed.scalars == {"rlviz/loss": 2.0}


def test_the_state_goes_on_exactly_where_it_was_taken():
    def run(numbers):
        return [
            item
            for n in numbers
            for item in step(
                n,
                Measurement(
                    answers([n % 2, n % 3 == 0]), episodes([n]), flops({"update": 10**20 + n})
                ),
            )
        ]

    whole = builder()
    expected = whole.feed(run(range(1, 21)))[10:]
    first, second = builder(), builder()
    first.feed(run(range(1, 11)))
    second.load_state_dict(first.state_dict())
    resumed = second.feed(run(range(11, 21)))
    assert [(c.row, c.scalars) for c in resumed] == [(c.row, c.scalars) for c in expected]


def test_the_state_survives_a_checkpoint_that_loads_weights_only(tmp_path):
    build = builder()
    build.feed(step(1, Measurement(answers([1]), episodes([2.0]), flops({"update": 10**26}))))
    torch.save({"rlviz": build.state_dict()}, tmp_path / "checkpoint.pt")
    loaded = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["rlviz"]
    assert loaded == build.state_dict()


def test_columns_only_ever_grow_and_a_new_one_starts_a_new_layout():
    table = Table()
    first = table.stack([{"a": 1.0}, {"a": 2.0}])
    assert (table.columns, table.layout, first.tolist()) == (("a",), 0, [[1.0], [2.0]])
    second = table.stack([{"b": 3.0, "a": 4.0}])
    assert (table.columns, table.layout, second.tolist()) == (("a", "b"), 1, [[4.0, 3.0]])
    third = table.stack([{"a": 5.0}])
    assert table.layout == 1
    assert third[0, 0] == 5.0
    assert math.isnan(third[0, 1])
