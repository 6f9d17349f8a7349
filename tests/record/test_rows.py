"""What becomes of measurements: sums that merge, exact FLOPs, EMAs, one row a step."""

import math
from dataclasses import dataclass

import pytest
import torch

from rlviz.record.device import Deferred
from rlviz.record.items import SPOILED
from rlviz.record.measurement import Measurement
from rlviz.record.rows import RowBuilder
from rlviz.record.values import answers, episodes, flops, metrics


@dataclass(frozen=True)
class Closed:
    """One step of the rows that a builder returned."""

    row: dict[str, float]
    scalars: dict[str, float]


class Builder(RowBuilder):
    """One whose steps are looked at one by one."""

    def feed(self, items):
        rows = self.rows(self.close_steps(items))
        return [
            Closed(
                {name: values[at] for name, values in rows.columns.items()},
                {tag: values[at] for tag, (values, brought) in rows.scalars.items() if brought[at]},
            )
            for at in range(len(rows))
        ]


def builder(**options):
    return Builder(**{"ema_weight": 0.5, "on_error": pytest.fail, **options})


def step(number, *measurements):
    return [*measurements, (number, 100.0 + number, None)]


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


def test_what_is_on_a_device_comes_in_one_copy_for_all_steps_of_a_flush(on_a_device, device_log):
    items = [
        item
        for n in range(1, 11)
        for item in step(
            n,
            Measurement(
                accuracy=answers(on_a_device([1.0, 0.0])),
                metrics=metrics({"loss": on_a_device(float(n))}),
            ),
        )
    ]
    closed = builder().feed(items)
    assert [c.scalars["rlviz/loss"] for c in closed] == list(range(1, 11))
    assert {c.scalars["rlviz/accuracy"] for c in closed} == {0.5}
    assert device_log.count("copied to the host") == 1


def test_a_device_that_fails_on_one_value_costs_only_that_one(on_a_device):
    class Broken(type(on_a_device(0.0))):
        @classmethod
        def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
            raise RuntimeError("device-side assert triggered")

    said = []
    broken = Deferred(Broken(torch.ones(2), []), lambda _: answers([1]))
    closed = builder(on_error=said.append).feed(
        step(1, Measurement(accuracy=broken, metrics=metrics({"loss": on_a_device(2.0)})))
    )
    assert [str(error) for error in said] == ["device-side assert triggered"]
    assert closed[0].scalars == {"rlviz/loss": 2.0}


def test_every_group_has_an_average_of_its_own_from_when_it_is_first_met():
    first, second, third = builder().feed(
        step(1, Measurement(answers([1, 1]), group="math"))
        + step(2, Measurement(answers([0, 0]), group="math"), Measurement(answers([1]), group="qa"))
        + step(3, Measurement(answers([0]), group="qa"))
    )
    assert first.scalars["rlviz/accuracy/math/ema"] == 1.0
    assert "rlviz/accuracy/qa/ema" not in first.scalars
    assert second.row["accuracy_ema/math"] == pytest.approx(1 / 3)  # (0.5·1 + 0)/(0.5 + 1)
    assert second.scalars["rlviz/accuracy/qa/ema"] == 1.0
    assert third.row["accuracy_ema/qa"] == pytest.approx(1 / 3)
    assert math.isnan(third.row["accuracy_ema/math"])
    assert "rlviz/accuracy/math/ema" not in third.scalars


@pytest.mark.parametrize("cuts", [[1], [7, 3, 1], [4999, 1], [5000]])
def test_wherever_the_flushes_cut_a_run_the_averages_are_the_same_to_the_last_bit(cuts):
    items = [
        step(n, Measurement(answers([n % 3 == 0, n % 7 == 0]), episodes([1 + n % 5])))
        for n in range(1, 5001)
    ]
    whole = builder()
    expected = [c.row["accuracy_ema"] for item in items for c in whole.feed(item)]
    build, got, at = builder(), [], 0
    while at < len(items):
        for cut in cuts:
            closed = build.feed([part for item in items[at : at + cut] for part in item])
            got += [c.row["accuracy_ema"] for c in closed]
            at += cut
    assert got == expected


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


def test_a_step_of_which_a_part_was_lost_is_void_as_a_whole():
    build = builder()
    (closed,) = build.feed([(1.0, 1, 5, None, None), SPOILED, *step(2, (0.0, 1, 7, None, None))])
    assert (closed.row["step"], closed.row["correct"], closed.row["flops/total"]) == (2, 0.0, 7)


def test_plain_items_count_as_measurements_do():
    plain = [(0.25, 8, 3, 2.0, {"loss": 1.0}), (None, 1.0, None, None, {"loss": 2.0, "kl": 0.5})]
    (closed,) = builder().feed([*plain, (7, 100.0, {"loss": 6.0})])
    assert (closed.row["correct"], closed.row["graded"]) == (2.0, 8)
    assert (closed.row["parallelism_sum"], closed.row["parallelism_count"]) == (2.0, 1)
    assert (closed.row["flops/total"], closed.row["step"]) == (3, 7)
    assert (closed.row["metrics/loss"], closed.row["metrics/kl"]) == (3.0, 0.5)
