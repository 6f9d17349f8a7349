"""Arrays as bytes: what a browser reads is what was written."""

import numpy as np
import pytest

from rlviz.dashboard.payload import encode

from .conftest import decode


@pytest.mark.parametrize("text", ["", "a", "ab", "abc", "ünïcödé", "x" * 1000])
def test_header_and_arrays_come_back_whatever_the_length_of_the_header(text):
    arrays = {"x": np.array([1.5, -np.inf, np.nan]), "none": np.empty(0), "ten": np.arange(10)}
    header, found = decode(encode({"label": text, "range": None}, arrays))
    assert header == {
        "label": text,
        "range": None,
        "arrays": [["x", 3], ["none", 0], ["ten", 10]],
    }
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array.astype(np.float64))


def test_part_of_an_array_is_written_as_it_is_seen():
    header, found = decode(encode({}, {"odd": np.arange(10.0)[1::2]}))
    assert header["arrays"] == [["odd", 5]]
    assert list(found["odd"]) == [1, 3, 5, 7, 9]


def test_a_header_that_json_can_not_hold_is_an_error_here_and_not_in_the_browser():
    with pytest.raises(ValueError, match="JSON"):
        encode({"value": float("nan")}, {})
