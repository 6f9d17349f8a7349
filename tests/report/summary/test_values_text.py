"""Values as text: with their errors, and with no more digits than those allow."""

import pytest

from rlviz.report.series.curves import Value
from rlviz.report.statistics import Segment
from rlviz.report.summary.values_text import form_of, number, percent, plain

around = Value.around  # a band of two standard errors on either side


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Value(0.25), "25.0 %"),
        (around(0.364, 0.0025), "36.4 ± 0.5 %"),
        (around(0.364, 0.0002), "36.40 ± 0.04 %"),  # a digit more, for 0.0 would say nothing
        (around(0.364, 0.00001), "36.4 %"),  # too small to show
        (Value(0.364, 0.35, 0.40), "36.4 ± 2.5 %"),  # half of the band
    ],
)
def test_a_share_is_told_in_percent(value, text):
    assert percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Value(2.5), "2.50"),
        (around(13.7, 0.25), "13.70 ± 0.50"),
        (around(8.3, 0.001), "8.300 ± 0.002"),
        (around(8.3, 0.0001), "8.30"),
    ],
)
def test_a_count_has_two_decimals(value, text):
    assert plain(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Value(0.02371), "0.02371"),
        (Value(0.0), "0"),
        (around(187.31, 1.57), "187.3 ± 3.1"),
        (around(21.0, 155), "21 ± 310"),
        (around(0.0, 0.005), "0.000 ± 0.010"),
        (around(-3.2e7, 7.5e4), "-3.200e+07 ± 1.5e+05"),
        (around(1e-9, 1e-9), "1.0e-09 ± 2.0e-09"),
        (around(5.0, 1e-5), "5"),
    ],
)
def test_of_a_metric_of_any_size_the_error_has_two_digits(value, text):
    assert number(value) == text


def test_a_measure_is_told_by_its_scale_and_a_user_s_metric_as_a_number():
    value = around(0.364, 0.0025)
    assert form_of("accuracy")(value) == percent(value)
    assert form_of("average_parallelism")(value) == plain(value)
    assert form_of("loss")(value) == number(value)


@pytest.mark.parametrize(
    ("form", "value", "change", "text"),
    [
        (percent, Value(0.25), 1e-5, "25.000 %"),
        (percent, around(0.364, 0.0025), 0.1, "36.4 ± 0.5 %"),  # needs no more
        (plain, Value(1.00012), 2e-4, "1.0001"),
        (number, Value(1000.2), 0.3, "1000.2"),
        (number, around(5.0, 0.1), 0.004, "5.000 ± 0.200"),
        (plain, Value(1.0), 1e-30, "1.00000000000000"),  # floats hold no more
        (number, Value(1.0), 1e-30, "1"),
    ],
)
def test_numbers_that_differ_are_written_with_digits_enough_to_show_it(form, value, change, text):
    assert form(value, change) == text


def test_the_digits_of_a_metric_follow_its_smallest_rise_or_fall():
    parts = [
        Segment("rises", 0, 1, 1.0, 1.00004, "", True, None, None, 3.0),
        Segment("level", 1, 2, 1.00004, 1.0000400001, "", True, None, None, 3.0),
        Segment("falls", 2, 3, 1.00004, 0.9, "", True, None, None, 3.0),
    ]
    assert form_of("average_parallelism", parts)(Value(1.00004)) == "1.00004"
    assert form_of("average_parallelism", parts[1:])(Value(1.00004)) == "1.00"
    assert form_of("accuracy/math")(Value(0.5)) == "50.0 %"


def test_a_zero_that_was_computed_is_written_as_zero():
    parts = [Segment("rises", 0, 1, -1e-11, 2.5e6, "", True, 1e-12, None, 3.0)]
    assert form_of("loss", parts)(Value.around(-1e-11, 5e-13)) == "0"
    assert form_of("loss")(Value(-1e-11)) == "-1e-11"
