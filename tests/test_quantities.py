"""Every quantity that `rlviz.schema` declares comes all the way, from `record` to the page."""

import inspect
import math
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import rlviz
from rlviz import schema
from rlviz.dashboard import listing, series
from rlviz.parallelism import critical_steps
from rlviz.record.measurement import Recorded, RecordedBesideMetrics
from rlviz.record.ranks import pack, unpack
from rlviz.record.step_sums import StepSums

DEFINITIONS = Path(__file__).parents[1] / "docs" / "definitions.md"

EPISODE = critical_steps([(0, [2, 2]), (1, [1, 1, 1])], useful=2)  # 8 / 4
ALONE = critical_steps([(4, [])])  # 1

# name -> what a step records of it, and its value then
RECORDED = {
    "accuracy": ({"correct": [1, 0, 1, 1, math.nan]}, 3 / 4),
    "average_parallelism": ({"parallelism": [2.0, 4.0, math.nan, EPISODE, ALONE]}, 9 / 4),
    "parallelism/parallel_episodes": ({}, 3 / 4),
    "parallelism/sub_agents": ({}, 5 / 2),
    "parallelism/fan_out_mean": ({}, 5 / 2),
    "parallelism/useful_sub_agents": ({}, 2 / 5),
}
STEPS = 3

each_quantity = pytest.mark.parametrize(
    "quantity", schema.QUANTITIES.values(), ids=schema.QUANTITIES
)


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    """A run that records all of them: nothing at the first step, the same at the others."""
    path = tmp_path_factory.mktemp("run")
    everything = {
        keyword: value for brings, _ in RECORDED.values() for keyword, value in brings.items()
    }
    with rlviz.Callback(path, figure_seconds=None, strict=True) as viz:
        viz.on_step_end(1)
        for step in range(2, STEPS + 1):
            viz.record(**everything)
            viz.on_step_end(step)
    assert viz.health.written == STEPS
    return path


@pytest.fixture(scope="module")
def history(logdir):
    return rlviz.read(logdir)


def expected(quantity):
    return [math.nan] + [RECORDED[quantity.name][1]] * (STEPS - 1)


def test_this_file_knows_how_each_of_them_is_recorded():
    assert RECORDED.keys() == schema.QUANTITIES.keys()


def test_the_keywords_of_record_are_typed_and_told_and_on_step_end_takes_them_too():
    keywords = dict(inspect.signature(rlviz.Callback.record).parameters)
    del keywords["self"]
    assert keywords.keys() == get_type_hints(Recorded).keys()
    assert keywords.keys() - {"metrics"} == get_type_hints(RecordedBesideMetrics).keys()
    told = inspect.getdoc(rlviz.Callback.record)
    assert [name for name in keywords if f"\n    {name}: " not in told] == []


@each_quantity
def test_its_sums_are_columns_of_every_row_that_brings_it(quantity, history):
    for column in quantity.sums:
        assert schema.column(column.name) == column
        np.testing.assert_array_equal(np.nan_to_num(history.columns[column.name])[0], 0)
    numerator, denominator = (
        history.columns[quantity.numerator],
        history.columns[quantity.denominator],
    )
    assert numerator[1] / denominator[1] == RECORDED[quantity.name][1]


@each_quantity
def test_it_adds_up_over_micro_batches_and_ranks(quantity):
    step, other = StepSums(), StepSums()
    for number, column in enumerate(quantity.sums, start=1):
        setattr(step, column.name, number)
        setattr(other, column.name, 10 * number)
    (sent,) = unpack(pack([other]))
    step.merge(sent)
    for number, column in enumerate(quantity.sums, start=1):
        assert step.sum_of(column.name) == 11 * number


@each_quantity
def test_it_has_a_scalar_and_an_average_where_one_is_declared(quantity, logdir, history):
    read = EventAccumulator(str(logdir), size_guidance={"scalars": 0}).Reload()
    tags = read.Tags()["scalars"]
    values = [event.value for event in read.Scalars(schema.scalar_tag(quantity.name))]
    assert values == pytest.approx(expected(quantity)[1:])
    assert (schema.ema_tag(quantity.name) in tags) == bool(quantity.averaged)
    average = schema.ema_column(quantity.name)
    assert (average in history.columns) == bool(quantity.averaged)
    if quantity.averaged:
        np.testing.assert_allclose(history.columns[average], expected(quantity))
        assert schema.column(average).unit == quantity.unit


@each_quantity
def test_a_run_has_it_as_an_attribute_and_in_its_table(quantity, history):
    np.testing.assert_array_equal(getattr(history, quantity.attribute), expected(quantity))
    np.testing.assert_array_equal(history.table()[quantity.name], expected(quantity))
    assert isinstance(getattr(rlviz.History, quantity.attribute), property)
    assert inspect.getdoc(getattr(rlviz.History, quantity.attribute))
    assert schema.column(quantity.name).meaning == quantity.meaning
    assert f", {quantity.attribute}" in repr(history)


@each_quantity
def test_the_figure_draws_it_under_its_names(quantity, history):
    for name in (quantity.name, quantity.attribute):
        (axes,) = rlviz.figure(history, x="step", metrics=[name]).axes
        assert axes.get_ylabel() == quantity.label
        dots = axes.collections[0].get_offsets()
        np.testing.assert_array_equal(dots[:, 1], expected(quantity)[1:])


@each_quantity
def test_the_page_lists_it_and_hides_its_bookkeeping(quantity, history):
    metrics = list(listing.metrics(history))
    assert metrics.index(quantity.name) < len(schema.QUANTITIES)
    hidden = {quantity.numerator, quantity.denominator, schema.ema_column(quantity.name)}
    assert not hidden & set(metrics)
    found = series.points(history, quantity.name, "step", log=False)
    assert (found.measure.label, found.measure.scale) == (quantity.label, quantity.scale)
    np.testing.assert_array_equal(found.y, expected(quantity)[1:])


@each_quantity
def test_the_summary_says_what_it_did_and_what_it_is(quantity, history):
    summary = rlviz.summarise(history, metrics=[quantity.name])
    (claim,) = (claim for claim in summary.claims if claim.name == quantity.name)
    assert claim.values["end"].value == pytest.approx(RECORDED[quantity.name][1])
    assert claim.sentence.startswith(quantity.words)
    in_words = {schema.PARALLELISM: ", in agent steps"}.get(quantity.name, "")
    assert f"{quantity.words}: {quantity.definition}{in_words}." in summary.markdown()


@each_quantity
def test_a_run_without_it_lacks_it_and_is_told_so_only_if_it_should_have_it(quantity):
    run = rlviz.History({"step": np.arange(3.0)})
    assert np.isnan(getattr(run, quantity.attribute)).all()
    assert (quantity.name in run.table()) == quantity.is_core
    said = rlviz.summarise(run).markdown()
    assert (f"{quantity.words} was not recorded." in said) == quantity.is_core


@each_quantity
def test_no_metric_may_take_its_name(quantity):
    for name in (quantity.name, quantity.attribute):
        with pytest.raises(ValueError, match="is taken by rlviz itself"):
            schema.check_metric(name)


@each_quantity
def test_the_definitions_have_its_row(quantity):
    row = (
        f"| {quantity.words} | {quantity.definition} | {quantity.unit} "
        f"| `{schema.scalar_tag(quantity.name)}` | `{quantity.numerator} / {quantity.denominator}` "
        f"| `History.{quantity.attribute}` |"
    )
    assert row in DEFINITIONS.read_text(encoding="utf-8").splitlines()
