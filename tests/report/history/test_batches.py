"""What a record holds: batches of rows, or rows that make no sense."""

import re
from dataclasses import replace

import numpy as np
import pytest
from tensorboard.summary.writer.record_writer import RecordWriter

import rlviz
from rlviz import schema, tfrecord
from rlviz.report.history.batches import (
    CUT,
    DAMAGED,
    SENSELESS,
    Batch,
    FileDamage,
    Piece,
    items_in,
    joined,
)

HEADER = {"version": 1, "session": 0, "resumed_after": None, "columns": ["step", "session"]}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"header": b"junk"}, "not a header of rlviz rows"),
        ({"header": {**HEADER, "version": 2}}, "Upgrade rlviz to read this run"),
        ({"header": {**HEADER, "session": float("inf")}}, "not a header of rlviz rows"),
        ({"header": {**HEADER, "columns": ["step", "x"]}}, "not a header of rlviz rows"),
        ({"header": {**HEADER, "columns": ["step", "session", "x"]}}, "under 3 columns"),
        ({"shape": (3, 2)}, r"32 bytes for rows of shape \(3, 2\)"),
        ({"shape": (-1, 2)}, r"32 bytes for rows of shape \(-1, 2\)"),
        ({"shape": (4,)}, "under 2 columns"),
        ({"shape": (1, 2, 2)}, "under 2 columns"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_rows_that_make_no_sense_are_damage_and_hide_only_themselves(
    in_batches, bad, reason, write_rows
):
    write_rows(in_batches, ["step", "session"], [[90, 0], [91, 0]], **bad)
    write_rows(in_batches, ["step", "session"], [[13, 0]])
    run = rlviz.read(in_batches.parent)
    assert list(run.step) == list(range(1, 14))
    (damage,) = run.damage
    assert re.search(reason, damage.reason)


def test_a_record_that_is_no_event_is_damage(in_batches):
    with in_batches.open("ab") as stream:
        RecordWriter(stream).write(b"\xff rlviz/rows/s0")
    run = rlviz.read(in_batches.parent)
    assert list(run.step) == list(range(1, 13))
    assert run.damage[0].reason.startswith("not an event")


# --- batches that follow each other ----------------------------------------


def batch(first, last, **changed):
    """Rows of the steps from first to last, counted from the first step on."""
    fields = {"session": 0, "columns": ("step", "session"), "writer": "a"} | changed
    table = np.array([[step, 0.0] for step in range(first, last + 1)])
    return Batch(schema.RowsHeader(**fields), table, written=last)


def shape_of(batches):
    return [(one.rows_before, one.written, one.steps.tolist()) for one in batches]


def test_batches_that_follow_each_other_are_one():
    assert shape_of(joined([batch(1, 2), batch(3, 3), batch(4, 6)])) == [
        (0, 6, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    ]
    assert joined([]) == []


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(batch(4, 5), id="a hole"),
        pytest.param(batch(2, 5), id="written twice"),
        pytest.param(batch(3, 5, dropped=1), id="another header"),
        pytest.param(batch(3, 5, writer="b"), id="another writer"),
        pytest.param(replace(batch(3, 5), written=None), id="not counted"),
    ],
)
def test_batches_that_do_not_follow_each_other_stay_two(second):
    assert shape_of(joined([batch(1, 2), second])) == shape_of([batch(1, 2), second])


def test_of_two_uncounted_batches_none_follows():
    uncounted = [replace(batch(1, 2), written=None), replace(batch(3, 4), written=None)]
    assert [one.rows_before for one in uncounted] == [0, 0]
    assert len(joined(uncounted)) == 2


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (lambda data: data, []),
        (lambda data: data[:-5], [CUT]),
        (lambda data: data + bytes(100), [CUT]),
        (lambda data: data + b"noise, and more of it", [DAMAGED]),
        (lambda data: b"noise, and more of it" + data, [DAMAGED]),
        (lambda data: data + tfrecord.frame(b"\xff rlviz/rows/s0"), [SENSELESS]),
    ],
)
def test_damage_is_told_by_its_kind_and_where_it_is(in_batches, change, kinds):
    data = change(in_batches.read_bytes())
    found = [item for item in items_in(Piece("a", data, 1000))[0] if isinstance(item, FileDamage)]
    assert [item.kind for item in found] == kinds
    for item in found:
        assert item.file == "a"
        assert 1000 <= item.offset < item.end <= 1000 + len(data)
