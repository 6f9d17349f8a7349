"""Series cut into blocks: packed, unpacked, and run through."""

import numpy as np
import pytest

from rlviz.smooth.blocks import Recurrence, block_length, pack, unpack

LENGTHS = (1, 2, 15, 16, 17, 255, 257, 5000)


@pytest.mark.parametrize("length", LENGTHS)
def test_what_is_packed_comes_back(length):
    array = np.arange(3.0 * length).reshape(3, length)
    packed = pack(array, fill=-1.0)
    places = block_length(length)
    assert packed.shape == (places, 3, -(-length // places))
    assert packed[length % places if length < places else 0, 1, 0] in (array[1, 0], -1.0)
    assert (unpack(packed, length) == array).all()
    assert (packed == -1.0).sum() == packed.size - array.size


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", LENGTHS)
def test_the_recurrence_is_that_of_a_loop(recurrence, length, reverse):
    random = np.random.default_rng(length)
    a, b = random.random((2, length)), random.normal(size=(2, length))
    h = pack(b)
    run = Recurrence(pack(a, fill=1.0), reverse=reverse)
    _, final = run.run(h, np.array([2.0, -1.0]))
    for row, initial in enumerate((2.0, -1.0)):
        expected, last = recurrence(a[row], b[row], initial=initial, reverse=reverse)
        np.testing.assert_allclose(unpack(h, length)[row], expected, rtol=1e-12, atol=1e-12)
        assert final[row] == pytest.approx(last, rel=1e-12)
