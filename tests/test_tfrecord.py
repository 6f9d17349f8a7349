"""The framing of event files: readable by TensorBoard, and readable on after any damage."""

import io
import os
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.summary.writer.record_writer import RecordWriter

from rlviz import checksums, tfrecord
from rlviz.tfrecord import Damage, Record

PAYLOADS = [b"the first", b"", b"\0\0\0 a third with zeros \0\0\0\0\0\0\0\0"]
FRAMED = [tfrecord.frame(payload) for payload in PAYLOADS]
FILE = b"".join(FRAMED)
ENDS = [len(b"".join(FRAMED[: n + 1])) for n in range(len(FRAMED))]


def payloads(items):
    return [item.payload for item in items if isinstance(item, Record)]


def damages(items):
    return [item for item in items if isinstance(item, Damage)]


def assert_covers(items, data, start=0):
    """Records and damage stand one behind the other and leave out no byte."""
    offset = start
    for item in items:
        if isinstance(item, Record):
            assert bytes(data[offset : item.end]) == tfrecord.frame(item.payload)
            offset = item.end
        else:
            assert item.offset == offset
            assert item.length > 0
            assert item.reason
            offset += item.length
    assert offset == len(data)


def test_the_reader_of_tensorboard_reads_what_is_framed(tmp_path):
    file = tmp_path / "events.out.tfevents.1.host"
    content = [b"x" * size for size in (1, 7, 8, 255, 256, 65_536, 70_001)]
    file.write_bytes(b"".join(map(tfrecord.frame, content)))
    assert list(RawEventFileLoader(str(file)).Load()) == content


def test_the_writer_of_tensorboard_writes_the_same_bytes():
    stream = io.BytesIO()
    writer = RecordWriter(stream)
    for payload in PAYLOADS:
        writer.write(payload)
    assert stream.getvalue() == FILE


@given(st.lists(st.binary(max_size=3), max_size=30))
def test_many_payloads_at_once_are_framed_as_each_alone(contents):
    assert tfrecord.frame_all(contents) == b"".join(map(tfrecord.frame, contents))


@given(st.integers(0, 300), st.integers(0, 50), st.randoms())
def test_many_payloads_of_one_length_are_framed_as_each_alone(length, count, chance):
    contents = [chance.randbytes(length) for _ in range(count)]
    assert tfrecord.frame_all(contents) == b"".join(map(tfrecord.frame, contents))


def test_an_intact_file_comes_back_whole():
    items = list(tfrecord.scan(FILE))
    assert payloads(items) == PAYLOADS
    assert [item.end for item in items] == ENDS
    assert not damages(items)


def test_an_empty_file_holds_nothing():
    assert list(tfrecord.scan(b"")) == []


@pytest.mark.parametrize("size", range(len(FILE)))
def test_a_file_cut_off_anywhere_gives_the_records_before_the_cut(size):
    items = list(tfrecord.scan(FILE[:size]))
    intact = sum(end <= size for end in ENDS)
    assert payloads(items) == PAYLOADS[:intact]
    on_an_edge = size in (0, *ENDS)
    assert [d.reason for d in damages(items)] == (
        [] if on_an_edge else ["incomplete record at the end"]
    )
    assert_covers(items, FILE[:size])


