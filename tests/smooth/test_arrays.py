"""What NumPy and torch are asked in two ways."""

import numpy as np
import pytest
import torch

from rlviz.smooth import arrays

KINDS = [np.asarray, lambda array: torch.from_numpy(np.array(array))]


@pytest.mark.parametrize("kind", KINDS, ids=["array", "tensor"])
def test_sums_over_groups_of_neighbors(kind):
    array = kind(np.arange(24.0).reshape(2, 2, 6))
    own = kind(np.array([[0, 0, 1, 1, 1, 3], [0, 1, 1, 1, 1, 2]]))
    found = np.asarray(arrays.sums(array, own, 4))
    assert found[0].tolist() == [[1, 9, 0, 5], [6, 34, 11, 0]]
    shared = np.asarray(arrays.sums(array, own[:1], 4))
    assert shared[1].tolist() == [[25, 45, 0, 17], [37, 63, 0, 23]]


@pytest.mark.parametrize("kind", KINDS, ids=["array", "tensor"])
def test_elements_of_rows(kind):
    array = kind(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    own, shared = kind(np.array([[2, 0], [1, 1]])), kind(np.array([[0, 2]]))
    assert np.asarray(arrays.take(array, own)).tolist() == [[3, 1], [5, 5]]
    assert np.asarray(arrays.take(array, shared)).tolist() == [[1, 3], [4, 6]]
    assert np.asarray(arrays.take(array[None], own)).tolist() == [[[3, 1], [5, 5]]]
    assert np.asarray(arrays.take(array[:1], own)).tolist() == [[3, 1], [2, 2]]


@pytest.mark.parametrize("kind", KINDS, ids=["array", "tensor"])
def test_where_a_row_changes(kind):
    found = arrays.changes(kind(np.array([[1, 1, 2], [5, 6, 6]])))
    assert np.asarray(found).tolist() == [[True, False, True], [True, True, False]]
