"""The vocabulary on disk: what is written today must be read tomorrow."""

import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import rlviz
from rlviz import schema
from rlviz.schema import RowsHeader


def test_tags_and_columns_are_spelled_as_the_format_says():
    assert schema.scalar_tag("accuracy") == "rlviz/accuracy"
    assert schema.scalar_tag("flops/total") == "rlviz/flops/total"
    assert schema.ema_tag("accuracy") == "rlviz/accuracy/ema"
    assert schema.ema_column("average_parallelism") == "average_parallelism_ema"
    assert schema.ema_column("accuracy/math") == "accuracy_ema/math"
    assert "group math" in schema.column("accuracy_ema/math").meaning
    assert schema.rows_tag(0) == "rlviz/rows/s0"
    assert schema.rows_tag(12, layout=3) == "rlviz/rows/s12.3"
    assert schema.flops_column() == "flops/total"
    assert schema.flops_column("rollout") == "flops/rollout"
    assert schema.flops_remainder_column("rollout") == "flops_remainder/rollout"
    assert schema.metric_column("loss") == "metrics/loss"
    assert schema.group_columns("math") == ("correct/math", "graded/math")
    assert schema.seconds_column("update") == "seconds/update"
    assert schema.mfu_column("update") == "mfu/update"
    of_format_1 = [
        "step",
        "session",
        "wall_time",
        "correct",
        "graded",
        "ungraded",
        "parallelism_sum",
        "parallelism_count",
        "parallelism_undefined",
        "work",
        "span",
        "sub_agents",
        "spawning_stages",
        "fan_out_max",
        "peak",
        "unfinished",
        "accuracy_ema",
        "average_parallelism_ema",
    ]
    known = [column.name for column in schema.FIXED_COLUMNS]
    assert [name for name in known if name in of_format_1] == of_format_1  # others may be added


@given(session=st.integers(0, 10**6), layout=st.integers(0, 10**6))
def test_every_rows_tag_is_known_as_one(session, layout):
    assert schema.is_rows_tag(schema.rows_tag(session, layout))


def test_what_a_table_derives_is_described_too():
    run = rlviz.History(
        {"step": np.array([1.0]), "correct/math": np.array([1.0]), "graded/math": np.array([1.0])}
    )
    described = [schema.column(name) for name in run.table()]
    assert [column.name for column in described] == list(run.table())
    assert schema.column("accuracy").meaning == "training accuracy, correct / graded"
    assert schema.column("accuracy/math").meaning == "training accuracy of the group math"


@pytest.mark.parametrize("name", ["loss", "flops", "flops/", "accuracy/", "", None, 3])
def test_a_column_that_no_table_has_is_refused_in_words(name):
    words = rf"no column is called {name!r}\. There are step, .*flops/….*'metrics/<name>'"
    with pytest.raises(KeyError, match=words):
        schema.column(name)


@pytest.mark.parametrize(
    "tag", ["rlviz/rows/s", "rlviz/rows/s1.", "rlviz/rows/s1x", "rlviz/rows/s-1", "x/rlviz/rows/s1"]
)
def test_other_tags_are_not(tag):
    assert not schema.is_rows_tag(tag)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("step", "training steps"),
        ("span", "as given"),
        ("flops/total", "FLOPs"),
        ("flops_remainder/update", "FLOPs"),
        ("metrics/loss", "as logged"),
        ("graded/math", "answers"),
        ("seconds/update", "seconds"),
        ("mfu/update", "fraction"),
        ("metrics/flops/x", "as logged"),
    ],
)
def test_every_column_is_described_with_its_unit(name, unit):
    described = schema.column(name)
    assert (described.name, described.unit) == (name, unit)
    assert described.meaning


# --- exact counts ----------------------------------------------------------


@given(st.integers(0, schema.MAX_COUNT - 1))
@example(2**53)
@example(2**53 + 1)
@example(10**26 + 1)
@example(2**106 - 1)
def test_a_count_in_two_floats_comes_back_to_the_last_digit(count):
    nearest, remainder = schema.split_count(count)
    assert nearest == float(count)
    assert abs(remainder) <= 2**53
    assert schema.join_count(nearest, remainder) == count


@given(st.integers(0, 52).flatmap(lambda k: st.integers(2 ** (53 + k), 2 ** (54 + k) - 1)))
def test_a_count_beyond_the_integers_of_float64_does_too(count):
    assert schema.join_count(*schema.split_count(count)) == count


# --- names -----------------------------------------------------------------


@pytest.mark.parametrize(
    "phase", ["rollout", "evaluation", "old_logprob", "Judge-2.b", "_", "7", "x" * 64]
)
def test_a_phase_may_be_a_short_name(phase):
    assert schema.check_phase(phase) == phase


def test_the_phases_are_told_in_the_docs_and_where_they_are_recorded():
    rows = (
        (Path(__file__).parents[1] / "docs" / "phases.md").read_text(encoding="utf-8").splitlines()
    )
    told = [f"| `{phase}` | {what} |" for phase, what in schema.PHASES.items()]
    assert [row for row in rows if row.startswith("| `")] == told
    documented = inspect.getdoc(rlviz.Callback.record)
    assert [phase for phase in schema.PHASES if phase not in documented] == []
    assert all(schema.check_phase(phase) for phase in schema.PHASES)


