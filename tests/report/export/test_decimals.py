"""Texts of numbers: those of `repr`, for every float64, and of counts to the last digit."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlviz import schema
from rlviz.report.export import decimals

RANDOM = np.random.default_rng(5)
POWERS_OF_2 = 2.0 ** np.arange(-30, 60)
POWERS_OF_10 = np.array(
    [
        float(f"{digits}e{exponent}")
        for digits in ("1", "2", "5", "9", "9.999999999", "9.999999999999999", "1.0000000000000002")
        for exponent in range(-10, 20)
    ]
)


def neighbours(values):
    return np.concatenate([values, np.nextafter(values, 0), np.nextafter(values, np.inf), -values])


def as_repr_has_them(values):
    """The specification: `repr`, but for the ".0" of whole numbers and an empty text for NaN."""
    found = []
    for value in values.tolist():
        text = "" if value != value else repr(value)
        found.append(text[:-2] if text.endswith(".0") and text != "-0.0" else text)
    return found


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(RANDOM.normal(size=20_000), id="normal"),
        pytest.param(
            RANDOM.normal(size=20_000) * 10.0 ** RANDOM.integers(-8, 20, 20_000), id="wide"
        ),
        pytest.param(RANDOM.integers(-(2**63), 2**63 - 1, 20_000).view(np.float64), id="any bits"),
        pytest.param(1.7e9 + np.cumsum(RANDOM.exponential(30, 20_000)), id="wall time"),
        pytest.param(RANDOM.integers(0, 10**6, 20_000) / 1024, id="binary fractions"),
        pytest.param(neighbours(POWERS_OF_2), id="beside powers of 2"),
        pytest.param(neighbours(POWERS_OF_10), id="beside powers of 10"),
        pytest.param(np.array([0.0, 1.0, np.nan, 7.0, 1e15]), id="whole"),
        pytest.param(
            np.array([2.0**53 - 1, 2.0**53, 2.0**53 + 2, 9999999999999998.0, 1e16]), id="2^53"
        ),
        pytest.param(
            np.array([-0.0, 0.0, -5.0, 0.5, np.inf, -np.inf, np.nan, 5e-324]), id="odd ones"
        ),
        pytest.param(np.full(3, np.nan), id="all missing"),
        pytest.param(np.full(3, -0.0), id="all -0.0"),
        pytest.param(np.array([0.0, -0.0]), id="both zeros"),
        pytest.param(np.empty(0), id="none"),
    ],
)
def test_the_text_of_a_number_is_that_of_repr(values):
    assert decimals.texts(values) == as_repr_has_them(values)


@pytest.mark.parametrize("places", range(18))
def test_what_was_rounded_to_some_places_has_no_more_of_them(places):
    values = np.round(RANDOM.normal(size=5000) * 1000, places)
    assert decimals.texts(values) == as_repr_has_them(values)


@given(st.lists(st.floats(width=64), min_size=1, max_size=20))
def test_every_number_reads_back_as_it_was(values):
    array = np.array(values)
    texts = decimals.texts(array)
    assert texts == as_repr_has_them(array)
    for text, value in zip(texts, values, strict=True):
        assert value != value or struct.pack("d", float(text)) == struct.pack("d", value)


def split(numbers):
    return (
        np.array([schema.split_count(number) for number in numbers], dtype=float).reshape(-1, 2).T
    )


@given(st.lists(st.integers(0, 2**106 - 2**53), min_size=1, max_size=20))
def test_a_count_is_written_to_the_last_digit(numbers):
    assert decimals.counts(*split(numbers)) == list(map(str, numbers))


def test_counts_beside_powers_of_10_and_2_are_written_to_the_last_digit():
    near = [
        p + d
        for p in (*(10**k for k in range(1, 32)), *(2**k for k in range(1, 105)))
        for d in (-1, 0, 1)
    ]
    assert decimals.counts(*split(near)) == list(map(str, near))
    small = [number for number in near if number < 10**18]
    assert decimals.counts(*split(small)) == list(map(str, small))


def test_counts_that_no_rlviz_wrote_have_a_text_too():
    nearest = np.array([np.nan, np.inf, -(2.0**70), 0.0, 1e40, 1e25])
    remainder = np.array([0.0, 0.0, 3.0, -5.0, 0.0, np.nan])
    found = decimals.counts(nearest, remainder)
    assert found == ["", "inf", str(3 - 2**70), "-5", str(int(1e40)), str(int(1e25))]


@given(st.lists(st.integers(0, 2**106 - 2**53), min_size=1, max_size=20))
def test_a_count_is_an_integer_of_128_bits(numbers):
    data, is_held = decimals.words_of_counts(*split(numbers))
    assert is_held.all()
    found = [
        int.from_bytes(data[i : i + 16], "little", signed=True) for i in range(0, len(data), 16)
    ]
    assert found == numbers


def test_what_is_no_count_is_not_held():
    nearest = np.array([2.0**106, np.nan, np.inf, -1.0])
    data, is_held = decimals.words_of_counts(nearest, np.zeros(4))
    assert not is_held.any()
    assert data == bytes(64)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.full(5, 0.1), id="one number"),
        pytest.param(np.full(5, np.nan), id="nothing"),
        pytest.param(np.array([3.0, 4.0]), id="whole"),
        pytest.param(np.array([0.5, np.nan, np.inf, -0.0, 1e-7, 12.05]), id="of all kinds"),
        pytest.param(RANDOM.normal(size=2000), id="both signs"),
        pytest.param(np.empty(0), id="none"),
    ],
)
def test_cells_are_the_texts(values):
    form, columns = decimals.cells(values)
    rows = decimals.written(form + "\n", columns, len(values))
    assert rows == "".join(f"{text}\n" for text in decimals.texts(values))


def test_cells_of_counts_are_the_counts():
    for known in ([10**23 + 1, 5], [10**23 + 1] * 3):
        form, columns = decimals.count_cells(*split(known))
        rows = decimals.written(form + "\n", columns, len(known))
        assert rows == "".join(f"{count}\n" for count in known)
    form, columns = decimals.count_cells(np.array([np.nan, 4.0]), np.zeros(2))
    assert decimals.written(form + "\n", columns, 2) == "\n4\n"
