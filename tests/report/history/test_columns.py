"""Columns are decoded when they are asked for, and are what the rows hold."""

import copy
import pickle
import sys

import numpy as np
import pytest

from rlviz import schema
from rlviz.report.history import columns as module
from rlviz.report.history.batches import Batch
from rlviz.report.history.columns import Columns, RowStretch

NAMES = ("step", "session", "flops/total", "flops_remainder/total", "metrics/loss")


def stretch(first, last, *, session=0, rows=None, names=NAMES):
    steps = np.arange(first, last + 1, dtype=float)
    table = np.array([steps, steps * 0 + 99, steps * 2.0**60, steps, 1 / steps]).T
    batch = Batch(schema.RowsHeader(session, names), table[:, : len(names)])
    return RowStretch(batch, 0, len(table), float(first), float(last), rows)


@pytest.fixture
def found():
    short = NAMES[:4]
    stretches = [stretch(1, 3), stretch(4, 6, session=2, rows=np.array([0, 2]), names=short)]
    return Columns(NAMES, stretches, {2: {"total": 2**60 + 1}})


def test_a_column_is_what_the_rows_hold(found):
    assert list(found) == list(NAMES)
    assert (len(found), found.rows) == (5, 5)
    assert list(found["step"]) == [1, 2, 3, 4, 6]
    assert list(found["session"]) == [0, 0, 0, 2, 2]  # the session's own number, whatever they say
    np.testing.assert_array_equal(found["metrics/loss"], [1, 1 / 2, 1 / 3, np.nan, np.nan])


def test_counts_are_shifted_by_what_their_session_lacks(found):
    both = zip(found["flops/total"], found["flops_remainder/total"], strict=True)
    counts = [schema.join_count(*pair) for pair in both]
    own = [n * 2**60 + n for n in (1, 2, 3, 4, 6)]
    assert counts == [*own[:3], own[3] + 2**60 + 1, own[4] + 2**60 + 1]


def test_a_name_that_is_not_there_is_a_key_error(found):
    assert "metrics/kl" not in found
    assert found.get("metrics/kl") is None
    with pytest.raises(KeyError):
        found["metrics/kl"]


@pytest.mark.parametrize(("begin", "end"), [(0, 5), (1, 4), (2, 3), (3, 5), (4, 4)])
def test_a_part_has_the_columns_of_its_rows(found, begin, end):
    part = found.part(begin, end)
    for some in (part, part.loaded()):
        assert some.rows == end - begin
        for name in NAMES:
            np.testing.assert_array_equal(some[name], found[name][begin:end])


def test_a_long_stretch_is_decoded_block_by_block(found, monkeypatch):
    whole = {name: found[name] for name in NAMES}
    monkeypatch.setattr(module, "BLOCK_ROWS", 2)
    for name, values in Columns(NAMES, found.stretches, found.offsets).items():
        np.testing.assert_array_equal(values, whole[name])


def test_a_column_that_was_asked_for_lately_is_kept_and_others_are_not(found, monkeypatch):
    assert found["step"] is found["step"]
    monkeypatch.setattr(module, "KEPT_BYTES", 2 * 5 * 8)
    first = found["step"]
    assert found["session"] is found["session"]
    assert found["step"] is first
    assert found["metrics/loss"] is found["metrics/loss"]
    assert found["session"] is not None
    assert found["step"] is not first


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_copy_has_the_same_columns(found, copied):
    other = copied(found)
    for name in NAMES:
        np.testing.assert_array_equal(other[name], found[name])


def test_other_columns_may_stand_beside_them(found):
    beside = found | {"curve/accuracy": np.zeros(5)}
    assert list(beside) == [*NAMES, "curve/accuracy"]
    np.testing.assert_array_equal(beside["step"], found["step"])


def test_many_names_each_in_few_batches_cost_no_more_each():
    def calls(batches):
        names = [(*NAMES[:4], *(f"metrics/{k}-{j}" for j in range(20))) for k in range(batches)]
        tables = [np.arange(24.0)[None] for _ in names]
        stretches = [
            RowStretch(Batch(schema.RowsHeader(0, columns), table), 0, 1, float(k), float(k))
            for k, (columns, table) in enumerate(zip(names, tables, strict=True))
        ]
        every = [name for columns in names for name in columns[4:]]
        columns, count = Columns((*NAMES[:4], *every), stretches), 0

        def called(frame, event, argument):
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(called)
        try:
            for name in every:
                columns[name]
        finally:
            sys.setprofile(None)
        return count / len(every)

    assert calls(64) < 1.5 * calls(16)


def test_steps_of_two_batches_that_take_turns_are_decoded_batch_by_batch(monkeypatch):
    # 4,000 stretches of one row: one after the other took seconds for a run of this size.
    whole = [stretch(1, 4000), stretch(1, 4000, session=2)]
    turns = [RowStretch(whole[at % 2].batch, at, at + 1, at + 1.0, at + 1.0) for at in range(4000)]
    found = Columns(NAMES, turns, {2: {"total": 1}})
    asked = []
    block = Batch.block
    monkeypatch.setattr(Batch, "block", lambda *given: asked.append(given) or block(*given))
    np.testing.assert_array_equal(found["step"], np.arange(1, 4001))
    np.testing.assert_array_equal(
        found["flops_remainder/total"], np.arange(1, 4001) + [0, 1] * 2000
    )
    assert len(asked) < 10
    part = found.part(1000, 3000).loaded()
    asked.clear()
    np.testing.assert_array_equal(part["metrics/loss"], 1 / np.arange(1001, 3001))
    assert len(asked) < 10