def test_any_flipped_bit_hides_only_the_record_that_it_is_in():
    for bit in range(8 * len(FILE)):
        damaged = bytearray(FILE)
        damaged[bit // 8] ^= 1 << bit % 8
        hit = next(n for n, end in enumerate(ENDS) if bit // 8 < end)
        items = list(tfrecord.scan(bytes(damaged)))
        assert payloads(items) == PAYLOADS[:hit] + PAYLOADS[hit + 1 :], f"bit {bit}"
        assert [d.length for d in damages(items)] == [len(FRAMED[hit])]
        assert_covers(items, damaged)


@pytest.mark.parametrize(("byte", "reason"), [(3, "length"), (9, "length"), (14, "content")])
def test_damage_says_what_was_damaged(byte, reason):
    damaged = bytearray(FILE)
    damaged[byte] ^= 255
    assert damages(tfrecord.scan(bytes(damaged))) == [
        Damage(0, len(FRAMED[0]), f"the {reason} of a record is damaged")
    ]


@pytest.mark.parametrize("size", [1, 12, 16, 4096])
def test_a_block_of_zeros_between_records_hides_none(size):
    for n in range(4):
        data = b"".join(FRAMED[:n]) + bytes(size) + b"".join(FRAMED[n:])
        items = list(tfrecord.scan(data))
        assert payloads(items) == PAYLOADS
        assert sum(d.length for d in damages(items)) == size


@pytest.mark.parametrize("size", [1, 8, 30])
def test_zeros_written_over_records_hide_only_those_that_they_touch(size):
    for start in range(len(FILE) - size):
        data = FILE[:start] + bytes(size) + FILE[start + size :]
        untouched = [
            payload
            for payload, frame, end in zip(PAYLOADS, FRAMED, ENDS, strict=True)
            if data[end - len(frame) : end] == frame
        ]
        items = list(tfrecord.scan(data))
        assert payloads(items) == untouched
        assert_covers(items, data)


def test_a_file_written_twice_gives_its_records_twice():
    assert payloads(tfrecord.scan(FILE + FILE)) == PAYLOADS * 2


@pytest.mark.parametrize("size", [1, 10, 40])
def test_a_block_that_was_written_twice_hides_at_most_the_record_that_it_cuts(size):
    for start in range(size, len(FILE)):
        data = FILE[:start] + FILE[start - size :]
        cut = next(n for n, end in enumerate(ENDS) if start < end)
        items = list(tfrecord.scan(data))
        found = payloads(items)
        assert all(payload in found for payload in PAYLOADS[:cut] + PAYLOADS[cut + 1 :])
        assert all(payload in PAYLOADS for payload in found)
        assert_covers(items, data)


@given(before=st.binary(max_size=100), after=st.binary(max_size=100))
def test_garbage_around_records_hides_none(before, after):
    data = before + FILE + after
    items = list(tfrecord.scan(data))
    assert payloads(items) == PAYLOADS
    assert_covers(items, data)


@given(data=st.binary(max_size=300), start=st.integers(0, 310))
def test_bytes_that_mean_nothing_are_damage_and_never_an_error(data, start):
    items = list(tfrecord.scan(data, start))
    assert payloads(items) == []
    if start < len(data):
        assert_covers(items, data, start)
    else:
        assert items == []


@given(
    contents=st.lists(st.binary(max_size=60), max_size=6),
    cuts=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 40)), max_size=3),
)
def test_bytes_that_went_missing_are_damage_and_never_an_error(contents, cuts):
    data = b"".join(map(tfrecord.frame, contents))
    for start, size in cuts:
        data = data[:start] + data[start + size :]
    items = list(tfrecord.scan(data))
    assert_covers(items, data)
    assert all(payload in contents for payload in payloads(items))


@given(
    sizes=st.lists(st.sampled_from([3, 3, 3, 3, 5, 40]), min_size=30, max_size=80),
    held=st.sets(st.integers(0, 79), max_size=4),
    flips=st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 255)), max_size=3),
    cut=st.integers(0, 60),
)
def test_records_that_hold_some_bytes_are_found_as_among_all_others(sizes, held, flips, cut):
    contents = [
        (b"hold" if i in held else b"").ljust(size, b"%d" % (i % 10))
        for i, size in enumerate([3] * 12 + sizes)
    ]
    data = bytearray(b"".join(map(tfrecord.frame, contents)))
    for at, mask in flips:
        data[at % len(data)] ^= mask
    data = bytes(data[: len(data) - cut])
    everything = list(tfrecord.scan(data))
    assert_covers(everything, data)
    assert list(tfrecord.scan(data, holding=b"hold")) == [
        item for item in everything if isinstance(item, Damage) or b"hold" in item.payload
    ]


ALIKE = [tfrecord.frame(os.urandom(50)) for _ in range(60)]
HELD = tfrecord.frame(b"hold this")


def assert_held_as_among_all_others(data):
    everything = list(tfrecord.scan(data))
    assert list(tfrecord.scan(data, holding=b"hold")) == [
        item for item in everything if isinstance(item, Damage) or b"hold" in item.payload
    ]
    return damages(everything)


@pytest.mark.parametrize("at", [3, 9, 12, 40, 62, 65], ids=lambda at: f"byte {at}")
@pytest.mark.parametrize("mask", [b"\x01", b"\xff" * 4, os.urandom(3)], ids=["1", "f", "r"])
def test_the_same_damage_in_two_records_is_seen_in_both(at, mask):
    # Many records are checked at once: what is wrong with one must not make up for another.
    for second in (1, 2, 31, 59):
        data = bytearray(HELD + b"".join(ALIKE) + HELD)
        for number in (0, second):
            for i, flipped in enumerate(mask[: 66 - at]):
                data[len(HELD) + 66 * number + at + i] ^= flipped
        starts = [len(HELD), len(HELD) + 66 * second]
        found = assert_held_as_among_all_others(bytes(data))
        assert sum(damage.length for damage in found) == 2 * 66
        assert [damage.offset for damage in found] == starts[: len(found)]