@pytest.mark.parametrize(
    "phase", ["", "total", "a b", "a/b", "-a", ".a", "x" * 65, "é", "a\n", 3, None, b"update"]
)
def test_any_other_phase_is_refused_in_words(phase):
    expected = f"short name of letters, .* other than 'total' .* got {re.escape(repr(phase))}\\."
    with pytest.raises(ValueError, match=expected):
        schema.check_phase(phase)


@pytest.mark.parametrize(
    "name", ["loss", "kl/mean", "reward (train)", "=1+1", "flops_per_token", "Grüße", "x" * 256]
)
def test_a_metric_may_have_almost_any_name(name):
    assert schema.check_metric(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "accuracy",
        "average_parallelism",
        "accuracy/x",
        "flops",
        "flops/rollout",
        "rows/s0",
        "figure",
        "summary",
        "config",
        "loss/ema",
    ],
)
def test_a_metric_name_that_rlviz_uses_itself_is_refused_in_words(name):
    with pytest.raises(ValueError, match=f"the metric name '{name}' is taken by rlviz itself"):
        schema.check_metric(name)


@pytest.mark.parametrize("name", ["", "x" * 257, None, 3, b"loss"])
def test_a_metric_name_that_is_none_is_refused_in_words(name):
    with pytest.raises(ValueError, match="must be a string of 1 to 256 characters, got"):
        schema.check_metric(name)


def test_a_metric_name_that_no_file_can_hold_is_refused_in_words():
    with pytest.raises(ValueError, match=r"must be valid Unicode, got '\\ud800'"):
        schema.check_metric("\ud800")


# --- headers ---------------------------------------------------------------

names = st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True).map(
    lambda more: ("step", "session", *(name for name in more if name not in ("step", "session")))
)


@given(
    session=st.integers(0, 10**6),
    columns=names,
    resumed_after=st.none() | st.integers(0, 2**53 - 1),
    flops_before=st.integers(0, schema.MAX_COUNT - 1),
    writer=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_a_header_comes_back_as_it_was_written(
    session, columns, resumed_after, flops_before, writer
):
    header = RowsHeader(session, columns, resumed_after, flops_before, writer)
    assert RowsHeader.from_bytes(header.to_bytes()) == header


def test_a_header_is_json_of_nine_fields():
    header = RowsHeader(3, ("step", "session", "metrics/é"), resumed_after=None)
    assert header.to_bytes().isascii()
    assert json.loads(header.to_bytes()) == {
        "version": 1,
        "session": 3,
        "resumed_after": None,
        "flops_before": 0,
        "writer": "",
        "dropped": 0,
        "world_size": 1,
        "missing_ranks": [],
        "columns": ["step", "session", "metrics/é"],
    }


def header_fields(**changes):
    fields = {"version": 1, "session": 0, "resumed_after": None, "columns": ["step", "session"]}
    return json.dumps(fields | changes).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no json",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"3",
        b'{"version":1}',
        b"[" * 100_000,
        header_fields(version=None),
        header_fields(version="1"),
        header_fields(version=float("inf")),
        header_fields(session=float("inf")),
        header_fields(session=1.5),
        header_fields(session=-1),
        header_fields(session=10**400),
        header_fields(session=True),
        header_fields(resumed_after="7"),
        header_fields(resumed_after=float("nan")),
        header_fields(flops_before=-1),
        header_fields(writer=None),
        header_fields(writer=7),
        header_fields(columns=None),
        header_fields(columns="step"),
        header_fields(columns={"step": 1, "session": 2}),
        header_fields(columns=["step", "session", 3]),
        header_fields(columns=["step", "session", ["x"]]),
        header_fields(columns=["step", "session", "step"]),
        header_fields(columns=["step", "correct"]),
        header_fields(columns=["session"]),
        header_fields(columns=[]),
    ],
    ids=lambda content: content[:60].decode("latin-1"),
)
def test_a_header_that_is_none_is_a_value_error(content):
    with pytest.raises(ValueError, match="not a header of rlviz rows"):
        RowsHeader.from_bytes(content)


@given(st.binary(max_size=60) | st.recursive(st.none() | st.integers(), st.lists).map(repr))
def test_no_bytes_at_all_raise_anything_else(content):
    with pytest.raises(ValueError, match="not a header"):
        RowsHeader.from_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("changes", [{}, {"columns": "encoded otherwise", "session": None}])
def test_a_header_of_a_newer_format_says_what_to_do(changes):
    expected = "format version 2, this rlviz reads up to 1. Upgrade rlviz to read this run."
    with pytest.raises(ValueError, match=expected):
        RowsHeader.from_bytes(header_fields(version=2, **changes))


def test_fields_that_a_later_version_adds_do_no_harm():
    header = RowsHeader.from_bytes(header_fields(added_later=[1, 2]))
    assert header == RowsHeader(0, ("step", "session"))
