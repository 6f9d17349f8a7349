"""Many records under one checksum: what is told of them, and that their bytes stay as they are."""

import os

import pytest

from rlviz import tfrecord

ALIKE = [tfrecord.frame(os.urandom(50)) for _ in range(60)]
HELD = tfrecord.frame(b"hold this")


@pytest.mark.parametrize("damaged", [False, True])
def test_bytes_that_may_change_are_as_they_were_after_they_were_checked(damaged):
    data = bytearray(b"".join([*ALIKE, HELD, *ALIKE]))
    if damaged:
        data[len(ALIKE[0]) * 30 + 20] ^= 1
    before = bytes(data)
    found = list(tfrecord.Scanner(data, holding=b"hold"))
    assert data == before
    records = [item for item in found if isinstance(item, tfrecord.Record)]
    assert [record.payload for record in records] == [b"hold this"]
    damages = [item for item in found if isinstance(item, tfrecord.Damage)]
    assert damages == [item for item in tfrecord.scan(before) if isinstance(item, tfrecord.Damage)]
    assert len(damages) == damaged