def test_parts_of_records_that_changed_places_are_damage():
    for first, second in ((0, 1), (4, 40)):
        records = [bytearray(record) for record in ALIKE]
        one, other = records[first], records[second]
        one[12:40], other[12:40] = other[12:40], one[12:40]
        found = assert_held_as_among_all_others(HELD + b"".join(records) + HELD)
        assert sum(damage.length for damage in found) == 2 * 66
        one[:], other[:] = ALIKE[second], ALIKE[first]  # whole records may
        assert not assert_held_as_among_all_others(HELD + b"".join(records) + HELD)


def test_bytes_to_hold_that_reach_over_the_edge_of_a_record_are_not_held():
    edge = ALIKE[0][-2:] + ALIKE[1][:2]
    data = b"".join([*ALIKE, tfrecord.frame(b"with " + edge), *ALIKE])
    assert data.find(edge) < len(ALIKE[0])
    found = payloads(tfrecord.scan(data, holding=edge))
    assert found == [b"with " + edge]


def test_a_length_beyond_the_end_is_an_incomplete_record_and_hides_none_behind_it():
    huge = tfrecord.frame(b"x" * 10_000)[:12]  # an intact header of a record that never came
    items = list(tfrecord.scan(huge + FILE))
    assert payloads(items) == PAYLOADS
    assert damages(items) == [Damage(0, 12, "incomplete record at the end", is_incomplete=True)]


def test_a_scan_goes_on_from_where_the_last_one_ended():
    first = list(tfrecord.scan(FILE[: ENDS[1] + 5]))
    resumed = [item.end for item in first if isinstance(item, Record)][-1]
    assert payloads(tfrecord.scan(FILE, resumed)) == PAYLOADS[2:]
    assert list(tfrecord.scan(FILE, len(FILE))) == []


def test_a_scan_from_inside_a_record_finds_the_next_one():
    items = list(tfrecord.scan(FILE, start=5))
    assert payloads(items) == PAYLOADS[1:]
    assert damages(items)[0].offset == 5
    assert damages(items)[0].length == ENDS[0] - 5


@pytest.mark.parametrize(
    "garbage", [bytes(4_000_000), os.urandom(4_000_000)], ids=["zeros", "random"]
)
def test_megabytes_of_garbage_are_passed_by_quickly(garbage):
    # A file system that lost power leaves blocks of zeros; a reader must not seem to hang there.
    start = time.thread_time()
    items = list(tfrecord.scan(FILE + garbage + FILE))
    assert payloads(items) == PAYLOADS * 2
    assert time.thread_time() - start < 3


# --- headers that were made up --------------------------------------------------


def header(claimed):
    length = struct.pack("<Q", claimed)
    return length + tfrecord.checksum(length)


SIZE = 1 << 16
CLAIMS = {
    "nested, all to the end": [header(SIZE - 12 * i - 40) for i in range(SIZE // 12 - 4)],
    "overlapping": [header(SIZE // 8) for _ in range(SIZE // 12)],
    "between intact records": [
        FRAMED[0] + header(SIZE // 2 - i) for i in range(SIZE // len(FRAMED[0] + header(0)))
    ],
}


@pytest.mark.parametrize("kind", CLAIMS)
@pytest.mark.parametrize("holding", [b"", b"third"])
def test_false_lengths_cost_work_linear_in_the_bytes_and_hide_nothing(kind, holding, monkeypatch):
    data = b"".join(CLAIMS[kind]) + FILE
    read = 0
    real, extended = tfrecord.google_crc32c.value, checksums.google_crc32c.extend

    def counted(payload):
        nonlocal read
        read += len(payload)
        return real(payload)

    def counted_on(crc, payload):
        nonlocal read
        read += len(payload)
        return extended(crc, payload)

    monkeypatch.setattr(tfrecord.google_crc32c, "value", counted)
    monkeypatch.setattr(checksums.google_crc32c, "extend", counted_on)
    items = list(tfrecord.scan(data, holding=holding))
    intact = PAYLOADS[:1] * len(CLAIMS[kind]) if kind.startswith("between") else []
    assert payloads(items) == [p for p in intact + PAYLOADS if holding in p]
    assert read <= 10 * len(data)
    if not holding:
        assert_covers(items, data)
