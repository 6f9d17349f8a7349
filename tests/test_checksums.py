"""Checksums of many stretches at once are those of google_crc32c, one by one."""

import google_crc32c
import numpy as np
import pytest

from rlviz import checksums


@pytest.mark.parametrize("width", [1, 8, 33])
def test_checksums_of_the_rows_of_a_table_are_those_of_each_row(width):
    table = np.random.default_rng(width).integers(0, 256, (50, width), dtype=np.uint8)
    expected = [google_crc32c.value(row.tobytes()) for row in table]
    assert checksums.of_columns(table.T).tolist() == expected


def test_checksums_of_stretches_are_those_of_each_stretch():
    random = np.random.default_rng(0)
    data = random.bytes(70_001)
    ends = np.sort(random.integers(0, len(data) + 1, (500, 2)), axis=1)
    ends[:4] = [[0, 0], [0, len(data)], [len(data), len(data)], [7, 8]]
    expected = [google_crc32c.value(data[begin:end]) for begin, end in ends]
    assert checksums.of_stretches(data, ends[:, 0], ends[:, 1]).tolist() == expected


def test_of_no_stretches_there_are_no_checksums():
    none = np.empty(0, np.int64)
    assert len(checksums.of_stretches(b"abc", none, none)) == 0
    assert len(checksums.of_columns([])) == 0
