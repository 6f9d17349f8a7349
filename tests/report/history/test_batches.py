"""What a record holds: batches of rows, or rows that make no sense."""

import pytest
from tensorboard.summary.writer.record_writer import RecordWriter

import rlviz

HEADER = {"version": 1, "session": 0, "resumed_after": None, "columns": ["step", "session"]}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"header": b"junk"}, "not a header of rlviz rows"),
        ({"header": {**HEADER, "version": 2}}, "Upgrade rlviz to read this run"),
        ({"header": {**HEADER, "session": float("inf")}}, "not a header of rlviz rows"),
        ({"header": {**HEADER, "columns": ["step", "x"]}}, "not a header of rlviz rows"),
        ({"header": {**HEADER, "columns": ["step", "session", "x"]}}, "under 3 columns"),
        ({"shape": (3, 2)}, "cannot reshape"),
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
    assert reason in damage.reason


def test_a_record_that_is_no_event_is_damage(in_batches):
    with in_batches.open("ab") as stream:
        RecordWriter(stream).write(b"\xff rlviz/rows/s0")
    run = rlviz.read(in_batches.parent)
    assert list(run.step) == list(range(1, 13))
    assert run.damage[0].reason.startswith("not an event")
